"""Mutual information through added normal noise, as of the layers of a noisy network."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._base import MutualInformationEstimator
from infotheory._resampling import local_random_state
from infotheory._validation import Variable, check_same_length, describe, pairing_notes
from infotheory.functional import (
    adaptive_noise_variance,
    discrete_entropy,
    noisy_channel_information,
)

# Share of ln n beyond which the rows are too few for the noise: the value fell short by 5 % of
# the truth from there on, for normal layers of five and of ten units.
_SATURATED = 0.7
_LEAST = 1e-100
_MOST = 1e150


class NoisyMutualInformation(MutualInformationEstimator):
    r"""Information that a layer plus normal noise has about its input or about labels.

    Parameters
    ----------
    noise : float, "adaptive" or callable
        Standard deviation of the noise that is added to every column of X, in its units.
        "adaptive": the variance is a thousandth of the largest activation
        (:func:`~infotheory.functional.adaptive_noise_variance`). A callable gets X as an array
        and returns the standard deviation, one number or one a column.
    method : {"monte-carlo", "upper", "lower"}
        The integral over the noise by draws of it, or bounds from the distances of pairs of rows.
    n_draws : int
        Of the noise, for each row, with "monte-carlo".
    random_state : int, RandomState, Generator or None
        For the draws; an int makes the result reproducible.

    Attributes
    ----------
    mutual_information_ : float
        :math:`h(X + Z) - h(X + Z \mid y)` with noise Z; nats.
    pointwise_ : ndarray of shape (n,)
        One value a fitted row; the mean is the estimate.
    noise_ : ndarray of shape (d,)
        Standard deviation of the noise in each column.
    integration_error_ : float
        Standard error of the integral over the noise, which is a part of the sampling error.
    saturation_limit_ : float
        The largest value that there can be here: the entropy of the distinct rows of y, which is
        ln n where none repeats.
    saturated_ : bool
        Whether what arrives tells most rows apart, beyond :math:`0.7 \ln n` of at most ln n nats.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if X is not a finite real table, the lengths differ, or the noise is not
        positive.

    Notes
    -----
    Every distinct row of y is one value of it: a label, or an input. Where none repeats, X is
    taken as a function of y, :math:`h(X + Z \mid y) = h(Z)`, and the value is what the noisy
    layer has of its input. Where y is a number that X is not a function of, that is not what
    X + Z has of y. Labels must repeat; repeated inputs, sent through a network that is noisy
    itself, count as one.

    The law of X is replaced by the sample. The error is of order :math:`c^d / \sqrt n`: for little
    noise in many columns every row arrives as itself, and the value is the limit. Upper and lower
    bounds hold for the mixture of the sample, not for the law; for normal X of d columns, many
    rows and little noise they are 0.5 d above and 0.19 d below the truth. Complexity
    :math:`O(n^2 d)` a draw, memory O(n d). Sources: Goldfeld et al. (2019), arXiv:1810.05728;
    Kolchinsky and Tracey (2017), arXiv:1706.02419; Chelombiev, Houghton and O'Donnell (2019),
    arXiv:1902.09037.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import NoisyMutualInformation
    >>> inputs = np.random.default_rng(0).normal(size=(2000, 3))
    >>> layer = inputs @ [[1.0], [2.0], [2.0]]  # of variance 9
    >>> noisy = NoisyMutualInformation(noise=1.0, random_state=0).fit(layer, inputs)
    >>> print(f"{noisy.mutual_information_:.2f} of {0.5 * np.log(10):.2f}")
    1.13 of 1.15
    """

    _parameter_constraints: dict = {
        "noise": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"adaptive"}),
            callable,
        ],
        "method": [StrOptions({"monte-carlo", "upper", "lower"})],
        "n_draws": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        *,
        noise: float | str | Callable[[np.ndarray], Any] = 0.1,
        method: str = "monte-carlo",
        n_draws: int = 4,
        random_state: Any = None,
    ) -> None:
        self.noise = noise
        self.method = method
        self.n_draws = n_draws
        self.random_state = random_state

    @property
    def _information_laws(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> dict[str, str | None]:
        """Noise has a unit, y is symbols, and less of X is no function of y."""
        laws: dict[str, str | None] = dict.fromkeys(
            ("scale", "symmetry", "truth", "independence", "data-processing", "additivity")
        )
        laws["translation"] = "sampling" if isinstance(self.noise, Real) else None
        return {**laws, "row-order": "sampling"}

    def fit(self, X: Any, y: Any, *, condition: Any = None) -> NoisyMutualInformation:
        """Estimate the mutual information.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Before noise.
        y : array-like of shape (n,) or (n, e)
            Labels or inputs; distinct rows are distinct values.
        condition : array-like of shape (n,) or (n, f), optional
            Labels; estimate the information given them.

        Returns
        -------
        NoisyMutualInformation
            The fitted estimator.
        """
        x, target, given = self._checked(X, y, condition)
        values = x.values
        codes, n_symbols = target.codes()
        given_codes = np.zeros(len(codes), np.int64) if given is None else given.codes()[0]
        joint = np.unique(np.column_stack([codes, given_codes]), axis=0, return_inverse=True)[1]
        of_given = _plug_in(given_codes)
        self.saturation_limit_ = _plug_in(joint.reshape(-1)) - of_given
        most = math.log(len(codes)) - of_given
        notes = pairing_notes(X, y, condition)
        rng = local_random_state(self.random_state)
        if not np.any(np.ptp(values, axis=0)):
            self.noise_ = np.full(values.shape[1], np.nan)
            self.pointwise_, self.integration_error_ = np.zeros(len(values)), 0.0
            self.mutual_information_, self.saturated_ = 0.0, False
            notes.append("X is constant: it shares no information with anything.")
            self.notes_ = tuple(notes)
            return self
        self.noise_ = self._standard_deviations(values)
        alone = n_symbols == len(codes)
        found = noisy_channel_information(
            values,
            self.noise_**2,
            None if alone else codes,
            condition=None if given is None else given_codes,
            method=self.method,
            n_draws=self.n_draws,
            random_state=int(rng.randint(2**31 - 1)),
        )
        self.pointwise_ = found.pointwise
        self.mutual_information_ = float(found.value)
        self.integration_error_ = float(found.standard_error)
        of_rows = float(found.of_rows)
        self.saturated_ = of_rows > _SATURATED * most
        if alone:
            notes.append(
                "No row of y repeats: X is taken as a function of y, and the value is of X plus "
                "noise about X."
            )
        if self.saturated_:
            notes.append(
                f"What arrives tells most rows apart, by {of_rows:.2f} of at most {most:.2f} nats "
                f"(ln n{' less the entropy of the condition' * (given is not None)}): the value "
                f"says how many rows and labels there are, and the truth may be far from it. "
                f"Raise the noise, compress X, or pass more rows."
            )
        self.notes_ = tuple(notes)
        return self

    def _checked(
        self, X: Any, y: Any, condition: Any
    ) -> tuple[Variable, Variable, Variable | None]:
        """X as numbers, the others as they come: integers and floats are symbols alike."""
        x, target = self._check_X(X), describe(y, "y", min_samples=1)
        check_same_length(x, target)
        if condition is None:
            return x, target, None
        given = describe(condition, "condition", min_samples=1)
        check_same_length(x, given)
        return x, target, given

    def _standard_deviations(self, values: np.ndarray) -> np.ndarray:
        if callable(self.noise):
            noise = self.noise(values)
        elif isinstance(self.noise, str):
            noise = np.sqrt(adaptive_noise_variance(values))
        else:
            noise = float(self.noise)
        try:
            each: Any = np.asarray(noise, dtype=float)
        except (TypeError, ValueError):
            each = np.array(np.nan)
        d = values.shape[1]
        if each.shape not in ((), (1,), (d,)) or not np.all((each > 0) & np.isfinite(each)):
            raise ValueError(
                f"noise must be a positive standard deviation, or one for each of {d} columns, got "
                f"{noise!r}. Return such numbers from the callable."
            )
        if np.max(each) > _MOST:
            raise ValueError(
                f"noise must be at most {_MOST:g} for its squares to be numbers, got "
                f"{np.max(each):g}. Give X and noise in other units."
            )
        if not np.all(each > _LEAST * np.ptp(values, axis=0).max()) or not np.all(each**2 > 0):
            raise ValueError(
                f"noise must be above {_LEAST:g} of the spread of X for its squares to be numbers, "
                f"got {np.min(each):g}. Raise it: every row arrives as itself long before."
            )
        return np.broadcast_to(each, (d,)).copy()

    def _standard_error(self) -> float:
        return float(np.std(self.pointwise_, ddof=1) / math.sqrt(len(self.pointwise_)))


def _plug_in(codes: np.ndarray) -> float:
    return float(discrete_entropy(np.bincount(codes), method="plugin"))
