"""Shannon entropy of known laws on finite alphabets, and what is made of sums of it.

Arrays of probabilities hold one law along the last axis, or a joint law along the last two or
three; leading axes are batches. At a cell of probability 0 each gradient is the derivative where
that is finite, and finite where it is not.
"""

from __future__ import annotations

from infotheory._xp._namespace import Array, array_namespace
from infotheory._xp._special import xlogy


def _entropy(p: Array, axis: int | tuple[int, ...]) -> Array:
    xp = array_namespace(p)
    return 0.0 - xp.sum(xlogy(p, p), axis=axis)  # unary minus would print -0.0


def entropy(p: Array) -> Array:
    r"""Shannon entropy of a law on a finite alphabet.

    Parameters
    ----------
    p : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.

    Returns
    -------
    array of shape (...)
        :math:`-\sum_i p_i \ln p_i`, in nats, with 0 ln 0 = 0; differentiable.

    Notes
    -----
    At a cell of probability 0, where the derivative is infinite, the gradient is 0. Complexity
    :math:`O(k)`. Source: Shannon (1948), doi:10.1002/j.1538-7305.1948.tb01338.x.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import entropy
    >>> print(f"{entropy(np.array([0.5, 0.25, 0.25, 0.0])):.4f}")
    1.0397
    """
    return _entropy(p, -1)


def conditional_entropy(pxy: Array) -> Array:
    r"""Entropy of the first of two variables given the second, on finite alphabets.

    Parameters
    ----------
    pxy : array of shape (..., k, l)
        Joint probabilities: floating, of sum 1 over the last two axes, X along the last but one
        and Y along the last.

    Returns
    -------
    array of shape (...)
        :math:`H(X | Y) = H(X, Y) - H(Y)`, in nats; differentiable.

    Notes
    -----
    Complexity :math:`O(kl)`. Source: Cover and Thomas, Elements of Information Theory,
    theorem 2.2.1, doi:10.1002/047174882X.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import conditional_entropy
    >>> print(f"{conditional_entropy(np.array([[0.25, 0.5], [0.25, 0.0]])):.4f}")
    0.3466
    """
    xp = array_namespace(pxy)
    return _entropy(pxy, (-2, -1)) - _entropy(xp.sum(pxy, axis=-2), -1)


def mutual_information(pxy: Array) -> Array:
    r"""Mutual information of two variables on finite alphabets.

    Parameters
    ----------
    pxy : array of shape (..., k, l)
        Joint probabilities: floating, of sum 1 over the last two axes.

    Returns
    -------
    array of shape (...)
        :math:`I(X; Y) = H(X) + H(Y) - H(X, Y)`, in nats; differentiable.

    Notes
    -----
    Independent variables give 0 to rounding, which may be of either sign. Complexity
    :math:`O(kl)`. Source: Cover and Thomas, Elements of Information Theory, section 2.4,
    doi:10.1002/047174882X.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import mutual_information
    >>> print(f"{mutual_information(np.array([[0.5, 0.0], [0.0, 0.5]])):.4f}")
    0.6931
    """
    xp = array_namespace(pxy)
    x = xp.sum(pxy, axis=-1)
    y = xp.sum(pxy, axis=-2)
    return _entropy(x, -1) + _entropy(y, -1) - _entropy(pxy, (-2, -1))


def conditional_mutual_information(pxyz: Array) -> Array:
    r"""Mutual information of two variables given a third, on finite alphabets.

    Parameters
    ----------
    pxyz : array of shape (..., k, l, m)
        Joint probabilities: floating, of sum 1 over the last three axes; the last axis is the
        condition.

    Returns
    -------
    array of shape (...)
        :math:`I(X; Y | Z) = H(X, Z) + H(Y, Z) - H(X, Y, Z) - H(Z)`, in nats; differentiable.

    Notes
    -----
    Conditionally independent variables give 0 to rounding, which may be of either sign.
    Complexity :math:`O(klm)`. Source: Cover and Thomas, Elements of Information Theory,
    section 2.5, doi:10.1002/047174882X.

    Examples
    --------
    Z is the parity of two fair coins, so that either coin gives away the other:

    >>> import numpy as np
    >>> from infotheory.functional import conditional_mutual_information
    >>> parity = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])
    >>> print(f"{conditional_mutual_information(parity):.4f}")
    0.6931
    """
    xp = array_namespace(pxyz)
    xz = _entropy(xp.sum(pxyz, axis=-2), (-2, -1))
    yz = _entropy(xp.sum(pxyz, axis=-3), (-2, -1))
    z = _entropy(xp.sum(pxyz, axis=(-3, -2)), -1)
    return xz + yz - z - _entropy(pxyz, (-3, -2, -1))
