"""The doors: natural arguments in, an estimate with its uncertainty out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from infotheory._base import DivergenceEstimator, last_step, takes_variables
from infotheory._estimate import Estimate, check_base
from infotheory._estimators.automatic import (
    choose_divergence,
    choose_entropy,
    choose_mutual_information,
    named,
    recast_integers,
)
from infotheory._inference import (
    TooFewRowsError,
    confidence_interval,
    permutation_test,
    point_estimate,
)
from infotheory._resampling import local_random_state
from infotheory._validation import (
    Variable,
    check_count,
    check_same_length,
    check_seconds,
    describe,
    two_samples,
)

KINDS = ("kl", "reverse-kl", "jeffreys", "js", "chi2", "hellinger", "wasserstein")
# Divergences that are no logarithm, and what they are in.
_UNITS = {
    "chi2": "(no unit)",
    "hellinger": "(no unit)",
    "alpha": "(no unit)",
    "lipschitz-alpha": "(no unit)",
    "wasserstein": "column units",
}


def entropy(
    X: Any,
    *,
    discrete: Any = None,
    estimator: Any = "auto",
    base: float | None = None,
    confidence_level: float | None = 0.9,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Estimate:
    r"""Entropy of a sample, discrete or differential.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n,) or (n, d)
        One row a sample; several columns are one joint variable.
    discrete : None, bool or sequence of bool
        Which columns are symbols. None goes by dtype: booleans, integers, text and categories
        are, floating columns are not.
    estimator : str or estimator
        "auto", "discrete", "gaussian", "neighbors", or an instance.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.
    confidence_level : float or None
        Level of the interval; None for the bare number, which is faster.
    n_jobs : int, optional
        Threads for resampling.
    random_state : int, RandomState or None
        For resampling; an int makes the interval reproducible.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError, TypeError
        If an argument is out of its rule: missing or infinite values, text where numbers are
        needed, too few rows, an unknown name.

    Notes
    -----
    "auto" takes Chao-Wang-Jost for discrete data and nearest neighbours for continuous data;
    rounded values are spread between their neighbours; the notes of the result say which.
    Differential entropy may be negative, and is -inf for a law with atoms. Complexity: that of
    the estimator, times about ten where the interval comes from subsampling. Sources: Chao,
    Wang and Jost (2013), doi:10.1111/2041-210X.12108; Kraskov, Stögbauer and Grassberger (2004),
    arXiv:cond-mat/0305641.

    Examples
    --------
    >>> import infotheory
    >>> e = infotheory.entropy(["a", "b", "a", "b", "a", "b", "c", "c"], base=2)
    >>> e.unit
    'bits'
    """
    check_base(base)
    x = describe(X, "X", discrete=discrete)
    if estimator == "auto":
        random_state = local_random_state(random_state)
        chosen, why = choose_entropy(x, random_state.randint(2**31 - 1))
        notes = [why]
    else:
        chosen, notes = named("entropy", estimator), []
    return _answer(
        "entropy",
        chosen,
        x,
        None,
        None,
        notes,
        base,
        confidence_level,
        0,
        n_jobs,
        random_state,
    )


def mutual_information(
    X: Any,
    y: Any,
    *,
    discrete: Any = None,
    estimator: Any = "auto",
    base: float | None = None,
    confidence_level: float | None = 0.9,
    n_permutations: int = 0,
    max_seconds: float | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Estimate:
    r"""Mutual information of two variables from paired samples.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n,) or (n, d)
    y : array-like or DataFrame of shape (n,) or (n, e)
        Row i belongs to row i of X.
    discrete : None, bool or tuple
        Which columns are symbols. None goes by dtype: booleans, integers, text and categories
        are, floating columns are not. A tuple has one entry for each of X and y: None, a bool,
        or one bool a column.
    estimator : str or estimator
        "auto", "discrete", "gaussian", "ksg", "mixed-ksg", a network ("donsker-varadhan", "mine",
        "nwj", "tuba", "info-nce", "jensen-shannon", "smile", "flo", "minde", "doe", "club",
        "leave-one-out"), or an instance. An entropy estimator is accepted too, and summed:
        H(X) + H(y) - H(X, y).
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.
    confidence_level : float or None
        Level of the interval; None for the bare number, which is faster.
    n_permutations : int
        Number of permutations for a p-value of independence; 0 for none. Where "auto" takes a
        network, nearest neighbours are what is permuted.
    max_seconds : float, optional
        Time for training a network. "auto" allows 60 where it is None, and takes none below 5;
        results that ran into it depend on the machine.
    n_jobs : int, optional
        Threads for resampling.
    random_state : int, RandomState or None
        For resampling and networks; an int makes value, interval and p-value reproducible.

    Returns
    -------
    Estimate
        ``value`` is not clipped: it may be slightly negative under independence.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of its rule: missing or infinite values, different lengths, text
        where numbers are needed, too few rows, an unknown name.

    Notes
    -----
    "auto" decides by the data and says so in the notes: Chao-Wang-Jost for discrete pairs,
    nearest neighbours (KSG) for continuous pairs of up to 3 columns in all or fewer than 1 000
    rows, networks that start from a normal law (needs torch) for more, or for dependence above
    half of what neighbours can show; the mixed estimator for everything else of up to 10 columns.
    Complexity: that of the estimator, times about ten for the interval of neighbours, plus one
    fit a permutation. Sources: Kraskov, Stögbauer and Grassberger (2004),
    arXiv:cond-mat/0305641; Gao et al. (2017), arXiv:1709.06212; Chao, Wang and Jost (2013),
    doi:10.1111/2041-210X.12108.

    Examples
    --------
    >>> import numpy as np
    >>> import infotheory
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=1000)
    >>> y = 0.6 * x + 0.8 * rng.normal(size=1000)
    >>> e = infotheory.mutual_information(x, y, random_state=0)
    >>> low, high = e.interval
    >>> bool(low < 0.2231 < high)
    True
    """
    return _paired(
        X,
        y,
        None,
        discrete,
        estimator,
        base,
        confidence_level,
        n_permutations,
        n_jobs,
        random_state,
        max_seconds,
    )


def conditional_mutual_information(
    X: Any,
    y: Any,
    condition: Any,
    *,
    discrete: Any = None,
    estimator: Any = "auto",
    base: float | None = None,
    confidence_level: float | None = 0.9,
    n_permutations: int = 0,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Estimate:
    r"""Mutual information of X and y given a third variable.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n,) or (n, d)
    y : array-like or DataFrame of shape (n,) or (n, e)
    condition : array-like or DataFrame of shape (n,) or (n, f)
    discrete : None, bool or tuple
        As in :func:`mutual_information`, with a third entry for `condition`.
    estimator : str or estimator
        "auto", "discrete", "gaussian", "ksg", "mixed-ksg", or an instance.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.
    confidence_level : float or None
        Level of the interval; None for the bare number.
    n_permutations : int
        Number of surrogates for a p-value of conditional independence; 0 for none.
    n_jobs : int, optional
        Threads for resampling.
    random_state : int, RandomState or None

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError, TypeError
        As :func:`mutual_information`.

    Notes
    -----
    The estimate shrinks towards 0 as the condition gains dimensions, because neighbourhoods
    grow. The test shuffles rows within the classes of a discrete condition, which is exact. For
    a continuous one it takes a smooth regression on the condition off X and y, which changes no
    conditional information, and shuffles the rest among the 20 rows nearest in the condition;
    at level .05 it rejected 4 to 8 % of true hypotheses with conditions of 1 and 4 columns at n =
    400. Complexity as :func:`mutual_information`. Sources: Frenzel and Pompe (2007),
    doi:10.1103/PhysRevLett.99.204101; Mesner and Shalizi (2020), arXiv:1912.03387; Runge
    (2018), arXiv:1709.01447.

    Examples
    --------
    >>> import numpy as np
    >>> import infotheory
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=1000)
    >>> x, y = z + rng.normal(size=1000), z + rng.normal(size=1000)
    >>> e = infotheory.conditional_mutual_information(x, y, z, random_state=0)
    >>> bool(abs(float(e)) < 0.05)
    True
    """
    if condition is None:
        raise ValueError(
            "condition is None, but conditional_mutual_information needs a third variable. Use "
            "mutual_information(X, y) if there is none."
        )
    return _paired(
        X,
        y,
        condition,
        discrete,
        estimator,
        base,
        confidence_level,
        n_permutations,
        n_jobs,
        random_state,
    )


def divergence(
    P: Any,
    Q: Any,
    *,
    kind: str = "kl",
    discrete: Any = None,
    estimator: Any = "auto",
    base: float | None = None,
    confidence_level: float | None = 0.9,
    n_permutations: int = 0,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Estimate:
    r"""Divergence of the laws of two samples.

    Parameters
    ----------
    P : array-like or DataFrame of shape (n,) or (n, d)
    Q : array-like or DataFrame of shape (m,) or (m, d)
    kind : {"kl", "reverse-kl", "jeffreys", "js", "chi2", "hellinger", "wasserstein"}
        KL(P || Q), KL(Q || P), their sum, Jensen-Shannon with equal weights, Pearson's
        chi-squared, the squared Hellinger distance, or the Wasserstein distance of order 1. The
        last three need networks, and so Torch and real columns.
    discrete : None, bool or sequence of bool
        Which columns are symbols; None goes by dtype.
    estimator : str or estimator
        "auto", "discrete", "gaussian", "neighbors", "variational", or an instance (whose own
        ``kind`` counts).
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits; None for the last three kinds, which are
        no logarithms.
    confidence_level : float or None
        Level of the interval; None for the bare number.
    n_permutations : int
        Number of permutations for a p-value of P = Q; 0 for none.
    n_jobs : int, optional
        Threads for resampling.
    random_state : int, RandomState or None

    Returns
    -------
    Estimate
        ``n_samples`` counts the rows of both.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of its rule: missing or infinite values, different numbers of
        columns, too few rows, an unknown name.

    Notes
    -----
    A KL divergence is infinite where P puts mass and Q none, which no sample can show; estimates
    stay finite. Complexity as :func:`mutual_information`. Sources: Wang, Kulkarni and Verdú
    (2009), doi:10.1109/TIT.2009.2016060; Lin (1991), doi:10.1109/18.61115.

    Examples
    --------
    >>> import numpy as np
    >>> import infotheory
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=2000), rng.normal(1.0, size=2000)
    >>> e = infotheory.divergence(P, Q, random_state=0)
    >>> low, high = e.interval
    >>> bool(low < 0.5 < high)
    True
    """
    check_base(base)
    if kind not in KINDS:
        raise ValueError(
            f"kind must be one of {', '.join(KINDS)}, got {kind!r}. "
            f"'kl' is the Kullback-Leibler divergence of P from Q."
        )
    p, q = describe(P, "P", discrete=discrete), describe(Q, "Q", discrete=discrete)
    X, y = two_samples(P, Q)
    if discrete is None:
        _check_same_kinds(p, q)
    x = describe(X, "X", discrete=discrete)
    if isinstance(estimator, str) and estimator == "auto":
        chosen, why = choose_divergence(x, kind)
        notes = [why]
    elif isinstance(estimator, str):
        chosen, notes = named("divergence", estimator, kind=kind), []
    else:
        chosen, notes = named("divergence", estimator), []
        if isinstance(chosen, DivergenceEstimator) and kind not in ("kl", chosen.kind):
            raise ValueError(
                f"kind={kind!r} contradicts the estimator, whose own kind is "
                f"{chosen.kind!r}. Set it there: "
                f"{type(chosen).__name__}(kind={kind!r})."
            )
    unit = _UNITS.get(getattr(chosen, "kind", kind))
    if unit is not None and base is not None:
        raise ValueError(
            f"base must be None for kind={chosen.kind!r}, which is no logarithm; got {base}."
        )
    if isinstance(estimator, str) and "random_state" in chosen.get_params():
        rng = local_random_state(random_state)
        random_state = rng
        chosen.set_params(random_state=rng.randint(2**31 - 1))
    answer = _answer(
        "divergence",
        chosen,
        x,
        describe(y, "y"),
        None,
        notes,
        base,
        confidence_level,
        n_permutations,
        n_jobs,
        random_state,
    )
    return answer if unit is None else replace(answer, unit=unit)


def _paired(
    X: Any,
    y: Any,
    condition: Any,
    discrete: Any,
    estimator: Any,
    base: float | None,
    confidence_level: float | None,
    n_permutations: int,
    n_jobs: int | None,
    random_state: Any,
    max_seconds: float | None = None,
) -> Estimate:
    check_base(base)
    check_seconds(max_seconds)
    raw = {"X": X, "y": y} if condition is None else {"X": X, "y": y, "condition": condition}
    masks = each_argument(discrete, len(raw))
    variables = [
        describe(part, name, discrete=mask)
        for (name, part), mask in zip(raw.items(), masks, strict=True)
    ]
    check_same_length(*variables)
    recast: list[str] = []
    # A seed of its own, so that refits on subsamples and permutations agree.
    random_state = local_random_state(random_state)
    seed = random_state.randint(2**31 - 1)
    if isinstance(estimator, str) and estimator == "auto":
        if discrete is None:
            variables, recast = recast_integers(variables)
        chosen, permuted, why = choose_mutual_information(variables, seed, max_seconds)
        notes = [why, *recast]
    else:
        parameters = {"random_state": seed, "max_seconds": max_seconds}
        chosen, notes = named("mutual_information", estimator, **parameters), []
        permuted = chosen
    x, target, *rest = variables
    return _answer(
        "mutual_information",
        chosen,
        x,
        target,
        rest[0] if rest else None,
        notes,
        base,
        confidence_level,
        n_permutations,
        n_jobs,
        random_state,
        permuted,
    )


def _as_array(variable: Variable) -> np.ndarray:
    """One column as a vector, as scikit-learn passes a target; several as a matrix."""
    return variable.values[:, 0] if variable.dim == 1 else variable.values


def _check_same_kinds(p: Variable, q: Variable) -> None:
    """Text in one sample and numbers in the other never meet: a slip rather than a question."""
    for j, (left, right) in enumerate(zip(p.numbers, q.numbers, strict=True)):
        if (left is None) != (right is None):
            words = ["text or labels" if part is None else "numbers" for part in (left, right)]
            raise ValueError(
                f"Column {j} of P and Q must hold the same kind of values, got {words[0]} in P and "
                f"{words[1]} in Q. Encode both alike, or pass discrete=True to compare them as "
                f"symbols."
            )


def each_argument(discrete: Any, n_arguments: int) -> tuple[Any, ...]:
    """``discrete`` as one entry an argument of a door."""
    if not isinstance(discrete, tuple):
        return (discrete,) * n_arguments
    if len(discrete) != n_arguments:
        raise ValueError(
            f"discrete must be None, a bool, or a tuple with one entry for each of the "
            f"{n_arguments} arguments, got {discrete!r}. For example (False, True) for real X and "
            f"labels y."
        )
    return discrete


def _answer(
    quantity: str,
    estimator: Any,
    x: Variable,
    y: Variable | None,
    condition: Variable | None,
    notes: list[str],
    base: float | None,
    confidence_level: float | None,
    n_permutations: int,
    n_jobs: int | None,
    random_state: Any,
    permuted: Any = None,
) -> Estimate:
    check_count(
        n_permutations,
        "n_permutations",
        0,
        "Use 0 for no p-value, or 199 for a test at level 0.05.",
    )
    rng = local_random_state(random_state)
    X, target, given = x, y, condition
    if not takes_variables(estimator):
        X = x.values
        target, given = (v if v is None else _as_array(v) for v in (y, condition))
    if confidence_level is None:
        estimate = point_estimate(estimator, X, target, condition=given)
    else:
        try:
            estimate = confidence_interval(
                estimator,
                X,
                target,
                condition=given,
                confidence_level=confidence_level,
                n_jobs=n_jobs,
                random_state=rng,
            )
        except TooFewRowsError as error:
            estimate = point_estimate(estimator, X, target, condition=given)
            estimate = replace(estimate, notes=(*estimate.notes, f"No interval: {error}"))
    if not hasattr(last_step(estimate.estimator), f"{quantity}_"):
        raise TypeError(
            f"estimator must leave {quantity}_ after fit, which {type(estimator).__name__} does "
            f"not. Pass one that estimates {quantity.replace('_', ' ')}; for the information by an "
            f"entropy estimator use EntropySum(estimator)."
        )
    if n_permutations:
        if permuted is not None and type(permuted) is not type(estimator):
            notes = [*notes, f"The p-value is by permutation of {type(permuted).__name__}."]
        tested = permutation_test(
            estimator if permuted is None else permuted,
            X,
            target,
            condition=given,
            n_permutations=n_permutations,
            n_jobs=n_jobs,
            random_state=rng,
        )
        estimate = replace(estimate, p_value=tested.p_value)
    return replace(estimate, notes=(*notes, *estimate.notes)).in_base(base)
