"""The Cauchy-Schwarz information bottleneck as one loss of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from infotheory import functional

from ._checks import batch, not_negative, one_of, paired, positive, without_autocast

DENOMINATORS = ("kernel-sum-squared", "reference")
Method = TypeVar("Method", bound=Callable[..., Any])


def _not_compiled(method: Method) -> Method:
    """Left alone by Torch's compiler: rules and sums of kernels run in NumPy and Numba."""
    return cast(Method, torch.compiler.disable(method))


class CauchySchwarzBottleneck(nn.Module):
    r"""Loss of a regression whose code is charged for what it keeps of the input.

    Parameters
    ----------
    beta : float, default=0.01
        Price of the information in the code; 0 is the prediction term alone.
    bandwidth : float or str, default=1.0
        Width of the Gaussian kernel :math:`e^{-r^2 / 2 \sigma^2}` of the input: a number, or a
        rule of :func:`~infotheory.functional.kernel_bandwidth`, applied to each batch and taken as
        constant. Targets and predictions are compared at inputs within this width of each other:
        a wide one sees whether their laws agree and not whether they belong together (with the
        median of all distances a network does not learn), a narrow one each row for itself.
    bandwidth_y : float or str, default=1.0
        That of the targets and predictions; a rule is applied to the targets.
    bandwidth_code : float or str, default="median"
        That of the code, which has no scale of its own: with a number a network can shrink its code
        far below it, where float32 no longer tells the information from none. The published
        method has the number 1.
    denominator : {"kernel-sum-squared", "reference"}, default="kernel-sum-squared"
        As of :func:`~infotheory.functional.conditional_cauchy_schwarz_divergence`; the second
        repeats what code published with the method computes.

    Raises
    ------
    ValueError
        For a negative beta, widths that are neither positive nor a rule, and batches that are no
        floating tensors of shape (n, d), have fewer than two rows, NaN or infinity, or different
        numbers of rows, and predictions that are not shaped like the targets.

    Notes
    -----
    ``forward(x, code, y, prediction)`` is a scalar to minimise: the conditional Cauchy-Schwarz
    divergence of y and its prediction given x, in nats, and `beta` times the Cauchy-Schwarz mutual
    information of x and the code over the root of that of each with itself, which is 1 for x itself
    at equal widths and can be a little above it. The parts are ``divergence(x, y, prediction)`` and
    ``information(x, code)``; the code may be deterministic. The divergence is 0 for perfect
    predictions, and below 0 by chance for noisy ones: differences of it mean something, its sign
    does not. Targets that are off by more than a few `bandwidth_y` are seen only weakly: scale the
    targets. Unlike squared error the loss is not a mean over rows, so that the size of the batch
    matters. Half precision, as under autocast, counts as float32. Complexity :math:`O(n^2 d)`.
    Source: Yu et al. (2024), arXiv:2404.17951.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import CauchySchwarzBottleneck
    >>> x = torch.linspace(-2, 2, 50)[:, None]
    >>> loss = CauchySchwarzBottleneck(beta=0.1)
    >>> perfect, off = loss(x, x, x.sin(), x.sin()), loss(x, x, x.sin(), x.sin() + 1)
    >>> print(f"{perfect.item():.2f} {off.item():.2f}, deaf {loss(x, 0 * x, x, x).item():.2f}")
    0.10 0.89, deaf 0.00
    """

    def __init__(
        self,
        beta: float = 0.01,
        *,
        bandwidth: float | str = 1.0,
        bandwidth_y: float | str = 1.0,
        bandwidth_code: float | str = "median",
        denominator: str = "kernel-sum-squared",
    ) -> None:
        super().__init__()
        self.beta = not_negative(beta, "beta")
        self.bandwidth = _width(bandwidth, "bandwidth")
        self.bandwidth_y = _width(bandwidth_y, "bandwidth_y")
        self.bandwidth_code = _width(bandwidth_code, "bandwidth_code")
        self.denominator = one_of(denominator, "denominator", DENOMINATORS)

    def extra_repr(self) -> str:
        """Shown by ``print(module)``."""
        return (
            f"beta={self.beta}, bandwidth={self.bandwidth!r}, bandwidth_y={self.bandwidth_y!r}, "
            f"bandwidth_code={self.bandwidth_code!r}"
        )

    def forward(self, x: Tensor, code: Tensor, y: Tensor, prediction: Tensor) -> Tensor:
        """The loss of a batch: input (n, d), its code (n, k), targets and predictions (n, e)."""
        loss = self.divergence(x, y, prediction)
        return loss + self.beta * self.information(x, code) if self.beta else loss

    @_not_compiled
    def divergence(self, x: Tensor, y: Tensor, prediction: Tensor) -> Tensor:
        """Conditional Cauchy-Schwarz divergence of targets and predictions, in nats: a scalar."""
        x = batch(x, "x")
        y, prediction = batch(_column(y), "y"), batch(_column(prediction), "prediction")
        paired(x, y, "x and y", same_width=False)
        paired(y, prediction, "y and prediction")
        with without_autocast(x):
            return functional.conditional_cauchy_schwarz_divergence(
                x,
                y,
                prediction,
                _of_batch(self.bandwidth, x),
                _of_batch(self.bandwidth_y, y),
                denominator=self.denominator,  # type: ignore[arg-type]
            )

    @_not_compiled
    def information(self, x: Tensor, code: Tensor) -> Tensor:
        """Information of x and its code, as a share of what each has of itself: a scalar."""
        x, code = batch(x, "x"), batch(code, "code")
        paired(x, code, "x and code", same_width=False)
        with without_autocast(x):
            return functional.cauchy_schwarz_mutual_information(
                x,
                code,
                _of_batch(self.bandwidth, x),
                _of_batch(self.bandwidth_code, code),
                normalized=True,
            )


def _width(value: float | str, name: str) -> float | str:
    if isinstance(value, str):
        return one_of(value, name, functional.BANDWIDTH_RULES)
    return positive(value, name)


def _of_batch(width: float | str, x: Tensor) -> float | Tensor:
    if not isinstance(width, str):
        return width
    return functional.kernel_bandwidth(x.detach(), width)  # type: ignore[arg-type]


def _column(values: Tensor) -> Tensor:
    """Targets of shape (n,) as a column: beside predictions (n, 1) they would spread to (n, n)."""
    one_axis = isinstance(values, torch.Tensor) and values.ndim == 1
    return values[:, None] if one_axis else values
