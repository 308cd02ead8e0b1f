r"""
What do losses on representations change?
=========================================

A network that is only asked to map two views of a picture to the same place does so in the easiest
way: it maps everything there. Losses on representations are meant to prevent that, or to keep more
in a representation than the labels ask for. We train small networks on handwritten digits with and
without five of them, from the same starts, and measure what changes on digits that no network has
seen: how many directions the representation uses, and what a linear classifier can read from it.
"""

# %%
# Digits, views and networks
# --------------------------
# Half of the digits to learn from, half held out, five splits with their own starts. A view is the
# picture moved by up to one pixel, with a tenth of its pixels out and noise on all of them.

import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.functional import cosine_similarity, cross_entropy, normalize, one_hot, pad

from infotheory.functional import effective_rank, von_neumann_entropy
from infotheory.nn import (
    CauchySchwarzBottleneck,
    EffectiveEntropyRegularizer,
    EntropyReconstruction,
    LipschitzInfoNCE,
    MutualInformationBound,
    VonNeumannRegularizer,
)

torch.set_num_threads(1)
pictures, labels = load_digits(return_X_y=True)
pictures = torch.tensor(pictures.reshape(-1, 8, 8) / 16, dtype=torch.float32)
N_COLUMNS, BATCH, N_STEPS, seeds = 32, 256, 150, range(5)


def split(seed):
    """Pictures to learn from and held out, and the labels of both."""
    return train_test_split(pictures, labels, test_size=0.5, stratify=labels, random_state=seed)


def view(x, generator):
    n, eight = len(x), torch.arange(8)
    down, right = torch.randint(0, 3, (2, n, 1), generator=generator)
    each = torch.arange(n)[:, None, None]
    moved = pad(x, (1, 1, 1, 1))[each, (down + eight)[:, :, None], (right + eight)[:, None, :]]
    there = torch.rand(x.shape, generator=generator) > 0.1
    return (moved * there + 0.1 * torch.randn(x.shape, generator=generator)).flatten(1)


def make_encoder():
    hidden = [nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(128, N_COLUMNS))


# %%
# What is measured
# ----------------
# The von Neumann entropy of the representation of the held-out digits and the effective rank, the
# number of directions in the sense of Roy and Vetterli; and the accuracy there of a logistic
# regression that was shown ten labelled digits of each class. Every loss starts from the same
# weights and sees the same views, so that differences between losses are more certain than the
# values: intervals are of Student's t over the five splits, at 90 %.


def represent(encoder, x):
    with torch.no_grad():
        return encoder(x.flatten(1))


def probe(encoder, x, y, held_out, truth, seed):
    """Accuracy of a linear classifier that knows ten of each class."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:10] for c in np.unique(y)])
    known, new = represent(encoder, x), represent(encoder, held_out)
    centre, scale = known.mean(dim=0), known.std(dim=0) + 1e-6
    classifier = LogisticRegression(max_iter=2000)
    classifier.fit((known[rows] - centre) / scale, y[rows])
    return classifier.score((new - centre) / scale, truth)


def directions(encoder, held_out):
    z = represent(encoder, held_out)
    return von_neumann_entropy(z).item(), effective_rank(z, convention="roy-vetterli").item()


def half_width(values):
    error = np.std(values, axis=0, ddof=1) / np.sqrt(len(values))
    return stats.t.ppf(0.95, len(values) - 1) * error


def table(results, reference, columns):
    """Means, and how far the last column is from that of the reference."""
    print(f"{'':28}" + "".join(f"{name:>12}" for name in columns) + f"   less {reference}")
    for name, found in results.items():
        row = "".join(f"{mean:12.3f}" for mean in np.mean(found, axis=0))
        if name != reference:
            more = np.subtract(found, results[reference])[:, -1]
            row += f"   {more.mean():+.3f} +- {half_width(more):.3f}"
        print(f"{name:28}{row}")


# %%
# Two views of one picture
# ------------------------
# Without labels: the loss is given both views and the network. *Alignment* asks for nothing but a
# cosine of 1. The others:
#
# - the same with the von Neumann entropy of the views, weighted by ln of the batch size against 1;
# - *InfoNCE*, the usual contrastive loss, with the cosine over a temperature of .1 as its critic;
# - InfoNCE, with effective entropy maximisation in the last quarter of the steps, as a finish: this
#   is what that criterion was made for;
# - *entropy and reconstruction* on the sphere, with the same temperature;
# - InfoNCE whose critic, network and all, may have a slope of 1 at most.


class Agreement(nn.Module):
    """Critic of two views: the inner product of their representations."""

    def __init__(self, encoder, temperature=None):
        super().__init__()
        self.encoder, self.temperature = encoder, temperature

    def represent(self, x):
        z = self.encoder(x)
        return z if self.temperature is None else normalize(z) / math.sqrt(self.temperature)

    def forward(self, x, y):
        return (self.represent(x) * self.represent(y)).sum(dim=1)

    def table(self, x, y):
        return self.represent(x) @ self.represent(y).T


def of_views(loss):
    """A loss of representations as one of a network: of both views and how far training is."""
    return lambda encoder: lambda a, b, done: loss(encoder(a), encoder(b))


def contrastive(encoder, finish=None):
    info_nce = MutualInformationBound(Agreement(encoder, 0.1), "info-nce")

    def loss(a, b, done):
        value = info_nce.loss(a, b)
        return value + finish(encoder(a), encoder(b)) if finish and done >= 0.75 else value

    return loss


def lipschitz(encoder):
    bound = LipschitzInfoNCE(Agreement(encoder), lipschitz=1.0)
    return lambda a, b, done: bound.loss(a, b)


self_supervised = {
    "alignment alone": of_views(lambda z1, z2: -cosine_similarity(z1, z2).mean()),
    "alignment, von Neumann": of_views(VonNeumannRegularizer(alignment=math.log(BATCH))),
    "InfoNCE": contrastive,
    "InfoNCE, effective entropy": lambda e: contrastive(e, EffectiveEntropyRegularizer()),
    "entropy and reconstruction": of_views(EntropyReconstruction(concentration=10.0).loss),
    "Lipschitz InfoNCE": lipschitz,
}


def train(encoder, loss, x, seed, parameters=()):
    """Steps on batches of pictures, the same ones and the same views for every loss."""
    generator = torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam([*encoder.parameters(), *parameters], lr=2e-3)
    for step in range(N_STEPS):
        rows = torch.randperm(len(x), generator=generator)[:BATCH]
        value = loss(rows, generator, step / N_STEPS)
        adam.zero_grad()
        value.backward()
        adam.step()
    return encoder


def two_views(make_loss, seed):
    x, held_out, y, truth = split(seed)
    torch.manual_seed(seed)
    encoder = make_encoder()
    if make_loss is not None:
        loss = make_loss(encoder)

        def of_rows(rows, generator, done):
            return loss(view(x[rows], generator), view(x[rows], generator), done)

        train(encoder, of_rows, x, seed)
    return *directions(encoder, held_out), probe(encoder, x, y, held_out, truth, seed)


views = {
    name: [two_views(loss, seed) for seed in seeds]
    for name, loss in {"untrained network": None, **self_supervised}.items()
}
pixels = []
for seed in seeds:
    x, held_out, y, truth = split(seed)
    pixels.append(probe(nn.Identity(), x, y, held_out, truth, seed))
table(views, "InfoNCE", ("entropy", "rank", "accuracy"))
print(f"{'the pixels themselves':28}{np.mean(pixels):36.3f}")

# %%
# Alignment alone collapses: one direction, and far less accuracy than the network it started
# from. Each of the others prevents that. The von Neumann entropy does so by itself, without
# negative pairs, with the most directions, and as well as InfoNCE: the difference is within the
# noise of five splits. The rest cost something here. Entropy and reconstruction and the Lipschitz
# critic stay two points below plain InfoNCE. A finish with effective entropy, which was published
# for large networks, takes one and a half points from this small one, and a few of its
# directions. And none of the networks is better than the pixels: views that are moved by a pixel
# do not teach much about pictures of 8 by 8.

# %%
# Labels of some, use for others
# ------------------------------
# With labels: a network learns to tell the digits 0 to 4. It needs few directions for that, and
# drops what would tell other digits. The von Neumann entropy says how many it should use: maximised
# for what may come later, or minimised. Measured on held-out digits 0 to 4 (entropy, rank and the
# accuracy of the network itself), and by a linear classifier of the digits 5 to 9, which the
# network was never shown.


def five_digits(regularizer, seed):
    x, held_out, y, truth = split(seed)
    torch.manual_seed(seed)
    encoder, head = make_encoder(), nn.Linear(N_COLUMNS, 5)
    known, classes = x[y < 5], torch.tensor(y[y < 5])

    def loss(rows, generator, done):
        z = encoder(view(known[rows], generator))
        value = cross_entropy(head(z), classes[rows])
        return value if regularizer is None else value + regularizer(z)

    train(encoder, loss, known, seed, head.parameters())
    own, others = truth < 5, truth >= 5
    told = head(represent(encoder, held_out[own])).argmax(dim=1).numpy() == truth[own]
    transfer = probe(encoder, x[y >= 5], y[y >= 5], held_out[others], truth[others], seed)
    return *directions(encoder, held_out[own]), told.mean(), transfer


regularizers = {
    "cross-entropy": None,
    "von Neumann, maximised": VonNeumannRegularizer(0.2),
    "von Neumann, minimised": VonNeumannRegularizer(0.2, goal="minimize"),
    "effective entropy": EffectiveEntropyRegularizer(0.1, 2.5),
}
supervised = {
    name: [five_digits(regularizer, seed) for seed in seeds]
    for name, regularizer in regularizers.items()
}
table(supervised, "cross-entropy", ("entropy", "rank", "0 to 4", "5 to 9"))

# %%
# This is where they help. With cross-entropy alone the network uses five to six directions for five
# digits, and a linear classifier reads 77 % of the others from them. With the von Neumann entropy
# maximised it uses 19, tells its own digits as well as before, and 91 % of the others can be read.
# Minimised, it keeps two, and transfer is worse by 10 points. Effective entropy helps half as much
# and costs a point on the network's own digits.

# %%
# A code that forgets
# -------------------
# A hundred labelled pictures, ten of each digit, and a regression on the ten indicators of the
# classes. Does it help to charge the code for what it knows of the picture? The Cauchy-Schwarz
# bottleneck does it for a price beta; beta = 0 is its prediction term alone. The column "share" is
# its measure of the information in the codes of the held-out pictures, 1 for the pictures
# themselves.


def few_labels(loss, seed):
    x, held_out, y, truth = split(seed)
    torch.manual_seed(seed)
    encoder, head = make_encoder(), nn.Linear(N_COLUMNS, 10)
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:10] for c in range(10)])
    known, targets = x[rows], one_hot(torch.tensor(y[rows]), 10).float()

    def of_rows(rows, generator, _):
        picture = view(known[rows], generator)
        code = encoder(picture)
        return loss(picture, code, targets[rows], head(code))

    train(encoder, of_rows, known, seed, head.parameters())
    code = represent(encoder, held_out)
    told = head(code).argmax(dim=1).numpy() == truth
    share = CauchySchwarzBottleneck().information(held_out.flatten(1), code)
    return *directions(encoder, held_out), share.item(), told.mean()


def squares(picture, code, target, prediction):
    return (prediction - target).square().sum(dim=1).mean()


bottlenecks = {
    "squared error": squares,
    "Cauchy-Schwarz, beta = 0": CauchySchwarzBottleneck(0.0),
    "Cauchy-Schwarz, beta = .1": CauchySchwarzBottleneck(0.1),
}
codes = {name: [few_labels(loss, seed) for seed in seeds] for name, loss in bottlenecks.items()}
wide = CauchySchwarzBottleneck(0.0, bandwidth="median")
wider = {"beta = 0, median width": [few_labels(wide, seed) for seed in seeds]}
table(codes | wider, "squared error", ("entropy", "rank", "share", "accuracy"))

# %%
# The price is paid in directions and in accuracy: the code keeps less of the picture, and is worse
# by two to three points. The prediction term alone is no better than squared error, and worth
# little with a width as large as the median distance of the pictures: then it hardly asks which
# picture a prediction is for. Forgetting might gain more where pictures are learnt by heart; here
# each step sees new views of them.

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.9), layout="constrained")
panels = (
    ("two views, probe of all digits", views),
    ("learnt 0 to 4, probe of 5 to 9", supervised),
    ("a hundred labels, all digits", codes),
)
for ax, (title, results) in zip(axes, panels, strict=True):
    for i, (name, found) in enumerate(results.items()):
        found = np.array(found)[:, [1, -1]]
        (rank, accuracy), (wide, high) = found.mean(axis=0), half_width(found)
        ax.errorbar(rank, accuracy, high, wide, fmt="osv^D<>"[i], capsize=2, label=name)
    ax.set_title(title, fontsize=10)
    ax.set_xlabel("effective rank of the representation")
    ax.legend(frameon=False, fontsize=7, loc="lower right")
axes[0].axhline(np.mean(pixels), color="0.6", linestyle=":")
axes[0].text(2, np.mean(pixels) + 0.008, "the pixels themselves", color="0.4", fontsize=7)
axes[0].set_ylabel("held-out accuracy (90 % intervals)")

# %%
# So: where a representation is used for what it was trained for, these losses change its rank and
# not its worth; where it is used for something else, keeping directions pays. Sources: Kim et al.
# (2023), arXiv:2304.01434; Chakraborty et al. (2025), arXiv:2411.15931; Rodríguez-Gálvez et al.
# (2023), arXiv:2307.10907; Ozair et al. (2019), arXiv:1903.11780; Yu et al. (2024),
# arXiv:2404.17951.
