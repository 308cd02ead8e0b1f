"""The least and the largest entropy of a spectrum of which only a part is known."""

from __future__ import annotations

import numpy as np

from infotheory.functional._spectrum import entropy_of_spectrum


def entropy_bracket(known: np.ndarray, n: int, alpha: float) -> tuple[float, float]:
    """Bounds of the entropy of n eigenvalues of sum 1 that are at least the `known` ones.

    Where A - B is positive semi-definite, the eigenvalues of A are at least those of B, in order.
    Of all such spectra of one sum the one that has the whole rest on its largest eigenvalue
    majorises the others, and the one whose smallest eigenvalues are raised to one level is
    majorised by them; Rényi entropies fall along majorisation, whatever their order.
    """
    floor = np.zeros(n)
    floor[n - len(known) :] = np.sort(np.where(known > 0, known, 0.0))
    rest = 1.0 - float(np.sum(floor))
    if rest <= 0:
        value = float(entropy_of_spectrum(floor / np.sum(floor), alpha))
        return value, value
    piled = floor.copy()
    piled[-1] += rest
    # The level at which k of them share what they have and the rest.
    levels = (rest + np.cumsum(floor)) / np.arange(1, n + 1)
    above = np.append(floor[1:], np.inf)
    level = levels[np.argmax(levels <= above)]
    raised = np.maximum(floor, level)
    return float(entropy_of_spectrum(piled, alpha)), float(entropy_of_spectrum(raised, alpha))
