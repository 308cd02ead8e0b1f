"""Noisy images, their top rows, and the joined variables whose information is related by laws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infotheory.functional import gaussian_mutual_information

SIDE = 8
N_PIXELS = SIDE * SIDE
# Each image of the additivity test meets others of its own block only, so that whole blocks can
# be held out; as many blocks as cross-fitting may want folds.
_N_BLOCKS = 20
# That of the digits over their 64 pixels, so that one level of noise suits both sources.
_PIXEL_DEVIATION = 0.27
_CORRELATION_LENGTH = 2.0


@dataclass(frozen=True)
class Images:
    """Images as rows of 64 pixels, and the covariance that their directions are taken from."""

    pixels: np.ndarray
    covariance: np.ndarray
    gaussian: bool


def digits() -> Images:
    """The handwritten digits of scikit-learn, from 0 to 1."""
    from sklearn.datasets import load_digits

    pixels = load_digits().data / 16
    return Images(pixels, np.cov(pixels, rowvar=False, ddof=0), gaussian=False)


def gaussian_images(n_images: int, rng: np.random.Generator) -> Images:
    """Draws of a smooth normal field on the grid of the digits."""
    place = np.stack(np.divmod(np.arange(N_PIXELS), SIDE), axis=1)
    distance = np.linalg.norm(place[:, None] - place[None], axis=2)
    covariance = _PIXEL_DEVIATION**2 * np.exp(-distance / _CORRELATION_LENGTH)
    pixels = rng.normal(size=(n_images, N_PIXELS)) @ np.linalg.cholesky(covariance).T
    return Images(pixels, covariance, gaussian=True)


@dataclass(frozen=True)
class Rows:
    """Both variables, and the group of each row: no image occurs in two groups."""

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray


class NoisyImages:
    """Two noisy views of each image, the second of its top rows alone.

    A is the image plus noise. B_r is the image with all but its top r rows set to zero, plus
    noise of its own in every pixel: its shape is the same for every r, its covariance is regular,
    and what is masked is noise, which tells nothing. Both are seen through their leading
    principal directions, which are those of the images without noise.
    """

    def __init__(
        self,
        images: Images,
        *,
        n_images: int,
        n_copies: int,
        noise: float,
        n_components: int | None,
        duplicates: str,
        rng: np.random.Generator,
    ) -> None:
        chosen = rng.permutation(len(images.pixels))[:n_images]
        self.images, self.noise = images, noise
        self.n_components, self.duplicates = n_components, duplicates
        # Copies of one image are adjacent: a split by position then separates images as well.
        self.image = np.repeat(np.arange(n_images), n_copies)
        self.pixels = images.pixels[chosen][self.image]
        self._noise_a, self._noise_b = rng.normal(size=(2, *self.pixels.shape))
        self._block, self._partner = _partners(n_images, n_copies, rng)

    def __len__(self) -> int:
        return len(self.image)

    def baseline(self, r: int) -> Rows:
        """A and B_r."""
        return Rows(self._a(), self._b(r), self.image)

    def data_processing(self, r: int) -> Rows:
        """[A, A] and [B_r, h(B_r)], h the top r - 1 rows."""
        a, b = self._a(), self._b(r)
        identity = np.eye(a.shape[1])
        again = self._joined(a, identity, self._covariance_a())
        return Rows(again, self._joined(b, self._top_rows(r), self._covariance_b(r)), self.image)

    def additivity(self, r: int) -> Rows:
        """[A_1, A_2] and [B_1, B_2] of two images that have nothing to do with each other."""
        a, b = self._a(), self._b(r)
        other = self._partner
        return Rows(np.hstack([a, a[other]]), np.hstack([b, b[other]]), self._block)

    def truth(self, r: int) -> float | None:
        """I(A; B_r) in nats as the estimator sees the two; None where there is no closed form."""
        if not self.images.gaussian:
            return None
        v, w = self._directions(SIDE), self._directions(r)
        cross = v.T @ (self.images.covariance * _mask(r)) @ w
        joint = np.block([[self._covariance_a(), cross], [cross.T, self._covariance_b(r)]])
        return float(gaussian_mutual_information(joint, v.shape[1]))

    def _a(self) -> np.ndarray:
        return (self.pixels + self.noise * self._noise_a) @ self._directions(SIDE)

    def _b(self, r: int) -> np.ndarray:
        return (self.pixels * _mask(r) + self.noise * self._noise_b) @ self._directions(r)

    def _directions(self, r: int) -> np.ndarray:
        """Columns that span what the estimator sees of the top r rows."""
        if self.n_components is None:
            return np.eye(N_PIXELS)
        order = np.linalg.eigh(_masked(self.images.covariance, r))[1][:, ::-1]
        return order[:, : self.n_components]

    def _covariance_a(self) -> np.ndarray:
        return self._covariance_b(SIDE)

    def _covariance_b(self, r: int) -> np.ndarray:
        v = self._directions(r)
        pixels = _masked(self.images.covariance, r) + self.noise**2 * np.eye(N_PIXELS)
        return v.T @ pixels @ v

    def _top_rows(self, r: int) -> np.ndarray:
        """h as a matrix: back to pixels, all but the top r - 1 rows to zero, and forth."""
        return (self._directions(r).T * _mask(r - 1)) @ self._directions(r - 1)

    def _joined(self, values: np.ndarray, h: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        """Values beside their image under h, or the directions of both that are not null."""
        join = np.hstack([np.eye(len(h)), h])
        if self.duplicates == "drop":
            # The rank is that of the values, for they are a part of what is joined.
            spectrum = np.linalg.eigh(join.T @ covariance @ join)
            join = join @ spectrum[1][:, : -len(h) - 1 : -1]
        return values @ join


def _mask(r: int) -> np.ndarray:
    return (np.arange(N_PIXELS) < SIDE * r).astype(float)


def _masked(covariance: np.ndarray, r: int) -> np.ndarray:
    return covariance * np.outer(_mask(r), _mask(r))


def _partners(
    n_images: int, n_copies: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The block of each row, and for each row one of another image of its block, all used once."""
    blocks = np.array_split(np.arange(n_images), max(1, min(_N_BLOCKS, n_images // 2)))
    block, partner = np.empty((2, n_images, n_copies), dtype=int)
    for number, members in enumerate(blocks):
        block[members] = number
        for copy in range(n_copies):
            circle = rng.permutation(members)
            partner[circle, copy] = np.roll(circle, 1) * n_copies + copy
    return block.ravel(), partner.ravel()
