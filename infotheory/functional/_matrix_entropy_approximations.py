"""Matrix entropies of many rows without a full decomposition, each with what it may be off by."""

from __future__ import annotations

import math
from numbers import Real
from typing import Literal, NamedTuple, get_args

import numpy as np
from scipy.stats import t as student

from infotheory._xp._namespace import Array, detached_numpy, like_floating
from infotheory.functional._gram_operator import GaussianGram, GramMatrix, GramOperator
from infotheory.functional._kernel_checks import check_bandwidth, check_no_half, check_numbers
from infotheory.functional._partial_cholesky import PartialCholesky
from infotheory.functional._spectrum import (
    check_finite,
    check_order,
    entropy_of_spectrum,
    entropy_of_sum,
    near_one,
    spectral_terms,
)
from infotheory.functional._spectrum_bracket import entropy_bracket
from infotheory.functional._trace_quadrature import chebyshev_forms, lanczos_forms
from infotheory.functional._transport_checks import check_count

ApproximationMethod = Literal["auto", "low-rank", "hutch++", "chebyshev", "lanczos"]
APPROXIMATION_METHODS: tuple[str, ...] = get_args(ApproximationMethod)
# Few vectors and skewed forms: of intervals for .99, .95 to .99 hold the exact value.
_CONFIDENCE = 0.99
_ROUNDINGS = 1e3  # in a quadratic form, in units of the machine precision
_FIRST_RANK, _GROWTH = 32, 1.4
_SHARE_OF_ROWS = 8  # low rank pays up to the rank n / 8
_DEGREES = {"hutch++": 60, "lanczos": 60, "chebyshev": 100}


class MatrixEntropyApproximation(NamedTuple):
    """An entropy and what it may be off by.

    Parameters
    ----------
    value : array of shape ()
        Nats.
    error : float
        Half-width of an interval around the value: one that holds the exact entropy for certain
        where the method is low rank, and in 95 % of the cases or more where it draws vectors or
        features.
    rank : int
        Columns of the Gram matrix, or features, that were used.
    n_products : int
        Products of the Gram matrix with one vector.

    Notes
    -----
    Complexity and sources stand with :func:`approximate_matrix_entropy`. Source of the bounds of a
    low-rank method: Marshall, Olkin and Arnold, Inequalities: Theory of Majorization and Its
    Applications (2011), doi:10.1007/978-0-387-68276-1.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import approximate_matrix_entropy
    >>> found = approximate_matrix_entropy(np.ones((50, 50)))
    >>> found.rank, found.n_products
    (1, 0)
    """

    value: Array
    error: float
    rank: int
    n_products: int


def approximate_matrix_entropy(
    K: Array,
    alpha: float = 1.0,
    *,
    method: ApproximationMethod = "auto",
    tol: float = 0.01,
    rank: int | None = None,
    n_probes: int = 16,
    degree: int | None = None,
    seed: int = 0,
) -> MatrixEntropyApproximation:
    r"""Matrix-based entropy of a large Gram matrix, and what the approximation may be off by.

    Parameters
    ----------
    K : array of shape (n, n)
        Gram matrix, as in :func:`matrix_entropy`; read by columns or rows, never copied.
    alpha : float
        Order, positive and finite.
    method : {"auto", "low-rank", "hutch++", "chebyshev", "lanczos"}
        - "low-rank": columns of K, drawn where the others explain least, until the spectra they
          leave possible have entropies within `tol`; the error is certain.
        - "hutch++": the trace of a function of what a low-rank part leaves, from random vectors
          and Lanczos quadrature.
        - "chebyshev": the same by a Chebyshev series of twice `degree` terms, whose error is that
          of the series everywhere: more products for the same certainty.
        - "lanczos": no low-rank part. Its error is dominated by the few largest eigenvalues.
        - "auto": low rank if n / 8 columns are enough for `tol`, else "hutch++" from there.
    tol : float
        Relative error to stop at, for "low-rank" and "auto"; quadrature stops at a fifth of it.
    rank : int, optional
        Largest rank; without it n for "low-rank", :math:`2 \sqrt n` for the part that is taken
        off before drawing vectors.
    n_probes : int
        Random vectors, at least 4.
    degree : int, optional
        Most products a vector; 60, and 100 for "chebyshev".
    seed : int
        Of columns and vectors.

    Returns
    -------
    MatrixEntropyApproximation
        Named tuple of `value`, in the library of K and detached, `error`, `rank` and
        `n_products`. The error may be above `tol` except for "low-rank" without `rank`.

    Raises
    ------
    ValueError
        If a parameter is out of its range, K is not finite or not of this shape, or shows on the
        way that it is not positive semi-definite.
    TypeError
        If K is no array of numbers, is in half precision or has masked entries, or a parameter is
        no number, or no integer where one is asked for.

    Notes
    -----
    Why the low-rank error is certain: with A = F F^T + R, R positive semi-definite, the
    eigenvalues of A are at least those of F F^T, and their sum is 1; the entropy is largest where
    the rest of the sum raises the smallest of them to one level, and least where it goes to the
    largest. Random vectors: of :math:`z^T f(A) z - z^T f(F F^T) z` the mean is taken after a
    regression on :math:`z^T R z`, whose mean is known; the error is Student's quantile for 99 %
    times a jackknife standard error, plus the gap between two quadrature rules that enclose the
    form. Over 300 seeds it covered between .95 and 1. What rounding has done to the entries of
    K, as in float32, is no part of either error; it counts most at orders below 1.

    Complexity :math:`O(n r^2)` at rank r, plus :math:`O(n^2)` a product. Sources: Chen, Epperly,
    Tropp and Webber (2022), arXiv:2207.06503, of the columns; Meyer, Musco, Musco and Woodruff
    (2021), arXiv:2010.09649, of the deflation; Gong et al. (2022), arXiv:2205.07426, of
    randomised matrix entropies; Golub and Meurant, Matrices, Moments and Quadrature with
    Applications (2010), chapter 6, of the two rules.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import approximate_matrix_entropy, gaussian_gram, matrix_entropy
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> K = gaussian_gram(X, bandwidth=2.0)
    >>> found = approximate_matrix_entropy(K)
    >>> abs(found.value - matrix_entropy(K)) <= found.error <= 0.01 * found.value
    np.True_
    """
    check_numbers("K", K)
    check_no_half("K", K)
    gram = detached_numpy(K)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or not gram.size:
        raise ValueError(f"K must have shape (n, n), n at least 1, got {gram.shape}.")
    found = _approximated(
        GramMatrix(gram), alpha, method, tol, rank, n_probes, _degree(method, degree), seed
    )
    return found._replace(value=like_floating(np.asarray(found.value), K))


def gaussian_matrix_entropy(
    X: Array,
    alpha: float = 1.0,
    *,
    bandwidth: float,
    method: Literal["auto", "low-rank", "hutch++", "chebyshev", "lanczos", "fourier"] = "auto",
    tol: float = 0.01,
    rank: int | None = None,
    n_probes: int = 16,
    degree: int | None = None,
    seed: int = 0,
) -> MatrixEntropyApproximation:
    r"""Matrix-based entropy of rows under a Gaussian kernel, without their Gram matrix.

    Parameters
    ----------
    X : array of shape (n, d)
        Finite.
    alpha : float
        Order, positive and finite.
    bandwidth : float
        Of the kernel :math:`\exp(-|x - y|^2 / (2\,\mathrm{bandwidth}^2))`.
    method : {"auto", "low-rank", "hutch++", "chebyshev", "lanczos", "fourier"}
        As in :func:`approximate_matrix_entropy`; products are computed in blocks of the Gram
        matrix, which is never kept. "fourier": covariance of random Fourier features, `rank`
        frequencies, each with a cosine and a sine.
    tol, rank, n_probes, degree, seed
        As in :func:`approximate_matrix_entropy`; `rank` is 256 for "fourier" if None.

    Returns
    -------
    MatrixEntropyApproximation
        Named tuple of `value`, in the library of X and detached, `error`, `rank` and
        `n_products`.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or X is not finite or not of this shape.
    TypeError
        If X is no array of numbers or has masked entries, or a parameter is no number, or no
        integer where one is asked for.

    Notes
    -----
    Complexity as of :func:`approximate_matrix_entropy`, times d where entries are computed; memory
    :math:`O(n r)` at rank r: low rank computes r columns of the Gram matrix and nothing
    else, which is why it is the fastest. Random features err by the order of one over the root
    of their number; their bias, about one over it, is estimated from quarters of the features
    and taken off, and its size is part of the error, with Student's quantile times the spread
    of the quarters. Sources: those of :func:`approximate_matrix_entropy`, Chen et al. (2022),
    arXiv:2207.06503, among them; Rahimi and Recht (2007), Advances in Neural Information Processing
    Systems 20, of the features.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_matrix_entropy
    >>> X = np.random.default_rng(0).normal(size=(20_000, 2))
    >>> found = gaussian_matrix_entropy(X, bandwidth=2.0)
    >>> print(f"{found.value:.2f}", found.rank < 100)  # of the law itself 1.107
    1.11 True
    """
    check_numbers("X", X)
    rows = np.asarray(detached_numpy(X), dtype=np.float64)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"X must have shape (n, d), at least one of each, got {rows.shape}.")
    check_finite(rows, "X")
    check_bandwidth("bandwidth", bandwidth, rows)
    if getattr(bandwidth, "ndim", 0):
        raise TypeError(f"bandwidth must be one positive number, got {bandwidth!r}.")
    bandwidth = float(bandwidth)
    if method == "fourier":
        _check_finite_order(alpha)
        check_count(0, seed=seed)
        if rank is not None:
            check_count(8, rank=rank)  # two frequencies a quarter
        found = _from_features(rows / bandwidth, alpha, 256 if rank is None else rank, seed)
    else:
        degree = _degree(method, degree)
        operator = GaussianGram(rows, bandwidth)
        found = _approximated(operator, alpha, method, tol, rank, n_probes, degree, seed)
    return found._replace(value=like_floating(np.asarray(found.value), X))


def _check_finite_order(alpha: float) -> None:
    check_order(alpha)
    if math.isinf(alpha):
        raise ValueError("alpha must be finite here, got inf. Use matrix_entropy(K, math.inf).")


def _degree(method: str, degree: int | None) -> int:
    if degree is None:
        return _DEGREES.get(method, _DEGREES["hutch++"])
    check_count(1, degree=degree)
    return degree


def _approximated(
    operator: GramOperator,
    alpha: float,
    method: str,
    tol: float,
    rank: int | None,
    n_probes: int,
    degree: int,
    seed: int,
) -> MatrixEntropyApproximation:
    _check_finite_order(alpha)
    if method not in APPROXIMATION_METHODS:
        raise ValueError(
            f"method must be one of {', '.join(APPROXIMATION_METHODS)}, got {method!r}."
        )
    if not isinstance(tol, Real):
        raise TypeError(f"tol must be a positive number, got {tol!r}. Take .01.")
    if not tol > 0:
        raise ValueError(f"tol must be positive, got {tol!r}. It is a relative error, such as .01.")
    check_count(4, n_probes=n_probes)  # fewer show no spread
    check_count(0, seed=seed)
    if rank is not None:
        check_count(1, rank=rank)
    n = operator.n
    part = PartialCholesky(operator, seed)
    if method in ("auto", "low-rank"):
        most = rank or (n if method == "low-rank" else max(n // _SHARE_OF_ROWS, _FIRST_RANK))
        low, high = _raised(part, min(most, n), alpha, tol)
        enough = high - low <= tol * (high + low)
        if method == "low-rank" or enough:
            error = max(high - low, 0.0) / 2
            return MatrixEntropyApproximation((low + high) / 2, error, part.rank, 0)
    elif method != "lanczos":
        part.extend(rank or math.ceil(2 * math.sqrt(n)))
    return _from_probes(operator, part, alpha, method, tol, n_probes, degree, seed)


def _raised(part: PartialCholesky, most: int, alpha: float, tol: float) -> tuple[float, float]:
    """Extend the factor until the bounds of the entropy are near enough."""
    rank = min(_FIRST_RANK, most)
    while True:
        part.extend(rank)
        known = np.linalg.eigvalsh(part.factor.T @ part.factor)
        if part.remainder == 0:
            known = known / np.sum(known)
        low, high = entropy_bracket(known, len(part.factor), alpha)
        if high - low <= tol * (high + low) or rank == most or part.remainder == 0:
            return low, high
        rank = min(most, math.ceil(_GROWTH * rank))


def _from_probes(
    operator: GramOperator,
    part: PartialCholesky,
    alpha: float,
    method: str,
    tol: float,
    n_probes: int,
    degree: int,
    seed: int,
) -> MatrixEntropyApproximation:
    one = np.ones(())

    def function(x: np.ndarray) -> np.ndarray:
        # Terms of each number by itself: those that are 0 may not depend on the largest.
        return spectral_terms(np.where(x > 0, x, 0.0)[..., None], alpha, one)[..., 0]

    def entropy(total: float) -> float:
        # The sum of powers, from which the logarithm is taken, came out as none.
        if alpha != 1 and ((alpha - 1) * total <= -1 if near_one(alpha) else total <= 0):
            return math.inf if alpha > 1 else 0.0
        return float(entropy_of_sum(np.asarray(total), alpha, one))

    n = operator.n
    factor = part.factor
    known, axes = np.linalg.eigh(factor.T @ factor)
    known = np.where(known > 0, known, 0.0)
    # Rademacher vectors: the diagonal adds nothing to their variance.
    probes = np.random.default_rng([seed, 1]).integers(0, 2, size=(n, n_probes)) * 2.0 - 1.0
    safe = np.where(known > 0, known, 1.0)
    inside = np.where(known > 0, 1.0, 0.0)[:, None] * ((factor @ axes).T @ probes) ** 2
    inside = inside / safe[:, None]
    of_known = function(known)
    if method == "chebyshev":
        forms = chebyshev_forms(operator.product, probes, function, degree, operator.bound())
    else:
        # The sum whose error makes a fifth of what is asked of the entropy.
        scale = abs(float(np.sum(of_known))) if len(known) else 1.0
        least = math.ceil((alpha + 1) / 2)  # from where on the quadrature rules enclose the form
        forms = lanczos_forms(
            operator.product, probes, function, max(degree, least), 0.2 * tol * scale, least
        )
    left = forms.values - of_known @ inside
    linear = forms.linear - known @ inside
    mean, deviation = _regression_mean(left, linear, 1.0 - float(np.sum(known)))
    total = float(np.sum(of_known)) + mean
    quantile = float(student.ppf((1 + _CONFIDENCE) / 2, n_probes - 2))
    off = quantile * deviation + forms.gap
    found = entropy(total)
    # Whatever the vectors say, the entropy is between what the factor leaves possible.
    lowest, highest = entropy_bracket(known, n, alpha)
    value = min(max(found, lowest), highest)
    ends = [min(max(entropy(total + sign * off), lowest), highest) for sign in (-1.0, 1.0)]
    # Vectors that contradict those bounds are wrong by as much at least.
    error = max(abs(end - value) for end in (*ends, found))
    return MatrixEntropyApproximation(value, error, part.rank, forms.n_products)


def _regression_mean(y: np.ndarray, x: np.ndarray, mean_of_x: float) -> tuple[float, float]:
    """Mean of y where that of x is known, and its standard error by leaving out each pair once.

    That counts how much single pairs weigh in the slope, which residuals do not.
    """

    # Forms that are equal but for rounding, as of a diagonal matrix, have no slope.
    least = len(x) * (_ROUNDINGS * np.finfo(float).eps * float(np.max(np.abs(x)))) ** 2

    def estimate(y: np.ndarray, x: np.ndarray) -> float:
        centred = x - np.mean(x)
        spread = float(centred @ centred)
        slope = float(centred @ (y - np.mean(y))) / spread if spread > least else 0.0
        return float(np.mean(y)) - slope * (float(np.mean(x)) - mean_of_x)

    n = len(y)
    others = [estimate(np.delete(y, i), np.delete(x, i)) for i in range(n)]
    return estimate(y, x), math.sqrt((n - 1) * float(np.var(others)))


def _from_features(
    rows: np.ndarray, alpha: float, n_frequencies: int, seed: int
) -> MatrixEntropyApproximation:
    rng = np.random.default_rng(seed)
    n_frequencies -= n_frequencies % 4
    angles = (rows - np.mean(rows, axis=0)) @ rng.normal(size=(rows.shape[1], n_frequencies))
    features = np.stack([np.cos(angles), np.sin(angles)], axis=-1)

    def entropy(some: np.ndarray) -> float:
        flat = some.reshape(len(rows), -1) / math.sqrt(len(rows) * some.shape[1])
        small = flat.T @ flat if flat.shape[1] < len(rows) else flat @ flat.T
        spectrum = np.linalg.eigvalsh(small)
        return float(entropy_of_spectrum(spectrum, alpha))

    value = entropy(features)
    quarters = [entropy(part) for part in np.array_split(features, 4, axis=1)]
    bias = (float(np.mean(quarters)) - value) / 3
    quantile = float(student.ppf((1 + _CONFIDENCE) / 2, 3))
    error = quantile * float(np.std(quarters, ddof=1)) / 4 + abs(bias)
    return MatrixEntropyApproximation(value - bias, error, 2 * n_frequencies, 0)
