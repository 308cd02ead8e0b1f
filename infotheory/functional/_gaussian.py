"""Closed forms for normal laws, and their estimates from samples without bias."""

from __future__ import annotations

import math

import numpy as np
import scipy.special
from array_api_compat import device

from infotheory._xp._namespace import Array, array_namespace, as_float, detached_numpy, like

_LOG_2PI_E = math.log(2 * math.pi * math.e)


def _log_det(matrix: Array) -> Array:
    xp = array_namespace(matrix)
    return xp.linalg.slogdet(matrix).logabsdet


def _trace_solve(a: Array, b: Array) -> Array:
    """tr(a^-1 b) over leading axes."""
    xp = array_namespace(a, b)
    return xp.linalg.trace(xp.linalg.solve(a, b))


def _quadratic(a: Array, v: Array) -> Array:
    """v^T a^-1 v over leading axes."""
    xp = array_namespace(a, v)
    return xp.sum(v * xp.squeeze(xp.linalg.solve(a, v[..., None]), axis=-1), axis=-1)


def gaussian_entropy(covariance: Array) -> Array:
    r"""Differential entropy of a normal law.

    Parameters
    ----------
    covariance : array of shape (..., d, d)
        Positive definite.

    Returns
    -------
    array of shape (...)
        :math:`\tfrac12 \ln((2\pi e)^d |\Sigma|)`, in nats; differentiable.

    Notes
    -----
    Complexity :math:`O(d^3)` a matrix. Source: Cover and Thomas, Elements of Information
    Theory, theorem 8.4.1, doi:10.1002/047174882X.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_entropy
    >>> print(f"{gaussian_entropy(np.eye(1)):.4f}")
    1.4189
    """
    return 0.5 * (covariance.shape[-1] * _LOG_2PI_E + _log_det(covariance))


def gaussian_mutual_information(covariance: Array, dim_x: int) -> Array:
    r"""Mutual information of two blocks of a normal vector.

    Parameters
    ----------
    covariance : array of shape (..., d, d)
        Positive definite covariance of (X, Y).
    dim_x : int
        Number of leading coordinates that make up X.

    Returns
    -------
    array of shape (...)
        :math:`\tfrac12 \ln(|\Sigma_X| |\Sigma_Y| / |\Sigma|)`, in nats; differentiable.

    Notes
    -----
    Complexity :math:`O(d^3)` a matrix. Source: Cover and Thomas, Elements of Information
    Theory, section 8.5, doi:10.1002/047174882X.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_mutual_information
    >>> print(f"{gaussian_mutual_information(np.array([[1.0, 0.6], [0.6, 1.0]]), 1):.4f}")
    0.2231
    """
    x = covariance[..., :dim_x, :dim_x]
    y = covariance[..., dim_x:, dim_x:]
    return 0.5 * (_log_det(x) + _log_det(y) - _log_det(covariance))


def gaussian_conditional_mutual_information(covariance: Array, dim_x: int, dim_y: int) -> Array:
    r"""Mutual information of two blocks of a normal vector given the rest.

    Parameters
    ----------
    covariance : array of shape (..., d, d)
        Positive definite covariance of (X, Y, Z).
    dim_x, dim_y : int
        Numbers of coordinates of X and of Y; Z is what remains, at least one.

    Returns
    -------
    array of shape (...)
        :math:`I(X; Y | Z) = I(X; (Y, Z)) - I(X; Z)`, in nats; differentiable.

    Notes
    -----
    Complexity :math:`O(d^3)` a matrix. Source: Cover and Thomas, Elements of Information
    Theory, theorem 2.5.2, doi:10.1002/047174882X.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_conditional_mutual_information
    >>> chain = np.array([[1.0, 0.25, 0.5], [0.25, 1.0, 0.5], [0.5, 0.5, 1.0]])
    >>> print(f"{abs(gaussian_conditional_mutual_information(chain, 1, 1)):.4f}")
    0.0000
    """
    xp = array_namespace(covariance)
    rows = xp.concat([covariance[..., :dim_x, :], covariance[..., dim_x + dim_y :, :]], axis=-2)
    without_y = xp.concat([rows[..., :dim_x], rows[..., dim_x + dim_y :]], axis=-1)
    return gaussian_mutual_information(covariance, dim_x) - gaussian_mutual_information(
        without_y, dim_x
    )


def gaussian_kl(mean_p: Array, covariance_p: Array, mean_q: Array, covariance_q: Array) -> Array:
    r"""Kullback-Leibler divergence of two normal laws.

    Parameters
    ----------
    mean_p, mean_q : array of shape (..., d)
    covariance_p, covariance_q : array of shape (..., d, d)
        Positive definite.

    Returns
    -------
    array of shape (...)
        :math:`KL(p \| q)` in nats; differentiable.

    Notes
    -----
    Complexity :math:`O(d^3)` a pair. Source: Kullback, Information Theory and Statistics
    (1959), chapter 9.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_kl
    >>> print(gaussian_kl(np.zeros(1), np.eye(1), np.ones(1), np.eye(1)))
    0.5
    """
    d = covariance_p.shape[-1]
    return 0.5 * (
        _trace_solve(covariance_q, covariance_p)
        + _quadratic(covariance_q, mean_q - mean_p)
        - d
        + _log_det(covariance_q)
        - _log_det(covariance_p)
    )


def gaussian_renyi_divergence(
    mean_p: Array, covariance_p: Array, mean_q: Array, covariance_q: Array, order: float
) -> Array:
    r"""Rényi divergence of two normal laws.

    Parameters
    ----------
    mean_p, mean_q : array of shape (..., d)
    covariance_p, covariance_q : array of shape (..., d, d)
        Positive definite; so must be ``order * covariance_q + (1 - order) * covariance_p``,
        which is certain only for orders between 0 and 1.
    order : float
        Positive, not 1 (where it is :func:`gaussian_kl`).

    Returns
    -------
    array of shape (...)
        :math:`D_\alpha(p \| q)` in nats; differentiable. At order 1/2 it is twice the
        Bhattacharyya distance.

    Notes
    -----
    Complexity :math:`O(d^3)` a pair. Source: Gil, Alajaji and Linder (2013),
    doi:10.1016/j.ins.2013.06.018.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_renyi_divergence
    >>> zero, one, unit = np.zeros(1), np.ones(1), np.eye(1)
    >>> print(f"{gaussian_renyi_divergence(zero, unit, one, unit, 0.5):.4f}")
    0.2500
    """
    mixed = order * covariance_q + (1 - order) * covariance_p
    log_dets = (
        _log_det(mixed) - (1 - order) * _log_det(covariance_p) - order * _log_det(covariance_q)
    )
    return 0.5 * order * _quadratic(mixed, mean_p - mean_q) - log_dets / (2 * (order - 1))


def gaussian_cauchy_schwarz_divergence(
    mean_p: Array, covariance_p: Array, mean_q: Array, covariance_q: Array
) -> Array:
    r"""Cauchy-Schwarz divergence of two normal laws, not halved.

    Parameters
    ----------
    mean_p, mean_q : array of shape (..., d)
    covariance_p, covariance_q : array of shape (..., d, d)
        Positive definite.

    Returns
    -------
    array of shape (...)
        :math:`-2\ln\int pq + \ln\int p^2 + \ln\int q^2`, in nats; differentiable.

    Notes
    -----
    Complexity :math:`O(d^3)` a pair. Source: Kampa, Hasanbelliu and Principe (2011),
    doi:10.1109/IJCNN.2011.6033529.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_cauchy_schwarz_divergence
    >>> zero, one, unit = np.zeros(1), np.ones(1), np.eye(1)
    >>> print(f"{gaussian_cauchy_schwarz_divergence(zero, unit, one, unit):.4f}")
    0.5000
    """
    d = covariance_p.shape[-1]
    total = covariance_p + covariance_q
    return (
        _quadratic(total, mean_p - mean_q)
        + _log_det(total)
        - d * math.log(2)
        - 0.5 * _log_det(covariance_p)
        - 0.5 * _log_det(covariance_q)
    )


def gaussian_log_density(X: Array, mean: Array, covariance: Array) -> Array:
    r"""Log density of a normal law.

    Parameters
    ----------
    X : array of shape (n, d)
    mean : array of shape (d,)
    covariance : array of shape (d, d)
        Positive definite.

    Returns
    -------
    array of shape (n,)
        Nats; differentiable in every argument.

    Notes
    -----
    Complexity :math:`O(d^3 + n d^2)`. Source: Mardia, Kent and Bibby, Multivariate Analysis
    (1979), section 2.5.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_log_density
    >>> gaussian_log_density(np.zeros((1, 1)), np.zeros(1), np.eye(1)).round(4)
    array([-0.9189])
    """
    xp = array_namespace(X, mean, covariance)
    centred = X - mean
    square = xp.sum(centred * xp.linalg.solve(covariance, centred.T).T, axis=-1)
    return -0.5 * (X.shape[-1] * math.log(2 * math.pi) + _log_det(covariance) + square)


def gaussian_log_ratio(
    X: Array, mean: Array, covariance: Array, dim_x: int, dim_y: int | None = None
) -> Array:
    r"""Log of p(x, y) / p(x) p(y) for a normal law, or of its form given a third block.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows (x, y) or (x, y, z).
    mean : array of shape (d,)
    covariance : array of shape (d, d)
        Positive definite.
    dim_x : int
        Number of leading columns that make up x.
    dim_y : int, optional
        Number of columns of y; the rest is z. All columns after x when None.

    Returns
    -------
    array of shape (n,)
        :math:`\ln p(x, y, z) - \ln p(x, z) - \ln p(y, z) + \ln p(z)` in nats; differentiable.
        Its mean under the law is the (conditional) mutual information.

    Notes
    -----
    Complexity :math:`O(d^3 + n d^2)`. Source: Cover and Thomas, Elements of Information Theory,
    section 8.5, doi:10.1002/047174882X.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_log_ratio
    >>> covariance = np.array([[1.0, 0.6], [0.6, 1.0]])
    >>> gaussian_log_ratio(np.zeros((1, 2)), np.zeros(2), covariance, 1).round(4)
    array([0.2231])
    """
    xp = array_namespace(X, mean, covariance)
    d = X.shape[1]
    end = d if dim_y is None else dim_x + dim_y
    x, y, z = list(range(dim_x)), list(range(dim_x, end)), list(range(end, d))

    def log_density(columns: list[int]) -> Array:
        chosen = xp.asarray(columns, dtype=xp.int64, device=device(X))
        block = xp.take(xp.take(covariance, chosen, axis=0), chosen, axis=1)
        return gaussian_log_density(xp.take(X, chosen, axis=1), xp.take(mean, chosen), block)

    value = log_density(x + y + z) - log_density(x + z) - log_density(y + z)
    return value + log_density(z) if z else value


def gaussian_sample(noise: Array, mean: Array, covariance: Array) -> Array:
    r"""Turn standard normal draws into draws from a normal law.

    Parameters
    ----------
    noise : array of shape (n, d)
        Independent standard normal numbers.
    mean : array of shape (d,)
    covariance : array of shape (d, d)
        Positive semi-definite.

    Returns
    -------
    array of shape (n, d)
        Differentiable in `noise` and `mean`.

    Notes
    -----
    Complexity :math:`O(d^3 + n d^2)`. Source: Mardia, Kent and Bibby, Multivariate Analysis
    (1979), section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_sample
    >>> gaussian_sample(np.ones((1, 1)), np.zeros(1), np.array([[4.0]])).tolist()
    [[2.0]]
    """
    xp = array_namespace(noise, mean, covariance)
    spectrum, axes = xp.linalg.eigh(covariance)
    root = axes * xp.sqrt(xp.where(spectrum > 0, spectrum, 0.0))
    return mean + noise @ root.T


def log_det_bias(n_samples: int, dim: int) -> float:
    r"""Expected excess of ln det S over ln det :math:`\Sigma` for a sample covariance S.

    Parameters
    ----------
    n_samples : int
        Rows in the sample, more than `dim`; S is divided by ``n_samples - 1``.
    dim : int
        Number of columns.

    Returns
    -------
    float
        :math:`\sum_{i=1}^{d} \psi((n-i)/2) + d \ln(2/(n-1))`, exact for normal samples.

    Notes
    -----
    Complexity :math:`O(d)`. Source: Misra, Singh and Demchuk (2005),
    doi:10.1016/j.jmva.2003.10.003.

    Examples
    --------
    >>> from infotheory.functional import log_det_bias
    >>> print(f"{log_det_bias(10, 1):.4f}")
    -0.1152
    """
    i = np.arange(1, dim + 1)
    return float(
        np.sum(scipy.special.digamma((n_samples - i) / 2)) + dim * math.log(2 / (n_samples - 1))
    )


def gaussian_scores(X: Array, reference: Array | None = None) -> Array:
    r"""Normal scores of each column: :math:`\Phi^{-1}((r - 1/2)/n)` of the ranks r.

    Parameters
    ----------
    X : array of shape (l, d)
        Without nan, which would rank last.
    reference : array of shape (n, d), optional
        Rank the rows of X among these; among themselves when None.

    Returns
    -------
    array of shape (l, d)
        Ties share their mean rank; values outside the reference get its extreme scores. Floating,
        detached: ranks have no gradient.

    Notes
    -----
    Mutual information does not change under strictly increasing maps of single coordinates, so
    it may be estimated on the scores. Complexity :math:`O(d (l + n) \ln n)`. Source: van der
    Waerden (1952); Liu, Lafferty and Wasserman (2009), arXiv:0903.0649.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_scores
    >>> print(gaussian_scores(np.array([[3.0], [1.0], [2.0]])).round(3)[:, 0].tolist())
    [0.967, -0.967, 0.0]
    """
    values = detached_numpy(as_float(X))
    ranked = values if reference is None else detached_numpy(as_float(reference))
    n = ranked.shape[0]
    columns = []
    for j in range(values.shape[1]):
        ordered = np.sort(ranked[:, j])
        below = np.searchsorted(ordered, values[:, j], side="left")
        up_to = np.searchsorted(ordered, values[:, j], side="right")
        columns.append(np.clip((below + up_to) / (2 * n), 0.5 / n, 1 - 0.5 / n))
    scores = scipy.special.ndtri(np.column_stack(columns))
    return like(scores.astype(values.dtype), X)
