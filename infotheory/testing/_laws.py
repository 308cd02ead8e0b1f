"""Which laws hold for which quantity, and what an estimator may claim about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LAWS: dict[str, str] = {
    "translation": "adding a constant to a column changes nothing",
    "scale": "multiplying X by a > 0 adds d ln(a) to a differential entropy, and changes no "
    "mutual information and no divergence",
    "relabelling": "renaming the symbols changes nothing",
    "row-order": "the order of the rows changes nothing",
    "symmetry": "the two variables, or the two samples, may be exchanged",
    "additivity": "values of independent blocks add",
    "data-processing": "processing X alone, or both samples alike, does not raise the value",
    "independence": "the value is 0 at independence, or for two samples of one law",
    "truth": "the value tends to the closed form of the quantity",
    "pointwise-mean": "the mean of pointwise_ is the estimate",
    "integers": "integers and floats of the same value give the same estimate",
}
CLAIMS = ("exact", "sampling", None)

# Divergences by the word in their ``kind``. Those that are not listed obey none of these laws
# for certain: Cauchy-Schwarz violates data processing, kernel distances have a scale of their own.
_SYMMETRIC = {"js", "jeffreys", "hellinger", "tv", "cauchy-schwarz", "mmd", "energy"}
_ADDITIVE = {"kl", "reverse-kl", "jeffreys", "renyi"}
_MONOTONE = {"kl", "reverse-kl", "jeffreys", "js", "renyi", "alpha", "hellinger", "chi2", "tv"}


def default_laws(quantity: str, kind: str | None) -> dict[str, str | None]:
    """The claim for each law that the quantity itself supports; None where it has no such law."""
    laws: dict[str, str | None] = dict.fromkeys(LAWS, "sampling")
    laws.update({"relabelling": "exact", "row-order": "exact", "integers": "exact"})
    laws["pointwise-mean"] = "exact"
    if quantity == "entropy":
        laws.update({"symmetry": None, "independence": None})
    elif quantity == "divergence":
        laws["symmetry"] = "sampling" if kind in _SYMMETRIC else None
        laws["additivity"] = "sampling" if kind in _ADDITIVE else None
        for law in ("data-processing", "scale"):
            laws[law] = "sampling" if kind in _MONOTONE else None
    return laws


def claimed_laws(
    estimator: Any, quantity: str, kind: str | None, laws: Mapping[str, str | None] | None
) -> dict[str, str | None]:
    """Laws of the quantity, then what the estimator says of itself, then what the caller says."""
    claims = default_laws(quantity, kind)
    for source in (getattr(estimator, "_information_laws", None), laws):
        for law, claim in (source or {}).items():
            if law not in LAWS or claim not in CLAIMS:
                raise ValueError(
                    f"laws must map names among {', '.join(LAWS)} to 'exact', 'sampling' or None, "
                    f"got {law!r}: {claim!r}. None says that the quantity has no such law."
                )
            claims[law] = claim
    return claims
