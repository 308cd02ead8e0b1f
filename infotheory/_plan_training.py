"""Training of networks that pull at each other: samplers and the potentials they follow.

There is no loss whose fall could select a state, so that the average of the last weights is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from infotheory._interrupts import catch
from infotheory._training import Plan, _missing, _progress, _rate, _require_finite

_FIRST_MEMORY = 10


@dataclass
class PlanHistory:
    """What happened: the loss averaged between checks, and why training ended."""

    loss_curve: list[float] = field(default_factory=list)
    n_iter: int = 0
    stopped: str = "max_iter"
    missing_device: str | None = None

    def notes(self) -> list[str]:
        """Sentences a user needs to judge the result."""
        notes = []
        if self.missing_device is not None:
            notes.append(
                f"Torch finds no device {self.missing_device!r} here: the networks were trained on "
                f"the CPU, which takes longer."
            )
        if self.stopped == "interrupted":
            notes.append(
                f"Training was interrupted after {self.n_iter} steps; the plan is that of the "
                f"weights so far."
            )
        if self.stopped == "max_seconds":
            notes.append(f"Training used up its time after {self.n_iter} steps.")
        return notes


class Learner:
    """One network with its optimizer and the running average of its weights."""

    def __init__(
        self, network: nn.Module, rate: float, plan: Plan, *, betas: tuple[float, float]
    ) -> None:
        self.parameters = list(network.parameters())
        self._rate, self._ema = rate, plan.ema
        self._max_norm = plan.max_norm
        self._optimizer = torch.optim.AdamW(
            self.parameters, lr=rate, betas=betas, weight_decay=plan.weight_decay
        )
        self._average = [p.detach().clone() for p in self.parameters]

    def set_rate(self, share: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * share

    def descend(self, loss: Tensor) -> None:
        """One step against the gradient of the loss."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self._max_norm)
        self._optimizer.step()

    @torch.no_grad()
    def remember(self, n_iter: int) -> None:
        """Take the weights into the average, whose memory is short at first."""
        kept = min(self._ema, n_iter / (_FIRST_MEMORY + n_iter))
        for mean, p in zip(self._average, self.parameters, strict=True):
            mean.lerp_(p.detach(), 1 - kept)

    @torch.no_grad()
    def settle(self) -> None:
        """Put the average in the network."""
        for mean, p in zip(self._average, self.parameters, strict=True):
            p.copy_(mean)


def train_in_turn(
    step: Callable[[], Tensor], learners: Sequence[Learner], plan: Plan
) -> PlanHistory:
    """Call `step`, which trains the learners and returns a loss, until steps or time are used up.

    Leaves the averaged weights in the networks, also where an interrupt ended the training.

    Raises
    ------
    TrainingError
        If the loss is not finite.
    """
    parameters = [p for learner in learners for p in learner.parameters]
    history = PlanHistory(missing_device=_missing(plan.device, parameters))
    losses: list[Tensor] = []
    start = time.perf_counter()
    progress = _progress(plan)
    try:
        for done in range(plan.max_iter):
            elapsed = time.perf_counter() - start
            spent = elapsed / plan.max_seconds if plan.max_seconds else 0.0
            if spent >= 1:
                history.stopped = "max_seconds"
                break
            for learner in learners:
                learner.set_rate(_rate(max(done / plan.max_iter, spent), plan.warm_up))
            losses.append(step().detach())
            history.n_iter = done + 1
            for learner in learners:
                learner.remember(history.n_iter)
            progress.update(1)
            if history.n_iter % plan.check_every == 0 or history.n_iter == plan.max_iter:
                recent = torch.stack(losses)
                losses.clear()
                _require_finite(recent, "loss", history.n_iter, plan)
                history.loss_curve.append(float(recent.mean()))
                progress.set_postfix(loss=f"{history.loss_curve[-1]:.4g}")
    except KeyboardInterrupt:
        history.stopped = "interrupted"
        catch()
    finally:
        progress.close()
    for learner in learners:
        learner.settle()
    weights = torch.stack([p.detach().abs().max() for p in parameters])
    _require_finite(weights, "size of the weights", max(history.n_iter, 1), plan)
    return history
