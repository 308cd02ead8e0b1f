"""The one training loop: many networks at once, each with rows and selection of its own.

A stack of M networks (weights with a leading axis of M) is trained on M batches a step. What a
step minimises is a callable, so that variational bounds, diffusion and divergences share the
loop; each member keeps the weights of its own best validation check.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from infotheory._interrupts import catch

Loss = Callable[[Tensor], Tensor]
# Torch has one generator for all threads: who draws from it holds this for as long.
_DRAWING = RLock()
_DIVERGED = 10.0  # nats, or times what the best state reached


class TrainingError(RuntimeError):
    """The loss became infinite or missing: there is no number to return."""


@dataclass(frozen=True)
class Plan:
    """How to train; the words are those of scikit-learn's networks where it has one.

    `device` is what was asked for, of which the history tells where the networks are elsewhere.
    """

    max_iter: int = 2000
    batch_size: int = 256
    learning_rate_init: float = 1e-3
    weight_decay: float = 1e-2
    max_norm: float = 1.0
    input_penalty: float = 0.0
    ema: float = 0.99
    warm_up: float = 0.05
    check_every: int = 100
    n_iter_no_change: int = 10
    tol: float = 1e-4
    max_seconds: float | None = None
    verbose: int = 0
    label: str = "training"
    device: str | torch.device = "auto"


@dataclass
class History:
    """What happened: one validation loss a check and member.

    `is_set_back` where an interrupt left the weights that training began with; `parts` are the
    histories that this one was joined from.
    """

    loss_curve: list[float] = field(default_factory=list)
    validation: list[np.ndarray] = field(default_factory=list)
    n_iter: int = 0
    best_iter: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    stopped: str = "max_iter"
    missing_device: str | None = None
    is_set_back: bool = False
    parts: Sequence[History] = ()

    def notes(self) -> list[str]:
        """Sentences a user needs to judge the result."""
        parts = self.parts or [self]
        notes = list(dict.fromkeys(note for part in parts for note in part._notes_of_one()))
        if self.n_iter and self.stopped != "interrupted" and not np.any(self.best_iter):
            notes.append(
                "No state of training did better than the start on the selection rows: the value "
                "is that of the reference alone, or of nothing learnt where there is none. There "
                "may be no more to learn, or it takes a lower learning_rate_init or more rows."
            )
        return notes

    def n_diverged(self) -> int:
        """Members that once did worse than at the start by more than any learning by heart."""
        values = np.asarray(self.validation)
        best = np.min(values, axis=0)
        worse = np.max(values, axis=0) - values[0]
        return int(np.sum(worse > _DIVERGED * np.maximum(1.0, np.abs(best))))

    def _notes_of_one(self) -> list[str]:
        notes = []
        if self.n_diverged():
            notes.append(
                f"Training diverged: {self.n_diverged()} of {len(self.validation[0])} networks did "
                f"far worse on the selection rows than at the start, and are left at their best "
                f"state. Lower learning_rate_init (try a tenth) or raise batch_size."
            )
        elif self.validation:
            means = np.mean(self.validation, axis=1)
            gain, worse = means[0] - min(means), max(means) - means[0]
            lost = means[-1] - min(means)
            if worse > max(0.1, 3 * gain) or lost > max(0.05, 0.9 * gain):
                notes.append(
                    f"Training fell back to where it began or below, by {max(worse, lost):.2g} on "
                    f"the selection rows: its steps are too long (lower learning_rate_init) or the "
                    f"rows are few. Each network is left at its best state."
                )
        if self.missing_device is not None:
            notes.append(
                f"Torch finds no device {self.missing_device!r} here: the networks were trained on "
                f"the CPU, which takes longer."
            )
        if self.stopped == "nothing to learn":
            notes.append("The network has no parameters to learn: it was evaluated as it is.")
        if self.stopped == "interrupted":
            kept = "the weights before it" if self.is_set_back else "the best weights so far"
            notes.append(
                f"Training was interrupted after {self.n_iter} steps; the value is that of {kept}."
            )
        if self.stopped == "max_seconds":
            notes.append(f"Training used up its time after {self.n_iter} steps.")
        if self.stopped == "max_iter" and self.n_iter and len(self.validation) > 2:
            at_end = float(np.mean(self.best_iter >= self.n_iter))
            last = np.mean(self.validation[-3], axis=0) - np.mean(self.validation[-1], axis=0)
            if at_end > 0.5 and last > 0.01:
                notes.append(
                    f"The validation loss was still falling after {self.n_iter} steps "
                    f"(by {last:.2g} over the last two checks): raise max_iter."
                )
        return notes


def joined(parts: Sequence[History]) -> History:
    """One history of stacks trained in turn: side by side, shorter ones repeat their last value."""

    def side_by_side(columns: Sequence[Sequence]) -> list[np.ndarray]:
        longest = max((len(c) for c in columns), default=0)
        filled = [[c[min(i, len(c) - 1)] for c in columns] for i in range(longest)]
        return [np.concatenate([np.atleast_1d(v) for v in values]) for values in filled]

    curves = side_by_side([part.loss_curve for part in parts if part.loss_curve])
    whys = [part.stopped for part in parts]
    return History(
        loss_curve=[float(np.mean(values)) for values in curves],
        validation=side_by_side([part.validation for part in parts]),
        n_iter=max(part.n_iter for part in parts),
        best_iter=np.concatenate([part.best_iter for part in parts]),
        stopped=next((why for why in ("interrupted", "max_seconds") if why in whys), whys[-1]),
        missing_device=parts[0].missing_device,
        parts=parts,
    )


def choose_device(device: str | torch.device) -> torch.device:
    """A device that is there: "auto" takes CUDA if it can, and a missing one means the CPU."""
    if not isinstance(device, str | torch.device):
        raise TypeError(
            f"device must be a name or a device of Torch, got {device!r}. Pass cpu, cuda, mps or "
            f"auto, or torch.device('cuda', 1)."
        )
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device must be a name that Torch knows, got {device!r}. Pass cpu, cuda, mps or auto."
        ) from error
    if found.type == "meta":
        raise ValueError(
            f"device must hold numbers to train on, got {device!r}, which holds shapes alone. Pass "
            f"cpu, cuda, mps or auto."
        )
    if found.type == "cuda":
        there = torch.cuda.is_available() and (found.index or 0) < torch.cuda.device_count()
    else:
        there = found.type != "mps" or torch.backends.mps.is_available()
    return found if there else torch.device("cpu")


def _missing(device: str | torch.device, parameters: Sequence[Tensor]) -> str | None:
    """The device that was asked for, where the CPU had to stand in."""
    if device == "auto" or torch.device(device).type == "cpu":
        return None
    return str(device) if all(p.device.type == "cpu" for p in parameters) else None


@contextmanager
def local_seed(seed: int) -> Iterator[None]:
    """Torch's random numbers from `seed` and gradients on; its global state as before afterwards.

    The generator is one for all threads, so that another thread that comes here waits until this
    one has done; the same thread may enter again.
    """
    with _DRAWING:
        devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
        forked = torch.random.fork_rng(devices=devices)
        with forked, torch.inference_mode(False), torch.enable_grad():
            torch.manual_seed(seed)
            yield


class _Batches:
    """Rows of each member, shuffled anew each time they are used up."""

    def __init__(self, rows: Sequence[np.ndarray], batch_size: int, rng: np.random.Generator):
        self._rows, self._rng = rows, rng
        self._shortest = min(len(r) for r in rows)
        self._size = min(batch_size, self._shortest)
        self._start = self._shortest
        self._order = torch.empty(0)

    def next(self) -> Tensor:
        if self._start + self._size > self._shortest:
            self._order = torch.from_numpy(
                np.stack([self._rng.permutation(r)[: self._shortest] for r in self._rows])
            )
            self._start = 0
        batch = self._order[:, self._start : self._start + self._size]
        self._start += self._size
        return batch


def _rate(progress: float, warm_up: float) -> float:
    """Linear rise, then a cosine down to a hundredth: a one-cycle schedule."""
    if progress < warm_up:
        return 0.05 + 0.95 * progress / warm_up
    fall = min((progress - warm_up) / (1 - warm_up), 1.0)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall))


@torch.no_grad()
def _clip(parameters: Sequence[Tensor], max_norm: float) -> None:
    """Scale the gradient of each member to at most `max_norm`."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    square = sum(g.square().flatten(1).sum(dim=1) for g in gradients)
    scale = (max_norm / (torch.sqrt(torch.as_tensor(square)) + 1e-12)).clamp(max=1.0)
    for g in gradients:
        g.mul_(scale.view(-1, *[1] * (g.ndim - 1)))


@torch.no_grad()
def _shrink_inputs(first_layers: Sequence[Tensor], rate: float, n_rows: int) -> None:
    """Shorten the weights of each input, down to nothing: the step of a concave group lasso.

    Inputs that tell nothing fade, and those longer than weights are at first are hardly touched:
    a penalty that grew with length would hold back what tells most. What chance lends an input
    falls with the root of the rows, and with more inputs more would live by it.
    """
    for weight in first_layers:
        length = torch.linalg.vector_norm(weight, dim=-1, keepdim=True)
        n_inputs, width = weight.shape[-2:]
        at_first = math.sqrt(width / (3 * n_inputs))
        amount = rate * math.sqrt(n_inputs / n_rows) / (1 + (length / at_first).square())
        tiny = torch.finfo(weight.dtype).tiny
        weight.mul_((1 - amount / length.clamp(min=tiny)).clamp(min=0))


@torch.no_grad()
def _copy_where(chosen: Tensor, targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        mask = chosen.view(-1, *[1] * (target.ndim - 1))
        target.copy_(torch.where(mask, source, target))


@contextmanager
def _weights(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """Put `values` in the network for a while."""
    own = [p.data for p in parameters]
    for p, v in zip(parameters, values, strict=True):
        p.data = v
    try:
        yield
    finally:
        for p, v in zip(parameters, own, strict=True):
            p.data = v


def train(
    network: nn.Module,
    loss: Loss,
    validation_loss: Callable[[], Tensor],
    rows: Sequence[np.ndarray],
    plan: Plan,
    rng: np.random.Generator,
    first_layers: Sequence[Tensor] = (),
) -> History:
    """Train a stack of networks in place, and leave in it the best weights of each member.

    Parameters
    ----------
    network : nn.Module
        Every parameter has the members as first axis.
    loss : callable
        Rows of shape (M, b) -> losses of shape (M,), differentiable.
    validation_loss : callable
        () -> losses of shape (M,) on rows that no step sees. The weights that a member starts
        with are a candidate too.
    rows : sequence of M integer arrays
        Training rows of each member.
    plan : Plan
    rng : numpy.random.Generator
        For the order of the rows.
    first_layers : sequence of tensors of shape (M, inputs, width)
        Weights that ``plan.input_penalty`` shrinks input by input.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        If a loss is not finite.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    if not parameters:
        return _untrained(network, validation_loss, plan)
    optimizer = torch.optim.AdamW(
        parameters,
        lr=plan.learning_rate_init,
        weight_decay=plan.weight_decay,
        fused=all(p.device.type in ("cpu", "cuda") for p in parameters) or None,
    )
    average = [p.detach().clone() for p in parameters]
    best = [p.detach().clone() for p in parameters]
    history = History(missing_device=_missing(plan.device, parameters))
    batches = _Batches(rows, plan.batch_size, rng)
    fewest = min(len(r) for r in rows)

    def check() -> Tensor:
        network.eval()
        with torch.no_grad(), _weights(parameters, average):
            values = validation_loss().detach().cpu().double()
        network.train()
        _require_finite(values, "validation loss", history.n_iter, plan)
        history.validation.append(values.numpy())
        return values

    lowest = check().clone()
    history.best_iter = np.zeros(len(lowest), dtype=int)

    def consider() -> None:
        """Keep the averaged weights of the members that they are the best of so far."""
        values = check()
        better = values < lowest
        _copy_where(better.to(average[0].device), best, average)
        history.best_iter[better.numpy()] = history.n_iter
        lowest.copy_(torch.minimum(lowest, values))

    start = time.perf_counter()
    progress = _progress(plan)
    try:
        for step in range(plan.max_iter):
            elapsed = time.perf_counter() - start
            spent = elapsed / plan.max_seconds if plan.max_seconds else 0.0
            if spent >= 1:
                history.stopped = "max_seconds"
                consider()
                break
            rate = plan.learning_rate_init * _rate(max(step / plan.max_iter, spent), plan.warm_up)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with torch.enable_grad():
                losses = loss(batches.next())
                optimizer.zero_grad(set_to_none=True)
                losses.sum().backward()
            _clip(parameters, plan.max_norm)
            optimizer.step()
            if plan.input_penalty:
                _shrink_inputs(first_layers, rate * plan.input_penalty, fewest)
            history.n_iter = step + 1
            # A short memory at first, so that the start is soon forgotten.
            kept = min(plan.ema, (1 + step) / (10 + step))
            for mean, p in zip(average, parameters, strict=True):
                mean.lerp_(p.detach(), 1 - kept)
            progress.update(1)
            if history.n_iter % plan.check_every == 0 or history.n_iter == plan.max_iter:
                current = float(losses.detach().mean())
                _require_finite(losses.detach(), "loss", history.n_iter, plan)
                history.loss_curve.append(current)
                consider()
                told = float(np.mean(history.validation[-1]))
                progress.set_postfix(loss=f"{current:.4g}", validation=f"{told:.4g}")
                if _stands_still(history.validation, plan):
                    history.stopped = "no change"
                    break
    except KeyboardInterrupt:
        history.stopped = "interrupted"
        catch()
    finally:
        progress.close()
    _copy_where(torch.ones(len(lowest), dtype=torch.bool, device=best[0].device), parameters, best)
    network.eval()
    if 2 * history.n_diverged() > len(lowest):
        warnings.warn(history._notes_of_one()[0], ConvergenceWarning, stacklevel=2)
    return history


def _stands_still(validation: Sequence[np.ndarray], plan: Plan) -> bool:
    """Whether the mean over all members has not fallen by `tol` in the last checks.

    It is the mean that tells: of many members one or another falls by chance at every check. Those
    that do worse than at their start count as that, where they will be left.
    """
    means = [float(np.mean(np.minimum(values, validation[0]))) for values in validation]
    before, recent = means[: -plan.n_iter_no_change], means[-plan.n_iter_no_change :]
    return bool(before) and min(recent) >= min(before) - plan.tol


def _untrained(network: nn.Module, validation_loss: Callable[[], Tensor], plan: Plan) -> History:
    """The history of a network without anything to learn: one check, no step."""
    network.eval()
    with torch.no_grad():
        values = validation_loss().detach().cpu().double()
    _require_finite(values, "validation loss", 0, plan)
    best = np.zeros(len(values), dtype=int)
    return History(validation=[values.numpy()], best_iter=best, stopped="nothing to learn")


def _require_finite(values: Tensor, what: str, n_iter: int, plan: Plan) -> None:
    if bool(torch.isfinite(values).all()):
        return
    if n_iter == 0:
        raise TrainingError(
            f"The {what} is not finite before the first step; no value is returned. Scale the "
            f"data, or mend a network of your own that returns infinite or missing values."
        )
    raise TrainingError(
        f"The {what} is not finite after {n_iter} steps with learning_rate_init="
        f"{plan.learning_rate_init:g} and batch_size={plan.batch_size}: training diverged. "
        f"Lower learning_rate_init (try a tenth), raise batch_size, or scale the data; no "
        f"value is returned."
    )


def _progress(plan: Plan) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=plan.max_iter, desc=plan.label, disable=plan.verbose < 1, leave=False)
