"""What the law of a short sequence of symbols says of one place, given evidence on the others."""

from __future__ import annotations

from array_api_compat import device

from infotheory._xp._namespace import Array, array_namespace


def is_symbol(symbols: Array, n_categories: int) -> Array:
    """One truth value a category, on a new last axis."""
    xp = array_namespace(symbols)
    categories = xp.arange(n_categories, dtype=symbols.dtype, device=device(symbols))
    return symbols[..., None] == categories


def probabilities_in_context(evidence: Array, pmf: Array) -> Array:
    """Sum of `pmf` times the evidence on all places but one, for each place and symbol.

    `evidence` has shape (..., L, K), `pmf` L axes of length K, and so the result (..., L, K).
    """
    xp = array_namespace(evidence, pmf)
    length, k = evidence.shape[-2:]
    ones = xp.ones((*evidence.shape[:-2], 1), dtype=evidence.dtype, device=device(evidence))
    found = []
    for place in range(length):
        others = ones
        for j in range(length):
            if j != place:
                product = others[..., :, None] * evidence[..., j, None, :]
                others = xp.reshape(product, (*evidence.shape[:-2], -1))
        table = xp.reshape(xp.moveaxis(pmf, place, -1), (-1, k))
        found.append(others @ table)
    return xp.stack(found, axis=-2)
