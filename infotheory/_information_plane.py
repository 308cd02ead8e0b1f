"""The information plane of a network: what its layers have of the input and of the labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import clone

from infotheory._base import check_instance, information_of, last_step, takes_variables
from infotheory._columns import is_dataset, is_frame
from infotheory._estimators.binned import BinnedMutualInformation
from infotheory._interrupts import Watch
from infotheory._resampling import local_random_state
from infotheory._validation import Variable, check_count, check_same_length, describe
from infotheory._xp import detached_numpy


@dataclass(frozen=True)
class InformationPlanePoint:
    """One layer at one epoch.

    Parameters
    ----------
    epoch : int or float
    layer : str
    n_units : int
    n_samples : int
    input_information, label_information : float
        I(X; T) and I(T; Y) of the layer T, in nats; nan for the second without labels.
    input_standard_error, label_standard_error : float
        Over samples of rows, where the estimator knows it without more fits; else nan.
    input_limit, label_limit : float
        The largest value that the estimator can give on these rows; nan where it does not tell.
    input_saturated, label_saturated : bool
        Whether the estimator says that it is at its limit for the sake of its method.
    notes : tuple of str
        What the estimators say.

    Notes
    -----
    Source: Shwartz-Ziv and Tishby (2017), arXiv:1703.00810.

    Examples
    --------
    >>> from infotheory import InformationPlanePoint
    >>> InformationPlanePoint(0, "relu", 8, 500, 5.1, 1.9).input_information
    5.1
    """

    epoch: float
    layer: str
    n_units: int
    n_samples: int
    input_information: float
    label_information: float
    input_standard_error: float = math.nan
    label_standard_error: float = math.nan
    input_limit: float = math.nan
    label_limit: float = math.nan
    input_saturated: bool = False
    label_saturated: bool = False
    notes: tuple[str, ...] = ()


class InformationPlane:
    r"""What the layers of a Torch module have of its input and of the labels, epoch by epoch.

    Parameters
    ----------
    module : torch.nn.Module
        It is run as it stands at each :meth:`record`, whatever its parts were before.
    layers : str, sequence of str or dict of str to callable, optional
        Names as in ``module.named_modules()``, and "output" for what the module returns. None
        takes the activation functions that are modules, such as ``nn.ReLU``, and the output; all
        modules without submodules where there are none of these. A dict says for a layer that
        returns no tensor which part of its output counts, as in
        ``{"lstm": lambda output: output[0]}``; None takes the output whole.
    estimator : estimator, optional
        For I(X; T), fitted as ``fit(T, X)`` with a row of units and a row of X. None is
        ``BinnedMutualInformation(target="symbols")``: adaptive bins.
    label_estimator : estimator, optional
        For I(T; Y), fitted as ``fit(T, y)``; `estimator` when None.
    batch_size : int
        Rows that the module sees at once.
    random_state : int, RandomState, Generator or None
        For what the module itself draws, such as noise; the same draws at each epoch.

    Attributes
    ----------
    points_ : list of InformationPlanePoint
        One a layer and epoch, in the order they were recorded.
    notes_ : tuple of str
        What the estimators said at the last epoch, each with its layer.

    Raises
    ------
    ValueError
        If a layer does not exist, or weights hold no numbers yet.
    TypeError
        If the module is no Torch module or an estimator cannot be fitted.

    Notes
    -----
    A layer that is a deterministic function of a continuous input has infinite information about
    it, at every epoch. What is measured is what bins or added noise leave of it, and changes with
    them; how much of a curve is the network's doing shows only where several estimators, and
    several sizes of bins, agree. ``input_saturated`` says where a value tells of the number of
    rows alone. :class:`NoisyMutualInformation` measures a well-defined quantity, the information
    through noise of the size that you name.

    ``record`` runs the module without gradients in evaluation mode. Flags, buffers, gradients and
    random states are as before afterwards, hooks are gone, also after an error. Complexity: one
    pass of the module, and two fits a layer. Sources: Shwartz-Ziv and Tishby (2017),
    arXiv:1703.00810; Goldfeld et al. (2019), arXiv:1810.05728; Chelombiev, Houghton and O'Donnell
    (2019), arXiv:1902.09037.

    Examples
    --------
    >>> import torch
    >>> from infotheory import InformationPlane
    >>> X, y = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)), [0, 1] * 100
    >>> network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2))
    >>> plane = InformationPlane(network)
    >>> for epoch in range(3):
    ...     points = plane.record(X, y, epoch=epoch)  # train between
    >>> [(p.epoch, p.layer) for p in plane.points_[-2:]]
    [(2, '1'), (2, 'output')]
    """

    def __init__(
        self,
        module: Any,
        layers: Any = None,
        *,
        estimator: Any = None,
        label_estimator: Any = None,
        batch_size: int = 1024,
        random_state: Any = None,
    ) -> None:
        from infotheory._activations import resolved_layers

        self._layers = resolved_layers(module, layers)
        self._is_default = layers is None
        for given in (estimator, label_estimator):
            if given is not None:
                check_instance(given)
        check_count(batch_size, "batch_size", 1, "Pass rows at once, such as 1024.")
        self.module = module
        self.estimator = (
            BinnedMutualInformation(target="symbols") if estimator is None else estimator
        )
        self.label_estimator = self.estimator if label_estimator is None else label_estimator
        self.batch_size = batch_size
        self._seed = int(local_random_state(random_state).randint(2**31 - 1))
        self.points_: list[InformationPlanePoint] = []
        self.notes_: tuple[str, ...] = ()

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that are recorded, in the order they were named."""
        return tuple(self._layers)

    def activations(self, X: Any) -> dict[str, np.ndarray]:
        """What each layer gives for each row.

        Parameters
        ----------
        X : array-like or tensor of shape (n, ...), or Torch dataset or loader

        Returns
        -------
        dict of str to ndarray of shape (n, units)
            In the order of the calls; a layer that is called more than once in a pass has
            ``name``, ``name#2``, ... The output is left out where it is that of the last layer.

        Raises
        ------
        ValueError
            If the module fails on X, or a layer returns no tensor with one row a row of X.
        """
        return self._collected(X)[0]

    def record(
        self, X: Any, y: Any = None, *, epoch: Any = None
    ) -> tuple[InformationPlanePoint, ...]:
        """Estimate the information of each layer as the module stands now.

        Parameters
        ----------
        X : array-like or tensor of shape (n, ...), or Torch dataset or loader
            Rows as the module takes them; floats are brought to its dtype and device. A dataset,
            loader or other iterable gives pairs (x, y) of batches, and is gone through once.
        y : array-like of shape (n,) or (n, e), optional
            Labels; without them I(T; Y) is nan.
        epoch : int or float, optional
            What to call this time; one more than the last when None, 0 at first.

        Returns
        -------
        tuple of InformationPlanePoint
            One a layer, which are also added to ``points_``.

        Raises
        ------
        ValueError
            If the lengths differ, a layer gives values that are missing or infinite, or the
            module fails on X. Nothing is added then.
        """
        if epoch is None:
            epoch = 1 + self.points_[-1].epoch if self.points_ else 0
        if isinstance(epoch, bool) or not isinstance(epoch, Real) or not math.isfinite(epoch):
            raise ValueError(f"epoch must be a finite number, got {epoch!r}. Leave it None.")
        loaded = _is_loader(X)
        if loaded and y is not None:
            raise ValueError(
                f"y must be None where X is a {type(X).__name__}, which has its own. Pass arrays "
                f"X and y, or the loader alone."
            )
        source = None if loaded else _flat(X, "X")
        labels = None if y is None else describe(y, "y")
        if source is not None and labels is not None:
            check_same_length(source, labels)
        found, own_X, own_y = self._collected(X, with_labels=True)
        if own_X is not None:
            source = _flat(own_X, "X")
            labels = None if own_y is None else describe(own_y, "y")
        assert source is not None  # in memory, or gathered from the loader
        watch = Watch()
        points = []
        for name, values in found.items():
            points.append(self._point(name, values, source, labels, epoch))
            watch.stop("The information plane")
        self.points_ += points
        self.notes_ = tuple(f"{p.layer}: {note}" for p in points for note in p.notes)
        return tuple(points)

    def to_frame(self) -> Any:
        """One line a layer and epoch, as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            The fields of :class:`InformationPlanePoint` but the notes.

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
                "pip install 'infotheory-learn[frame]', or use points_."
            ) from error
        names = [f.name for f in fields(InformationPlanePoint) if f.name != "notes"]
        rows = [{name: asdict(point)[name] for name in names} for point in self.points_]
        return pandas.DataFrame(rows, columns=names)

    def __repr__(self) -> str:
        n_epochs = len({point.epoch for point in self.points_})
        return f"InformationPlane({len(self._layers)} layers, {n_epochs} epochs recorded)"

    def _collected(
        self, X: Any, *, with_labels: bool = False
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None, np.ndarray | None]:
        """Activations, and the rows of X and y where these come from a loader."""
        from infotheory._activations import collect, resolved_layers

        loaded = _is_loader(X)
        batches = self._loaded(X) if loaded else self._batches(X)
        # By name each time: a part of the module may have been replaced.
        picks = {name: pick for name, (_, pick) in self._layers.items()}
        layers = resolved_layers(self.module, picks)
        found, seen = collect(self.module, layers, batches, self._seed, is_default=self._is_default)
        if not loaded or not with_labels:
            return found, None, None
        x = np.concatenate([np.asarray(detached_numpy(batch[0])) for batch in seen])
        if len(seen[0]) == 1:
            return found, x, None
        return found, x, np.concatenate([np.asarray(detached_numpy(batch[1])) for batch in seen])

    def _batches(self, X: Any) -> Iterator[Any]:
        rows = X.to_numpy() if is_frame(X) else X
        if not hasattr(rows, "shape"):
            rows = np.asarray(rows)
        for start in range(0, len(rows), self.batch_size):
            yield rows[start : start + self.batch_size]

    def _loaded(self, data: Any) -> Iterator[tuple[Any, ...]]:
        from torch import Tensor
        from torch.utils.data import DataLoader, Dataset

        loader = DataLoader(data, self.batch_size) if isinstance(data, Dataset) else data
        expected = 0
        for batch in loader:
            parts = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
            if len(parts) > 2 or not all(isinstance(part, Tensor) for part in parts):
                raise ValueError(
                    f"X must give batches x or pairs (x, y) of tensors, got {len(parts)} part(s) "
                    f"of types {', '.join(type(part).__name__ for part in parts)}. Pass arrays X "
                    f"and y."
                )
            if len(parts) != (expected := expected or len(parts)):
                raise ValueError(
                    "X must give labels with all batches or with none, got both. Pass arrays X "
                    "and y."
                )
            yield parts

    def _point(
        self,
        name: str,
        values: np.ndarray,
        source: Variable,
        labels: Variable | None,
        epoch: Any,
    ) -> InformationPlanePoint:
        bad = ~np.isfinite(values)
        if bad.any():
            raise ValueError(
                f"layer {name!r} gives values that are missing or infinite for "
                f"{np.count_nonzero(bad.any(axis=1))} of {len(values)} rows at epoch {epoch}. "
                f"Training may have diverged: lower its learning rate, or name other layers."
            )
        layer = values.astype(np.float64)
        of_input = _fitted(self.estimator, layer, source, name)
        of_labels = None if labels is None else _fitted(self.label_estimator, layer, labels, name)
        words = {
            **_told(of_input, "input", "I(X; T)"),
            **_told(of_labels, "label", "I(T; Y)"),
        }
        notes = words.pop("input_notes") + words.pop("label_notes")
        return InformationPlanePoint(
            epoch, name, layer.shape[1], len(layer), **words, notes=tuple(notes)
        )


def _is_loader(X: Any) -> bool:
    """Whether rows come in batches: a dataset, a loader, or another iterable that is no array."""
    in_memory = hasattr(X, "shape") or isinstance(X, (list, tuple, str))
    return is_dataset(X) or (hasattr(X, "__iter__") and not in_memory)


def _flat(X: Any, name: str) -> Variable:
    """The rows as a table, one row a sample."""
    if is_frame(X) or scipy.sparse.issparse(X):
        return describe(X, name)
    try:
        rows = detached_numpy(X) if hasattr(X, "shape") else np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"{name} must be a table of equal rows, got a {type(X).__name__} that is none. Pass "
            f"arrays X and y, or a loader of pairs (x, y)."
        ) from error
    if rows.ndim > 2:
        rows = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    return describe(rows, name, allow_1d=False)


def _fitted(estimator: Any, layer: np.ndarray, partner: Variable, name: str) -> Any:
    """A clone fitted to a layer and what it is compared with."""
    other = partner if takes_variables(estimator) else partner.values
    try:
        return clone(estimator).fit(layer, other)
    except ValueError as error:
        raise ValueError(f"The estimate for layer {name!r} failed: {error}") from error


def _told(fitted: Any, side: str, symbol: str) -> dict[str, Any]:
    if fitted is None:
        return {f"{side}_information": math.nan, f"{side}_notes": []}
    last, error = last_step(fitted), math.nan
    if hasattr(last, "_standard_error"):
        error = float(last._standard_error())
    elif hasattr(last, "standard_error_"):
        error = float(last.standard_error_)
    return {
        f"{side}_information": information_of(fitted),
        f"{side}_standard_error": error,
        f"{side}_limit": float(getattr(last, "saturation_limit_", math.nan)),
        f"{side}_saturated": bool(getattr(last, "saturated_", False)),
        f"{side}_notes": [f"{symbol}: {note}" for note in getattr(last, "notes_", ())],
    }
