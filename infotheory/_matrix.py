"""Mutual information of every pair of columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from infotheory._answers import each_argument
from infotheory._base import unit_of_estimator
from infotheory._estimate import check_base, unit_of
from infotheory._functions import entropy, mutual_information
from infotheory._interrupts import Watch
from infotheory._resampling import local_random_state
from infotheory._validation import Variable, check_same_length, describe, pairing_notes


@dataclass(frozen=True, eq=False)
class MutualInformationMatrix:
    """Mutual information of every pair of columns, with intervals and p-values.

    Parameters
    ----------
    values : ndarray of shape (d, e)
        Estimates; row i is column i of X, column j is column j of y (or of X).
    lower, upper : ndarray of shape (d, e) or None
        Ends of the intervals; None where none was asked for.
    p_values : ndarray of shape (d, e) or None
        Permutation p-values of independence, one pair at a time (no correction for the number
        of pairs).
    row_names, column_names : tuple of str
    unit : str
    n_samples : int
    confidence_level : float or None
    notes : tuple of str
        Notes of the single estimates, each with its pair.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import mutual_information_matrix
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> m = mutual_information_matrix(X, X[:, 0] + X[:, 1], random_state=0)
    >>> m.values.shape, m.row_names, m.column_names
    ((2, 1), ('x0', 'x1'), ('y',))
    """

    values: np.ndarray
    lower: np.ndarray | None
    upper: np.ndarray | None
    p_values: np.ndarray | None
    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    unit: str
    n_samples: int
    confidence_level: float | None
    notes: tuple[str, ...]

    def to_frame(self) -> Any:
        """One line a pair, as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            Columns ``row``, ``column``, ``value`` and, where there are any, ``lower``, ``upper``
            and ``p_value``.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from infotheory import mutual_information_matrix
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> m = mutual_information_matrix(X, X[:, 0], confidence_level=None)
        >>> m.to_frame().columns.tolist()
        ['row', 'column', 'value']
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas, which is not installed. Install it with "
                "pip install 'infotheory-learn[frame]', or use the arrays."
            ) from error
        pairs = list(product(self.row_names, self.column_names))
        table = {
            "row": [row for row, _ in pairs],
            "column": [column for _, column in pairs],
            "value": self.values.ravel(),
        }
        for name, part in (
            ("lower", self.lower),
            ("upper", self.upper),
            ("p_value", self.p_values),
        ):
            if part is not None:
                table[name] = part.ravel()
        return pandas.DataFrame(table)

    def __repr__(self) -> str:
        d, e = self.values.shape
        return f"MutualInformationMatrix({d} x {e} pairs, {self.unit}, n = {self.n_samples})"


def mutual_information_matrix(
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
    verbose: int = 0,
) -> MutualInformationMatrix:
    r"""Mutual information of each column of X with each column of y, or of X with itself.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n, d)
    y : array-like or DataFrame of shape (n,) or (n, e), optional
        Without it the columns of X are paired with each other, and the matrix is symmetric.
    discrete : None, bool, sequence of bool or tuple
        Which columns are symbols. None goes by dtype. With `y`, a tuple has one entry for each
        of X and y: None, a bool, or one bool a column.
    groups : array-like of shape (n,), optional
        Rows that belong together, as in :func:`mutual_information`.
    estimator : str or estimator
        As in :func:`mutual_information`; "auto" chooses for each pair.
    base : float, optional
        Base of the logarithm: None for nats, 2 for bits.
    confidence_level : float or None
        Level of the intervals; None for bare numbers.
    n_permutations : int
        Permutations a pair for a p-value of independence; 0 for none.
    max_seconds : float, optional
        Time for training a network, for each pair; as in :func:`mutual_information`.
    n_jobs : int, optional
        Threads over pairs.
    random_state : int, RandomState or None
        Each pair gets its own stream, so that `n_jobs` does not change the result.
    verbose : int
        1 shows a progress bar over pairs.

    Returns
    -------
    MutualInformationMatrix
        On the diagonal of a symmetric matrix stands the information of a column with itself:
        its entropy if it is discrete, inf otherwise, nan where the estimator gives a distance
        instead; without interval (both ends equal) and without p-value (nan).

    Raises
    ------
    ValueError, TypeError
        As :func:`mutual_information`.

    Notes
    -----
    Complexity: one :func:`mutual_information` a pair. Sources as there
    (arXiv:cond-mat/0305641, arXiv:1709.06212, doi:10.1111/2041-210X.12108).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import mutual_information_matrix
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> y = X[:, 0] + rng.normal(size=300)
    >>> m = mutual_information_matrix(X, y, random_state=0)
    >>> bool(m.values[0, 0] > m.values[1, 0])
    True
    """
    check_base(base)
    masks = (discrete,) if y is None else each_argument(discrete, 2)
    rows = _columns(describe(X, "X", discrete=masks[0]), X, "x")
    columns = rows if y is None else _columns(describe(y, "y", discrete=masks[-1]), y, "y")
    check_same_length(rows[0][1], columns[0][1])
    if y is None:
        pairs = list(combinations_with_replacement(range(len(rows)), 2))
    else:
        pairs = list(product(range(len(rows)), range(len(columns))))
    seeds = local_random_state(random_state).randint(2**31 - 1, size=len(pairs))

    watch = Watch()

    def estimate(i: int, j: int, seed: int) -> Any:
        if y is None and i == j:
            return None
        told = mutual_information(
            rows[i][1],
            columns[j][1],
            groups=groups,
            estimator=estimator,
            base=base,
            confidence_level=confidence_level,
            n_permutations=n_permutations,
            max_seconds=max_seconds,
            random_state=int(seed),
        )
        watch.stop("The matrix")
        return told

    arguments: Any = list(zip(pairs, seeds, strict=True))
    if verbose:
        from tqdm import tqdm

        arguments = tqdm(arguments, desc="pairs", leave=False)
    results = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(estimate)(i, j, seed) for (i, j), seed in arguments
    )

    own_unit = unit_of_estimator(estimator)
    is_distance = own_unit != "nats"
    shape = (len(rows), len(columns))
    values, lower, upper, p_values = (np.full(shape, np.nan) for _ in range(4))
    notes = [] if y is None else pairing_notes(X, y)
    for (i, j), result in zip(pairs, results, strict=True):
        places = [(i, j), (j, i)] if y is None else [(i, j)]
        for place in places:
            if result is None:
                own = math.nan if is_distance else _self_information(rows[i][1], base)
                values[place] = lower[place] = upper[place] = own
                continue
            values[place] = result.value
            if result.interval is not None:
                lower[place], upper[place] = result.interval
            if result.p_value is not None:
                p_values[place] = result.p_value
        if result is not None:
            notes += [f"{rows[i][0]}, {columns[j][0]}: {note}" for note in result.notes]
    return MutualInformationMatrix(
        values,
        None if confidence_level is None else lower,
        None if confidence_level is None else upper,
        p_values if n_permutations else None,
        tuple(name for name, _ in rows),
        tuple(name for name, _ in columns),
        own_unit if is_distance else unit_of(base),
        len(rows[0][1]),
        confidence_level,
        tuple(notes),
    )


def _columns(variable: Variable, raw: Any, letter: str) -> list[tuple[str, Variable]]:
    """Each column with its name: that of the table, else x0, x1, ... (y alone is y)."""
    names = variable.feature_names
    if names is None and hasattr(raw, "columns"):
        names = tuple(map(str, raw.columns))
    if names is None:
        single = variable.dim == 1 and letter == "y"
        names = ("y",) if single else tuple(f"{letter}{j}" for j in range(variable.dim))
    return [(name, variable.column(j)) for j, name in enumerate(names)]


def _self_information(variable: Variable, base: float | None) -> float:
    if variable.kind != "discrete":
        return math.inf
    return float(entropy(variable, base=base, confidence_level=None))
