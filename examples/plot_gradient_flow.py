r"""
Moving a cloud by a gradient
============================

A cloud of points X is to become like another one, Y. Where each point should go is told by the
gradient of a loss between the two samples. Entropic transport gives such a loss without any
pairing of points. Its plain value, though, has its least not at Y but at a cloud that is too
small; the *Sinkhorn divergence* takes that bias away. We let both flow.
"""

# %%
# Two clouds
# ----------
# 200 points each. Costs are half squared distances, and epsilon, which is in units of the cost, is
# told as a share of the mean cost within the target.

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.datasets import make_moons

from infotheory.functional import sinkhorn, sinkhorn_divergence, transport_cost

torch.set_num_threads(1)
n = 200
target = torch.tensor(make_moons(n, noise=0.06, random_state=0)[0])
start = torch.tensor(np.random.default_rng(0).normal([-0.5, 1.2], 0.2, size=(n, 2)))
mean_cost = transport_cost(target, target).mean().item()
print(f"mean cost {mean_cost:.2f}, epsilon .3 of it: {0.3 * mean_cost:.2f}")

# %%
# The two losses
# --------------
# Both are differentiable in the points, and the gradient does not go through the steps of the
# solver: by the envelope theorem it needs the plan alone. That of the plain value is, at each
# point, the vector from the mean of where its mass goes, divided by n. The divergence subtracts
# what a cloud costs to itself.


def plain(x, epsilon):
    return sinkhorn(transport_cost(x, target), epsilon=epsilon).value


def divergence(x, epsilon):
    return sinkhorn_divergence(x, target, epsilon)


# %%
# The flow
# --------
# Gradient descent in the points. Each has weight 1 / n, so that a step of n would be the whole way
# of the plain value; we go half of it. The judge is neither loss but the exact Wasserstein
# distance, from the best pairing of the points. No more can be asked than what another sample of
# the target itself has.


def distance(x, y):
    cost = 2 * transport_cost(x.numpy(), y.numpy())
    return np.sqrt(cost[linear_sum_assignment(cost)].mean())


def flow(loss, epsilon, n_steps=30, step=0.5):
    """Clouds along the way, and the loss at each."""
    x, clouds, losses = start.clone(), [], []
    for _ in range(n_steps + 1):
        x.requires_grad_()
        value = loss(x, epsilon)
        (gradient,) = torch.autograd.grad(value, x)
        x = x.detach()
        clouds.append(x)
        losses.append(value.item())
        x = x - step * n * gradient
    return clouds, losses


shares = (0.1, 0.3, 1.0)
losses = {"Sinkhorn divergence": divergence, "plain value": plain}
flows = {
    (name, share): flow(loss, share * mean_cost)
    for name, loss in losses.items()
    for share in shares
}
again = torch.tensor(make_moons(n, noise=0.06, random_state=1)[0])
print(f"distance of another sample of the target: {distance(again, target):.2f}")
print("                                loss at                 distance   standard deviations")
print("loss                  epsilon     first      last     at last      of the coordinates")
for (name, share), (clouds, values) in flows.items():
    spread = clouds[-1].std(dim=0)
    print(
        f"{name:19} {share:4.1f} mean {values[0]:9.3f} {values[-1]:9.5f} "
        f"{distance(clouds[-1], target):11.2f} {spread[0]:17.2f} {spread[1]:.2f}"
    )
spread = target.std(dim=0)
print(f"{'target':60} {spread[0]:17.2f} {spread[1]:.2f}")

# %%
# The divergence falls to nearly nothing at each epsilon and the cloud gets the spread of the
# target. The plain value stops at a loss that is not nothing, and its cloud is too small: the more
# so the larger epsilon is. At .3 of the mean cost it is a thread between the moons; where epsilon
# is the mean cost, all 200 points end on one spot, the mean of the target.

frames = (0, 2, 5, 30)
rows = [("Sinkhorn divergence", 0.3), ("plain value", 0.3), ("plain value", 1.0)]
figure, axes = plt.subplots(3, 4, figsize=(9, 5.6), sharex=True, sharey=True, layout="constrained")
for row, (name, share) in zip(axes, rows, strict=True):
    for ax, step in zip(row, frames, strict=True):
        ax.plot(*target.T, ".", color="0.8", markersize=4)
        ax.plot(*flows[name, share][0][step].T, ".", color="tab:blue", markersize=4)
        ax.set_aspect("equal")
    row[0].set_ylabel(f"{name}\nepsilon {share:g} mean cost", fontsize=8)
for ax, step in zip(axes[0], frames, strict=True):
    ax.set_title(f"step {step}", fontsize=9)
figure.supxlabel("first coordinate", fontsize=9)

# %%
# How fast
# --------
# A few steps do most of the work. What is left are details smaller than the scale that epsilon
# sets: the larger it is, the less of them the divergence sees, and the slower they mend. The plain
# value first brings the cloud nearer to the target and then, as it goes on falling, away from it.

figure, (ax, other) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for number, share in enumerate(shares):
    for name, style in (("Sinkhorn divergence", "-"), ("plain value", ":")):
        clouds, values = flows[name, share]
        label = f"{name},\nepsilon {share:g} mean cost"
        ax.semilogy(values, style, color=f"C{number}")
        distances = [distance(cloud, target) for cloud in clouds]
        other.semilogy(distances, style, color=f"C{number}", label=label)
other.axhline(distance(again, target), color="0.6", linewidth=0.8)
other.annotate("another sample of the target", (0, 0.065), fontsize=8, color="0.4")
other.set_ylim(0.055, None)
ax.set_xlabel("steps")
ax.set_ylabel("loss (squared length / 2)")
other.set_xlabel("steps")
other.set_ylabel("Wasserstein distance (length)")
figure.legend(loc="outside right center", frameon=False, fontsize=8)

# %%
# Sources: Feydy et al. (2019), arXiv:1810.08278, for the divergence and its flows; Genevay, Peyré
# and Cuturi (2018), arXiv:1706.00292, for its use as a loss.
