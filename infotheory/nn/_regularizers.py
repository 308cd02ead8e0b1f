"""Losses on representations that keep them from collapsing: how many directions, how evenly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from numbers import Integral

import torch
from torch import Tensor, nn

from infotheory import functional

from ._checks import batch, not_negative, one_of, paired, unit_rows, without_autocast

GOALS = ("maximize", "minimize")
SQUASHES = {"sigmoid": torch.sigmoid, "normal": torch.special.ndtr}


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean()


def _some(views: Sequence[Tensor]) -> None:
    if not views:
        raise ValueError("Pass at least one batch of representations, of shape (n, d).")


class VonNeumannRegularizer(nn.Module):
    r"""Entropy of the spectrum of a representation, as a term of a loss.

    Parameters
    ----------
    weight : float, default=1.0
        Weight of the entropy. Beside a cross-entropy, well below .5 is usual.
    goal : {"maximize", "minimize"}, default="maximize"
        ``"maximize"`` subtracts the entropy from the loss: representations spread over more
        directions, which is what keeps them from collapsing and helps transfer. ``"minimize"``
        adds it: fewer directions, as against shortcuts of the training domain.
    alignment : float, default=0.0
        Weight of the mean cosine between each two views of a row, which is subtracted. With it the
        module is a whole self-supervised loss; the logarithm of the batch size balances the two.

    Raises
    ------
    ValueError
        For an unknown goal, a weight that is negative, a batch that is no floating tensor of shape
        (n, d), has fewer than two rows, a row of zeros, NaN or infinity, and for views that do not
        match, or a single one with `alignment`.

    Notes
    -----
    ``forward(*views)`` is a scalar to be added to the loss: :math:`\mp weight \cdot \bar S -
    alignment \cdot \overline{\cos}`, where S is the von Neumann entropy in nats of :math:`Z^T Z /
    n` with rows of length 1 (`infotheory.functional.von_neumann_entropy`), averaged over the views.
    ``entropy(Z)`` is S itself: 0 for rows that are all alike, at most ln min(n, d), ln k for k
    orthogonal clusters of equal size; its exponential is an effective rank. A batch that is not
    much larger than d shows less entropy than the law it comes from. Half precision, as under
    autocast, counts as float32. Complexity :math:`O(n d \min(n, d))`. Source: Kim, Kang, Hwang,
    Shin and Rhee (2023), arXiv:2304.01434.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import VonNeumannRegularizer
    >>> Z = torch.eye(4).repeat(8, 1)  # four orthogonal clusters
    >>> regularizer = VonNeumannRegularizer(weight=0.1)
    >>> print(f"{regularizer.entropy(Z).item():.4f} {regularizer(Z).item():.4f}")
    1.3863 -0.1386
    """

    def __init__(
        self, weight: float = 1.0, *, goal: str = "maximize", alignment: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = not_negative(weight, "weight")
        self.goal = one_of(goal, "goal", GOALS)
        self.alignment = not_negative(alignment, "alignment")

    def extra_repr(self) -> str:
        """Shown by ``print(module)``."""
        return f"weight={self.weight}, goal={self.goal!r}, alignment={self.alignment}"

    def entropy(self, Z: Tensor) -> Tensor:
        """Von Neumann entropy of a batch (n, d) in nats: a scalar."""
        unit = unit_rows(Z, "Z")
        with without_autocast(unit):
            return functional.von_neumann_entropy(unit)

    def forward(self, *views: Tensor) -> Tensor:
        """The term for batches (n, d) of one or more views of the same rows: a scalar."""
        _some(views)
        entropy = _mean([self.entropy(Z) for Z in views])
        term = (self.weight if self.goal == "minimize" else -self.weight) * entropy
        if not self.alignment:
            return term
        if len(views) < 2:
            raise ValueError(
                "alignment compares views of the same rows; got a single view. Pass two or more, "
                "or alignment=0."
            )
        units = [unit_rows(Z, "a view") for Z in views]
        cosines = []
        for first, second in combinations(units, 2):
            paired(first, second, "Views")
            cosines.append((first * second).sum(dim=1).mean())
        return term - self.alignment * _mean(cosines)


class EffectiveEntropyRegularizer(nn.Module):
    r"""Effective entropy maximisation: representations that fill the unit cube evenly.

    Parameters
    ----------
    entropy_weight : float, default=1.0
        :math:`\beta`, weight of the mean entropy of the columns.
    covariance_weight : float, default=25.0
        :math:`\gamma`, weight of the covariance penalty of each view.
    squash : {"sigmoid", "normal"}, default="sigmoid"
        What brings the columns into (0, 1): the logistic function, or the normal distribution
        function, after which columns are uniform where they were standard normal before, as for
        representations that end in a batch normalisation.
    spacing : int, optional
        Ranks that a spacing spans; the nearest integer to the root of n by default.
    debias : bool, default=True
        Add what spacings of uniform rows miss on average, so that 0 is the value of a perfect code.
        A constant: gradients are those of ``debias=False``, which is the published criterion.

    Raises
    ------
    ValueError
        For an unknown squash, negative weights, a spacing that does not fit the batch, and a batch
        that is no floating tensor of shape (n, d), has fewer than two rows, NaN or infinity.

    Notes
    -----
    ``forward(*views)`` is a scalar to be added to a self-supervised loss: :math:`\gamma \sum
    \mathrm{cov}(Y) - \beta\, \overline{\hat H(Y)}` over the views, with Y the squashed
    representation, :func:`~infotheory.functional.spacing_entropy` in nats and
    :func:`~infotheory.functional.covariance_penalty`. ``entropy(Z)`` is the mean entropy of the
    columns alone: at most 0, up to sampling error, for columns that are uniform. A column that is
    constant counts as :math:`\ln 2^{-23} = -15.9` with finite gradients, which is what makes the
    term push against collapse; nothing is NaN. In half precision, as under autocast, values are
    squashed and counted in float32, but those that rounding made equal stay equal. Complexity
    :math:`O(n d (\ln n + d))`. Source: Chakraborty, LeCun, Rudner and Learned-Miller (2025),
    arXiv:2411.15931, who continue the training of a network with it for a few epochs.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import EffectiveEntropyRegularizer
    >>> even = torch.linspace(0.001, 0.999, 512)[:, None].logit()
    >>> regularizer = EffectiveEntropyRegularizer(debias=False)
    >>> print(f"{regularizer(even).item():.2f}, collapsed {regularizer(0 * even).item():.2f}")
    -0.00, collapsed 15.94
    """

    def __init__(
        self,
        entropy_weight: float = 1.0,
        covariance_weight: float = 25.0,
        *,
        squash: str = "sigmoid",
        spacing: int | None = None,
        debias: bool = True,
    ) -> None:
        super().__init__()
        self.entropy_weight = not_negative(entropy_weight, "entropy_weight")
        self.covariance_weight = not_negative(covariance_weight, "covariance_weight")
        self.squash = one_of(squash, "squash", tuple(SQUASHES))
        if spacing is not None and (
            isinstance(spacing, bool) or not isinstance(spacing, Integral) or not spacing >= 1
        ):
            raise ValueError(f"spacing must be an integer of at least 1, or None; got {spacing!r}.")
        self.spacing, self.debias = spacing, debias

    def extra_repr(self) -> str:
        """Shown by ``print(module)``."""
        return (
            f"entropy_weight={self.entropy_weight}, covariance_weight={self.covariance_weight}, "
            f"squash={self.squash!r}"
        )

    def entropy(self, Z: Tensor) -> Tensor:
        """Mean entropy of the squashed columns of a batch (n, d) in nats: a scalar."""
        return self._entropy(self._squashed(Z))

    def forward(self, *views: Tensor) -> Tensor:
        """The term for batches (n, d) of one or more views: a scalar."""
        _some(views)
        squashed = [self._squashed(Z) for Z in views]
        entropy = _mean([self._entropy(Y) for Y in squashed])
        with without_autocast(entropy):
            covariance = torch.stack([functional.covariance_penalty(Y) for Y in squashed]).sum()
        return self.covariance_weight * covariance - self.entropy_weight * entropy

    def _squashed(self, Z: Tensor) -> Tensor:
        return SQUASHES[self.squash](batch(Z, "Z"))

    def _entropy(self, Y: Tensor) -> Tensor:
        if self.spacing is not None and self.spacing >= len(Y):
            raise ValueError(
                f"spacing must be below the number of rows of the batch; got {self.spacing} for "
                f"{len(Y)} rows."
            )
        # The floor is the rounding of float32 for all dtypes, so that none changes the loss.
        values = functional.spacing_entropy(
            Y, self.spacing, debias=self.debias, floor=torch.finfo(torch.float32).eps
        )
        return values.mean()
