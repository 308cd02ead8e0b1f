"""
Does it tell anything new?
==========================

Ice cream sales and drownings go together, because both follow the weather. Mutual information sees
the dependence; *conditional* mutual information asks what is left of it once the weather is known.
"""

# %%
# A common cause
# --------------
# A year of days: temperature drives sales and swimming, both in a curved way. Advertising acts on
# sales whatever the weather is.

import matplotlib.pyplot as plt
import numpy as np

import infotheory
from infotheory.plotting import EstimateDisplay

rng = np.random.default_rng(0)
n = 365
temperature = rng.normal(14, 8, size=n)  # degrees Celsius
advertising = rng.gamma(2.0, 1.0, size=n)  # thousand euros
sales = np.exp(temperature / 15) + 0.6 * advertising + rng.gamma(2.0, 0.5, size=n)
swimmers = 10 * np.log1p(np.exp((temperature - 12) / 4)) * rng.lognormal(0, 0.3, size=n)

# %%
# Two questions a pair
# --------------------
# Without and with the condition, each with a p-value. The test of conditional independence
# permutes days among days of nearly the same temperature.

pairs = {"swimmers": swimmers, "advertising": advertising}
estimates = {}
for name, x in pairs.items():
    estimates[f"I(sales; {name})"] = infotheory.mutual_information(
        x, sales, n_permutations=199, random_state=0
    )
    estimates[f"I(sales; {name} | temperature)"] = infotheory.conditional_mutual_information(
        x, sales, temperature, n_permutations=199, random_state=0
    )

for name, e in estimates.items():
    low, high = e.interval
    print(f"{name:36} {e:6.3f} nats [{low:6.3f}, {high:6.3f}]  p = {e.p_value:.3f}")

# %%
# The swimmers tell nothing about sales that the temperature does not. Advertising is the other
# way round: the temperature hides much of what it does, and knowing the temperature brings its
# effect out.

display = EstimateDisplay.from_estimates(estimates)

# %%
# What the condition removes can be seen, too: sales against swimmers, and the same for the days
# between 13 and 15 degrees.

mild = abs(temperature - 14) < 1
figure, ax = plt.subplots(figsize=(5, 3.6), layout="constrained")
ax.plot(swimmers, sales, "o", color="0.75", markersize=4, label="all days")
ax.plot(swimmers[mild], sales[mild], "o", color="C1", markersize=5, label="13 to 15 °C")
ax.set_xlabel("swimmers (dozens a day)")
ax.set_ylabel("sales (thousand euros a day)")
ax.legend(frameon=False)
