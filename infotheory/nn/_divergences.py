"""Bounds on divergences as modules, and what keeps a critic Lipschitz."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from infotheory import functional

from ._checks import callable_part, in_full, one_a_row, one_of, rows

KINDS = ("kl", "js", "chi2", "hellinger", "alpha", "wasserstein")


class DivergenceBound(nn.Module):
    r"""Variational lower bound on the divergence of two batches.

    Parameters
    ----------
    critic : nn.Module
        ``critic(X)`` takes n rows and returns a value a row, of shape (n,) or (n, 1).
    kind : {"kl", "js", "chi2", "hellinger", "alpha", "wasserstein"}, default="js"
        ``"kl"`` is Donsker-Varadhan's bound on KL(P || Q).
    order : float, optional
        For ``"alpha"``.

    Raises
    ------
    ValueError
        For an unknown kind, an order that is missing or superfluous, wrong shapes of a batch or
        of what the critic returns.
    TypeError
        For a critic that is no module.

    Notes
    -----
    ``forward(P, Q)`` is the value, in nats for kl and js; maximise it over the critic, minimise
    it over what made P to bring P to Q. The best critic is the log density ratio
    :math:`\ln p / q` for js, hellinger and alpha, that plus a constant for kl,
    :math:`2 (p / q - 1)` for chi2, and a 1-Lipschitz potential for wasserstein, whose value is a
    lower bound only as far as the critic is 1-Lipschitz: add `GradientPenalty` to the loss.
    Critic values of half precision, as under autocast, count as float32, and so does the result.
    Complexity :math:`O(n + m)`. Source: Nowozin, Cseke and Tomioka (2016), arXiv:1606.00709.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import DivergenceBound
    >>> P, Q = torch.full((4, 1), 3.0), torch.zeros(5, 1)
    >>> print(DivergenceBound(torch.nn.Identity(), "wasserstein")(P, Q))
    tensor(3.)
    """

    def __init__(self, critic: nn.Module, kind: str = "js", *, order: float | None = None) -> None:
        super().__init__()
        self.critic = callable_part(critic, "critic")
        self.kind, self.order = one_of(kind, "kind", KINDS), order
        if (order is None) == (kind == "alpha"):
            raise ValueError(
                f"order= is for kind='alpha', which needs it; got order={order} for {kind}."
            )

    def extra_repr(self) -> str:
        """Shown by ``print(module)``."""
        return f"kind={self.kind!r}" + ("" if self.order is None else f", order={self.order}")

    def forward(self, P: Tensor, Q: Tensor) -> Tensor:
        """Value of a batch of each law, P (n, d) and Q (m, d): a scalar."""
        n, m = len(rows(P, "P")), len(rows(Q, "Q"))
        if not n or not m or P.shape[1] != Q.shape[1]:
            raise ValueError(
                f"P and Q must have rows, and as many columns; got {tuple(P.shape)} and "
                f"{tuple(Q.shape)}."
            )
        joint = one_a_row(self.critic(P), n, "critic")
        product = one_a_row(self.critic(Q), m, "critic")
        if self.kind == "alpha":
            assert self.order is not None
            return functional.alpha_bound(joint, product, self.order)
        return _DIVERGENCES[self.kind](joint, product)

    def loss(self, P: Tensor, Q: Tensor) -> Tensor:
        """What the critic is trained to minimise: the negative value."""
        return -self(P, Q)


_DIVERGENCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "kl": functional.donsker_varadhan,
    "js": functional.js_bound,
    "chi2": functional.chi2_bound,
    "hellinger": functional.hellinger_bound,
    "wasserstein": functional.wasserstein_bound,
}


class GradientPenalty(nn.Module):
    r"""Penalty on the slope of a critic between two batches.

    Parameters
    ----------
    critic : nn.Module
        ``critic(X)`` returns a value a row, of shape (n,) or (n, 1).
    weight : float, default=10.0
    one_sided : bool, default=True
        Punish slopes above 1 only, which is what the Wasserstein bound asks for; False also
        punishes slopes below 1.

    Raises
    ------
    ValueError
        For wrong shapes of a batch or of what the critic returns.
    TypeError
        For a critic that is no module.

    Notes
    -----
    ``forward(P, Q)`` is `weight` times the mean of :math:`\max(0, |\nabla T| - 1)^2` at one
    point between each row of P and one of Q; the shorter batch decides how many. The points
    divide the way evenly, the i-th of n at (i + 1/2) / n, so that nothing is drawn; rows must
    come in random order. ``slopes(P, Q)`` are the norms themselves: the Wasserstein value over
    the largest is a more cautious number. Complexity: one backward pass through the critic.
    Sources: Gulrajani et al. (2017), arXiv:1704.00028; one-sided: Petzka, Fischer and Lukovnicov
    (2018), arXiv:1709.08894.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import BilinearCritic, GradientPenalty
    >>> P, Q = torch.ones(4, 1), torch.zeros(4, 1)
    >>> triple = torch.nn.Linear(1, 1, bias=False)
    >>> triple.weight.data.fill_(3.0)
    tensor([[3.]])
    >>> print(GradientPenalty(triple, weight=1.0)(P, Q).item())  # (3 - 1)^2
    4.0
    """

    def __init__(self, critic: nn.Module, weight: float = 10.0, *, one_sided: bool = True) -> None:
        super().__init__()
        self.critic = callable_part(critic, "critic")
        self.weight, self.one_sided = weight, one_sided

    def slopes(self, P: Tensor, Q: Tensor) -> Tensor:
        """Norm of the critic's gradient at points between the rows, of shape (min(n, m),)."""
        n = min(len(rows(P, "P")), len(rows(Q, "Q")))
        if P.shape[1] != Q.shape[1]:
            raise ValueError(
                f"P and Q must have as many columns; got {P.shape[1]} and {Q.shape[1]}."
            )
        share = (torch.arange(n, dtype=P.dtype, device=P.device)[:, None] + 0.5) / n
        with torch.inference_mode(False), torch.enable_grad():
            between = torch.lerp(P[:n].detach(), Q[:n].detach(), share).requires_grad_()
            values = one_a_row(self.critic(between), n, "critic")
            (gradient,) = torch.autograd.grad(values.sum(), between, create_graph=True)
        return torch.linalg.vector_norm(in_full(gradient), dim=-1)

    def forward(self, P: Tensor, Q: Tensor) -> Tensor:
        """The penalty, to be added to the loss of the critic: a scalar."""
        excess = self.slopes(P, Q) - 1
        return self.weight * (excess.clamp(min=0) if self.one_sided else excess).square().mean()
