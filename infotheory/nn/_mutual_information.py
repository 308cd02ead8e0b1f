"""Bounds on mutual information as modules: one class, because only the formula differs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from infotheory import functional

from ._checks import callable_part, in_full, one_a_row, one_of, rows

BOUNDS = (
    "info-nce",
    "donsker-varadhan",
    "nwj",
    "tuba",
    "jensen-shannon",
    "smile",
    "mine",
    "flo",
    "club",
    "leave-one-out",
)

_OF_TABLES = ("info-nce", "leave-one-out")
_OF_DENSITIES = ("club", "leave-one-out")


def _report(value: Tensor, objective: Tensor) -> Tensor:
    """The number of one, the gradient of the other."""
    return objective + (value - objective).detach()


def score_table(critic: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Scores of all pairs of n rows, (n, n): by the critic's method where it has one."""
    n = len(x)
    pairs: Callable[[Tensor, Tensor], Tensor] | None = getattr(critic, "table", None)
    if pairs is None:
        values = critic(x.repeat_interleave(n, 0), y.repeat(n, 1))
        return one_a_row(values, n * n, "critic").reshape(n, n)
    table = pairs(x, y)
    if tuple(table.shape) != (n, n):
        raise ValueError(
            f"critic.table must return all pairs, shape ({n}, {n}) for this batch; got "
            f"{tuple(table.shape)}."
        )
    return in_full(table)


class MutualInformationBound(nn.Module):
    r"""Variational bound on the mutual information of the two sides of a batch.

    Parameters
    ----------
    critic : nn.Module
        ``critic(x, y)`` takes n rows each and returns a score a row, of shape (n,) or (n, 1).
        Where it has a method ``table(x, y)``, which returns the scores of all pairs, that is
        used. For ``"club"`` and ``"leave-one-out"`` the score is a log density
        :math:`\ln q(y | x)`, as that of `ConditionalNormal`.
    bound : str, default="info-nce"
        ====================== ============================ ===============================
        name                   value                        gradient, where it is another's
        ====================== ============================ ===============================
        ``"info-nce"``         lower bound, at most ln n
        ``"donsker-varadhan"`` of the batch, errs upwards
        ``"nwj"``              lower bound
        ``"tuba"``             lower bound with `baseline`
        ``"jensen-shannon"``   NWJ of the critic + 1        of the logistic objective
        ``"smile"``            clipped, no bound            of the logistic objective
        ``"mine"``             Donsker-Varadhan             divided by a running mean
        ``"flo"``              lower bound with `ratio`
        ``"club"``             upper bound, if q is exact
        ``"leave-one-out"``    upper bound, if q is exact
        ====================== ============================ ===============================
    n_negatives : int, optional
        How many y are set against each x; all n - 1 others of the batch by default. Fixed
        cyclic shifts of the batch, so that the rows must come in random order; not for
        ``"info-nce"`` and ``"leave-one-out"``.
    clip : float, default=5.0
        For ``"smile"``.
    rate : float, default=0.1
        Weight of the newest batch in the running mean of ``"mine"``.
    baseline : nn.Module, optional
        For ``"tuba"``: ``baseline(y)`` is the log of the baseline, one value a row.
    ratio : nn.Module, optional
        For ``"flo"``: a second critic.

    Attributes
    ----------
    log_mean : Tensor
        Buffer of ``"mine"``: log of the running mean, nan before the first batch. It moves in
        training mode only.

    Raises
    ------
    ValueError
        For an unknown bound, a missing or superfluous part, wrong shapes of a batch or of what
        the critic returns.
    TypeError
        For a critic, baseline or ratio that is no module.

    Notes
    -----
    ``forward(x, y)`` is the value in nats. Maximise it over the critic, and over what made x and
    y to keep information, or minimise it over that to remove some. ``loss(x, y)`` is what to
    minimise over the critic alone: the negative value, or for the upper bounds the negative
    log-likelihood of q. A value on the rows that trained the critic is biased upwards. At least
    two rows; complexity :math:`O(n^2)` scores, or n times `n_negatives`. Scores of half precision,
    as under autocast, count as float32, and so does the result. Sources: the functions
    of the same names in `infotheory.functional`, above all arXiv:1905.06922.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import BilinearCritic, MutualInformationBound
    >>> from infotheory.datasets import correlated_normals
    >>> x, y = map(torch.from_numpy, correlated_normals(0.9).sample(256, random_state=0))
    >>> x, y = torch.cat([x, torch.ones_like(x)], 1), torch.cat([y, y**2], 1)
    >>> bound = MutualInformationBound(BilinearCritic(2, 2), "info-nce").double()
    >>> optimizer = torch.optim.Adam(bound.parameters(), lr=0.1)
    >>> for _ in range(50):
    ...     optimizer.zero_grad()
    ...     bound.loss(x, y).backward()
    ...     optimizer.step()
    >>> print(f"{bound(x, y).item():.1f} of {correlated_normals(0.9).mutual_information:.1f} nats")
    0.8 of 0.8 nats
    """

    log_mean: Tensor

    def __init__(
        self,
        critic: nn.Module,
        bound: str = "info-nce",
        *,
        n_negatives: int | None = None,
        clip: float = 5.0,
        rate: float = 0.1,
        baseline: nn.Module | None = None,
        ratio: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.bound = one_of(bound, "bound", BOUNDS)
        if n_negatives is not None and (bound in _OF_TABLES or n_negatives < 1):
            raise ValueError(
                f"n_negatives must be positive, and None for {' and '.join(_OF_TABLES)}, which "
                f"compare all pairs; got {n_negatives} for {bound}."
            )
        for name, part, owner in (("baseline", baseline, "tuba"), ("ratio", ratio, "flo")):
            if (part is None) == (bound == owner):
                needs = "needs" if part is None else "takes no"
                raise ValueError(f"The bound {bound} {needs} {name}=; {name} belongs to {owner}.")
        if not 0 < rate < 1 or not clip > 0:
            raise ValueError(f"rate must be inside (0, 1) and clip positive; got {rate}, {clip}.")
        self.critic = callable_part(critic, "critic")
        self.baseline = None if baseline is None else callable_part(baseline, "baseline")
        self.ratio = None if ratio is None else callable_part(ratio, "ratio")
        self.n_negatives, self.clip, self.rate = n_negatives, clip, rate
        if bound == "mine":
            self.register_buffer("log_mean", torch.tensor(torch.nan))

    def extra_repr(self) -> str:
        """Shown by ``print(module)``."""
        negatives = "" if self.n_negatives is None else f", n_negatives={self.n_negatives}"
        return f"bound={self.bound!r}{negatives}"

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Value in nats of a batch of rows drawn together, x (n, d) and y (n, e): a scalar."""
        self._check(x, y)
        if self.bound in _OF_TABLES:
            table = score_table(self.critic, x, y)
            if self.bound == "info-nce":
                return functional.info_nce(table)
            return functional.leave_one_out(table.T)
        return self._value(*self._scores(x, y), x, y)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """What the critic is trained to minimise: a scalar."""
        if self.bound in _OF_DENSITIES:
            n = self._check(x, y)
            return -one_a_row(self.critic(x, y), n, "critic").mean()
        return -self(x, y)

    def _check(self, x: Tensor, y: Tensor) -> int:
        n = len(rows(x, "x"))
        if len(rows(y, "y")) != n:
            raise ValueError(f"x and y must have as many rows; got {n} and {len(y)}.")
        least = 2 if self.n_negatives is None else self.n_negatives + 1
        if n < least:
            raise ValueError(f"A batch needs at least {least} rows here; got {n}.")
        return n

    def _others(self, y: Tensor) -> Tensor:
        """Which y are set against each x, of shape (n, n_negatives)."""
        n, each = len(y), torch.arange(len(y), device=y.device)
        if self.n_negatives is None:
            return functional.off_diagonal(each.expand(n, n)).reshape(n, n - 1)
        return (each[:, None] + torch.arange(1, self.n_negatives + 1, device=y.device)) % n

    def _scores(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the rows drawn together, (n,), and of those drawn apart, (n, n_negatives)."""
        n = len(x)
        if self.n_negatives is None:
            table = score_table(self.critic, x, y)
            return torch.diagonal(table), functional.off_diagonal(table).reshape(n, n - 1)
        left = torch.cat([x, x.repeat_interleave(self.n_negatives, 0)])
        right = torch.cat([y, y[self._others(y).flatten()]])
        values = one_a_row(self.critic(left, right), len(left), "critic")
        return values[:n], values[n:].reshape(n, self.n_negatives)

    def _value(self, joint: Tensor, product: Tensor, x: Tensor, y: Tensor) -> Tensor:
        apart = product.flatten()
        if self.bound == "flo":
            assert self.ratio is not None
            ratio = one_a_row(self.ratio(x, y), len(x), "ratio")
            return functional.flo(ratio, joint, product)
        if self.bound == "tuba":
            assert self.baseline is not None
            log_baseline = one_a_row(self.baseline(y), len(y), "baseline")
            return functional.tuba(
                joint, apart, log_baseline, log_baseline[self._others(y).flatten()]
            )
        if self.bound == "club":
            return functional.club(joint, apart)
        if self.bound == "nwj":
            return functional.nwj(joint, apart)
        if self.bound == "jensen-shannon":
            value = functional.nwj(joint + 1, apart + 1)
            return _report(value, functional.jensen_shannon(joint, apart))
        if self.bound == "smile":
            value = functional.smile(joint, apart, self.clip)
            return _report(value, functional.jensen_shannon(joint, apart))
        value = functional.donsker_varadhan(joint, apart)
        if self.bound == "donsker-varadhan":
            return value
        return _report(value, functional.mine_surrogate(joint, apart, self._running(apart)))

    def _running(self, apart: Tensor) -> Tensor:
        """The running log mean with this batch in it; kept for the next one when training."""
        first = functional.running_log_mean(None, apart, self.rate)
        later = functional.running_log_mean(self.log_mean, first[None], self.rate)
        current = torch.where(torch.isnan(self.log_mean), first, later)
        if self.training:
            self.log_mean = current
        return current
