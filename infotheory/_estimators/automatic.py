"""Names of the estimators, and the choice among them that ``estimator="auto"`` makes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.special import digamma
from sklearn.base import clone

from infotheory._base import SHAPES, EntropyEstimator, check_instance, takes_variables
from infotheory._columns import repeated_share
from infotheory._estimators.composed import EntropySum
from infotheory._estimators.conditional_density import CLUB, DoE, LeaveOneOutBound
from infotheory._estimators.contrastive import FLO, InfoNCE
from infotheory._estimators.diffusion import MINDE
from infotheory._estimators.diffusion_divergence import DiffusionDivergence
from infotheory._estimators.diffusion_entropy import DiffusionEntropy
from infotheory._estimators.discrete import (
    DiscreteDivergence,
    DiscreteEntropy,
    DiscreteMutualInformation,
)
from infotheory._estimators.discrete_diffusion import InfoSEDD
from infotheory._estimators.energy_transport import EgEOT
from infotheory._estimators.entropic_neural import ENOT
from infotheory._estimators.gaussian import (
    GaussianDivergence,
    GaussianEntropy,
    GaussianMutualInformation,
)
from infotheory._estimators.kernel import MMD, CauchySchwarzDivergence
from infotheory._estimators.kernel_dependence import CauchySchwarzMutualInformation
from infotheory._estimators.ksg import KSG, MixedKSG
from infotheory._estimators.light_bridge import LightSB
from infotheory._estimators.low_rank_transport import LowRankSinkhorn
from infotheory._estimators.matrix_entropy import MatrixEntropy, MatrixMutualInformation
from infotheory._estimators.neighbors import NeighborsDivergence, NeighborsEntropy
from infotheory._estimators.semi_discrete import SemiDiscrete
from infotheory._estimators.sinkhorn_bridge import SinkhornBridge
from infotheory._estimators.sparse_monge import SparseMonge
from infotheory._estimators.spectral import VonNeumannEntropy
from infotheory._estimators.transport import Sinkhorn
from infotheory._estimators.transport_divergence import SinkhornDivergence, WassersteinDivergence
from infotheory._estimators.variational import (
    MINE,
    NWJ,
    SMILE,
    TUBA,
    DonskerVaradhan,
    JensenShannonBound,
)
from infotheory._estimators.variational_divergence import VariationalDivergence
from infotheory._validation import Variable
from infotheory.functional import gaussian_sample, gaussian_scores, ksg

# Beyond this many columns in all, nearest neighbours lose most of the information.
_MANY_COLUMNS = 10
# Above this share of rows that repeat another one in every column the law may repeat them.
_MANY_REPEATS = 0.1
_N_ROWS_COMPARED, _N_DRAWS_COMPARED = 1000, 20
# Up to this many columns nearest neighbours are as good as networks, and much faster. Below so many
# rows they are better, or, in many columns, at least no worse.
_FEW_COLUMNS, _ROWS_FOR_NETWORKS, _ROWS_WITH_MANY_COLUMNS = 3, 1000, 200
_SECONDS_FOR_NETWORKS, _FEWEST_SECONDS = 70.0, 5.0
# Rows of both samples together: an exact plan takes about 3 s, its interval twice as much. Of a
# shift and of a scale at n = 1 000 each it was 10 to 14 % too large in three columns and some 30 %
# in five, and critics between 13 % too small and 5 % too large.
_COLUMNS_OF_EXACT_PLANS, _ROWS_OF_EXACT_PLANS = 3, 5000

NAMES: dict[str, dict[str, Any]] = {
    "entropy": {
        "discrete": DiscreteEntropy,
        "gaussian": GaussianEntropy,
        "neighbors": NeighborsEntropy,
        "diffusion": DiffusionEntropy,
        "matrix": MatrixEntropy,
        "von-neumann": VonNeumannEntropy,
    },
    "mutual_information": {
        "discrete": DiscreteMutualInformation,
        "gaussian": GaussianMutualInformation,
        "ksg": KSG,
        "mixed-ksg": MixedKSG,
        "cauchy-schwarz": CauchySchwarzMutualInformation,
        "donsker-varadhan": DonskerVaradhan,
        "mine": MINE,
        "nwj": NWJ,
        "tuba": TUBA,
        "info-nce": InfoNCE,
        "jensen-shannon": JensenShannonBound,
        "smile": SMILE,
        "flo": FLO,
        "minde": MINDE,
        "info-sedd": InfoSEDD,
        "doe": DoE,
        "club": CLUB,
        "leave-one-out": LeaveOneOutBound,
        "matrix": MatrixMutualInformation,
    },
    "divergence": {
        "discrete": DiscreteDivergence,
        "gaussian": GaussianDivergence,
        "neighbors": NeighborsDivergence,
        "sinkhorn": SinkhornDivergence,
        "wasserstein": WassersteinDivergence,
        "cauchy-schwarz": CauchySchwarzDivergence,
        "mmd": MMD,
        "variational": VariationalDivergence,
        "diffusion": DiffusionDivergence,
    },
    "transport": {
        "sinkhorn": Sinkhorn,
        "low-rank": LowRankSinkhorn,
        "sparse-monge": SparseMonge,
        "semi-discrete": SemiDiscrete,
        "light-sb": LightSB,
        "sinkhorn-bridge": SinkhornBridge,
        "enot": ENOT,
        "egeot": EgEOT,
    },
}


def named(quantity: str, estimator: Any, **parameters: Any) -> Any:
    """The estimator a door was asked for: by name, or the instance itself.

    Parameters that the named estimator does not have are left out.
    """
    if not isinstance(estimator, str):
        if not hasattr(estimator, "fit"):
            raise TypeError(
                f"estimator must be a name or an object with fit, got {estimator!r}. Names: auto, "
                f"{', '.join(NAMES[quantity])}."
            )
        check_instance(estimator)
        if quantity == "mutual_information" and isinstance(estimator, EntropyEstimator):
            return EntropySum(estimator)
        if takes_variables(estimator) and not isinstance(estimator, SHAPES[quantity]):
            raise TypeError(
                f"estimator must estimate {quantity.replace('_', ' ')}, got {estimator!r}, which "
                f"does not. Names that do: auto, {', '.join(NAMES[quantity])}."
            )
        return estimator
    if estimator not in NAMES[quantity]:
        raise ValueError(
            f"estimator must be one of auto, {', '.join(NAMES[quantity])}, got {estimator!r}. "
            f"Pass one of these names or an estimator instance."
        )
    chosen = NAMES[quantity][estimator]()
    known = chosen.get_params()
    return chosen.set_params(**{k: v for k, v in parameters.items() if k in known})


def within_seconds(quantity: str, estimator: Any, max_seconds: float | None) -> Any:
    """A clone that trains for so long at most; the estimator itself where no limit is asked."""
    if max_seconds is None:
        return estimator
    found = [
        name
        for name in estimator.get_params()
        if name == "max_seconds" or name.endswith("__max_seconds")
    ]
    if not found:
        able = [name for name, kind in NAMES[quantity].items() if "max_seconds" in _words_of(kind)]
        raise ValueError(
            f"max_seconds must be None for an estimator that has no such parameter, got "
            f"max_seconds={max_seconds!r} for {type(estimator).__name__}, which trains no network "
            f"in that time. Leave it out, or pass one of {', '.join(able)}."
        )
    return clone(estimator).set_params(**dict.fromkeys(found, max_seconds))


def _words_of(kind: type) -> set[str]:
    return set(kind().get_params())


def _size(*variables: Variable) -> str:
    dims = " + ".join(str(v.dim) for v in variables)
    plural = "s" if sum(v.dim for v in variables) > 1 else ""
    return f"{dims} column{plural}, n = {variables[0].n_samples}"


def recast_integers(variables: list[Variable]) -> tuple[list[Variable], list[str]]:
    """Integers beside real numbers become numbers too, where single values are too rare.

    As labels they would share no strength, and those seen once would count for nothing.
    """
    if all(v.kind == "discrete" for v in variables):
        return variables, []
    recast, notes = [], []
    for v in variables:
        rare = [
            j
            for j, size in enumerate(v.n_symbols)
            if size > 2 and v.numbers[j] is not None and _typical_group(v.columns[j]) < 20
        ]
        recast.append(v.as_numbers(rare) if rare else v)
        if rare:
            notes.append(
                f"{v.name}: integer column {', '.join(map(str, rare))} takes many values, few "
                f"rows each, and was read as numbers; discrete=True makes them labels."
            )
    return recast, notes


def _typical_group(codes: np.ndarray) -> float:
    """How many rows share the value of a typical row."""
    counts = np.bincount(codes)
    return float(np.median(counts[codes]))


def choose_entropy(x: Variable, random_state: int) -> tuple[Any, str]:
    """An entropy estimator for the data, and why."""
    if x.kind == "discrete":
        return DiscreteEntropy(), f"Chose DiscreteEntropy: X is discrete ({_size(x)})."
    if np.any(x.is_label):
        raise ValueError(
            "X mixes label columns with real columns, for which no entropy is built. Pass "
            "discrete=True or False, or add the entropy of the labels to that of the real columns "
            "within each label."
        )
    if x.kind == "continuous":
        return NeighborsEntropy(), f"Chose NeighborsEntropy: X is continuous ({_size(x)})."
    if any(_has_atom(column) for column in x.columns):
        return NeighborsEntropy(), f"Chose NeighborsEntropy: X has repeated values ({_size(x)})."
    why = (
        f"Chose NeighborsEntropy(ties='spread'): real numbers repeat as rounded ones do and are "
        f"spread between their neighbours ({_size(x)})."
    )
    repeated = repeated_share(x.values)
    if x.dim > 1 and repeated > _MANY_REPEATS:
        why += (
            f" {repeated:.0%} of the rows repeat another one exactly: if the law repeats rows, and "
            f"they are not rounded, it has atoms and its differential entropy is -inf; if they are "
            f"copies, pass each once."
        )
    return NeighborsEntropy(ties="spread", random_state=random_state), why


def _has_atom(column: np.ndarray) -> bool:
    """Whether some value stands out of those beside it, as rounding alone does not make it."""
    _, counts = np.unique(column, return_counts=True)
    if len(counts) < 10:
        return True
    padded = np.concatenate([counts[:1], counts, counts[-1:]])
    padded[0] = padded[-1] = 0
    beside = np.maximum(padded[:-2], padded[2:])
    return bool(np.any((counts >= 20) & (counts > 10 * beside)))


def choose_mutual_information(
    variables: list[Variable], random_state: int, max_seconds: float | None = None
) -> tuple[Any, Any, str]:
    """An estimator for X, y and perhaps a condition, one for its permutations, and why."""
    why_not = _why_no_networks(variables, max_seconds)
    if why_not is None:
        chosen, why = _choose_network(variables, random_state, max_seconds)
        # Hundreds of fits are for something fast; the test is exact whatever the statistic.
        return chosen, _ranked_neighbors(variables), why
    chosen, why = _choose_classical(variables, random_state)
    return chosen, chosen, f"{why}{why_not}"


def _why_no_networks(variables: list[Variable], max_seconds: float | None) -> str | None:
    """None where networks should do what nearest neighbours cannot; else what to say of it."""
    x, y, *condition = variables
    dim, n = x.dim + y.dim, len(x)
    fewest = _ROWS_FOR_NETWORKS if dim <= _MANY_COLUMNS else _ROWS_WITH_MANY_COLUMNS
    if condition or all(v.kind == "discrete" for v in variables) or n < fewest:
        return ""
    if any(v.kind != "continuous" for v in variables) and dim <= _MANY_COLUMNS:
        return ""
    if dim <= _FEW_COLUMNS and not _is_strong(variables):
        return ""
    if max_seconds is not None and max_seconds < _FEWEST_SECONDS:
        return (
            f" Networks would do better here and need max_seconds of {_FEWEST_SECONDS:g} or more."
        )
    if find_spec("torch") is None:
        return (
            " Networks would do better here, but torch is not installed: run pip install "
            "'infotheory-learn[torch]'."
        )
    return None


def _is_strong(variables: list[Variable]) -> bool:
    """Whether nearest neighbours give more than half of what they can give at all."""
    k = _n_neighbors(variables)
    x, y = (gaussian_scores(v.values) for v in variables)
    return bool(float(ksg(x, y, k)) > 0.5 * (digamma(len(x)) - digamma(k)))


def _choose_network(
    variables: list[Variable], random_state: int, max_seconds: float | None
) -> tuple[Any, str]:
    seconds = _SECONDS_FOR_NETWORKS if max_seconds is None else max_seconds
    common = {"max_seconds": seconds, "random_state": random_state}
    size = _size(*variables)
    if sum(v.dim for v in variables) <= _FEW_COLUMNS:
        return MINDE(**common), (
            f"Chose MINDE: dependence too strong for nearest neighbours ({size}). Up to "
            f"{seconds:g} s of training; estimator='ksg' is faster and as a rule falls short."
        )
    return DonskerVaradhan(objective="info-nce", **common), (
        f"Chose DonskerVaradhan(objective='info-nce'): networks from a normal reference, for more "
        f"columns than nearest neighbours do well ({size}). Up to {seconds:g} s of training; "
        f"estimator='ksg' is faster and as a rule falls short."
    )


def neighbors_instead(fitted: Any, variables: list[Variable]) -> tuple[Any, str] | None:
    """Nearest neighbours, where they find clearly more than networks that were to find more.

    They are chosen against where they come near what they can give at all, and so fall short.
    """
    if not isinstance(fitted, MINDE):
        return None
    value = fitted.mutual_information_
    neighbors = _ranked_neighbors(variables)
    x, y = (gaussian_scores(v.values) for v in variables)
    found = float(ksg(x, y, neighbors.n_neighbors))
    if found <= value + 2 * fitted.standard_error_ + 0.05:
        return None
    return neighbors, (
        f"Chose {_words(neighbors)} in the end: it finds {found:.3g} nats, {type(fitted).__name__} "
        f"{value:.3g}. That is near the most it can find ({_size(*variables)}), and the truth may "
        f"be far above. More rows, or more time for networks (max_seconds), tell."
    )


def _ranked_neighbors(variables: list[Variable]) -> Any:
    kind = KSG if all(v.kind == "continuous" for v in variables) else MixedKSG
    return kind(n_neighbors=_n_neighbors(variables), margins="gaussianize")


def _choose_classical(variables: list[Variable], random_state: int) -> tuple[Any, str]:
    """Among the estimators without networks."""
    size = _size(*variables)
    if all(v.kind == "discrete" for v in variables):
        return DiscreteMutualInformation(), f"Chose DiscreteMutualInformation: discrete ({size})."
    k = _n_neighbors(variables)
    if all(v.kind == "continuous" for v in variables):
        dim = sum(v.dim for v in variables)
        if dim > _MANY_COLUMNS:
            if _copula_is_normal(variables, random_state):
                shrinkage = "ledoit-wolf" if len(variables[0]) < 5 * dim else None
                chosen = GaussianMutualInformation(copula=True, shrinkage=shrinkage)
                return chosen, (
                    f"Chose GaussianMutualInformation(copula=True, shrinkage={shrinkage!r}): "
                    f"continuous, too many columns for nearest neighbours, and these see "
                    f"no departure from a normal copula ({size}), though they may miss one."
                )
            chosen = KSG(n_neighbors=k, margins="gaussianize")
            return chosen, (
                f"Chose {_words(chosen)}: continuous without repeats, not a normal copula "
                f"({size}). In so many columns nearest neighbours fall short of the truth."
            )
        chosen = KSG(n_neighbors=k, margins="gaussianize")
        return chosen, f"Chose {_words(chosen)}: continuous without repeats ({size})."
    kinds = ", ".join(f"{v.name} {v.kind}" for v in variables)
    chosen = MixedKSG(n_neighbors=k, margins="gaussianize")
    if _are_rounded(variables):
        chosen.set_params(ties="spread", random_state=random_state)
        kinds += "; real numbers repeat as rounded ones do and are spread between their neighbours"
    return chosen, f"Chose {_words(chosen)}: {kinds} ({size})."


def _copula_is_normal(variables: list[Variable], random_state: int) -> bool:
    """Whether nearest neighbours see no more in the data than in a normal law with its scores.

    Both are compared on the same number of rows, so that the bias of many columns is in both.
    """
    rng = np.random.RandomState(random_state)
    n = len(variables[0])
    rows = np.sort(rng.permutation(n)[:_N_ROWS_COMPARED])
    dims = np.cumsum([v.dim for v in variables])[:-1]
    joint = gaussian_scores(np.hstack([v.values[rows] for v in variables]))

    def value(table: np.ndarray) -> float:
        parts = np.split(table, dims, axis=1)
        return float(ksg(parts[0], parts[1], condition=parts[2] if len(parts) > 2 else None))

    mean, covariance = joint.mean(axis=0), np.cov(joint, rowvar=False)
    draws = [
        value(gaussian_sample(rng.normal(size=joint.shape), mean, covariance))
        for _ in range(_N_DRAWS_COMPARED)
    ]
    spread = np.std(draws, ddof=1) * np.sqrt(1 + 1 / len(draws))
    return bool(abs(value(joint) - np.mean(draws)) <= 2.5 * spread)


def _words(estimator: Any) -> str:
    k, margins = estimator.n_neighbors, estimator.margins
    ties = ", ties='spread'" if getattr(estimator, "ties", "") == "spread" else ""
    return f"{type(estimator).__name__}(n_neighbors={k}, margins={margins!r}{ties})"


def _n_neighbors(variables: list[Variable]) -> int:
    """3, or 1 where the bias of large neighbourhoods outweighs the variance of small ones.

    The bias grows with the joint dimension and falls slowly with n; the variance at k = 1 is
    about twice that at k = 3 and falls as 1/n.
    """
    dim = sum(int(np.sum(~v.is_label)) for v in variables)
    return 1 if dim > 3 and len(variables[0]) >= 1000 else 3


def _are_rounded(variables: list[Variable]) -> bool:
    """Whether real numbers repeat on every side, in groups too small to be true atoms.

    Where some variable has no repeats, no two joint distances tie and the published rule holds.
    """
    if all(v.is_label.all() for v in variables):
        return False
    for v in variables:
        real = [c for c, size in zip(v.columns, v.n_symbols, strict=True) if not size]
        if any(repeated_share(c) < 0.05 for c in real):
            return False
    joint = np.column_stack([c for v in variables for c in v.columns])
    _, sizes = np.unique(joint, axis=0, return_counts=True)
    sizes = sizes[sizes > 1]
    # The size of the group that a row is in; below some tens plug-in bias is large.
    return not len(sizes) or bool(np.median(np.repeat(sizes, sizes)) < 50)


def choose_divergence(x: Variable, kind: str) -> tuple[Any, str]:
    """A divergence estimator for the stacked samples, and why."""
    by_distance = kind in ("sinkhorn", "wasserstein", "cauchy-schwarz", "mmd")
    only_critics = kind in ("chi2", "hellinger")
    if (only_critics or by_distance) and np.any(x.is_label):
        raise ValueError(
            f"kind={kind!r} is built for real columns alone, and P and Q have labels or integers "
            f"({_size(x)}). Pass discrete=False to read integers as numbers, or take kind='js'."
        )
    if kind == "sinkhorn":
        why = f"Chose SinkhornDivergence: it estimates what kind='sinkhorn' asks for ({_size(x)})."
        return SinkhornDivergence(), why
    if kind == "wasserstein":
        return _choose_wasserstein(x)
    if kind in ("cauchy-schwarz", "mmd"):
        chosen = NAMES["divergence"][kind]()
        why = f"it estimates what kind={kind!r} asks for ({_size(x)})."
        return chosen, f"Chose {type(chosen).__name__}: {why}"
    if only_critics:
        why = f"Chose VariationalDivergence: the only estimator of {kind!r} ({_size(x)})."
        return VariationalDivergence(kind=kind), why
    if x.kind == "discrete":
        why = f"Chose DiscreteDivergence: the samples are discrete ({_size(x)})."
        return DiscreteDivergence(kind=kind), why
    if np.any(x.is_label):
        raise ValueError(
            "P and Q mix label columns with real columns, for which no divergence is built. "
            "Pass discrete=True or False, or compare the columns separately."
        )
    why = f"Chose NeighborsDivergence: the samples are continuous ({_size(x)})."
    return NeighborsDivergence(kind=kind), why


def _choose_wasserstein(x: Variable) -> tuple[Any, str]:
    """An exact plan in few columns, where it is a matter of seconds and its bias is small."""
    size, chosen = _size(x), WassersteinDivergence()
    exact = f"Chose WassersteinDivergence: it finds an exact plan of the samples ({size})."
    has_pot, has_torch = (find_spec(name) is not None for name in ("ot", "torch"))
    few = x.dim <= _COLUMNS_OF_EXACT_PLANS
    if x.dim == 1 or (has_pot and few and len(x) <= _ROWS_OF_EXACT_PLANS):
        return chosen, exact
    if has_pot and not has_torch:
        return chosen, f"{exact} Critics would do better here, but torch is not installed."
    why = "the bias of exact plans is large in so many columns" if not few else "many rows"
    if few and not has_pot and len(x) <= _ROWS_OF_EXACT_PLANS:
        why = "POT, which has exact plans (infotheory-learn[ot]), is not installed"
    why = f"Chose VariationalDivergence: {why} ({size})."
    return VariationalDivergence(kind="wasserstein"), why
