"""The answer of the door to transport: the value of a plan, and the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from infotheory._base import last_step, takes_variables
from infotheory._estimate import Estimate
from infotheory._validation import describe


@dataclass(frozen=True, eq=False)
class TransportEstimate(Estimate):
    r"""Cost of transport between two laws with its uncertainty, and the plan that has it.

    An :class:`Estimate` whose estimator is at hand: what it found are attributes here, and
    ``transform`` and ``sample`` take new rows, one-dimensional ones too.

    Parameters
    ----------
    value : float
        The regularised cost :math:`\langle C, P \rangle + \epsilon KL(P \| a \otimes b)`, or what
        else the estimator gives.
    standard_error : float or None
    interval : tuple of (float, float) or None
    confidence_level : float or None
    p_value : None
    unit : str
        That of the cost: "squared column units" for squared distances.
    n_samples : int
        Rows of both samples.
    estimator : object
        The fitted estimator.
    notes : tuple of str
    bias : float

    Examples
    --------
    >>> import numpy as np
    >>> import infotheory
    >>> x = np.linspace(0.0, 1.0, 50)
    >>> moved = infotheory.transport(x, 2 + x, epsilon=0.01)
    >>> print(f"{moved.cost:.2f}")  # all move by 2, half the square is 2
    2.00
    >>> moved.transform([0.5]).round(2)
    array([2.5])
    """

    @property
    def plan(self) -> np.ndarray:
        """The plan, (n, m)."""
        return self._found("plan_")

    @property
    def potentials(self) -> tuple[np.ndarray, np.ndarray]:
        """The potentials f and g, in units of the cost."""
        return self._found("potentials_")

    @property
    def cost(self) -> float:
        """Mean cost under the plan, without the regularisation."""
        return self._found("cost_")

    @property
    def epsilon(self) -> float:
        """The regularisation that was used."""
        return self._found("epsilon_")

    @property
    def duality_gap(self) -> float:
        """How far `value` can be from the optimum between the two samples."""
        return self._found("duality_gap_")

    @property
    def marginal_error(self) -> float:
        """L1 distance of the marginals of the plan from the weights of the rows."""
        return self._found("marginal_error_")

    @property
    def converged(self) -> bool:
        """Whether the solver ended within its tolerance."""
        return self._found("converged_")

    def transform(self, X: Any) -> np.ndarray:
        """Map rows of the source to the mean of the target given them.

        Parameters
        ----------
        X : array-like or DataFrame of shape (l,) or (l, d)

        Returns
        -------
        ndarray of shape (l, e)
            (l,) for one column given as (l,).
        """
        rows, is_flat = self._rows(X)
        return _flat(self.estimator.transform(rows), is_flat)

    def sample(self, X: Any, random_state: Any = None) -> np.ndarray:
        """Draw a row of the target for each row of the source.

        Parameters
        ----------
        X : array-like or DataFrame of shape (l,) or (l, d)
        random_state : int, RandomState, Generator or None

        Returns
        -------
        ndarray of shape (l, e)
            (l,) for one column given as (l,).
        """
        last = last_step(self.estimator)
        if not hasattr(last, "sample"):
            raise AttributeError(
                f"{type(last).__name__} learns a map and draws nothing: it has no sample. "
                f"Sinkhorn() does, and transform() is there."
            )
        rows, is_flat = self._rows(X)
        if hasattr(self.estimator, "steps"):
            rows = self.estimator[:-1].transform(rows)
        return _flat(last.sample(rows, random_state), is_flat)

    def _rows(self, X: Any) -> tuple[Any, bool]:
        rows = describe(X, "X", discrete=False, min_samples=1)
        is_flat = rows.dim == 1 and np.ndim(X) == 1
        return rows if takes_variables(self.estimator) else rows.values, is_flat

    def _found(self, name: str) -> Any:
        last = last_step(self.estimator)
        if not (name in vars(last) or hasattr(type(last), name)):
            raise AttributeError(f"{type(last).__name__} leaves no {name}. Sinkhorn() does.")
        return getattr(last, name)

    def __repr__(self) -> str:
        return f"Transport{super().__repr__()}"


def _flat(rows: np.ndarray, is_flat: bool) -> np.ndarray:
    return rows[:, 0] if is_flat and rows.shape[1] == 1 else rows
