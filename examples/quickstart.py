"""
What tells how a disease goes on?
=================================

Ten measurements of 442 patients, and how far their diabetes had come a year later: which of the
measurements carry information about it, how much, and how sure can we be? One call a column
answers with a number, an interval and a p-value.
"""

# %%
# The data
# --------
# The table ships with scikit-learn. The columns are of several kinds: age and blood pressure are
# numbers, many of which repeat; sex is a label, and we say so by its dtype. Nothing else has to
# be prepared: no scaling, no bins, no choice of a method.

from sklearn.datasets import load_diabetes

import infotheory

data = load_diabetes(as_frame=True, scaled=False)
X, progression = data.data, data.target
X["sex"] = X["sex"].astype("category")
names = {
    "age": "age (years)",
    "sex": "sex",
    "bmi": "body mass index (kg/m²)",
    "bp": "blood pressure (mm Hg)",
    "s1": "total cholesterol (mg/dl)",
    "s2": "LDL cholesterol (mg/dl)",
    "s3": "HDL cholesterol (mg/dl)",
    "s4": "total / HDL cholesterol",
    "s5": "log triglycerides",
    "s6": "blood sugar (mg/dl)",
}

# %%
# Information about the progression
# ---------------------------------
# :func:`infotheory.mutual_information` is 0 for independent variables and has no upper limit; it
# sees dependence of any shape. ``n_permutations=199`` adds a test of independence.

estimates = {
    name: infotheory.mutual_information(X[column], progression, n_permutations=199, random_state=0)
    for column, name in names.items()
}
ranked = sorted(estimates.items(), key=lambda pair: -float(pair[1]))

print(f"{'measurement':26} {'nats':>7} {'90 % interval':>18} {'p':>7}")
for name, e in ranked:
    low, high = e.interval
    print(f"{name:26} {e:7.3f} {f'[{low:6.3f}, {high:6.3f}]':>18} {e.p_value:7.3f}")

# %%
# A value may be slightly negative: it is an estimate and is not clipped at 0. The smallest
# p-value that 199 permutations can give is 0.005. With ten tests at level 0.05, expect one half
# of a false alarm.
#
# Each estimate says which method was chosen and why, and what to keep in mind:

name, best = ranked[0]
print(best)
for note in best.notes:
    print("-", note)

# %%
# The picture
# -----------

from infotheory.plotting import EstimateDisplay

display = EstimateDisplay.from_estimates(dict(ranked))
display.ax_.set_xlabel("information about disease progression (nats), 90 % intervals")
display.figure_.savefig("quickstart.png", dpi=150)
