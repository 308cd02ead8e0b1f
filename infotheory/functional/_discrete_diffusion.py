r"""Diffusion of symbols by random replacement, and information from ratios of probabilities.

At noise level s each of L symbols from K is replaced, with probability :math:`1 - e^{-s}`, by one
drawn uniformly. Let :math:`p_s` be the law of what comes out, and :math:`r_p(y)` the ratio
:math:`p_s(y) / p_s(x)` for each y that differs from x in one symbol. Then

.. math::

    -\frac{d}{ds} KL(p_s \| q_s)
    = E_{p_s} \sum_{y \ne x} Q(y, x) (r_q - r_p \ln r_q + r_p (\ln r_p - 1)),

Q(y, x) = 1/K the rate from y *into* x. An integral over [low, high] is
:math:`KL(p_{low} \| q_{low}) - KL(p_{high} \| q_{high})`, exactly. What is missing is
:math:`KL(p_{high} \| q_{high}) \le (1 - (1 - e^{-high})^L) KL(p \| q)`, about
:math:`L e^{-high} KL(p \| q)` (Polyanskiy and Wu), and at the lower end `low` times the sum above
at level 0, to first order. Rarer symbols need a smaller `low`.
"""

from __future__ import annotations

from array_api_compat import device

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._symbol_context import is_symbol, probabilities_in_context


def uniform_transition(noise_level: Array, n_categories: int) -> Array:
    r"""Transition probabilities of a symbol that is replaced by a uniform one.

    Parameters
    ----------
    noise_level : array of shape (...)
        Time, not negative, at rate 1.
    n_categories : int
        K.

    Returns
    -------
    array of shape (..., K, K)
        :math:`e^{-s} I + (1 - e^{-s}) / K`, from row to column; differentiable.

    Notes
    -----
    Complexity :math:`O(K^2)`. Source: Austin, Johnson, Ho, Tarlow and van den Berg (2021),
    arXiv:2107.03006.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import uniform_transition
    >>> uniform_transition(np.log(np.array(2.0)), 2).round(4).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    stay, gone = _kept(noise_level, extra_axes=2)
    return stay * _identity(stay, n_categories) + gone / n_categories


def absorbing_transition(noise_level: Array, n_categories: int) -> Array:
    r"""Transition probabilities of a symbol that is masked for good.

    Parameters
    ----------
    noise_level : array of shape (...)
        Time, not negative, at rate 1.
    n_categories : int
        K, without the mask, which is symbol K.

    Returns
    -------
    array of shape (..., K + 1, K + 1)
        A symbol is kept with probability :math:`e^{-s}`; from row to column; differentiable.

    Notes
    -----
    Complexity :math:`O(K^2)`. Source: Austin, Johnson, Ho, Tarlow and van den Berg (2021),
    arXiv:2107.03006.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import absorbing_transition
    >>> absorbing_transition(np.log(np.array(2.0)), 2).round(4).tolist()
    [[0.5, 0.0, 0.5], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]]
    """
    stay, gone = _kept(noise_level, extra_axes=2)
    identity = _identity(stay, n_categories + 1)
    return stay * identity + gone * identity[-1:, :]


def uniform_rate(symbols: Array, n_categories: int, *, like: Array) -> Array:
    r"""Rates into each sequence from those that differ in one symbol, uniform replacement.

    Parameters
    ----------
    symbols : array of shape (..., L)
        Integers from 0 to K - 1.
    n_categories : int
        K.
    like : array
        Floating; gives the result its dtype.

    Returns
    -------
    array of shape (..., L, K)
        1/K, and 0 where the symbol is the one that is there.

    Notes
    -----
    Complexity :math:`O(L K)`. Source: Lou, Meng and Ermon (2024), arXiv:2310.16834.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import uniform_rate
    >>> uniform_rate(np.array([1]), 2, like=np.zeros(1)).tolist()
    [[0.5, 0.0]]
    """
    xp = array_namespace(symbols, like)
    there = is_symbol(symbols, n_categories)
    return xp.astype(~there, like.dtype) / n_categories


def uniform_log_ratio(symbols: Array, clean: Array, noise_level: Array, n_categories: int) -> Array:
    r"""Log ratios of the probabilities of neighbouring sequences, given the clean sequence.

    Parameters
    ----------
    symbols : array of shape (..., L)
        Integers from 0 to K - 1, after uniform replacement.
    clean : array of shape (..., L)
        The symbols before.
    noise_level : array of shape (...)
        Positive.
    n_categories : int
        K.

    Returns
    -------
    array of shape (..., L, K)
        :math:`\ln p_s(y | x_0) / p_s(x | x_0)` with one symbol of x replaced; differentiable in
        the noise level. The target of :func:`score_entropy` in training: the mean of the ratio
        over clean sequences given x is :math:`p_s(y) / p_s(x)`.

    Notes
    -----
    Complexity :math:`O(L K)`. Source: Lou, Meng and Ermon (2024), arXiv:2310.16834.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import uniform_log_ratio
    >>> level = np.log(np.array([2.0]))
    >>> log_ratio = uniform_log_ratio(np.array([[1]]), np.array([[0]]), level, 2)
    >>> np.exp(log_ratio).round(4).tolist()
    [[[3.0, 1.0]]]
    """
    xp = array_namespace(symbols, clean, noise_level)
    stay, gone = _kept(noise_level, extra_axes=2)
    move = gone / n_categories
    log_chance = xp.where(is_symbol(clean, n_categories), xp.log(stay + move), xp.log(move))
    return log_chance - _at(symbols, log_chance)


def uniform_log_score(symbols: Array, noise_level: Array, pmf: Array) -> Array:
    r"""Log ratios of the probabilities of neighbouring sequences, for a known law.

    Parameters
    ----------
    symbols : array of shape (..., L)
        Integers from 0 to K - 1, after uniform replacement.
    noise_level : array of shape (...)
        Positive.
    pmf : array of shape (K, ..., K)
        Probabilities of the clean sequences, one axis a symbol, L axes.

    Returns
    -------
    array of shape (..., L, K)
        :math:`\ln p_s(y) / p_s(x)` with one symbol of x replaced; differentiable in the noise
        level and the law. The exact prediction to compare a model with.

    Notes
    -----
    Complexity :math:`O(L K^L)` a sequence. Source: Lou, Meng and Ermon (2024),
    arXiv:2310.16834.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import uniform_log_score
    >>> pmf, level = np.array([0.9, 0.1]), np.log(np.array([2.0]))
    >>> np.exp(uniform_log_score(np.array([[0]]), level, pmf)).round(4).tolist()
    [[[1.0, 0.4286]]]
    """
    xp = array_namespace(symbols, noise_level, pmf)
    k = pmf.shape[0]
    stay, gone = _kept(noise_level, extra_axes=2)
    factors = stay * xp.astype(is_symbol(symbols, k), pmf.dtype) + gone / k
    clean = probabilities_in_context(factors, pmf)
    log_chance = xp.log(stay * clean + gone / k * xp.sum(clean, axis=-1, keepdims=True))
    return log_chance - _at(symbols, log_chance)


def score_entropy(log_score: Array, log_ratio: Array, rate: Array, weight: Array | float) -> Array:
    r"""How far predicted ratios of probabilities are from true ones: the loss to train on.

    Parameters
    ----------
    log_score : array of shape (..., L, K)
        Logs of the predicted ratios s, for each place and symbol that may be put there.
    log_ratio : array of shape (..., L, K)
        Logs of the true ratios r, given the clean sequence in training; -inf where r = 0.
    rate : array of shape (..., L, K)
        Rate from the changed sequence into the present one, 0 for the symbol that is there:
        :func:`uniform_rate`. Nothing else is read where it is 0.
    weight : array of shape (...) or float
        One over the density of the noise level.

    Returns
    -------
    array of shape (...)
        :math:`w \sum Q (s - r \ln s + r (\ln r - 1))`, in nats, never negative, and 0 where
        s = r; differentiable. Infinite where s = 0 < r.

    Notes
    -----
    Given the clean sequence its mean has the same minimum as with the ratios of the law, and the
    difference of the values of two models, :math:`s_q` less :math:`s_p`, both against the ratios
    given the clean sequence, has the divergence :math:`KL(p \| q)` as its mean: an error of
    either model then enters in second order, as in :func:`denoising_gap`. Complexity
    :math:`O(L K)`. Source: Lou, Meng and Ermon (2024), arXiv:2310.16834.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import score_entropy
    >>> truth, rate = np.log(np.array([[1.0, 0.5]])), np.array([[0.0, 0.5]])
    >>> print(f"{score_entropy(truth, truth, rate, 1.0):.4f}")
    0.0000
    >>> print(f"{score_entropy(truth + 0.1, truth, rate, 1.0):.4f}")
    0.0013
    """
    xp = array_namespace(log_score, log_ratio, rate)
    counts = rate != 0
    some = counts & (log_ratio != -xp.inf)
    score = xp.where(counts, log_score, 0.0)
    ratio = xp.where(some, log_ratio, 0.0)
    # r (s/r - 1 - ln s/r) keeps its digits, and its sign, where s is close to r.
    excess = xp.where(some, score - ratio, 0.0)
    near = xp.exp(ratio) * (xp.expm1(excess) - excess)
    terms = rate * xp.where(some, near, xp.exp(score))
    return weight * xp.sum(xp.where(counts, terms, 0.0), axis=(-2, -1))


def score_entropy_divergence(
    log_score_p: Array, log_score_q: Array, rate: Array, weight: Array | float
) -> Array:
    r"""Divergence of two laws of symbols from ratios of their probabilities, term by term.

    Parameters
    ----------
    log_score_p, log_score_q : array of shape (..., L, K)
        Logs of the ratios under each law, at sequences from P after replacement.
    rate : array of shape (..., L, K)
        As for :func:`score_entropy`.
    weight : array of shape (...) or float
        One over the density of the noise level.

    Returns
    -------
    array of shape (...)
        :math:`w \sum Q (s_q - s_p \ln s_q + s_p (\ln s_p - 1))`, in nats, never negative;
        differentiable. Its mean is :math:`KL(p \| q)`.

    Notes
    -----
    With p given y and q not, the mean is I(X; Y). It is the form "inside" of
    :func:`score_gap`: it varies little, and an error of a score enters in first order; the
    difference of two :func:`score_entropy` does better. Noise levels from `low` to `high` leave
    out at most :math:`(1 - (1 - e^{-high})^L) KL(p \| q)` above, and `low` times the sum at
    level 0 below, to first order. Complexity :math:`O(L K)`. Source: Lou, Meng and Ermon (2024),
    arXiv:2310.16834; for the upper end Polyanskiy and Wu (2017), arXiv:1508.06025.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import score_entropy_divergence
    >>> p, q = np.log(np.array([[1.0, 0.5]])), np.log(np.array([[1.0, 2.0]]))
    >>> print(f"{score_entropy_divergence(p, q, np.array([[0.0, 0.5]]), 1.0):.4f}")
    0.4034
    """
    return score_entropy(log_score_q, log_score_p, rate, weight)


def _kept(noise_level: Array, extra_axes: int) -> tuple[Array, Array]:
    """Probabilities that a symbol is kept and that it is not, with axes to broadcast."""
    xp = array_namespace(noise_level)
    level = xp.reshape(noise_level, tuple(noise_level.shape) + (1,) * extra_axes)
    return xp.exp(-level), -xp.expm1(-level)


def _identity(like: Array, n: int) -> Array:
    xp = array_namespace(like)
    return xp.eye(n, dtype=like.dtype, device=device(like))


def _at(symbols: Array, log_chance: Array) -> Array:
    """The entry of the symbol that is there, with an axis to broadcast."""
    xp = array_namespace(symbols, log_chance)
    there = is_symbol(symbols, log_chance.shape[-1])
    return xp.sum(xp.where(there, log_chance, 0.0), axis=-1, keepdims=True)
