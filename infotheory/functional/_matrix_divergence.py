"""What matrix entropies say of pairs against random pairs, and of two samples."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np
from array_api_compat import device

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._matrix_entropy import matrix_joint_entropy, normalized_gram
from infotheory.functional._spectrum import check_order, spectral_entropy
from infotheory.functional._transport_checks import check_count, check_library


def difference_of_matrix_entropies(
    K: Array, L: Array, alpha: float = 1.0, *, n_permutations: int | None = 10, seed: int = 0
) -> Array:
    r"""How much less entropy the pairs have than pairs at random (DiME).

    Parameters
    ----------
    K, L : arrays of shape (..., n, n)
        Gram matrices at the same n observations, as in :func:`matrix_entropy`.
    alpha : float
        Order, positive.
    n_permutations : int or None
        Permutations of the observations of L, the same for all of a batch. None, at alpha = 2
        alone, takes the exact mean of :math:`\mathrm{tr} A^2` over all permutations.
    seed : int
        Of the permutations.

    Returns
    -------
    array of shape (...)
        :math:`E_\Pi S_\alpha(X, \Pi Y) - S_\alpha(X, Y)` in nats; 0 on average at independence.
        Twice differentiable.

    Raises
    ------
    ValueError
        As in :func:`matrix_joint_entropy`, or if n_permutations is None and alpha is not 2, or
        less than 1.
    TypeError
        As in :func:`matrix_entropy`, or if n_permutations or seed is no integer.

    Notes
    -----
    Unlike :func:`matrix_mutual_information` it compares entropies of matrices that a narrow
    kernel brings to their ceiling alike: as bandwidths fall it tends to 0 and not to
    :math:`\ln n`, so that bandwidths may be chosen, or learnt, by its maximum. The exact mean is
    taken inside the logarithm,
    :math:`-\ln E\, \mathrm{tr} A^2`, which is below :math:`E S_2` by half the relative variance
    of :math:`\mathrm{tr} A^2`; its off-diagonal part is the product of the mean squares of the
    entries of K and L. Complexity `n_permutations` decompositions, :math:`O(n^3)` each; at
    alpha = 2 :math:`O(n^2)`. Source: Skean, Osorio, Brockmeier and Giraldo (2023),
    arXiv:2301.08164.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import difference_of_matrix_entropies
    >>> K = np.kron(np.eye(2), np.ones((4, 4)))
    >>> print(f"{difference_of_matrix_entropies(K, K, 2, n_permutations=None):.4f}")
    0.5596
    """
    check_order(alpha)
    xp = check_library("K", K, L)
    a, b = normalized_gram(K, "K"), normalized_gram(L, "L")
    paired = matrix_joint_entropy(K, L, alpha=alpha)
    n = a.shape[-1]
    if n_permutations is None:
        if alpha != 2:
            raise ValueError(
                f"n_permutations may be None at alpha = 2 alone, where the mean over permutations "
                f"is known, got alpha = {alpha!r}. Pass a number of permutations, such as 10."
            )
        return _mean_entropy_of_order_two(a, b) - paired
    check_count(1, n_permutations=n_permutations)
    check_count(0, seed=seed)
    rng = np.random.default_rng(seed)
    total = 0.0
    for _ in range(n_permutations):
        order = xp.asarray(rng.permutation(n), dtype=xp.int64, device=device(b))
        moved = xp.take(xp.take(b, order, axis=-1), order, axis=-2)
        total = total + spectral_entropy(a * moved * n, alpha)
    return total / n_permutations - paired


def _mean_entropy_of_order_two(a: Array, b: Array) -> Array:
    """-ln of the mean of tr (n A o PBP^T)^2 over all permutations P."""
    xp = array_namespace(a, b)
    n = a.shape[-1]
    # The diagonals are 1/n and stay; off them every entry of B meets every entry of A.
    apart = [xp.sum(x * x, axis=(-2, -1)) - 1 / n for x in (a, b)]
    meeting = n / (n - 1) * apart[0] * apart[1] if n > 1 else 0.0 * apart[0]
    return 0.0 - xp.log(1 / n + meeting)


def jensen_renyi_divergence(
    K: Array, n_first: int, alpha: float = 1.0, *, weight: float = 0.5
) -> Array:
    r"""Jensen-Rényi divergence of two samples from the Gram matrix of all their rows.

    Parameters
    ----------
    K : array of shape (..., n + m, n + m)
        Gram matrix, as in :func:`matrix_entropy`, of the rows of the first sample and then those
        of the second.
    n_first : int
        n, the rows of the first sample, from 1 to n + m - 1.
    alpha : float
        Order, positive.
    weight : float
        Of the first sample, between 0 and 1; a half whatever the sizes of the samples.

    Returns
    -------
    array of shape (...)
        :math:`S_\alpha(w C_1 + (1 - w) C_2) - w S_\alpha(C_1) - (1 - w) S_\alpha(C_2)` in nats,
        of the second moments :math:`C_1, C_2` of the samples in the space of the kernel. Twice
        differentiable.

    Raises
    ------
    ValueError
        As in :func:`matrix_entropy`, or if `n_first` or `weight` is out of its range.
    TypeError
        As in :func:`matrix_entropy`, or if `n_first` is no integer or `weight` no number.

    Notes
    -----
    Not negative for alpha <= 1, where the entropy is concave; for larger orders it may be. At
    alpha = 1 it is at most :math:`-w \ln w - (1-w) \ln(1-w)`, and for samples of one size
    :func:`matrix_mutual_information` of the rows and their labels. Finite samples of one law have
    positive values. Complexity :math:`O((n + m)^3)`, at alpha = 2 :math:`O((n + m)^2)`. Source:
    Hoyos Osorio, Skean, Brockmeier and Giraldo (2022), arXiv:2112.01583.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import jensen_renyi_divergence
    >>> K = np.kron(np.eye(2), np.ones((3, 3)))  # two samples that share nothing
    >>> print(f"{jensen_renyi_divergence(K, 3):.4f}")  # ln 2
    0.6931
    """
    pooled = normalized_gram(K)
    xp = array_namespace(pooled)
    check_count(0, n_first=n_first)
    total = pooled.shape[-1]
    if not 1 <= n_first < total:
        raise ValueError(
            f"n_first must be from 1 to {total - 1}, so that both samples have rows, got "
            f"{n_first!r}."
        )
    if not isinstance(weight, Real):
        raise TypeError(f"weight must be a number between 0 and 1, got {weight!r}. Take 1/2.")
    if not 0 < weight < 1:
        raise ValueError(f"weight must be between 0 and 1, got {weight!r}.")
    ones = xp.ones(total, dtype=pooled.dtype, device=device(pooled))
    n_second = total - n_first
    roots = xp.concat(
        [
            math.sqrt(weight * total / n_first) * ones[:n_first],
            math.sqrt((1 - weight) * total / n_second) * ones[n_first:],
        ]
    )
    mixed = spectral_entropy(pooled * roots[:, None] * roots, alpha)
    one = spectral_entropy(pooled[..., :n_first, :n_first] * (total / n_first), alpha)
    other = spectral_entropy(pooled[..., n_first:, n_first:] * (total / n_second), alpha)
    return mixed - weight * one - (1 - weight) * other
