"""The list of checks for any estimator of an information quantity, and three ways to run it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest import SkipTest

from infotheory._interrupts import Watch

from ._accuracy_checks import ACCURACY_CHECKS
from ._contract_checks import CONTRACT_CHECKS
from ._global_state import global_state_restored
from ._input_checks import INPUT_CHECKS
from ._law_checks import LAW_CHECKS
from ._subject import Subject, examine

_ALL: dict[str, Callable[[Subject], None]] = {
    check.__name__: check
    for check in (*CONTRACT_CHECKS, *INPUT_CHECKS, *LAW_CHECKS, *ACCURACY_CHECKS)
}

Laws = Mapping[str, str | None]


@dataclass(frozen=True)
class InformationCheck:
    """One named check: call it with an estimator.

    Raises AssertionError where the estimator fails, and ``unittest.SkipTest`` where the check
    does not apply to its quantity or data.
    """

    name: str
    random_state: int = 0
    laws: Laws | None = None
    tolerance: float = 0.05

    def __call__(self, estimator: Any) -> None:
        options = {"laws": self.laws, "tolerance": self.tolerance}
        with _errors_are_failures(self.name, estimator), global_state_restored():
            subject = examine(estimator, random_state=self.random_state, **options)
        _run(self.name, subject)


def _run(name: str, subject: Subject) -> None:
    with _errors_are_failures(name, subject.estimator), global_state_restored():
        _ALL[name](subject)


@contextmanager
def _errors_are_failures(name: str, estimator: Any) -> Iterator[None]:
    try:
        yield
    except (AssertionError, SkipTest):
        raise
    except Exception as error:
        raise AssertionError(
            f"{name}: {' '.join(repr(estimator).split())} raised {error!r} where it should have "
            f"returned an estimate."
        ) from error


class CheckResult(NamedTuple):
    """What came of one check: "passed", "skipped", "failed" or "expected failure"."""

    name: str
    status: str
    message: str = ""


def information_checks(
    estimator: Any,
    *,
    random_state: int = 0,
    laws: Laws | None = None,
    tolerance: float = 0.05,
) -> Iterator[tuple[Any, InformationCheck]]:
    """All checks for an estimator, one by one.

    Parameters
    ----------
    estimator : estimator
        As in :func:`check_information_estimator`.
    random_state : int, default=0
    laws : mapping, default=None
    tolerance : float, default=0.05
        As in :func:`check_information_estimator`.

    Yields
    ------
    estimator : estimator
        The argument, unchanged.
    check : callable
        ``check(estimator)`` raises AssertionError on failure, and ``unittest.SkipTest`` where it
        does not apply. Its ``name`` is the name in the list of expected failures.

    Examples
    --------
    >>> from infotheory import GaussianEntropy
    >>> from infotheory.testing import information_checks
    >>> for estimator, check in information_checks(GaussianEntropy()):
    ...     if check.name == "check_scale":
    ...         check(estimator)
    """
    for name in _ALL:
        yield estimator, InformationCheck(name, random_state, laws, tolerance)


def check_information_estimator(
    estimator: Any,
    *,
    random_state: int = 0,
    expected_failures: Mapping[str, str] | None = None,
    laws: Laws | None = None,
    tolerance: float = 0.05,
) -> tuple[CheckResult, ...]:
    r"""Check that an estimator keeps the conventions and the laws of its quantity.

    Parameters
    ----------
    estimator : estimator
        Any object with scikit-learn's ``get_params`` and ``fit(X, y)`` that leaves ``entropy_``,
        ``mutual_information_`` or ``divergence_`` in nats; no base class is needed. For a
        divergence y labels the sample of each row. It is cloned, never changed.
    random_state : int, default=0
        Seed of all samples, and of the estimator if it has a ``random_state``.
    expected_failures : mapping of str to str, default=None
        Names of checks that may fail, each with the reason.
    laws : mapping of str to {"exact", "sampling", None}, default=None
        What to expect of the laws "translation", "scale", "relabelling", "row-order",
        "symmetry", "additivity", "data-processing", "independence", "truth", "pointwise-mean"
        and "integers": that they hold to rounding, within sampling error, or not at all. What is
        not named is taken from the estimator's attribute ``_information_laws``, a mapping of the
        same form, and else from the quantity: a Cauchy-Schwarz divergence, say, is not expected
        to obey data processing.
    tolerance : float, default=0.05
        Nats by which the mean estimate may miss the closed form at n = 1 000.

    Returns
    -------
    tuple of CheckResult
        ``name``, ``status`` ("passed", "skipped" or "expected failure") and ``message`` of each.

    Raises
    ------
    AssertionError
        If a check fails that is not expected to. The message says the law, the numbers and what
        to look at, for every failed check.
    ValueError
        If `expected_failures` or `laws` has an unknown name.

    Notes
    -----
    Whether the estimator reads real numbers, symbols or both is found out by fitting. Laws that
    are not exact may be off by 2.5 standard deviations of one estimate (sums: 4) on average over
    eight samples of 400 rows. About 250 fits with at most 1 600 rows (2 x 1 600 for a divergence).

    Examples
    --------
    >>> from infotheory import GaussianMutualInformation
    >>> from infotheory.testing import check_information_estimator
    >>> results = check_information_estimator(
    ...     GaussianMutualInformation(), laws={"pointwise-mean": "sampling"}
    ... )
    >>> sorted({r.status for r in results})
    ['passed', 'skipped']
    """
    expected = dict(expected_failures or {})
    _refuse_unknown(expected)
    watch = Watch()
    with global_state_restored():
        subject = examine(estimator, random_state=random_state, laws=laws, tolerance=tolerance)
    results = []
    for name in _ALL:
        watch.stop("The checks")
        try:
            _run(name, subject)
        except SkipTest as reason:
            results.append(CheckResult(name, "skipped", str(reason)))
        except AssertionError as failure:
            if name in expected:
                message = f"{expected[name]} ({failure})"
                results.append(CheckResult(name, "expected failure", message))
            else:
                results.append(CheckResult(name, "failed", str(failure)))
        else:
            results.append(CheckResult(name, "passed"))
    failed = [r for r in results if r.status == "failed"]
    if failed:
        lines = "\n".join(f"- {r.name}: {r.message}" for r in failed)
        raise AssertionError(f"{len(failed)} of {len(results)} checks failed:\n{lines}")
    return tuple(results)


def parametrize_with_information_checks(
    estimators: Iterable[Any],
    *,
    random_state: int = 0,
    expected_failures: Callable[[Any], Mapping[str, str]] | None = None,
    laws: Callable[[Any], Laws | None] | None = None,
    tolerance: float = 0.05,
) -> Any:
    """Pytest decorator: one test for each estimator and check.

    Parameters
    ----------
    estimators : iterable of estimators
    random_state : int, default=0
    expected_failures : callable, default=None
        From an estimator to the mapping of :func:`check_information_estimator`; those tests are
        marked xfail with the reason.
    laws : callable, default=None
        From an estimator to the mapping of :func:`check_information_estimator`.
    tolerance : float, default=0.05

    Returns
    -------
    pytest.MarkDecorator
        Of a test function with the arguments ``estimator`` and ``check``.

    Raises
    ------
    ValueError
        If an expected failure has an unknown name.

    Examples
    --------
    >>> from infotheory import GaussianEntropy
    >>> from infotheory.testing import parametrize_with_information_checks
    >>> @parametrize_with_information_checks([GaussianEntropy()])
    ... def test_information(estimator, check):
    ...     check(estimator)
    """
    import pytest

    parameters = []
    for estimator in estimators:
        expected = dict(expected_failures(estimator)) if expected_failures else {}
        _refuse_unknown(expected)
        for _, check in information_checks(
            estimator,
            random_state=random_state,
            laws=laws(estimator) if laws else None,
            tolerance=tolerance,
        ):
            reason = expected.get(check.name)
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason)]
            name = " ".join(repr(estimator).split())
            parameters.append(
                pytest.param(estimator, check, marks=marks, id=f"{name}-{check.name}")
            )
    return pytest.mark.parametrize(("estimator", "check"), parameters)


def _refuse_unknown(expected: Mapping[str, str]) -> None:
    unknown = sorted(set(expected) - set(_ALL))
    if unknown:
        raise ValueError(
            f"expected_failures must name checks, got {', '.join(unknown)}. The checks are "
            f"{', '.join(_ALL)}."
        )
