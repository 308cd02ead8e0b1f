r"""Information from guesses of masked symbols: the absorbing diffusion, without its time.

Mask each of L symbols with probability u. By the chain rule, over a random order of the symbols,

.. math::

    \ln p(x) = \int_0^1 \frac{du}{u} E_M \sum_{i \in M} \ln p(x_i | x_{-M})
    = E_k \frac{L}{k} E_{|M| = k} \sum_{i \in M} \ln p(x_i | x_{-M}),

k uniform on 1, ..., L: row by row, and nothing is left out at either end. The two sides are one,
since :math:`\int u^{k-1} (1-u)^{L-k} du` is one over :math:`k \binom{L}{k}`. Weights 1/u have an
infinite variance near 0, weights L/k are at most L: prefer the second.

The absorbing diffusion at noise level s masks with :math:`u = 1 - e^{-s}`, the ratio of its
probabilities is :math:`e^{-s} p(y | x_{-M}) / u`, and ds times its score entropy is du/u times
the divergence of the guesses.
"""

from __future__ import annotations

from infotheory._xp import safe_log
from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._symbol_context import is_symbol, probabilities_in_context


def subset_mask(u: Array, n_masked: Array | int) -> Array:
    r"""A random mask with a given number of places, for each sequence.

    Parameters
    ----------
    u : array of shape (..., L)
        Independent uniform numbers.
    n_masked : array of shape (...) of integers, or int
        From 0 to L. Drawn uniformly from 1 to L, with weights ``L / n_masked``, it gives
        :func:`masked_gap` its mean.

    Returns
    -------
    array of shape (..., L)
        True at the places of the smallest numbers: every subset of that size is as likely.

    Notes
    -----
    Complexity :math:`O(L \ln L)`. Source: Knuth, The Art of Computer Programming 2 (1997),
    section 3.4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import subset_mask
    >>> subset_mask(np.array([0.7, 0.1, 0.4]), 2).tolist()
    [False, True, True]
    """
    xp = array_namespace(u)
    rank = xp.argsort(xp.argsort(u, axis=-1), axis=-1)
    return rank < (n_masked if isinstance(n_masked, int) else n_masked[..., None])


def masked_log_likelihood(
    log_probabilities: Array, symbols: Array, masked: Array, weight: Array | float
) -> Array:
    r"""Log likelihood of a sequence from guesses of its masked symbols.

    Parameters
    ----------
    log_probabilities : array of shape (..., L, K)
        Normalised guesses of each symbol from those that are not masked; read where masked.
    symbols : array of shape (..., L)
        Integers from 0 to K - 1, the clean sequence.
    masked : array of shape (..., L)
        True where masked.
    weight : array of shape (...) or float
        L over the number of masked places where that is uniform on 1, ..., L; one over the rate
        where each place is masked by itself and the rate is uniform on (0, 1).

    Returns
    -------
    array of shape (...)
        :math:`w \sum_{i \in M} \ln \hat p(x_i | x_{-M})`, in nats; differentiable. Its mean over
        masks is ln p(x), and minus that of rows the entropy; minus it is a loss to train on.

    Notes
    -----
    Exact guesses have no truncation error; others lower the mean over rows, never raise it.
    Complexity :math:`O(L K)`. Source: Ou and others (2024), arXiv:2406.03736.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import masked_log_likelihood
    >>> guesses = np.log(np.array([[0.9, 0.1], [0.5, 0.5]]))
    >>> masked = np.array([False, True])
    >>> print(f"{masked_log_likelihood(guesses, np.array([0, 1]), masked, 2.0):.4f}")
    -1.3863
    """
    xp = array_namespace(log_probabilities, symbols, masked)
    return weight * xp.sum(_of_symbols(log_probabilities, symbols, masked), axis=-1)


def masked_gap(
    marginal: Array, conditional: Array, symbols: Array, masked: Array, weight: Array | float
) -> Array:
    r"""How much better one model guesses masked symbols than another; the mean is an information.

    Parameters
    ----------
    marginal : array of shape (..., L, K)
        Log probabilities of each symbol given those that are not masked.
    conditional : array of shape (..., L, K)
        The same, given y as well.
    symbols : array of shape (..., L)
        Integers from 0 to K - 1, the clean sequence.
    masked : array of shape (..., L)
        True where masked.
    weight : array of shape (...) or float
        As for :func:`masked_log_likelihood`.

    Returns
    -------
    array of shape (...)
        :math:`w \sum_{i \in M} \ln p(x_i | x_{-M}, y) / p(x_i | x_{-M})`, in nats;
        differentiable. Its mean over masks is ln p(x | y) / p(x), and over rows I(X; Y).

    Notes
    -----
    Other pairs of models, with rows from P, give :math:`KL(P \| Q)` (`marginal` that of Q,
    `conditional` that of P), and I(X; Y) by the joint form: symbols and `marginal` of the joined
    sequence (x, y), and as `conditional` the guesses of x given clean y and of y given clean x,
    side by side, under the same mask. No truncation error. An error of the
    guesses enters in second order: that of `conditional` lowers the mean, that of `marginal`
    raises it. Complexity :math:`O(L K)`. Source: Ou and others (2024), arXiv:2406.03736.

    Examples
    --------
    One symbol, always masked:

    >>> import numpy as np
    >>> from infotheory.functional import masked_gap
    >>> blind, seeing = np.log(np.array([[0.5, 0.5]])), np.log(np.array([[0.9, 0.1]]))
    >>> masked = np.array([True])
    >>> print(f"{masked_gap(blind, seeing, np.array([0]), masked, 1.0):.4f}")
    0.5878
    """
    xp = array_namespace(marginal, conditional, symbols, masked)
    gaps = _of_symbols(conditional, symbols, masked) - _of_symbols(marginal, symbols, masked)
    return weight * xp.sum(gaps, axis=-1)


def masked_divergence(
    marginal: Array, conditional: Array, masked: Array, weight: Array | float
) -> Array:
    r"""Divergence of two guesses of the masked symbols: the form "inside".

    Parameters
    ----------
    marginal, conditional : array of shape (..., L, K)
        As for :func:`masked_gap`.
    masked : array of shape (..., L)
        True where masked.
    weight : array of shape (...) or float
        As for :func:`masked_log_likelihood`.

    Returns
    -------
    array of shape (...)
        :math:`w \sum_{i \in M} KL(p(\cdot | x_{-M}, y) \| p(\cdot | x_{-M}))`, in nats, never
        negative; differentiable. Its mean over masks and rows is that of :func:`masked_gap`.
        Infinite where a guess of `marginal` is 0 and that of `conditional` is not.

    Notes
    -----
    It is the score entropy of the absorbing diffusion. It varies less than the gap, but an error
    of `conditional` enters in first order. Complexity :math:`O(L K)`. Source: Ou and others
    (2024), arXiv:2406.03736.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import masked_divergence
    >>> blind, seeing = np.log(np.array([[0.5, 0.5]])), np.log(np.array([[0.9, 0.1]]))
    >>> print(f"{masked_divergence(blind, seeing, np.array([True]), 1.0):.4f}")
    0.3681
    """
    xp = array_namespace(marginal, conditional, masked)
    some = masked[..., None] & (conditional != -xp.inf)
    log_c = xp.where(some, conditional, 0.0)
    log_m = xp.where(some, marginal, 0.0)
    terms = xp.where(some, xp.exp(log_c), 0.0) * (log_c - log_m)
    return weight * xp.sum(terms, axis=(-2, -1))


def masked_log_probabilities(symbols: Array, masked: Array, pmf: Array) -> Array:
    r"""Exact guesses of masked symbols, for a known law.

    Parameters
    ----------
    symbols : array of shape (..., L)
        Integers from 0 to K - 1; not read where masked.
    masked : array of shape (..., L)
        True where masked.
    pmf : array of shape (K, ..., K)
        Probabilities of the sequences, one axis a symbol, L axes; positive for the symbols that
        are not masked.

    Returns
    -------
    array of shape (..., L, K)
        Log probability of each symbol at each place, given those not masked at other places;
        differentiable in the law.

    Notes
    -----
    Complexity :math:`O(L K^L)` a sequence. Source: Ou and others (2024), arXiv:2406.03736.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import masked_log_probabilities
    >>> pmf, masked = np.array([[0.4, 0.1], [0.2, 0.3]]), np.array([True, False])
    >>> guesses = masked_log_probabilities(np.array([0, 1]), masked, pmf)
    >>> np.exp(guesses[0]).round(4).tolist()
    [0.25, 0.75]
    """
    xp = array_namespace(symbols, masked, pmf)
    known = masked[..., None] | is_symbol(symbols, pmf.shape[0])
    chance = probabilities_in_context(xp.astype(known, pmf.dtype), pmf)
    return safe_log(chance) - xp.log(xp.sum(chance, axis=-1, keepdims=True))


def _of_symbols(log_probabilities: Array, symbols: Array, masked: Array) -> Array:
    """Log probability of the true symbol where masked, 0 elsewhere."""
    xp = array_namespace(log_probabilities, symbols, masked)
    chosen = masked[..., None] & is_symbol(symbols, log_probabilities.shape[-1])
    return xp.sum(xp.where(chosen, log_probabilities, 0.0), axis=-1)
