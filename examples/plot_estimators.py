"""
Comparing estimators
====================

Which estimator is right for the data at hand? Where the truth is known we can see what each of them
makes of it: a curved relation, heavy tails, five columns a side, strong dependence.
"""

# %%
# Four problems
# -------------

import matplotlib.pyplot as plt

import infotheory
from infotheory.datasets import correlated_normals, load_task
from infotheory.plotting import EstimateDisplay

problems = {
    "wiggly, 1 + 1 columns": load_task("wiggly-1v1-normal-0.75"),
    "Student-t, 1 + 1 columns": load_task("student-identity-1-1-1"),
    "normal, 5 + 5 columns": load_task("multinormal-sparse-5-5-2-2.0"),
    "normal, 3 + 3 columns, strong": correlated_normals([0.98, 0.98, 0.98]),
}
estimators = {
    "KSG": infotheory.KSG(),
    "KSG, normal scores": infotheory.KSG(margins="gaussianize"),
    "Gaussian": infotheory.GaussianMutualInformation(),
    "Gaussian copula": infotheory.GaussianMutualInformation(copula=True),
}

# %%
# The same 2 000 rows for each
# ----------------------------

figure, axes = plt.subplots(2, 2, figsize=(10, 5.4), layout="constrained")
figure.suptitle("Estimates with 90 % intervals; red: the truth")
for ax, (title, problem) in zip(axes.flat, problems.items(), strict=True):
    X, y = problem.sample(2000, random_state=0)
    estimates = {
        name: infotheory.mutual_information(X, y, estimator=estimator, random_state=0)
        for name, estimator in estimators.items()
    }
    EstimateDisplay.from_estimates(estimates, ax=ax)
    ax.axvline(problem.mutual_information, color="C3", linewidth=1)
    ax.set_title(title)
    ax.set_xlabel("mutual information (nats)")

    print(f"{title} (truth {problem.mutual_information:.3f} nats)")
    for name, e in estimates.items():
        print(f"  {name:20} {e:6.3f}")
        for note in e.notes:
            print(f"    - {note}")

# %%
# A Gaussian estimate sees correlations only: it misses what is curved and what happens in the
# tails, and it is unbeaten where the law is normal, in many columns and at strong dependence.
# Nearest neighbours see any shape and fall short in many columns and at strong dependence. Their
# intervals are shifted by an estimate of that bias, taken from normal samples, which is why they
# stand off the points. :doc:`/choosing` has the whole list.
