"""Entropies of Gram matrices, and the information made of them."""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import device

from infotheory._xp._namespace import Array, as_working_float
from infotheory.functional._kernel_checks import check_no_half, check_numbers
from infotheory.functional._matrix_root import detached
from infotheory.functional._spectrum import check_finite, spectral_entropy
from infotheory.functional._transport_checks import check_library


def normalized_gram(K: Array, name: str = "K") -> Array:
    """K_ij / (n sqrt(K_ii K_jj)): diagonal 1/n, trace 1.

    What can be seen in O(n^2) is checked: finite numbers, symmetry, a positive diagonal, and
    K_ij^2 <= K_ii K_jj, without which K has a negative eigenvalue.
    """
    xp = check_square(K, name)
    K = as_working_float(K)
    check_finite(K, name)
    tolerance = math.sqrt(float(xp.finfo(K.dtype).eps))
    diagonal = xp.linalg.diagonal(K)
    if not xp.all(diagonal > 0):
        raise ValueError(
            f"{name} must be positive semi-definite with a positive diagonal, got a diagonal entry "
            f"of {float(xp.min(detached(diagonal))):.3g}: such a row has no direction. Leave it "
            f"out, or use a kernel with k(x, x) > 0."
        )
    root = xp.sqrt(diagonal)
    cosines = K / root[..., :, None] / root[..., None, :]
    largest = float(xp.max(xp.abs(detached(cosines))))
    if largest > 1 + tolerance:
        raise ValueError(
            f"{name} must be positive semi-definite, got |K_ij| = {largest:.3g} sqrt(K_ii K_jj). "
            f"Use a positive definite kernel."
        )
    skew = float(xp.max(xp.abs(detached(cosines - xp.matrix_transpose(cosines)))))
    if skew > tolerance:
        raise ValueError(
            f"{name} must be symmetric, got entries that differ by {skew:.3g} of "
            f"sqrt(K_ii K_jj) from their mirror images. Pass the Gram matrix of one sample."
        )
    n = K.shape[-1]
    itself = xp.eye(n, dtype=xp.bool, device=device(K))
    return xp.where(itself, 1.0, cosines) / n


def check_square(K: Array, name: str) -> Any:
    """The library of square matrices of real numbers, not in halves and none of them masked."""
    xp = check_numbers(name, K)
    check_no_half(name, K)
    if K.ndim < 2 or K.shape[-1] != K.shape[-2] or 0 in K.shape:
        raise ValueError(
            f"{name} must have shape (..., n, n), one row and column for each observation, got "
            f"{tuple(K.shape)}."
        )
    return xp


def joint_gram(*grams: Array) -> Array:
    """The normalised entrywise product: the Gram matrix of the pairs, triples, ..."""
    if not grams:
        raise ValueError("At least one Gram matrix is needed, got none.")
    for i, gram in enumerate(grams):
        check_square(gram, f"Gram matrix {i}")
    check_library("Gram matrix 0", *grams)
    n = grams[0].shape[-1]
    product = None
    for i, gram in enumerate(grams):
        if gram.shape[-1] != n:
            raise ValueError(
                f"All Gram matrices must have the same rows, got {n} and {gram.shape[-1]} of them. "
                f"Compute each from the same observations."
            )
        one = normalized_gram(gram, f"Gram matrix {i}")
        product = one if product is None else product * one * n
    return product


def matrix_entropy(K: Array, alpha: float = 1.0) -> Array:
    r"""Matrix-based Rényi entropy of a Gram matrix.

    Parameters
    ----------
    K : array of shape (..., n, n)
        Symmetric, positive semi-definite, with a positive diagonal: values of a kernel at all
        pairs of n observations. It is normalised to
        :math:`A_{ij} = K_{ij} / (n \sqrt{K_{ii} K_{jj}})`.
    alpha : float
        Order, positive; infinity is allowed. At 2 no eigenvalue is needed.

    Returns
    -------
    array of shape (...)
        :math:`S_\alpha = \frac{1}{1 - \alpha} \ln \mathrm{tr} A^\alpha`, at order 1
        :math:`-\mathrm{tr} A \ln A`, in nats. Twice differentiable in Torch, also where
        eigenvalues coincide or are 0; at the order infinity twice where the largest eigenvalue is
        simple. Where others coincide with it the first derivative is that of their mean, and the
        second raises.

    Raises
    ------
    ValueError
        If K is not of this form, or alpha is not positive.
    TypeError
        If K is no array of numbers, is in half precision or has masked entries, or alpha is no
        number.

    Notes
    -----
    Between 0 (all entries of A equal) and :math:`\ln n` (K diagonal): a value near :math:`\ln n`
    says that the kernel is too narrow for so few observations to resemble each other. The kernel
    and its bandwidth decide the value; there is no estimate of Shannon's entropy in it. With the
    kernel of labels, 1 for equal ones, it is the Rényi entropy of their frequencies.

    Eigenvalues that rounding made negative count as 0; one below the square root of the machine
    precision, relative to the largest, raises. For alpha < 1, where powers of tiny numbers are
    large, eigenvalues below n times the machine precision count as 0 as well. The derivative at
    an eigenvalue of 0, infinite for alpha <= 1, is taken as 0. At alpha = 2 eigenvalues are not
    looked at, and only what entries show of a negative one is told.

    Complexity :math:`O(n^3)`, at alpha = 2 :math:`O(n^2)`. For large n see
    :func:`approximate_matrix_entropy` and :func:`gaussian_matrix_entropy`. Source: Giraldo, Rao
    and Principe (2015), arXiv:1211.2459.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import matrix_entropy
    >>> labels = np.array([0, 0, 1, 2])
    >>> K = (labels[:, None] == labels).astype(float)
    >>> print(f"{matrix_entropy(K):.4f}")  # entropy of (1/2, 1/4, 1/4)
    1.0397
    >>> print(f"{matrix_entropy(K, 2):.4f}")  # -ln(1/4 + 1/16 + 1/16)
    0.9808
    """
    return spectral_entropy(normalized_gram(K), alpha)


def matrix_joint_entropy(*grams: Array, alpha: float = 1.0) -> Array:
    r"""Matrix-based entropy of several variables together.

    Parameters
    ----------
    *grams : arrays of shape (..., n, n)
        Gram matrices of the variables at the same n observations, as in :func:`matrix_entropy`.
    alpha : float
        Order, positive.

    Returns
    -------
    array of shape (...)
        :math:`S_\alpha` of the normalised entrywise product, in nats. Twice differentiable.

    Raises
    ------
    ValueError
        As in :func:`matrix_entropy`, or if the numbers of observations differ.

    Notes
    -----
    The product is the Gram matrix of the product kernel. For every order it is at least the
    entropy of each variable; at most their sum for certain only at alpha = 1. Complexity
    :math:`O(n^3)`, at alpha = 2 :math:`O(n^2)`. Source: Yu, Giraldo, Jenssen and Principe (2020),
    arXiv:1808.07912.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import matrix_joint_entropy
    >>> x, y = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> K, L = ((v[:, None] == v).astype(float) for v in (x, y))
    >>> print(f"{matrix_joint_entropy(K, L):.4f}")  # ln 4
    1.3863
    """
    return spectral_entropy(joint_gram(*grams), alpha)


def matrix_conditional_entropy(K: Array, *given: Array, alpha: float = 1.0) -> Array:
    r"""Matrix-based entropy of a variable given others.

    Parameters
    ----------
    K : array of shape (..., n, n)
        Gram matrix, as in :func:`matrix_entropy`.
    *given : arrays of shape (..., n, n)
        Gram matrices of the known variables, at least one.
    alpha : float
        Order, positive.

    Returns
    -------
    array of shape (...)
        :math:`S_\alpha(X, Y) - S_\alpha(Y)` in nats; not negative. Twice differentiable.

    Raises
    ------
    ValueError
        As in :func:`matrix_joint_entropy`.

    Notes
    -----
    Complexity :math:`O(n^3)`, at alpha = 2 :math:`O(n^2)`. Source: Giraldo, Rao and Principe
    (2015), arXiv:1211.2459.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import matrix_conditional_entropy
    >>> x, y = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> K, L = ((v[:, None] == v).astype(float) for v in (x, y))
    >>> print(f"{matrix_conditional_entropy(K, L):.4f}")  # ln 2
    0.6931
    """
    joint = matrix_joint_entropy(K, *given, alpha=alpha)
    return joint - matrix_joint_entropy(*given, alpha=alpha)


def matrix_mutual_information(K: Array, L: Array, alpha: float = 1.0) -> Array:
    r"""Matrix-based mutual information of two variables.

    Parameters
    ----------
    K, L : arrays of shape (..., n, n)
        Gram matrices at the same n observations, as in :func:`matrix_entropy`.
    alpha : float
        Order, positive.

    Returns
    -------
    array of shape (...)
        :math:`S_\alpha(X) + S_\alpha(Y) - S_\alpha(X, Y)` in nats, as it is: for orders other
        than 1 it may be negative. Twice differentiable.

    Raises
    ------
    ValueError
        As in :func:`matrix_joint_entropy`.

    Notes
    -----
    At most the smaller of the two entropies, and so at most :math:`\ln n`; not negative at
    alpha = 1, where the entropy is subadditive. No data-processing law is known for other orders.
    With finite n it is positive under independence as well: a permutation test tells
    (:func:`infotheory.permutation_test`). Complexity :math:`O(n^3)`, at alpha = 2
    :math:`O(n^2)`. Source: Giraldo, Rao and Principe (2015), arXiv:1211.2459.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import matrix_mutual_information
    >>> x, y = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])
    >>> K, L = ((v[:, None] == v).astype(float) for v in (x, y))
    >>> print(f"{matrix_mutual_information(K, L):.4f}")  # that of the table of counts
    0.2158
    """
    check_library("K", K, L)
    alone = matrix_entropy(K, alpha) + matrix_entropy(L, alpha)
    return alone - matrix_joint_entropy(K, L, alpha=alpha)


def normalized_matrix_mutual_information(K: Array, L: Array, alpha: float = 1.0) -> Array:
    r"""Matrix-based mutual information as a share of the larger entropy.

    Parameters
    ----------
    K, L : arrays of shape (..., n, n)
        Gram matrices at the same n observations, as in :func:`matrix_entropy`.
    alpha : float
        Order, positive.

    Returns
    -------
    array of shape (...)
        :func:`matrix_mutual_information` over :math:`\max(S_\alpha(X), S_\alpha(Y))`, at most 1;
        0 where both entropies are 0. Differentiable.

    Raises
    ------
    ValueError
        As in :func:`matrix_joint_entropy`.

    Notes
    -----
    Complexity :math:`O(n^3)`, at alpha = 2 :math:`O(n^2)`. Source: Yu, Alesiani, Yu, Jenssen and
    Principe (2021), arXiv:2101.10160.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import normalized_matrix_mutual_information
    >>> K = np.eye(4)
    >>> print(f"{normalized_matrix_mutual_information(K, K):.4f}")
    1.0000
    """
    xp = check_library("K", K, L)
    first, second = matrix_entropy(K, alpha), matrix_entropy(L, alpha)
    larger = xp.maximum(first, second)
    # An entropy of 0 comes out as a rounding error of either sign.
    some = larger > 4 * K.shape[-1] * float(xp.finfo(larger.dtype).eps)
    value = first + second - matrix_joint_entropy(K, L, alpha=alpha)
    return xp.where(some, value / xp.where(some, larger, 1.0), 0.0)


def matrix_total_correlation(*grams: Array, alpha: float = 1.0) -> Array:
    r"""Matrix-based total correlation of several variables.

    Parameters
    ----------
    *grams : arrays of shape (..., n, n)
        Gram matrices at the same n observations, as in :func:`matrix_entropy`.
    alpha : float
        Order, positive.

    Returns
    -------
    array of shape (...)
        :math:`\sum_k S_\alpha(X_k) - S_\alpha(X_1, X_2, \ldots)` in nats, as it is: for orders
        other than 1 it may be negative. Twice differentiable.

    Raises
    ------
    ValueError
        As in :func:`matrix_joint_entropy`.

    Notes
    -----
    Of two variables it is :func:`matrix_mutual_information`, of one it is 0. Complexity
    :math:`O(k n^3)` for k variables, at alpha = 2 :math:`O(k n^2)`. Source: Yu, Giraldo, Jenssen
    and Principe (2020), arXiv:1808.07912.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import matrix_total_correlation
    >>> x = np.array([0, 0, 1, 1])
    >>> K = (x[:, None] == x).astype(float)
    >>> print(f"{matrix_total_correlation(K, K, K):.4f}")  # 2 ln 2
    1.3863
    """
    joint = matrix_joint_entropy(*grams, alpha=alpha)
    return sum((matrix_entropy(gram, alpha) for gram in grams), 0.0 * joint) - joint
