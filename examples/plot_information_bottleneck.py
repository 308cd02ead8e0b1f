r"""
What is worth keeping?
======================

A neuron answers twelve stimuli X with a number of spikes Y. Some stimuli it can hardly tell apart:
a summary T that merges them is much shorter than X and says nearly as much of Y. The *information
bottleneck* makes the exchange explicit: minimise :math:`I(X; T) - \beta\, I(T; Y)`, where
:math:`\beta` is what a nat about Y is worth in nats about X. Along :math:`\beta` this draws a
curve, on which every summary is as good as its length allows.
"""

# %%
# Twelve stimuli
# --------------
# Counts are Poisson, with a mean that falls off on both sides of the stimulus that the neuron
# likes best; all stimuli are equally likely. No summary of the stimulus can say more of the count
# than the stimulus itself.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import poisson

from infotheory.functional import (
    gaussian_information_bottleneck,
    gaussian_information_curve,
    information_bottleneck,
    information_curve,
    mutual_information,
)

stimuli = np.arange(12)
mean = 0.5 + 11.5 * np.exp(-0.5 * ((stimuli - 7.2) / 2.2) ** 2)
counts = np.arange(40)
given = poisson.pmf(counts, mean[:, None])
joint = given / given.sum()
print(f"I(X; Y) = {mutual_information(joint):.3f} nats of ln 12 = {np.log(12):.3f}")

# %%
# Two curves
# ----------
# :func:`~infotheory.functional.information_curve` goes down in beta, from T = X on. T may be random
# given X, or each stimulus may have one t: the *deterministic* variant, which charges for H(T) and
# gives clusters of stimuli. Good clusterings are few, so that many betas share one.

betas = np.geomspace(1.05, 300, 60)
soft = information_curve(joint, betas)
hard = information_curve(joint, betas, deterministic=True)


def n_used(point):
    """Values of T that occur."""
    return int(np.sum(point.law > 1e-6))


print("  beta    T    I(X; T)  I(T; Y)      clusters    H(T)  I(T; Y)")
for beta in (1.5, 2.5, 4, 8, 40, 300):
    i = int(np.argmin(np.abs(np.log(betas / beta))))
    one, other = soft.points[i], hard.points[i]
    print(
        f"{betas[i]:6.1f} {n_used(one):4} {one.information_x:10.3f} {one.information_y:8.3f}"
        f" {n_used(other):13} {other.entropy:7.3f} {other.information_y:8.3f}"
    )

# %%
# Below a first critical beta nothing is worth keeping, and T is constant. Then its values split,
# one after the other, as beta passes further critical values. Some stimuli on the two sides of the
# best one have nearly the same mean count, so that the neuron cannot tell them apart, nor does T:
# it does not know how the stimuli are arranged, only what they say of Y.

shown = (2.2, 5.0, 40.0)
encoders = [information_bottleneck(joint, beta) for beta in shown]
clusters = information_bottleneck(joint, 5.0, deterministic=True)
for t in range(n_used(clusters)):
    members = stimuli[clusters.encoder[:, t] > 0]
    print(f"cluster {t}: stimuli {members.tolist()}, mean counts {mean[members].round(1).tolist()}")

# %%
# Normal vectors
# --------------
# Where X and Y are jointly normal the answer is known: T is some combinations of X with noise, each
# from a critical beta on, one over its squared canonical correlation with Y
# (:func:`~infotheory.functional.gaussian_information_bottleneck`). Two numbers with a correlation
# of 0.8 on a grid, given to the same iterations as the neuron, are on that curve.

correlations = np.array([0.9, 0.8, 0.5])
along = np.geomspace(1.05, 2000, 300)
grid = np.linspace(-5, 5, 40)
square = grid[:, None] ** 2 + grid**2 - 1.6 * grid[:, None] * grid
normal = np.exp(-0.5 * square / 0.36)
normal = normal / normal.sum()
by_iteration = [information_bottleneck(normal, beta, n_init=1) for beta in (1.8, 2.5, 5.0, 12.0)]
one = np.eye(1)
for point in by_iteration:
    exact = gaussian_information_bottleneck(one, one, 0.8 * one, point.beta)
    print(
        f"beta {point.beta:4}: I(X; T) {point.information_x:.5f} on the grid, "
        f"{exact.information_x:.5f} in closed form; "
        f"I(T; Y) {point.information_y:.5f}, {exact.information_y:.5f}"
    )

# %%
# The picture
# -----------
# Left: the neuron. The curve is concave, with slope 1 / beta; the clusters are a little below it,
# and nearly on it where they are many. No summary is above the dashed lines. Middle: who shares a
# value of T. Right: three canonical correlations; dots are where a further combination comes in.
# The circles are those of the grid.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
ax = axes[0]
ax.plot(soft.information_x, soft.information_y, color="C0", label="random T")
ax.plot(hard.entropy, hard.information_y, "s", color="C1", markersize=5, label="clusters")
top = soft.information
ax.plot([0, top, np.log(12)], [0, top, top], "--", color="0.6", linewidth=1)
ax.set_xlabel("I(X; T), for clusters H(T) (nats)")
ax.set_ylabel("I(T; Y) (nats)")
ax.set_title("A neuron and twelve stimuli")
ax.legend(frameon=False, loc="lower right")

rows = []
for point in encoders:
    used = point.encoder[:, point.law > 1e-6]
    order = np.argsort(used.argmax(axis=0)) if len(used.T) else []
    rows += [used[:, order].T, np.full((1, 12), np.nan)]
image = np.vstack(rows[:-1])
axes[1].imshow(image, aspect="auto", cmap="Blues", vmin=0, vmax=1)
at = np.cumsum([0] + [len(r) for r in rows])
for k, beta in enumerate(shown):
    axes[1].text(
        -0.9, at[2 * k] + len(rows[2 * k]) / 2 - 0.5, f"beta = {beta:g}", ha="right", va="center"
    )
axes[1].set_yticks([])
axes[1].set_xticks(stimuli)
axes[1].set_xlabel("stimulus")
axes[1].set_title("p(t | x), a row for each t")

ax = axes[2]
points = [
    gaussian_information_bottleneck(np.eye(3), np.eye(3), np.diag(correlations), float(beta))
    for beta in along
]
about_x = np.array([float(point.information_x) for point in points])
about_y = np.array([float(point.information_y) for point in points])
ax.plot(about_x, about_y, color="C0", label="correlations 0.9, 0.8, 0.5")
for critical in points[0].critical_betas[1:]:
    beta = float(critical)
    start = gaussian_information_bottleneck(np.eye(3), np.eye(3), np.diag(correlations), beta)
    ax.plot(start.information_x, start.information_y, "o", color="C0", markersize=5)
nats = np.linspace(0, 4, 200)
ax.plot(nats, gaussian_information_curve(np.array([0.8]), nats), color="C2", label="0.8 alone")
ax.plot(
    [point.information_x for point in by_iteration],
    [point.information_y for point in by_iteration],
    "o",
    color="C2",
    fillstyle="none",
    label="0.8 on a grid",
)
ax.set_xlim(0, 4)
ax.set_xlabel("I(X; T) (nats)")
ax.set_ylabel("I(T; Y) (nats)")
ax.set_title("Normal vectors, in closed form")
ax.legend(frameon=False, loc="lower right")
