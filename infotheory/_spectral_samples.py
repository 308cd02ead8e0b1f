"""What estimators by eigenvalues share: kernels of labels and numbers, errors, ceilings."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from infotheory._halving import BIAS_ERROR, halving_bias
from infotheory._kernel_samples import chosen_bandwidth
from infotheory._validation import Variable
from infotheory.functional import gaussian_gram
from infotheory.functional._spectrum import entropy_of_spectrum

# Rows from which standard error and bias are found; both are known for other numbers of rows.
_ROWS_FOR_ERRORS = 1000
_ROUNDING = 1e-11
_NEAR_CEILING = 0.9


def kernel_width(v: Variable, bandwidth: str | float) -> float | None:
    """The bandwidth of the real columns; None where there are none."""
    real = v.values[:, ~v.is_label]
    if not real.shape[1]:
        return None
    return chosen_bandwidth(bandwidth, real, v.name)


def kernel_gram(v: Variable, width: float | None) -> np.ndarray:
    """Gaussian kernel of the real columns, times 1 for equal labels and 0 for others."""
    n = len(v)
    found = np.ones((n, n))
    if width is not None:
        found = gaussian_gram(v.values[:, ~v.is_label], bandwidth=width)
    for j in np.flatnonzero(v.is_label):
        codes = v.columns[j]
        found = found * (codes[:, None] == codes)
    return found


def gram_row_values(gram: np.ndarray, alpha: float) -> np.ndarray:
    """Values of rows whose mean is the entropy: entropy plus influence, from a Gram matrix of 1s.

    Row i of :math:`-\\ln A` at order 1, and the same of :math:`A^{\\alpha - 1}` at others: the
    derivative of the entropy when the law is moved towards the row.
    """
    n = len(gram)
    if alpha == 2:
        squares = np.sum(gram * gram, axis=1) / n
        mean = float(np.mean(squares))
        return -math.log(mean) - 2 * (squares / mean - 1)
    spectrum, axes = np.linalg.eigh(gram / n)
    return spectrum_row_values(spectrum, axes, alpha)


def spectrum_row_values(spectrum: np.ndarray, axes: np.ndarray, alpha: float) -> np.ndarray:
    """The same from eigenvalues of sum 1 and the entries of their eigenvectors, (n, k)."""
    kept = spectrum > len(spectrum) * np.finfo(float).eps * spectrum.max()
    spectrum, weights = spectrum[kept], len(axes) * axes[:, kept] ** 2
    if alpha == 1:
        return -weights @ (spectrum * np.log(spectrum))
    logs = alpha * np.log(spectrum)
    powers = np.exp(logs - logs.max())
    powers = powers / np.sum(powers)
    value = float(entropy_of_spectrum(spectrum / np.sum(spectrum), alpha))
    return value + alpha / (1 - alpha) * (weights @ powers - 1)


def _rows_for_errors(n: int) -> np.ndarray:
    """All rows, or some of them where they are many: always the same."""
    if n <= _ROWS_FOR_ERRORS:
        return np.arange(n)
    return np.random.RandomState(0).permutation(n)[:_ROWS_FOR_ERRORS]


def spectral_error_and_bias(
    variables: list[Variable],
    row_values: Callable[[list[Variable]], np.ndarray],
    sign: float,
    least_ratio: float,
) -> tuple[float, float]:
    """Standard error, of which the bias is a part, and bias at the number of rows there are.

    `sign` is that of the bias that is expected: entropies fall short, information is too large.
    `least_ratio` is the slowest growth of it that is believed when rows are halved.
    """
    n = len(variables[0])
    rows = _rows_for_errors(n)
    some = [v.rows(rows) for v in variables]
    values = row_values(some)
    if float(np.ptp(values)) <= _ROUNDING * max(1.0, float(np.max(np.abs(values)))):
        return 0.0, 0.0  # all rows alike, or none
    m = len(rows)

    def statistic(part: tuple[np.ndarray, ...]) -> float:
        return sign * float(np.mean(row_values([v.rows(part[0]) for v in some])))

    at_m = sign * halving_bias(
        sign * float(np.mean(values)), statistic, (m,), least_ratio=least_ratio
    )
    bias = at_m * m / n
    return math.hypot(float(np.std(values, ddof=1)) / math.sqrt(n), BIAS_ERROR * bias), bias


def entropy_ceiling_note(value: float, n: int, what: str) -> list[str]:
    if n < 2 or value < _NEAR_CEILING * math.log(n):
        return []
    return [
        f"{what} is {value:.3g} nats, near the most that {n} rows can show, ln n = "
        f"{math.log(n):.3g}: the kernel hardly sees two rows as alike. Raise bandwidth or pass "
        f"more rows."
    ]
