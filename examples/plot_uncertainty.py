"""
How sure is an estimate?
========================

Three pairs of variables whose mutual information is known exactly, estimated from samples of
growing size. The interval of each estimate should hold the truth nine times in ten, and it should
shrink with the square root of the number of rows.
"""

# %%
# Data with known answers
# -----------------------
# :func:`infotheory.datasets.load_task` gives pairs of variables with their exact mutual
# information: two correlated normal columns; the same with the first rolled up into a spiral in
# the plane, which changes no information; and columns with tails so heavy that they have no mean.

import matplotlib.pyplot as plt

import infotheory
from infotheory.datasets import load_task

tasks = {
    "normal": load_task("1v1-normal-0.75"),
    "Swiss roll": load_task("swissroll_x-normal_cdf-1v1-normal-0.75"),
    "heavy tails": load_task("student-identity-1-1-1"),
}
sizes = [100, 200, 400, 800, 1600, 3200]

# %%
# The estimates
# -------------

estimates = {}
for seed, (label, task) in enumerate(tasks.items()):
    samples = [task.sample(n, random_state=n + seed) for n in sizes]
    estimates[label] = [infotheory.mutual_information(X, y, random_state=0) for X, y in samples]

print(f"{'pair':12} {'truth':>6} {'n':>6} {'nats':>7} {'90 % interval':>16} {'holds it':>9}")
for label, row in estimates.items():
    truth = tasks[label].mutual_information
    for n, e in zip(sizes, row, strict=True):
        low, high = e.interval
        holds = "yes" if low <= truth <= high else "no"
        interval = f"[{low:.3f}, {high:.3f}]"
        print(f"{label:12} {truth:6.3f} {n:6} {float(e):7.3f} {interval:>16} {holds:>9}")

# %%
# A miss or two among eighteen is what 90 % promises.

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, (label, row) in zip(axes, estimates.items(), strict=True):
    low, high = zip(*(e.interval for e in row), strict=True)
    ax.axhline(tasks[label].mutual_information, color="C3", linewidth=1, label="truth")
    ax.vlines(sizes, low, high, color="C0", linewidth=2, label="90 % interval")
    ax.plot(sizes, [float(e) for e in row], "o", color="C0", label="estimate")
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.minorticks_off()
    ax.set_xlabel("number of rows")
    ax.set_title(label)
axes[0].set_ylabel("mutual information (nats)")
axes[2].legend(frameon=False, loc="upper right")

# %%
# Which way to an interval?
# -------------------------
# The door chose :class:`infotheory.KSG` and subsampling. :func:`infotheory.confidence_interval`
# lets us choose: the spread of the values of single rows is cheaper, but it knows nothing of the
# noise in the counts of neighbours.

X, y = tasks["normal"].sample(1000, random_state=1)
for method in ("subsampling", "influence"):
    e = infotheory.confidence_interval(infotheory.KSG(), X, y, method=method, random_state=0)
    print(f"{method:12} standard error {e.standard_error:.4f} nats")

# %%
# If the pair is known to be normal, saying so is worth more than any interval method:

e = infotheory.mutual_information(X, y, estimator="gaussian")
print(f"{'gaussian':12} standard error {e.standard_error:.4f} nats")
