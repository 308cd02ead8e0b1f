"""The door to divergences: two samples in, an estimate with its uncertainty out."""

from __future__ import annotations

from typing import Any

from infotheory._answers import answer
from infotheory._base import DivergenceEstimator
from infotheory._estimate import Estimate, check_base
from infotheory._estimators.automatic import choose_divergence, named, within_seconds
from infotheory._resampling import local_random_state
from infotheory._validation import Variable, check_seconds, describe, two_samples

KINDS = (
    *("kl", "reverse-kl", "jeffreys", "js", "chi2", "hellinger"),
    *("sinkhorn", "wasserstein", "cauchy-schwarz", "mmd"),
)


def divergence(
    P: Any,
    Q: Any,
    *,
    kind: str = "kl",
    epsilon: float | None = None,
    discrete: Any = None,
    estimator: Any = "auto",
    base: float | None = None,
    confidence_level: float | None = 0.9,
    n_permutations: int = 0,
    max_seconds: float | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Estimate:
    r"""Divergence of the laws of two samples.

    Parameters
    ----------
    P : array-like or DataFrame of shape (n,) or (n, d)
    Q : array-like or DataFrame of shape (m,) or (m, d)
    kind : str
        "kl", "reverse-kl", "jeffreys", "js": KL(P || Q), KL(Q || P), their sum, and Jensen-Shannon
        with equal weights. "chi2", "hellinger": Pearson's chi-squared and the squared Hellinger
        distance, by networks, which need Torch. "sinkhorn": entropic transport of half the squared
        distance, debiased. "wasserstein": the Wasserstein distance of order 1. "cauchy-schwarz",
        "mmd": the Cauchy-Schwarz divergence of kernel estimates, and the squared maximum mean
        discrepancy, with the median distance as bandwidth (:class:`CauchySchwarzDivergence` and
        :class:`MMD` take others). All but the first four need real columns.
    epsilon : float, optional
        Of kind "sinkhorn": strength of the regularisation, in units of the cost; None takes a
        tenth of the spread of the costs.
    discrete : None, bool or sequence of bool
        Which columns are symbols; None goes by dtype, as in :func:`entropy`.
    estimator : str or estimator
        "auto", "discrete", "gaussian", "neighbors", "sinkhorn", "wasserstein" (an exact plan; POT
        for several columns), "cauchy-schwarz", "mmd", "variational", "diffusion" (the last two
        networks), or an instance (whose own ``kind`` counts).
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits; None for "chi2", "hellinger", "sinkhorn",
        "wasserstein" and "mmd", which are no logarithms.
    confidence_level : float or None
        Level of the interval; None for the bare number.
    n_permutations : int
        Number of permutations for a p-value of P = Q; 0 for none.
    max_seconds : float, optional
        Time for training a network, for estimators that do; "auto" takes one for "chi2",
        "hellinger", and "wasserstein" of several columns and many rows. Results that ran into it
        depend on the machine.
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
        columns, too few rows, an unknown name, a limit of time for an estimator without networks.

    Notes
    -----
    A KL divergence is infinite where P puts mass and Q none, which no sample can show; estimates
    stay finite. Rows are independent: no estimator here takes groups of rows. Complexity as
    :func:`mutual_information`. Sources: Wang, Kulkarni and Verdú (2009),
    doi:10.1109/TIT.2009.2016060; Lin (1991), doi:10.1109/18.61115.

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
    check_seconds(max_seconds)
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
        if "max_seconds" in chosen.get_params():
            chosen.set_params(max_seconds=max_seconds)
    else:
        chosen, notes = named("divergence", estimator, kind=kind), []
        # What a name or an instance without that parameter estimates is its own.
        if isinstance(chosen, DivergenceEstimator) and kind not in ("kl", chosen.kind):
            can = "kind" in chosen.get_params()
            advice = (
                f"Set it there: {type(chosen).__name__}(kind={kind!r})."
                if can
                else "Leave kind out, or pass another estimator."
            )
            raise ValueError(
                f"kind={kind!r} contradicts the estimator, whose own kind is {chosen.kind!r}. "
                f"{advice}"
            )
    if epsilon is not None:
        _set_epsilon(chosen, epsilon, is_own=not isinstance(estimator, str))
    if not (isinstance(estimator, str) and estimator == "auto"):
        chosen = within_seconds("divergence", chosen, max_seconds)
    if isinstance(estimator, str) and "random_state" in chosen.get_params():
        rng = local_random_state(random_state)
        random_state = rng
        chosen.set_params(random_state=rng.randint(2**31 - 1))
    return answer(
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


def _set_epsilon(chosen: Any, epsilon: float, *, is_own: bool) -> None:
    """Give the chosen estimator its epsilon; raise where it has none, or is the user's own."""
    if "epsilon" not in chosen.get_params():
        raise ValueError(
            f"epsilon is for kind='sinkhorn', got epsilon={epsilon!r} for "
            f"{type(chosen).__name__}, which has none. Leave it out, or pass kind='sinkhorn'."
        )
    if is_own:
        raise ValueError(
            f"epsilon={epsilon!r} beside an estimator of one's own: set it there, "
            f"{type(chosen).__name__}(epsilon={epsilon!r})."
        )
    chosen.set_params(epsilon=epsilon)


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
