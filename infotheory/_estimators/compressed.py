"""Mutual information after compression, by any estimator."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if

from infotheory._base import (
    MutualInformationEstimator,
    check_instance,
    information_of,
    last_step,
    takes_variables,
)
from infotheory._interrupts import Watch
from infotheory._resampling import local_random_state
from infotheory._validation import Variable, check_same_length, describe, pairing_notes

_NAMES = ("pca", "autoencoder")


def _knows(name: str) -> Any:
    return lambda self: hasattr(last_step(self.estimator_), name)


class CompressedMutualInformation(MutualInformationEstimator):
    r"""Mutual information of few numbers that stand for many columns, by any estimator.

    Parameters
    ----------
    estimator : estimator
        Anything with ``fit(X, y)`` that leaves ``mutual_information_``. It is cloned.
    compressor : {"pca", "autoencoder"}, transformer or tuple of two of these
        "pca": the first principal components. "autoencoder": the middle of a network that is
        trained to give each row back; it needs Torch. A transformer is anything with ``fit`` and
        ``transform``; it is cloned for each side. A tuple is for X and for y; None in it leaves
        that side as it is.
    n_components : int or tuple of two int
        For "pca" and "autoencoder": numbers a row, of X and of y. A side with no more columns
        stays as it is.
    random_state : int, RandomState, Generator or None
        For "autoencoder"; an int makes the result reproducible.

    Attributes
    ----------
    mutual_information_ : float
        Nats.
    estimator_ : estimator
        As fitted to the compressed rows.
    compressors_ : tuple of two transformers or None
        As fitted to X and to y; None where a side was left as it is.
    retained_ : tuple of two float
        Share of the variance of X and of y that the compressed rows give back: 1 where nothing
        was compressed, nan where a transformer does not tell.
    saturation_limit_ : float
        That of the estimator; nan where it does not tell.
    saturated_ : bool
        Whether the estimator says so.
    notes_ : tuple of str
        Those of the estimator among them.
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if the lengths differ, there are no more rows than components, a transformer
        returns no finite table with a row for each row, or values are so large or small that
        their variance is out of the range of floats.
    ImportError
        In ``fit`` with "autoencoder", if Torch is not installed.

    Notes
    -----
    Processing each side alone never raises the information, so that the truth for the compressed
    rows is at most the truth for the rows. It is the same where nothing is lost that X and y tell
    of each other, as for images that few numbers determine. The estimate errs around the former,
    in either direction, and has the ceiling of its estimator. What is small is dropped first, and
    may be what counts: a shared signal of little variance is lost without a trace. Labels are not
    compressed.

    Complexity: one fit of each compressor, for "pca" :math:`O(n d \min(n, d))`, and one of the
    estimator. Source: Butakov, Tolmachev, Malanchuk, Neopryatnaya, Frolov and Andreev (2024),
    arXiv:2305.08013.

    Examples
    --------
    Two numbers each, of correlation 0.8 in pairs, embedded in 50 columns.

    >>> import numpy as np
    >>> from infotheory import KSG, CompressedMutualInformation
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 2))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 2))
    >>> frame, _ = np.linalg.qr(rng.normal(size=(50, 2)))
    >>> mi = CompressedMutualInformation(KSG(), n_components=2).fit(x @ frame.T, y @ frame.T)
    >>> print(f"{mi.mutual_information_:.2f} of {-np.log(1 - 0.8**2):.2f}")
    1.03 of 1.02
    """

    _accepts_labels = True
    _parameter_constraints: dict = {
        "estimator": "no_validation",
        "compressor": "no_validation",
        "n_components": [Interval(Integral, 1, None, closed="left"), tuple],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        compressor: Any = "pca",
        n_components: int | tuple[int, int] = 4,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.compressor = compressor
        self.n_components = n_components
        self.random_state = random_state

    @property
    def _information_laws(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> dict[str, str | None]:
        """Those of the estimator, but that of two blocks one may be dropped."""
        laws = getattr(last_step(self.estimator), "_information_laws", None)
        return {**(laws or {}), "additivity": None}

    def fit(self, X: Any, y: Any, *, condition: Any = None) -> CompressedMutualInformation:
        """Compress each side, and fit a clone of the estimator.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, e)
            Labels stay as they are.
        condition : array-like of shape (n,) or (n, f), optional
            Handed to the estimator as it is.

        Returns
        -------
        CompressedMutualInformation
            The fitted estimator.
        """
        x, target = self._check_X(X, discrete=None), describe(y, "y", min_samples=1)
        check_same_length(x, target)
        check_instance(self.estimator)
        rng = local_random_state(self.random_state)
        sides: list[_Side] = []
        for variable, compressor, size in zip(
            (x, target), self._pair("compressor"), self._pair("n_components"), strict=True
        ):
            seed = int(rng.randint(2**31 - 1))
            sides.append(_side(variable, self._compressor(variable, compressor, size, seed)))
        self.compressors_ = tuple(side.model for side in sides)
        self.retained_ = tuple(side.retained for side in sides)
        ours = takes_variables(self.estimator)
        rows = [side.variable if ours else _plain(side.variable) for side in sides]
        words = {} if condition is None else {"condition": condition}
        watch = Watch()
        self.estimator_ = clone(self.estimator).fit(*rows, **words)
        watch.stop("The fit after compression")
        self._take_over(last_step(self.estimator_))
        notes = pairing_notes(X, y, condition)
        told = [getattr(part, "notes_", ()) for part in (*self.compressors_, self.estimator_)]
        notes += dict.fromkeys(note for part in told for note in part)
        if any(model is not None for model in self.compressors_):
            words_of_sides = " and ".join(filter(None, (side.words for side in sides)))
            notes.append(
                f"Compressed {words_of_sides}: the truth for what is left is a lower bound on the "
                f"truth."
            )
        self.notes_ = tuple(notes)
        return self

    def _take_over(self, fitted: Any) -> None:
        """The value and what the estimator says of it."""
        self.mutual_information_ = information_of(fitted)
        self.saturation_limit_ = float(getattr(fitted, "saturation_limit_", math.nan))
        self.saturated_ = bool(getattr(fitted, "saturated_", False))
        vars(self).pop("standard_error_", None)
        if hasattr(fitted, "standard_error_"):
            self.standard_error_ = float(fitted.standard_error_)

    def _pair(self, name: str) -> tuple[Any, Any]:
        given = getattr(self, name)
        if not isinstance(given, tuple):
            return given, given
        if len(given) != 2:
            raise ValueError(
                f"{name} must be one for both sides or a tuple of two, for X and for y, got "
                f"{given!r}."
            )
        return given

    def _compressor(self, variable: Variable, compressor: Any, size: Any, seed: int) -> Any:
        """An unfitted compressor for one side; None where it stays as it is."""
        if compressor is None or any(column is None for column in variable.numbers):
            return None
        if not isinstance(compressor, str):
            if isinstance(compressor, type) or not hasattr(compressor, "transform"):
                raise TypeError(
                    f"compressor must be one of {', '.join(_NAMES)}, or an object with fit and "
                    f"transform, got {compressor!r}. Pass an instance such as PCA(8)."
                )
            is_label = variable.dim == 1 and variable.is_label[0]
            return None if is_label else clone(compressor)
        if compressor not in _NAMES:
            raise ValueError(
                f"compressor must be one of {', '.join(_NAMES)} or a transformer, got "
                f"{compressor!r}."
            )
        if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
            raise ValueError(
                f"n_components must be an integer of at least 1, or two of them, got "
                f"{self.n_components!r}. Pass for instance 4."
            )
        size = int(size)
        # Of a constant table there is nothing to keep.
        if variable.dim <= size or not np.any(np.ptp(variable.labelled(False).values, axis=0)):
            return None
        if len(variable) <= size:
            raise ValueError(
                f"n_components must be below the number of rows of {variable.name}, got {size} "
                f"for {len(variable)}. Pass more rows, or fewer components."
            )
        if compressor == "pca":
            return PCA(size, svd_solver="full")
        try:
            import torch  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "compressor='autoencoder' needs Torch, which is not installed. Install it with "
                "pip install 'infotheory-learn[torch]', or use compressor='pca'."
            ) from error
        from infotheory._autoencoder import Autoencoder

        return Autoencoder(size, random_state=seed)

    @available_if(_knows("_standard_error"))
    def _standard_error(self) -> float:
        return float(last_step(self.estimator_)._standard_error())

    @property
    def _bias_source(self) -> str:
        return getattr(last_step(self.estimator_), "_bias_source", "the estimator")

    @available_if(_knows("_bias"))
    def _bias(self, rng: np.random.RandomState) -> float:
        return float(last_step(self.estimator_)._bias(rng))


class _Side(NamedTuple):
    """One side as the estimator gets it, and how it came to that."""

    variable: Variable
    model: Any = None
    retained: float = 1.0
    words: str = ""


def _side(variable: Variable, model: Any) -> _Side:
    if model is None:
        return _Side(variable)
    values = variable.labelled(False).values
    if isinstance(model, PCA):
        _check_squares(values, variable.name, model)
    rows = np.asarray(model.fit(values).transform(values))
    if rows.ndim != 2 or len(rows) != len(values) or not np.all(np.isfinite(rows)):
        raise ValueError(
            f"compressor must return one finite row for each of the {len(values)} rows of "
            f"{variable.name}, got shape {rows.shape} from {model!r}. Scale its input, or pass "
            f"another transformer."
        )
    share = math.nan
    if hasattr(model, "explained_variance_ratio_"):
        share = float(np.sum(model.explained_variance_ratio_))
    elif hasattr(model, "loss_"):
        share = 1 - float(model.loss_)
    if hasattr(model, "explained_variance_ratio_") and not share > 0:
        _check_squares(values, variable.name, model)
    kept = "" if math.isnan(share) else f" ({share:.1%} of the variance kept)"
    words = f"{variable.name} from {variable.dim} to {rows.shape[1]} columns{kept}"
    return _Side(describe(rows, variable.name, discrete=False), model, share, words)


def _check_squares(values: np.ndarray, name: str, model: Any) -> None:
    """Raise where the variance of the rows is out of the range of floats."""
    with np.errstate(over="ignore", invalid="ignore"):
        variance = values.var(axis=0).sum()
    if np.any(values != values[0]) and not 0 < variance < math.inf:
        raise ValueError(
            f"{name} must have deviations whose squares are within the range of floats, about "
            f"1e-150 to 1e150, to be compressed by {model!r}, got values up to "
            f"{np.abs(values).max():.3g}. Give it in other units."
        )


def _plain(variable: Variable) -> np.ndarray:
    """For an estimator that knows no variables: numbers, or the labels as they came."""
    if not variable.is_label.any():
        return variable.values
    columns = [
        column if known is None else known[column]
        for column, known in zip(variable.columns, variable.labels, strict=True)
    ]
    if len(columns) == 1:
        return np.asarray(columns[0])[:, None]
    return np.column_stack([np.asarray(column, dtype=object) for column in columns])
