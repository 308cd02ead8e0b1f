"""InfoNCE with a critic that is held Lipschitz, and the Wasserstein dependency that it sees."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from infotheory import functional

from ._checks import (
    batch,
    callable_part,
    in_full,
    not_negative,
    one_a_row,
    one_of,
    paired,
    positive,
)
from ._mutual_information import score_table

METRICS = ("sum", "euclidean")


class LipschitzInfoNCE(nn.Module):
    r"""InfoNCE whose critic may not be steeper than a limit: Wasserstein predictive coding.

    Parameters
    ----------
    critic : nn.Module
        ``critic(x, y)`` takes n rows each and returns a score a row, of shape (n,) or (n, 1), and
        all pairs by ``table(x, y)`` where it has that method.
    lipschitz : float, default=1.0
        The limit L on the slope of the critic, per unit of distance.
    gradient_penalty : float, default=10.0
        Weight of the penalty on slopes above the limit.
    metric : {"sum", "euclidean"}, default="sum"
        Distance of two pairs: :math:`|x - x'| + |y - y'|`, under which the larger of the slopes in
        x and in y counts, or the Euclidean one of the joined rows.

    Raises
    ------
    ValueError
        For an unknown metric, a limit that is not positive, a negative weight, batches that are no
        floating tensors of shape (n, d) with as many rows, have fewer than two, NaN or infinity,
        and for a critic that returns wrong shapes, scores or slopes that are not finite, or
        scores without a gradient.
    TypeError
        For a critic that is no module.

    Notes
    -----
    ``loss(x, y)`` is what to minimise, over the critic and over what made x and y: the negative
    value and the penalty. ``forward(x, y)`` is the value in nats, a lower bound on the mutual
    information and at most ln n, and also at most L times the largest distance of two y:
    information that is carried by small differences does not count, which is the point where
    plain InfoNCE would stop at ln n after the easiest of them. The scale of x and y matters;
    standardise them, or normalise representations. ``penalty(x, y)`` looks for slopes at one point
    between each pair drawn together and one drawn apart, as `GradientPenalty` does;
    ``dependency(x, y)`` is the difference of the mean scores of pairs drawn together and apart,
    over the largest slope found: a lower bound on the Wasserstein distance of the joint law from
    the product of its margins, as far as there is nowhere a steeper slope. Rows must come in
    random order. Complexity :math:`O(n^2)` scores and a backward pass through the critic. Sources:
    Ozair et al. (2019), arXiv:1903.11780; Gulrajani et al. (2017), arXiv:1704.00028.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import BilinearCritic, LipschitzInfoNCE
    >>> x = torch.tensor([[1.0], [-1.0]]).repeat(500, 1)  # a fair coin and its copy
    >>> critic = BilinearCritic(1, 1)
    >>> _ = critic.weight.data.fill_(1.0)
    >>> bound = LipschitzInfoNCE(critic)
    >>> print(f"{bound(x, x).item():.2f} nats, dependency {bound.dependency(x, x).item():.2f}")
    0.57 nats, dependency 1.00
    """

    def __init__(
        self,
        critic: nn.Module,
        *,
        lipschitz: float = 1.0,
        gradient_penalty: float = 10.0,
        metric: str = "sum",
    ) -> None:
        super().__init__()
        if not isinstance(critic, nn.Module) and callable(critic) and not isinstance(critic, type):
            raise TypeError(
                f"critic must be a torch.nn.Module, whose weights are trained, got {critic!r}. "
                f"Make it a module, with its formula as forward(x, y)."
            )
        self.critic = callable_part(critic, "critic")
        self.lipschitz = positive(lipschitz, "lipschitz")
        self.gradient_penalty = not_negative(gradient_penalty, "gradient_penalty")
        self.metric = one_of(metric, "metric", METRICS)

    def extra_repr(self) -> str:
        """Shown by ``print(module)``."""
        return (
            f"lipschitz={self.lipschitz}, gradient_penalty={self.gradient_penalty}, "
            f"metric={self.metric!r}"
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Value in nats of a batch of rows drawn together, x (n, d) and y (n, e): a scalar."""
        _check(x, y)
        return functional.info_nce(self._scores(x, y))

    def slopes(self, x: Tensor, y: Tensor) -> Tensor:
        """Slope of the critic at a point between each pair together and one apart: (n,)."""
        _check(x, y)
        n = len(x)
        share = (torch.arange(n, device=x.device)[:, None] + 0.5) / n
        # Apart are x of the row before and y of the one before that, so that both change.
        between_x = torch.lerp(x.detach(), x.detach().roll(1, 0), share.to(x.dtype))
        between_y = torch.lerp(y.detach(), y.detach().roll(2, 0), share.to(y.dtype))
        return self._slopes_at(between_x, between_y)

    def penalty(self, x: Tensor, y: Tensor) -> Tensor:
        """`gradient_penalty` times the mean squared excess of the slopes over the limit."""
        excess = (self.slopes(x, y) / self.lipschitz - 1).clamp(min=0)
        return self.gradient_penalty * excess.square().mean()

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """What critic and representations are trained to minimise: a scalar."""
        return self.penalty(x, y) - self(x, y)

    def dependency(self, x: Tensor, y: Tensor) -> Tensor:
        """Wasserstein dependency that the critic sees, in units of distance: a scalar."""
        _check(x, y)
        table = self._scores(x, y)
        seen = [self.slopes(x, y), self._slopes_at(x, y), self._slopes_at(x, y.roll(1, 0))]
        steepest = torch.cat(seen).max()
        gap = torch.diagonal(table).mean() - functional.off_diagonal(table).mean()
        # A critic that is flat everywhere sees nothing.
        return torch.where(steepest > 0, gap / torch.where(steepest > 0, steepest, 1.0), 0.0 * gap)

    def _scores(self, x: Tensor, y: Tensor) -> Tensor:
        table = score_table(self.critic, x, y)
        _finite(table, "scores", "Look for training that diverged, or scale x and y")
        return table

    def _slopes_at(self, x: Tensor, y: Tensor) -> Tensor:
        keep = torch.is_grad_enabled()
        with torch.inference_mode(False), torch.enable_grad():
            at = [z.detach().clone().requires_grad_() for z in (x, y)]
            values = one_a_row(self.critic(*at), len(x), "critic")
            if not values.requires_grad:
                raise ValueError(
                    "critic must be differentiable in x and y, got scores without a gradient. "
                    "Compute them by Torch throughout, without detach or no_grad."
                )
            gradients = torch.autograd.grad(
                values.sum(), at, create_graph=keep, allow_unused=True, materialize_grads=True
            )
        norms = torch.stack([torch.linalg.vector_norm(in_full(g), dim=-1) for g in gradients])
        _finite(norms, "slopes", "A square root has none at 0: add a small number inside")
        if self.metric == "euclidean":
            return torch.linalg.vector_norm(norms, dim=0)
        return norms.amax(dim=0)


def _finite(values: Tensor, what: str, advice: str) -> None:
    bad = ~torch.isfinite(values)
    if bad.any():
        raise ValueError(
            f"critic must have finite {what}; got NaN or infinity for {int(bad.sum())} of "
            f"{values.numel()}. {advice}."
        )


def _check(x: Tensor, y: Tensor) -> None:
    paired(batch(x, "x"), batch(y, "y"), "x and y", same_width=False)
