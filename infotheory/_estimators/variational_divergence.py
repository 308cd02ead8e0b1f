"""Divergences of two samples by critics: variational bounds, cross-fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from infotheory._divergence_bounds import KINDS, LIPSCHITZ_KINDS, LOGARITHMS, DivergenceBound
from infotheory._neural_divergence import NeuralDivergence
from infotheory._resampling import Fold

# Below so many effective rows in all folds Donsker-Varadhan values of normal laws were a tenth or
# more too high on average, with 500 and with 2000 rows a sample.
_FEW_EFFECTIVE = 30
# Rows whose distances show whether a map keeps them.
_N_COMPARED = 200
# The smallest share of the limit that a note on slopes would not round to 1.
_TOLD_SLOPE = 1.005
_INSTEAD = (
    "kind='js' is safe where samples hardly overlap; DiffusionDivergence, or GaussianDivergence "
    "where normal laws fit, extrapolate."
)


def _paired(laws: list[list[Fold]]) -> list[Any]:
    from infotheory._sample_critics import TwoFolds

    return [TwoFolds(p, q) for p, q in zip(*laws, strict=True)]


def _gives_log_ratio(estimator: Any) -> bool:
    return estimator.kind not in LIPSCHITZ_KINDS


class VariationalDivergence(NeuralDivergence):
    r"""Divergence of two samples by networks that tell them apart.

    Parameters
    ----------
    kind : str
        "kl", "reverse-kl", "jeffreys" (their sum), "js" (equal weights), "chi2", "hellinger"
        (squared), "alpha", "lipschitz-alpha" or "wasserstein" (order 1, Euclidean, in the units
        of the columns).
    bound : {"donsker-varadhan", "nwj"}
        Which bound on a Kullback-Leibler divergence, for the first three kinds.
    order : float, optional
        Of "alpha" (1/2 when None) and of "lipschitz-alpha" (2 when None, and above 1).
    lipschitz : float
        Largest slope of the critic of "lipschitz-alpha".
    gradient_penalty : float
        Weight of squared slopes beyond the limit, for the last two kinds.
    group : callable or sequence of callables, optional
        Maps of rows, (n, d) -> (n, d), that make up a group together with the identity: the
        critic is averaged over them. See Notes.
    reference : {"gaussian", None}
        Start from the log ratio of two normal laws, if it tells the selection rows apart.
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
        Rows of each sample a step.
    learning_rate_init : float
    max_iter : int
        Steps.
    max_seconds : float, optional
    early_stopping : bool
        Stop when no gain of `tol` shows on the selection rows, over all networks, in
        `n_iter_no_change` checks.
    validation_fraction : float
        Share of the rows outside a fold that select.
    n_iter_no_change : int
    tol : float
    n_folds : int
    n_ensemble : int
        Critics a fold; their mean is evaluated.
    device : str
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    divergence_ : float
        P is ``classes_[0]``, Q is ``classes_[1]``. Nats for the first four kinds. From rows that
        neither trained nor selected the networks that see them. May be negative.
    standard_error_ : float
    unit_ : str
        "nats" for the first four kinds, "column units" for "wasserstein", else "(no unit)".
    classes_ : ndarray of shape (2,)
    critic_ : torch.nn.Module
        The networks of all folds.
    loss_curve_, validation_scores_ : list of float
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if a parameter is out of its rule, X is not a finite real table, `y` has not
        exactly two classes, a sample has too few rows for the folds, or a map of `group` does not
        keep the shape, or for the last two kinds the distances.
    ImportError
        In ``fit``, without torch.
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing: no value is returned.

    Notes
    -----
    For a fixed critic each value is a lower bound in expectation (NWJ exactly; Donsker-Varadhan
    up to :math:`O(1/n)` upwards), so that a weak critic gives too little. Critics of the first
    seven kinds are log ratios, trained and selected by the logistic loss, whose slopes are
    bounded. A KL or chi-squared divergence rests on the few rows of Q where p / q is large: where
    their weights are those of fewer than 30 rows the value is likely too high, as a note says:
    normal laws of unit variance five apart, 12.5 nats, gave 16.7 with 500 rows each. Beyond
    :math:`\ln n` nats only the normal reference can know it.
    The ceiling is that of the divergence itself: :math:`\ln 2` for "js", 1 for "hellinger",
    :math:`1 / (a (1 - a))` for "alpha" of an order a between 0 and 1, and none for the others but
    what limits "lipschitz-alpha"; a note says where the value is near it.

    The last two kinds limit the slope by a gradient penalty at points between the samples. The
    held-out critic is divided by the largest slope found at the held-out rows and at points
    between them, if above the limit: a lower bound as far as these points show the slope, and
    no proof; the optimum of the penalty alone would be too steep by about the value over twice
    the weight. "lipschitz-alpha" is finite whatever the supports: at most `lipschitz` times
    the Wasserstein distance, and at most the alpha-divergence, which it tends to for large
    limits.

    Averaging over a group estimates the divergence of the two laws averaged over it, which is at
    most that of the laws and equal where both are invariant; it then takes fewer rows. For the
    last two kinds the maps must keep distances, as reflections and rotations do.

    Complexity: a step costs `n_folds` times `n_ensemble` small networks, times the size of the
    group. Sources: Nguyen, Wainwright and Jordan (2010), arXiv:0809.0853; Birrell et al. (2022),
    arXiv:2011.05953; Gulrajani et al. (2017), arXiv:1704.00028; Chen et al. (2023),
    arXiv:2302.01915.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import VariationalDivergence, two_samples
    >>> rng = np.random.default_rng(0)
    >>> X, y = two_samples(rng.normal(size=(1000, 1)), rng.normal(1.0, size=(1000, 1)))
    >>> divergence = VariationalDivergence(
    ...     hidden_layer_sizes=(16,), max_iter=100, n_folds=2, random_state=0
    ... )
    >>> print(f"{divergence.fit(X, y).divergence_:.1f}")  # truth 0.5
    0.5
    """

    _parameter_constraints: dict = {
        **NeuralDivergence._parameter_constraints,
        "kind": [StrOptions(set(KINDS))],
        "bound": [StrOptions({"donsker-varadhan", "nwj"})],
        "order": [Interval(Real, None, None, closed="neither"), None],
        "lipschitz": [Interval(Real, 0, None, closed="neither")],
        "gradient_penalty": [Interval(Real, 0, None, closed="neither")],
        "group": [callable, "array-like", None],
    }

    def __init__(
        self,
        *,
        kind: str = "kl",
        bound: str = "donsker-varadhan",
        order: float | None = None,
        lipschitz: float = 1.0,
        gradient_penalty: float = 30.0,
        group: Callable | Sequence[Callable] | None = None,
        reference: str | None = "gaussian",
        hidden_layer_sizes: Any = (128, 128),
        activation: str = "silu",
        batch_size: int = 256,
        learning_rate_init: float = 1e-3,
        max_iter: int = 2000,
        max_seconds: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 12,
        tol: float = 1e-4,
        n_folds: int = 5,
        n_ensemble: int = 2,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.kind = kind
        self.bound = bound
        self.order = order
        self.lipschitz = lipschitz
        self.gradient_penalty = gradient_penalty
        self.group = group
        self.reference = reference
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.max_seconds = max_seconds
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.n_folds = n_folds
        self.n_ensemble = n_ensemble
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @property
    def unit_(self) -> str:
        """What the value is in: nats where it is a logarithm."""
        if self.kind in LOGARITHMS:
            return "nats"
        return "column units" if self.kind == "wasserstein" else "(no unit)"

    # A property where the laws depend on parameters.
    @property
    def _information_laws(self) -> dict[str, str | None]:  # pyright: ignore[reportIncompatibleVariableOverride]
        laws: dict[str, str | None] = {
            "permutation": "sampling",
            "translation": "sampling",
            "scale": "sampling",
            "symmetry": "sampling" if self.kind in ("jeffreys", "js", "hellinger") else None,
            "additivity": "sampling" if self.kind in ("kl", "reverse-kl", "jeffreys") else None,
        }
        if self.kind in LIPSCHITZ_KINDS:
            laws |= {"scale": None, "truth": None}
        return laws

    def fit(self, X: Any, y: Any) -> VariationalDivergence:
        """Train the critics and evaluate each row with those that did not see it.

        Parameters
        ----------
        X : array-like of shape (n + m, d)
        y : array-like of shape (n + m,)
            Which sample each row came from: two classes.

        Returns
        -------
        VariationalDivergence
            The fitted estimator.
        """
        values, laws, rng, notes = self._begin(X, y)
        bound = DivergenceBound(self.kind, self.bound, self._order())
        folds = _paired(laws)
        stack, history = self._train(self._orbit(values), folds, bound, rng)
        # A note says so where powers of p / q are too large.
        with np.errstate(over="ignore", invalid="ignore"):
            self._summary(stack, folds, bound, notes)
        self._stack = stack
        if self.kind not in LIPSCHITZ_KINDS and _apart_with_an_atom(values, laws):
            notes.append(
                f"One sample is a single repeated row that the other lacks, so that the laws share "
                f"nothing: the divergence is {bound.ceiling:.3g}, and the value says how far "
                f"training got. kind='wasserstein' says how far apart they are."
            )
        if not stack.has_reference and not np.any(history.best_iter):
            notes.append(
                "No critic told the selection rows apart: the value says that no difference was "
                "found, not how sure that is. NeighborsDivergence with a permutation test can."
            )
        self._end(history, notes)
        return self

    def _order(self) -> float | None:
        needed = self.kind in ("alpha", "lipschitz-alpha")
        if self.order is not None and not needed:
            raise ValueError(
                f"order= is for kind='alpha' and 'lipschitz-alpha', got order={self.order} for "
                f"kind={self.kind!r}. Leave it None."
            )
        if not needed:
            return None
        order = self.order if self.order is not None else 0.5 if self.kind == "alpha" else 2.0
        if self.kind == "lipschitz-alpha" and order <= 1:
            raise ValueError(
                f"order must be above 1 for kind='lipschitz-alpha', got {order}. Pass 2, say."
            )
        return float(order)

    def _orbit(self, values: np.ndarray) -> np.ndarray:
        """The rows under each map of the group, the identity first: (g, n, d)."""
        maps = self.group if self.group is not None else []
        orbit = [values]
        for g in [maps] if callable(maps) else maps:
            if not callable(g):
                raise TypeError(f"group must hold callables, got {g!r}. Pass maps of rows.")
            image = np.asarray(g(values.copy()), dtype=np.float64)
            if image.shape != values.shape or not np.all(np.isfinite(image)):
                raise ValueError(
                    f"Each map of group must return finite rows of the shape it was given, "
                    f"{values.shape}; {g!r} returned {image.shape}."
                )
            if self.kind in LIPSCHITZ_KINDS:
                _check_keeps_distances(g, values, image, self.kind)
            orbit.append(image)
        return np.stack(orbit)

    def _train(
        self, orbit: np.ndarray, folds: list[Any], bound: DivergenceBound, rng: np.random.Generator
    ) -> tuple[Any, Any]:
        from infotheory._sample_critics import SampleCritics
        from infotheory._training import choose_device, local_seed

        limited = self.kind in LIPSCHITZ_KINDS
        # The logistic loss has the log ratio as optimum as well, and bounded slopes: maximised
        # themselves, the other bounds diverge where a few rows carry their exponential.
        objective = bound if limited else DivergenceBound("js", "", None)
        with local_seed(int(rng.integers(2**31))):
            stack = SampleCritics(
                orbit,
                folds,
                objective,
                n_ensemble=self.n_ensemble,
                lipschitz=None if not limited else self.lipschitz if bound.order else 1.0,
                gradient_penalty=self.gradient_penalty,
                offset=bound.offset,
                reference=self.reference,
                hidden_layer_sizes=self._layers(),
                activation=self.activation,
                device=choose_device(self.device),
            )
            return stack, stack.fit(self._plan(type(self).__name__), rng)

    def _summary(
        self, stack: Any, folds: list[Any], bound: DivergenceBound, notes: list[str]
    ) -> None:
        held_out, steepest = stack.held_out("test")
        sizes = [sum(len(f[s].test) for f in folds) for s in (0, 1)]
        value = variance = largest = effective = 0.0
        self._constants = []
        for fold, (at_p, at_q) in zip(folds, held_out, strict=True):
            each_p, each_q = at_p.cpu().numpy(), at_q.cpu().numpy()
            mean_p, mean_q = each_p.mean(axis=0), each_q.mean(axis=0)
            share = (len(fold.p.test) / sizes[0] + len(fold.q.test) / sizes[1]) / 2
            value += share * float(bound(mean_p, mean_q))
            of_p, of_q, weight = bound.influence(mean_p, mean_q)
            largest = max(largest, weight)
            effective += bound.effective_rows(mean_p, mean_q)
            variance += share**2 * sum(float(np.var(t, ddof=1)) / len(t) for t in (of_p, of_q))
            self._constants.append(bound.log_ratio_constant(mean_p, mean_q))
            if self.n_ensemble > 1:
                told = [float(bound(p, q)) for p, q in zip(each_p, each_q, strict=True)]
                variance += share**2 * float(np.var(told, ddof=1)) / self.n_ensemble
        self.divergence_ = value
        self.standard_error_ = math.sqrt(variance) if math.isfinite(variance) else math.inf
        if not math.isfinite(value + variance):
            notes.append(
                f"The powers of p / q are too large for float64: the samples hardly overlap, and "
                f"no interval can be given. {_INSTEAD}"
            )
        elif effective < min(_FEW_EFFECTIVE, min(sizes) / 2):
            logarithmic = self.bound == "donsker-varadhan" and self.kind not in ("chi2", "alpha")
            then = (
                "is then likely too high, is no lower bound"
                if logarithmic
                else "may then be far too high, is a lower bound on average over samples alone"
            )
            notes.append(
                f"Few rows lie where p / q is large: the mean of its powers rests on the weight of "
                f"{effective:.0f} of {min(sizes)} rows. The value {then}, and its interval is too "
                f"narrow. {_INSTEAD}"
            )
        elif largest > 0.2:
            notes.append(
                f"One row carries {largest:.0%} of the mean exponential of its fold: the samples "
                f"hardly overlap, and the interval may be too narrow."
            )
        if value > 0.95 * bound.ceiling:
            notes.append(
                f"The value is near {bound.ceiling:.3g}, the largest that this divergence can take."
            )
        limit = math.log(min(sizes))
        if self.kind in ("kl", "reverse-kl", "jeffreys") and value > limit:
            notes.append(
                f"Values above ln n = {limit:.3g} nats rest on the normal reference: no bound "
                f"without a model can be sure of them with this many rows."
            )
        if stack.lipschitz is not None and np.mean(steepest) > _TOLD_SLOPE:
            notes.append(
                f"The largest slope found was {float(np.mean(steepest)):.3g} times the limit, and "
                f"the critics were divided by it: a lower bound as far as these points show."
            )

    @property
    def critic_(self) -> Any:
        """The trained critics: a module whose weights have one leading entry a fold and repeat."""
        check_is_fitted(self)
        return self._stack.network

    @available_if(_gives_log_ratio)
    def score_samples(self, X: Any) -> np.ndarray:
        """Log ratio p(x) / q(x) at new rows: the mean over the critics of all folds.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l,)
            Nats.
        """
        values = self._check_X(X, reset=False).values
        import torch

        here = self._stack.on(self._orbit(values))
        rows = torch.arange(len(values), device=here.device).expand(len(here.fold_of), -1)
        with torch.no_grad():
            told = here.at(rows).double().unflatten(0, (-1, self.n_ensemble)).mean(1)
        return np.mean(told.cpu().numpy() - np.array(self._constants)[:, None], axis=0)


def _apart_with_an_atom(values: np.ndarray, laws: list[list[Fold]]) -> bool:
    """Whether one sample is one row over and over, which the other has nowhere."""
    samples = [values[np.concatenate([f.test for f in folds])] for folds in laws]
    return any(
        bool(np.all(own == own[0]) and not np.any(np.all(other == own[0], axis=1)))
        for own, other in (samples, samples[::-1])
    )


def _check_keeps_distances(g: Callable, rows: np.ndarray, image: np.ndarray, kind: str) -> None:
    """Raise where a map changes distances between rows, and so the limit on slopes."""
    some = np.unique(np.linspace(0, len(rows) - 1, _N_COMPARED).astype(int))
    # Each with the row on the other side of the sample, so that both laws are in.
    other = np.roll(some, len(some) // 2)
    before, after = (np.linalg.norm(t[some] - t[other], axis=1) for t in (rows, image))
    # As exact as float32, in which maps may compute, is.
    allowed = 1e-3 * before.max() + 1e-5 * max(np.abs(rows).max(), np.abs(image).max())
    worst = int(np.argmax(np.abs(after - before)))
    if abs(after[worst] - before[worst]) > allowed:
        raise ValueError(
            f"Each map of group must keep distances between rows for kind={kind!r}, but {g!r} "
            f"moved two rows at distance {before[worst]:.3g} to {after[worst]:.3g}. Pass "
            f"reflections, rotations or permutations of columns, or take another kind."
        )
