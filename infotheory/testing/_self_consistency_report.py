"""What came of the self-consistency tests: numbers, verdicts, a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class SelfConsistencyLaw:
    """One of the three laws at each number of rows where it was tried.

    Parameters
    ----------
    name : {"baseline", "data processing", "additivity"}
    n_rows : tuple of int
        Rows of the image that the second variable keeps.
    estimates : ndarray of shape (l,)
        Nats.
    standard_errors : ndarray of shape (l,)
        What the fitted estimator says of itself; nan where it says nothing.
    ratios : ndarray of shape (l,)
        Baseline: to the estimate from the full image. The others: to the baseline estimate with
        as many rows.
    truths : ndarray of shape (l,) or None
        The information in closed form, where there is one.
    passed : bool or None
        None where no estimate was large enough for a ratio.
    limits : tuple of float or None
        Between which the ratios pass; None for the baseline.
    rule : str
        What had to hold.

    Examples
    --------
    >>> from infotheory import GaussianMutualInformation
    >>> from infotheory.testing import self_consistency
    >>> report = self_consistency(
    ...     GaussianMutualInformation(), data="gaussian", n_rows=(4, 8), n_samples=2000
    ... )
    >>> report.additivity.n_rows, report.additivity.passed
    ((4, 8), True)
    """

    name: str
    n_rows: tuple[int, ...]
    estimates: np.ndarray
    standard_errors: np.ndarray
    ratios: np.ndarray
    truths: np.ndarray | None
    passed: bool | None
    limits: tuple[float, float] | None
    rule: str

    @property
    def errors(self) -> np.ndarray | None:
        """Estimates less truths, in nats; None where there is no closed form."""
        return None if self.truths is None else self.estimates - self.truths

    @property
    def verdict(self) -> str:
        """passed, failed or not run."""
        return {True: "passed", False: "failed", None: "not run"}[self.passed]


@dataclass(frozen=True, eq=False)
class SelfConsistencyReport:
    """Outcome of :func:`self_consistency`.

    Parameters
    ----------
    baseline, data_processing, additivity : SelfConsistencyLaw
    monotone : bool
        Whether the baseline never falls by more than its tolerance.
    estimator : str
        What was tested, in one line.
    data : {"digits", "gaussian"}
    noise : float
    n_components : int or None
    duplicates : {"drop", "keep"}
    n_samples, n_copies : int
        Rows in all, and rows of each image.
    seconds : float
        Wall-clock time.

    Examples
    --------
    >>> from infotheory import GaussianMutualInformation
    >>> from infotheory.testing import self_consistency
    >>> report = self_consistency(
    ...     GaussianMutualInformation(), data="gaussian", n_rows=(0, 4, 8), n_samples=2000
    ... )
    >>> report.passed, report.monotone, len(report.to_frame())
    (True, True, 7)
    """

    baseline: SelfConsistencyLaw
    data_processing: SelfConsistencyLaw
    additivity: SelfConsistencyLaw
    monotone: bool
    estimator: str
    data: str
    noise: float
    n_components: int | None
    duplicates: str
    n_samples: int
    n_copies: int
    seconds: float

    @property
    def laws(self) -> tuple[SelfConsistencyLaw, ...]:
        """The three laws in order."""
        return (self.baseline, self.data_processing, self.additivity)

    @property
    def passed(self) -> bool:
        """Whether all three laws were tried and hold."""
        return all(law.passed is True for law in self.laws)

    def to_frame(self) -> Any:
        """One line an estimate, as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            Columns ``law``, ``n_rows``, ``estimate``, ``standard_error``, ``ratio`` and, where
            there is a closed form, ``truth`` and ``error``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas, which is not installed. Install it with "
                "pip install 'infotheory-learn[frame]', or use the arrays."
            ) from error
        parts: dict[str, list[Any]] = {
            "estimate": [law.estimates for law in self.laws],
            "standard_error": [law.standard_errors for law in self.laws],
            "ratio": [law.ratios for law in self.laws],
        }
        if self.baseline.truths is not None:
            parts["truth"] = [law.truths for law in self.laws]
            parts["error"] = [law.errors for law in self.laws]
        table: dict[str, Any] = {
            "law": [law.name for law in self.laws for _ in law.n_rows],
            "n_rows": [r for law in self.laws for r in law.n_rows],
        }
        table.update({name: np.concatenate(values) for name, values in parts.items()})
        return pandas.DataFrame(table)

    def __repr__(self) -> str:
        seen = "pixels" if self.n_components is None else f"{self.n_components} components"
        lines = [
            f"Self-consistency of {self.estimator}: {'passed' if self.passed else 'not passed'}",
            f"{self.data}, noise {self.noise:g}, {seen}, duplicates: {self.duplicates}, "
            f"{self.n_samples} rows ({self.n_copies} an image), {self.seconds:.1f} s",
            "",
            f"{'law':16}{'rows':>4}{'nats':>10}{'s.e.':>9}{'ratio':>9}",
        ]
        if self.baseline.truths is not None:
            lines[-1] += f"{'truth':>10}{'error':>10}"
        for law in self.laws:
            lines += _lines(law)
        lines.append("")
        lines += [f"{law.name:16}{law.verdict}: {law.rule}" for law in self.laws]
        return "\n".join(lines)

    __str__ = __repr__


def _lines(law: SelfConsistencyLaw) -> list[str]:
    lines = []
    for i, r in enumerate(law.n_rows):
        error = law.standard_errors[i]
        spread = "-" if np.isnan(error) else f"{error:.4f}"
        line = f"{law.name:16}{r:>4}{law.estimates[i]:>10.4f}{spread:>9}{law.ratios[i]:>9.3f}"
        if law.truths is not None and law.errors is not None:
            line += f"{round(law.truths[i], 4) + 0.0:>10.4f}{law.errors[i]:>+10.4f}"
        lines.append(line)
    return lines
