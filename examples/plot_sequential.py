r"""
May I look before all data are in?
==================================

A sensor and a machine are recorded together, pair by pair. Does the sensor tell anything about the
machine? Whoever tests after every few pairs, and stops at the first small p-value, will find a
relation where there is none: each look is a chance of a false alarm more. A test by betting may be
looked at all the time.
"""

# %%
# Looking at an ordinary p-value
# ------------------------------
# Two hundred streams in which the sensor tells nothing. After every ten pairs we compute the
# p-value of the correlation, which is right at each single look, and stop once it is at most .05.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import pearsonr

from infotheory import SequentialIndependenceTest

rng = np.random.default_rng(0)
n, n_streams = 400, 200
sensor = rng.normal(size=(n_streams, n))
machine = rng.normal(size=(n_streams, n))


def smallest_p_value(x, y):
    return min(pearsonr(x[:k], y[:k]).pvalue for k in range(20, n + 1, 10))


looks = [smallest_p_value(x, y) for x, y in zip(sensor, machine, strict=True)]
print(f"stopped by a p-value of the correlation: {np.mean(np.array(looks) <= 0.05):.0%}")

# %%
# A gambler instead
# -----------------
# :class:`~infotheory.SequentialIndependenceTest` bets that pairs to come agree with the dependence
# of those before. Without dependence the bets are fair, the wealth has mean 1, and it reaches 20 in
# at most one stream of twenty, however long it runs and however often one looks.

null = [SequentialIndependenceTest().update(x, y) for x, y in zip(sensor, machine, strict=True)]
print(f"stopped by the wealth:                   {np.mean([t.rejected_ for t in null]):.0%}")

# %%
# A relation that no correlation shows
# ------------------------------------
# Now the machine trembles where the sensor is far from 0, on either side. ``update`` takes a pair
# as it comes; the test stops by itself.

test = SequentialIndependenceTest()
while not test.rejected_:
    x = rng.normal()
    test.update(x, x**2 + rng.normal())
print(f"rejected after {test.n_pairs_} pairs, p = {test.p_value_:.3f}, e = {test.e_value_:.1f}")

trembling = sensor**2 + machine
found = [SequentialIndependenceTest().update(x, y) for x, y in zip(sensor, trembling, strict=True)]
pairs = np.array([t.n_pairs_ for t in found if t.rejected_])
print(f"of {n_streams} such streams {len(pairs)} were rejected, half of them within")
print(f"{np.median(pairs):.0f} pairs and nine in ten within {np.quantile(pairs, 0.9):.0f}")

# %%
# The wealth of the gamblers. Where there is nothing to find they lose slowly, since their money is
# spread over bets of all sizes, and the few who win do so by chance. Where there is, the wealth
# grows exponentially once the witness of the dependence has taken shape.

figure, panels = plt.subplots(
    1, 2, figsize=(9, 3.8), sharex=True, sharey=True, layout="constrained"
)
for ax, tests, title in zip(
    panels, (null, found), ("nothing to find", "machine = sensor$^2$ + noise"), strict=True
):
    for t in tests[:60]:
        at = 12 + 2 * np.arange(t.n_bets_)
        colour = "tab:red" if t.rejected_ else "0.6"
        ax.semilogy(at, np.exp(t.log_wealth_path_), color=colour, alpha=0.6, linewidth=0.8)
        if t.rejected_:
            ax.plot(at[-1], t.wealth_, "o", color=colour, markersize=3)
    ax.axhline(20, color="k", linewidth=0.8, linestyle="--")
    ax.axhline(1, color="0.8", linewidth=0.8, zorder=0)
    ax.set_title(title)
    ax.set_xlabel("pairs")
panels[0].set_ylabel("wealth")
panels[0].set_ylim(2e-2, 60)
panels[0].text(395, 24, "rejected", ha="right", fontsize=8)

# %%
# What it does not do
# -------------------
# The bets are fair for pairs that are drawn independently of each other, also while one of the two
# laws drifts. They are not fair for series that remember. Two machines swing with the same period
# and start whenever they like: neither acts on the other, but each tells where the other will be.
# Without the swing, which is the same wave fitted to each series, nothing is left to find.

t = np.arange(n)
phases = rng.uniform(0, 2 * np.pi, size=(2, 100, 1))
swinging = np.sin(2 * np.pi * t / 7 + phases) + 0.3 * rng.normal(size=(2, 100, n))
wave = np.stack([np.sin(2 * np.pi * t / 7), np.cos(2 * np.pi * t / 7)])
rest = swinging - swinging @ wave.T @ wave * 2 / n
for name, series in {"as they are": swinging, "without the swing": rest}.items():
    alarms = [
        SequentialIndependenceTest().update(x, y).rejected_ for x, y in zip(*series, strict=True)
    ]
    print(f"{name:18} {np.mean(alarms):.0%} of 100 pairs of machines rejected")

plt.show()
