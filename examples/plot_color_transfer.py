r"""
A picture in the colours of another
===================================

Every pixel is a point with three coordinates: red, green and blue. To give one picture the colours
of another is to move one cloud of such points onto the other, and as pixels that are alike should
stay alike, each by as little as possible. :class:`~infotheory.Sinkhorn` learns such a map from some
of the pixels and applies it to all.
"""

# %%
# Two pictures
# ------------
# A temple and a flower; every second pixel in each direction is enough here. Colours from 0 to 1.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from infotheory import Sinkhorn
from infotheory.functional import sinkhorn_divergence

temple = load_sample_image("china.jpg")[::2, ::2] / 255
flower = load_sample_image("flower.jpg")[::2, ::2] / 255
rng = np.random.default_rng(0)


def some_pixels(picture, n=1000):
    return picture.reshape(-1, 3)[rng.choice(picture.shape[0] * picture.shape[1], n)]


source, target = some_pixels(temple), some_pixels(flower)
print(f"{temple.shape[0] * temple.shape[1]} pixels, {len(source)} of them to learn from")

# %%
# The map
# -------
# Fitted on a thousand pixels of each picture. Without a value of ours epsilon is a tenth of the
# spread of the costs. ``transform`` takes any pixel to the mean of the colours that the plan sends
# it to, and works in blocks. ``sample`` draws one of these colours instead.

model = Sinkhorn().fit(source, target)
print(f"epsilon {model.epsilon_:.4f}, converged: {model.converged_} in {model.n_iter_} steps")
mapped = model.transform(temple.reshape(-1, 3)).reshape(temple.shape)
drawn = model.sample(temple.reshape(-1, 3), random_state=0).reshape(temple.shape)

figure, axes = plt.subplots(2, 2, figsize=(8, 5.8), layout="constrained")
pictures = {
    "the temple": temple,
    "the flower": flower,
    "the temple, mapped": mapped,
    "the temple, each pixel drawn": drawn,
}
for ax, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
    ax.imshow(picture)
    ax.set_title(title, fontsize=10)
    ax.set_axis_off()

# %%
# A mean of colours is duller than the colours. Draws have all of the flower's, at the price of a
# grain: like pixels get unlike colours.

figure, axes = plt.subplots(1, 4, figsize=(9, 2.7), sharex=True, sharey=True, layout="constrained")
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    colours = some_pixels(picture, 3000)
    ax.scatter(colours[:, 0], colours[:, 2], c=colours, s=3)
    ax.set_title(title, fontsize=9)
    ax.set_aspect("equal")
axes[0].set_ylabel("blue (share of full light)")
figure.supxlabel("red (share of full light)", fontsize=10)

# %%
# How much epsilon
# ----------------
# The judge is the Sinkhorn divergence from other pixels of the flower than those that were learnt
# from, for other pixels of the temple, at one epsilon for all.

news, aims = some_pixels(temple, 500), some_pixels(flower, 500)
judge = model.epsilon_
before = sinkhorn_divergence(news, aims, judge)


def left(colours):
    return sinkhorn_divergence(colours, aims, judge) / before


print(f"divergence from the flower: {before:.3f}; share of it left with")
print(f"another sample of the flower: {left(some_pixels(flower, 500)):.3f}")
print("epsilon     mapped   drawn   steps")
maps = {}
for factor in (0.03, 0.3, 1, 3, 10):
    maps[factor] = model = Sinkhorn(epsilon=factor * judge).fit(source, target)
    shares = left(model.transform(news)), left(model.sample(news, random_state=0))
    print(f"{model.epsilon_:7.4f} {shares[0]:10.3f} {shares[1]:7.3f} {model.n_iter_:7}")

# %%
# A small epsilon gives truer colours and follows the sample more closely: in the limit every pixel
# gets the colour of a single pixel of the sample, and a smooth sky breaks up into patches. A large
# one gives smooth pictures of little colour. Draws have the flower's colours at any epsilon, but
# with a large one they have little to do with the temple.

figure, axes = plt.subplots(1, 3, figsize=(9, 2.3), layout="constrained")
for ax, factor in zip(axes, (0.03, 1, 10), strict=True):
    colours = maps[factor].transform(temple.reshape(-1, 3))
    ax.imshow(colours.reshape(temple.shape))
    ax.set_title(f"epsilon {maps[factor].epsilon_:.4f}", fontsize=10)
    ax.set_axis_off()
