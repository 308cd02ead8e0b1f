"""The doors: natural arguments in, an estimate with its uncertainty out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sklearn.utils import get_tags

from infotheory._answers import answer, each_argument
from infotheory._columns import is_dataset
from infotheory._estimate import Estimate, check_base
from infotheory._estimators.automatic import (
    NAMES,
    choose_entropy,
    choose_mutual_information,
    named,
    neighbors_instead,
    recast_integers,
    within_seconds,
)
from infotheory._resampling import local_random_state
from infotheory._validation import check_same_length, check_seconds, describe, pairing_notes


def entropy(
    X: Any,
    *,
    discrete: Any = None,
    groups: Any = None,
    estimator: Any = "auto",
    base: float | None = None,
    confidence_level: float | None = 0.9,
    max_seconds: float | None = None,
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
        are, floating columns and times are not. Dates count as seconds since 1970 in UTC,
        durations as seconds.
    groups : array-like of shape (n,), optional
        Rows of one group, such as copies of one image or visits of one patient, belong together:
        they stay in one fold and count as one for the interval. Networks take groups; nearest
        neighbours, discrete and normal estimators do not, and say so.
    estimator : str or estimator
        "auto", "discrete", "gaussian", "neighbors", "diffusion" (networks), or an instance.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.
    confidence_level : float or None
        Level of the interval; None for the bare number, which is faster.
    max_seconds : float, optional
        Time for training networks, for estimators that do; "auto" takes none here. Results that
        ran into it depend on the machine.
    n_jobs : int, optional
        Threads for resampling.
    random_state : int, RandomState or None
        For resampling and networks; an int makes value and interval reproducible.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError, TypeError
        If an argument is out of its rule: missing or infinite values, text where numbers are
        needed, too few rows, an unknown name, a limit of time for an estimator without networks.

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
    check_seconds(max_seconds)
    x = describe(X, "X", discrete=discrete)
    if isinstance(estimator, str) and estimator == "auto":
        random_state = local_random_state(random_state)
        chosen, why = choose_entropy(x, random_state.randint(2**31 - 1))
        notes = [why]
    else:
        chosen, notes = named("entropy", estimator), []
        if isinstance(estimator, str) and get_tags(chosen).non_deterministic:
            random_state = local_random_state(random_state)
            chosen.set_params(random_state=random_state.randint(2**31 - 1))
        chosen = within_seconds("entropy", chosen, max_seconds)
    return answer(
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
        groups=groups,
    )


def mutual_information(
    X: Any,
    y: Any = None,
    *,
    discrete: Any = None,
    groups: Any = None,
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
    X : array-like or DataFrame of shape (n,) or (n, d), torch.utils.data.Dataset or DataLoader
        A dataset of pairs (x, y), for rows that do not fit in memory, needs an `estimator` with
        critics, such as "donsker-varadhan", and neither `y`, `discrete` nor `n_permutations`.
    y : array-like or DataFrame of shape (n,) or (n, e)
        Row i belongs to row i of X.
    discrete : None, bool or tuple
        Which columns are symbols. None goes by dtype: booleans, integers, text and categories
        are, floating columns and times are not. Dates count as seconds since 1970 in UTC,
        durations as seconds. A tuple has one entry for each of X and y: None, a bool, or one
        bool a column.
    groups : array-like of shape (n,), optional
        Rows of one group, such as copies of one image or visits of one patient, belong together:
        they stay in one fold and count as one for the interval. Networks take groups; nearest
        neighbours, discrete and normal estimators do not, and say so.
    estimator : str or estimator
        "auto", "discrete", "gaussian", "ksg", "mixed-ksg", a network ("donsker-varadhan", "mine",
        "nwj", "tuba", "info-nce", "jensen-shannon", "smile", "flo", "minde", "doe", "club",
        "leave-one-out"; "info-sedd" for symbols), or an instance. An entropy estimator is
        accepted too, and summed: H(X) + H(y) - H(X, y).
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.
    confidence_level : float or None
        Level of the interval; None for the bare number, which is faster.
    n_permutations : int
        Number of permutations for a p-value of independence; 0 for none. Where "auto" takes a
        network, nearest neighbours are what is permuted.
    max_seconds : float, optional
        Time for training a network, for estimators that do. "auto" allows 70 where it is None,
        and takes none below 5; results that ran into it depend on the machine.
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
        where numbers are needed, too few rows, an unknown name, a limit of time for an estimator
        without networks.

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
        groups,
    )


def conditional_mutual_information(
    X: Any,
    y: Any,
    condition: Any,
    *,
    discrete: Any = None,
    groups: Any = None,
    estimator: Any = "auto",
    base: float | None = None,
    confidence_level: float | None = 0.9,
    n_permutations: int = 0,
    max_seconds: float | None = None,
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
    groups : array-like of shape (n,), optional
        Rows of one group, such as copies of one image or visits of one patient, belong together:
        they stay in one fold and count as one for the interval. Networks take groups; nearest
        neighbours, discrete and normal estimators do not, and say so.
    estimator : str or estimator
        "auto", "discrete", "gaussian", "ksg", "mixed-ksg", a network by its name in
        :func:`mutual_information`, or an instance.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.
    confidence_level : float or None
        Level of the interval; None for the bare number.
    n_permutations : int
        Number of surrogates for a p-value of conditional independence; 0 for none.
    max_seconds : float, optional
        Time for each training of a network, for estimators that do: there are two, with y and
        without it. "auto" takes none here.
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
    at level .05 it rejected 5 to 7 % of true hypotheses with conditions of 1 and 4 columns at n =
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
        max_seconds,
        groups,
    )


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
    max_seconds: float | None,
    groups: Any,
) -> Estimate:
    check_base(base)
    check_seconds(max_seconds)
    if is_dataset(X):
        others = {"y": y, "condition": condition, "groups": groups, "discrete": discrete}
        _refuse_beside_dataset({**others, "n_permutations": n_permutations or None})
        random_state = local_random_state(random_state)
        chosen = _for_dataset(estimator, random_state.randint(2**31 - 1), max_seconds)
        rows = _as_source(X, chosen)
        return answer(
            "mutual_information",
            chosen,
            rows,
            None,
            None,
            [],
            base,
            confidence_level,
            0,
            n_jobs,
            random_state,
        )
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
    is_auto = isinstance(estimator, str) and estimator == "auto"
    if is_auto:
        if discrete is None:
            variables, recast = recast_integers(variables)
        chosen, permuted, why = choose_mutual_information(variables, seed, max_seconds)
        notes = [why, *recast, *pairing_notes(X, y, condition)]
    else:
        chosen = named("mutual_information", estimator, random_state=seed)
        chosen = within_seconds("mutual_information", chosen, max_seconds)
        notes = pairing_notes(X, y, condition)
        permuted = chosen
    x, target, *rest = variables

    def answer_by(estimator: Any, notes: list[str], n_permutations: int) -> Estimate:
        return answer(
            "mutual_information",
            estimator,
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
            groups,
        )

    found = answer_by(chosen, notes, n_permutations)
    instead = neighbors_instead(found.estimator, variables) if is_auto and groups is None else None
    if instead is None:
        return found
    neighbors, why = instead
    return replace(answer_by(neighbors, [why, *notes[1:]], 0), p_value=found.p_value)


def _refuse_beside_dataset(others: dict[str, Any]) -> None:
    for name, value in others.items():
        if value is not None:
            raise ValueError(
                f"{name} must be left out with a dataset, whose items are pairs (x, y) and whose "
                f"types say what are labels. Pass arrays where {name} is needed."
            )


def _for_dataset(estimator: Any, seed: int, max_seconds: float | None) -> Any:
    """The estimator if it learns from batches."""
    able = [
        name
        for name, kind in NAMES["mutual_information"].items()
        if getattr(kind, "_takes_datasets", False)
    ]
    if not (isinstance(estimator, str) and estimator == "auto"):
        chosen = named("mutual_information", estimator, random_state=seed)
        if getattr(chosen, "_takes_datasets", False):
            return within_seconds("mutual_information", chosen, max_seconds)
    raise TypeError(
        f"estimator must learn from batches with a dataset, got {estimator!r}, which needs all "
        f"rows in memory. Pass one of {', '.join(able)}, or an instance."
    )


def _as_source(data: Any, estimator: Any) -> Any:
    """Rows of a dataset, counted one by one also where a loader counts batches."""
    from infotheory._row_source import RowSource

    return RowSource(data, int(estimator.verbose))
