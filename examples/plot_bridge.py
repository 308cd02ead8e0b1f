r"""
Paths between two crowds
========================

At noon a crowd stands in one square, in the evening in two streets; nobody was followed. What were
the likeliest ways? If everybody wanders about at random, with a variance of epsilon in each
direction by the evening, the answer is a *Schrödinger bridge*: of all random motions that begin and
end as the crowd did, the one nearest to aimless wandering. Its ends are coupled by the entropic
transport plan for the same epsilon. Two ways to learn it, at two values of epsilon.
"""

# %%
# The crowd
# ---------
# 1 000 places at each end, to learn from, and as many new ones to judge by.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.neighbors import NearestNeighbors

from infotheory import LightSB, SinkhornBridge, mutual_information
from infotheory.functional import gaussian_bridge, sinkhorn_divergence
from infotheory.plotting import BridgeDisplay


def noon(n, seed):
    return np.random.default_rng(seed).normal([-2.5, 0.0], [0.3, 0.5], size=(n, 2))


def evening(n, seed):
    """Places, and in which of the two streets they are."""
    places, street = make_moons(n, noise=0.05, random_state=seed)
    return 1.5 * places - [0.0, 0.4], street


(source, (target, street)), new_source = (noon(1000, 0), evening(1000, 0)), noon(1000, 1)

# %%
# Two bridges
# -----------
# :class:`~infotheory.SinkhornBridge` solves the transport problem between the samples, and the
# potentials tell the drift: no training, but it knows no places other than those it has seen.
# :class:`~infotheory.LightSB` fits a mixture of normal laws for the potential, so that
# everything about the bridge is a formula.

bridges = {}
for epsilon in (0.05, 1.0):
    bridges["SinkhornBridge", epsilon] = SinkhornBridge(epsilon=epsilon).fit(source, target)
    light = LightSB(epsilon=epsilon, n_components=16, random_state=0)
    bridges["LightSB", epsilon] = light.fit(source, target)

times = np.linspace(0, 1, 41)
paths = {
    key: bridge.sample_path(new_source, times, random_state=0) for key, bridge in bridges.items()
}

figure, axes = plt.subplots(2, 2, figsize=(9, 6.2), layout="constrained")
for (name, epsilon), ax in zip(bridges, axes.T.flat, strict=True):
    ax.plot(*target.T, ".", color="0.85", markersize=3)
    walks = paths[name, epsilon][:, :30]
    display = BridgeDisplay.from_paths(times, walks, names=["east (100 m)", "north (100 m)"], ax=ax)
    ax.set_title(f"{name}, epsilon {epsilon:g}", fontsize=9)
    if ax is not axes[0, 0]:
        display.legend_.remove()
    if ax in axes[:, 0]:
        display.colorbar_.remove()

# %%
# With little epsilon everybody walks nearly straight, and who begins in the north mostly ends
# there. With more, wandering is cheap, and the beginning settles little.
#
# Between
# -------
# Where was the crowd in the afternoon? Each bridge has an answer of its own, for nobody looked. All
# that is known are the two ends, and the answer depends on how much people wander: epsilon is an
# assumption, not a finding.

moments = (0, 10, 20, 30, 40)
figure, axes = plt.subplots(2, 5, figsize=(9, 3.0), sharex=True, sharey=True, layout="constrained")
for row, epsilon in zip(axes, (0.05, 1.0), strict=True):
    for ax, moment in zip(row, moments, strict=True):
        ax.plot(*paths["LightSB", epsilon][moment].T, ".", color="tab:blue", markersize=2)
        ax.set_aspect("equal")
    row[0].set_ylabel(f"epsilon {epsilon:g}", fontsize=9)
for ax, moment in zip(axes[0], moments, strict=True):
    ax.set_title(f"time {times[moment]:.2f}", fontsize=9)
figure.supxlabel("east (hundred metres)", fontsize=10)
figure.supylabel("north (hundred metres)", fontsize=10)

# %%
# What was asked for, in figures
# ------------------------------
# - *Wandering*: half way, four times the variance about the middle of the two ends is epsilon.
# - *Way*: half the mean squared distance from end to end, the cost of the transport.
# - *Told*: what the beginning tells about the end, in nats.
# - *Apart*: how far the ends are from a new sample of the evening, by the Sinkhorn divergence.
# - *Near*: the median distance of an end from the nearest place that was learnt from. Much less
#   than between two samples means that the bridge repeats what it has seen.

check, _ = evening(1000, 1)
learnt = NearestNeighbors(n_neighbors=1).fit(target)


def judge(ends):
    near = np.median(learnt.kneighbors(ends)[0])
    return f"{sinkhorn_divergence(ends, check, 0.05):9.4f} {near:8.4f}"


print("bridge          epsilon   wandering    way    told    apart     near")
for (name, epsilon), path in paths.items():
    start, middle, end = path[0], path[20], path[-1]
    wandering = 4 * np.var(middle - (start + end) / 2)
    way = np.mean(np.sum((end - start) ** 2, axis=1)) / 2
    told = mutual_information(start, end, estimator="ksg", confidence_level=None).value
    print(f"{name:15} {epsilon:7.2f} {wandering:11.3f} {way:6.2f} {told:7.2f}{judge(end)}")
another, _ = evening(1000, 2)
print(f"{'another sample of the evening':50}{judge(another)}")

# %%
# Half way both wander as they should, and with the small epsilon the beginning tells a lot more.
# The ends of ``SinkhornBridge`` are places that were learnt from, every one of them; those of
# ``LightSB`` are new places, as far from the learnt ones as another sample is. Neither crowd is as
# near to the evening as another sample of it, since noon and evening both had to be learnt.
#
# Where the answer is known
# -------------------------
# Between two normal laws the bridge is normal at any time, with a mean and a covariance that
# :func:`~infotheory.functional.gaussian_bridge` tells. Half way, with epsilon .5:

start_law = np.zeros(2), np.diag([0.1, 0.3])
end_law = np.array([4.0, 0.0]), np.array([[1.0, 0.6], [0.6, 0.5]])
truth = gaussian_bridge(*start_law, *end_law, 0.5, 0.5)
rng = np.random.default_rng(0)
x, y = (rng.multivariate_normal(*law, size=2000) for law in (start_law, end_law))
print("bridge           mean at time .5       variances and covariance")
for title, model in {
    "SinkhornBridge": SinkhornBridge(epsilon=0.5),
    "LightSB": LightSB(epsilon=0.5, n_components=1),
    "exact": None,
}.items():
    mean, covariance = truth
    if model is not None:
        half_way = model.fit(x, y).sample_path(x, [0.5], random_state=0)[0]
        mean, covariance = half_way.mean(axis=0), np.cov(half_way.T)
    print(
        f"{title:15} {mean[0]:8.3f} {mean[1]:8.3f} "
        f"{covariance[0, 0]:11.3f} {covariance[1, 1]:8.3f} {covariance[0, 1]:8.3f}"
    )

# %%
# The standard error of these figures is about .02. Sources: Léonard (2014), arXiv:1308.0215, of
# Schrödinger bridges; Pooladian and Niles-Weed (2024), arXiv:2408.11686, of the one between
# samples; Korotin, Gushchin and Burnaev (2024), arXiv:2310.01174, of the one by a mixture.
