"""The door to transport: two samples in, the cost of moving one to the other and the plan out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from infotheory._base import TransportEstimator, last_step, takes_variables
from infotheory._columns import as_columns, is_frame
from infotheory._estimate import check_confidence_level
from infotheory._estimators.automatic import named
from infotheory._inference import confidence_interval, point_estimate
from infotheory._resampling import local_random_state
from infotheory._transport_estimate import TransportEstimate
from infotheory._validation import Variable, check_same_times, describe

_FEWEST_ROWS = 20
# The share of a standard error whose square is half of the variance.
_HALF = 0.5**0.5


def transport(
    P: Any,
    Q: Any,
    *,
    epsilon: float | None = None,
    cost: str | Callable[[np.ndarray, np.ndarray], np.ndarray] = "half-sqeuclidean",
    estimator: Any = "auto",
    confidence_level: float | None = 0.9,
    random_state: Any = None,
) -> TransportEstimate:
    r"""Entropic optimal transport of one sample to another.

    Parameters
    ----------
    P : array-like or DataFrame of shape (n,) or (n, d)
        The source.
    Q : array-like or DataFrame of shape (m,) or (m, d)
        The target; its rows need not pair with those of P.
    epsilon : float, optional
        Strength of the regularisation, in units of the cost. None takes a tenth of the spread of
        the costs, as :class:`Sinkhorn` says; not for "semi-discrete".
    cost : {"half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"} or callable
        A callable takes both samples and returns the costs of all pairs, (n, m).
    estimator : str or estimator
        "auto" and "sinkhorn" are :class:`Sinkhorn`; "low-rank", "sparse-monge", "semi-discrete",
        "light-sb", "sinkhorn-bridge", and "enot" and "egeot", which train networks; or an
        instance of any transport estimator, whose own epsilon and cost count.
    confidence_level : float or None
        Level of the interval; None for the bare number.
    random_state : int, RandomState or None
        For estimators that draw.

    Returns
    -------
    TransportEstimate
        The value with its interval, in units of the cost; ``plan``, ``cost``, ``duality_gap``,
        and ``transform`` and ``sample`` for new rows. The value is the regularised cost of
        :class:`Sinkhorn` and :class:`SparseMonge`; of the others it is ``cost_``, the mean cost
        under their plan, without the regularisation.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of its rule: missing or infinite values, text, different columns,
        an epsilon that is not positive, an unknown name.

    Warns
    -----
    ConvergenceWarning
        If the solver did not end within its tolerance.

    Notes
    -----
    The interval is for the regularised cost between the two *laws* at this epsilon, and is
    centred on value - bias: samples are further apart than their laws. Without interval are
    samples of fewer than 20 rows, estimators that know no standard error, and plans that did not
    converge. Rows are independent. The value is not 0 for equal laws. Complexity and measured
    coverage: that of :class:`Sinkhorn`. Source: Cuturi (2013), arXiv:1306.0895.

    Examples
    --------
    >>> import numpy as np
    >>> import infotheory
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(400, 2)), rng.normal(1.0, 0.5, size=(300, 2))
    >>> moved = infotheory.transport(P, Q, epsilon=0.5)
    >>> low, high = moved.interval
    >>> bool(low < 1.8726 < high)  # the value of the two normal laws
    True
    >>> moved.plan.shape, moved.transform([[0.0, 0.0]]).round(1).tolist()
    ((400, 300), [[1.0, 1.0]])
    """
    if confidence_level is not None:
        check_confidence_level(confidence_level)
    p, q = describe(P, "P", discrete=False), describe(Q, "Q", discrete=False)
    chosen = _chosen(estimator, epsilon, cost)
    if not callable(getattr(last_step(chosen), "cost", None)):
        _check_same_columns(p, q, frames=is_frame(P) and is_frame(Q))
        check_same_times(*(as_columns(t, n, allow_1d=True) for t, n in ((P, "P"), (Q, "Q"))))
    notes = []
    if hasattr(chosen, "steps") and len(chosen.steps) > 1:
        notes.append(
            "The steps before the last one see P and not Q: costs compare rows that they changed "
            "with rows that they did not."
        )
    rng = local_random_state(random_state)
    if isinstance(estimator, str) and "random_state" in chosen.get_params():
        chosen.set_params(random_state=rng.randint(2**31 - 1))
    X, y = (p, q) if takes_variables(chosen) else (p.values, q.values)
    known = hasattr(last_step(chosen), "_standard_error")
    few = min(len(p), len(q)) < _FEWEST_ROWS
    if confidence_level is None or not known or few:
        found = point_estimate(chosen, X, y)
    else:
        found = confidence_interval(
            chosen,
            X,
            y,
            confidence_level=confidence_level,
            method="analytic",
            random_state=rng,
        )
    if found.interval is not None and not getattr(last_step(found.estimator), "converged_", True):
        gap = getattr(last_step(found.estimator), "duality_gap_", None)
        found = replace(found, standard_error=None, interval=None, confidence_level=None, bias=0.0)
        notes.append(
            "No interval: the solver did not converge, and how far the samples are from their laws "
            "is not all that the value is off by"
            + ("." if gap is None else f": up to {gap:.2g} (duality_gap) comes from that.")
            + " Raise epsilon, or the estimator's max_iter."
        )
    if found.standard_error is not None and found.bias > found.standard_error * _HALF:
        notes.append(
            "The bias is larger than the spread of the value: samples of this size say little "
            "about the cost between their laws at this epsilon. Raise it, or pass more rows."
        )
    if confidence_level is not None and not known:
        notes.append(f"No interval: {type(last_step(chosen)).__name__} knows no standard error.")
    elif confidence_level is not None and few:
        notes.append(
            f"No interval: {len(p)} and {len(q)} rows are too few, at least {_FEWEST_ROWS} of "
            f"each sample are needed."
        )
    found = replace(found, n_samples=len(p) + len(q), notes=(*notes, *found.notes))
    return TransportEstimate(**{f.name: getattr(found, f.name) for f in fields(found)})


def _chosen(estimator: Any, epsilon: float | None, cost: Any) -> Any:
    if isinstance(estimator, str):
        if isinstance(cost, str) and cost == "precomputed":
            raise ValueError(
                "cost must be a name or a callable, got 'precomputed'. For an array of costs use "
                "Sinkhorn(cost='precomputed').fit(costs, Q), or functional.sinkhorn(costs)."
            )
        words = {"cost": cost} if epsilon is None else {"cost": cost, "epsilon": epsilon}
        chosen = named("transport", "sinkhorn" if estimator == "auto" else estimator, **words)
        is_default = isinstance(cost, str) and cost == "half-sqeuclidean"
        if not is_default and "cost" not in chosen.get_params():
            raise ValueError(
                f"cost must be left out for estimator={estimator!r}, which has a cost of its own, "
                f"got {cost!r}. Only 'sinkhorn' takes one."
            )
        if epsilon is not None and not getattr(last_step(chosen), "_epsilon_of_cost", True):
            raise ValueError(
                f"epsilon must be left out for estimator={estimator!r}, whose plan has none in the "
                f"end, got {epsilon!r}. How it falls is set by {type(chosen).__name__}(epsilon)."
            )
        return chosen
    chosen = named("transport", estimator)
    last = last_step(chosen)
    if not isinstance(last, TransportEstimator) and not hasattr(last, "transform"):
        raise TypeError(
            f"estimator must learn a map from P to Q, got {last!r}, which has no transform. Pass "
            f"one such as Sinkhorn()."
        )
    own = chosen.get_params()
    for name, value, default in (("epsilon", epsilon, None), ("cost", cost, "half-sqeuclidean")):
        if value is not default and value != own.get(name):
            raise ValueError(
                f"{name}={value!r} is for estimators by name, got it beside {last!r}. Set it "
                f"there: {type(last).__name__}({name}={value!r})."
            )
    return chosen


def _check_same_columns(p: Variable, q: Variable, *, frames: bool) -> None:
    if p.dim != q.dim:
        raise ValueError(
            f"P and Q must have the same number of columns, got {p.dim} and {q.dim}. Only a "
            f"callable cost compares rows of different lengths."
        )
    of_p, of_q = p.feature_names or (), q.feature_names or ()
    if of_p != of_q and sorted(of_p) == sorted(of_q):
        raise ValueError(
            f"P and Q must have their columns in one order, got {list(of_p)} and {list(of_q)}. "
            f"Pass Q[P.columns]."
        )
    # Series, which stand for one column, often have names of their own.
    if frames and of_p and of_q and of_p != of_q:
        raise ValueError(
            f"P and Q must have the same columns, got {list(of_p)} and {list(of_q)}. Select and "
            f"name the columns of Q as in P."
        )
