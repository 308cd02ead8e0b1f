"""What the layers of a module give, run so that the module is as it was afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from infotheory._training import local_seed
from infotheory._xp import detached_numpy

OUTPUT = "output"
Pick = Callable[[Any], Any]


def resolved_layers(module: nn.Module, layers: Any) -> dict[str, tuple[nn.Module, Pick | None]]:
    """Each asked-for name with its submodule and what picks a tensor of its output."""
    if not isinstance(module, nn.Module):
        got = f"the class {module.__name__}" if isinstance(module, type) else repr(module)
        raise TypeError(
            f"module must be a torch.nn.Module, got {got}. Pass the network itself, an instance."
        )
    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError(
            f"module must be a torch.nn.Module whose layers can be watched, got a "
            f"{type(module).__name__}, which is compiled. Pass the module it was made from."
        )
    for name, weights in module.named_parameters():
        if nn.parameter.is_lazy(weights) or weights.is_meta:
            raise ValueError(
                f"module must have weights that hold numbers, got {name} without: it is lazy or on "
                f"the meta device. Run the module once, or load its weights, before."
            )
    known = {name: part for name, part in module.named_modules() if name}
    known.setdefault(OUTPUT, module)
    if layers is None:
        chosen = _usual_layers(module, known)
        return {name: (known[name], None) for name in chosen}
    if isinstance(layers, str):
        layers = [layers]
    if not isinstance(layers, Iterable):
        raise TypeError(
            f"layers must be names of submodules of module, got {layers!r}. Names: "
            f"{_listed(known)}."
        )
    picks = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers)
    if not picks:
        raise ValueError(
            f"layers must name at least one submodule, got {layers!r}. Names: {_listed(known)}."
        )
    for name, pick in picks.items():
        if not isinstance(name, str) or name not in known:
            raise ValueError(
                f"layers must name submodules of module, got {name!r}. Names: {_listed(known)}."
            )
        if pick is not None and not callable(pick):
            raise TypeError(
                f"layers must map names to functions of the output of that layer, got {pick!r} for "
                f"{name!r}. Pass for instance lambda output: output[0]."
            )
    return {name: (known[name], pick) for name, pick in picks.items()}


def _listed(known: Mapping[str, Any]) -> str:
    names = list(known)
    return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def _usual_layers(module: nn.Module, known: Mapping[str, nn.Module]) -> list[str]:
    """Activation functions and the output; leaves where there are no modules of the former."""
    leaves = [
        name
        for name, part in known.items()
        if part is not module and not any(True for _ in part.children())
    ]
    functions = [
        name
        for name in leaves
        if type(known[name]).__module__ == "torch.nn.modules.activation"
        and not isinstance(known[name], nn.MultiheadAttention)
    ]
    chosen = functions or leaves
    return [*chosen, *[OUTPUT] * (OUTPUT not in chosen)]


def as_input(X: Any, module: nn.Module) -> Tensor:
    """Rows as a tensor on the module's device; floats in its dtype, integers as they are."""
    weights = [*module.parameters(), *module.buffers()]
    device = weights[0].device if weights else None
    floats = [w.dtype for w in weights if w.is_floating_point()]
    if isinstance(X, Tensor):
        tensor = X.detach()
    else:
        values = np.array(X)
        if values.dtype.kind not in "biuf":
            raise ValueError(
                f"X must hold numbers for the module, got dtype {values.dtype}. Encode it as the "
                f"module is trained on."
            )
        tensor = torch.from_numpy(values)
    if tensor.is_floating_point() and floats:
        tensor = tensor.to(floats[0])
    return tensor if device is None else tensor.to(device)


def collect(
    module: nn.Module,
    layers: Mapping[str, tuple[nn.Module, Pick | None]],
    batches: Iterable[Any],
    seed: int,
    *,
    is_default: bool,
) -> tuple[dict[str, np.ndarray], list[Any]]:
    """What each layer gives for each row, (n, units), in the order of calls; and the batches.

    A batch is a tensor or a pair whose first part is one. A layer that is called more than once
    in a pass has each call as a layer of its own: ``name``, ``name#2``, ...
    """
    parts: dict[str, list[np.ndarray]] = {}
    seen, batch_outputs, n_rows = [], {}, 0

    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, arguments: Any, output: Any) -> None:
            batch_outputs.setdefault(name, []).append(_kept(output, layers[name][1], name))

        return hook

    with _undisturbed(module, seed), _hooked(layers, hook_of):
        for batch in batches:
            batch_outputs.clear()
            x = as_input(batch[0] if isinstance(batch, tuple) else batch, module)
            _run(module, x)
            seen.append(batch)
            n_rows += len(x)
            for name, rows in _in_rows(batch_outputs, len(x)).items():
                parts.setdefault(name, []).append(rows)
    if not n_rows:
        raise ValueError("X must have at least one row for the module, got none. Pass more rows.")
    missing = [] if is_default else [name for name in layers if name not in parts]
    if missing or not parts:
        which = f"{missing[0]!r} is not" if missing else "none is"
        raise ValueError(
            f"layers must name submodules that module calls on X, and {which} "
            f"called. Name others, or pass X of a kind that reaches it."
        )
    counts = {name: sum(map(len, rows)) for name, rows in parts.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(
            f"layers must be called alike on every batch, got rows {counts}. Name others, or pass "
            f"all rows as one batch."
        )
    found = {name: np.concatenate(rows) for name, rows in parts.items()}
    return _without_repeats(found) if is_default else found, seen


def _kept(output: Any, pick: Pick | None, name: str) -> np.ndarray:
    chosen = output if pick is None else _picked(output, pick, name)
    if not isinstance(chosen, Tensor):
        raise ValueError(
            f"layer {name!r} must return a tensor, got {type(chosen).__name__}. Name other layers, "
            f"or say which part it is: layers={{{name!r}: lambda output: output[0]}}."
        )
    if chosen.is_complex():
        raise ValueError(
            f"layer {name!r} must return real numbers, got {chosen.dtype}. Name other layers, or "
            f"take both parts: layers={{{name!r}: torch.view_as_real}}."
        )
    # A copy: the next layer may work in place.
    return np.array(detached_numpy(chosen))


def _picked(output: Any, pick: Pick, name: str) -> Any:
    try:
        return pick(output)
    except Exception as error:
        raise ValueError(
            f"layers must map {name!r} to a function of its output, a {type(output).__name__}, and "
            f"that failed: {type(error).__name__}: {error}. Pass for instance lambda output: "
            f"output[0]."
        ) from error


def _in_rows(outputs: Mapping[str, list[np.ndarray]], n: int) -> dict[str, np.ndarray]:
    rows = {}
    for name, calls in outputs.items():
        for k, output in enumerate(calls):
            if output.ndim == 0 or len(output) != n:
                raise ValueError(
                    f"layer {name!r} must return one row for each of the {n} rows it is run on, "
                    f"got shape {output.shape}. Name other layers, or move its batch axis to the "
                    f"front: layers={{{name!r}: lambda output: output.transpose(0, 1)}}."
                )
            rows[name if k == 0 else f"{name}#{k + 1}"] = output.reshape(n, -1)
    return rows


def _without_repeats(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The output of the module is left out where it is that of the last layer, word for word."""
    others = [name for name in found if name != OUTPUT]
    if OUTPUT in found and others and np.array_equal(found[OUTPUT], found[others[-1]]):
        return {name: found[name] for name in others}
    return found


def _run(module: nn.Module, x: Tensor) -> None:
    try:
        module(x)
    except (RuntimeError, TypeError, IndexError) as error:
        raise ValueError(
            f"module must take X as a batch of shape {tuple(x.shape)}, {x.dtype} on {x.device}, "
            f"and it failed: {error}. Pass X as the module is trained on; whole numbers are taken "
            f"for indices: make them floats if they are none."
        ) from error


@contextmanager
def _hooked(
    layers: Mapping[str, tuple[nn.Module, Pick | None]],
    hook_of: Callable[[str], Callable[[nn.Module, Any, Any], None]],
) -> Iterator[None]:
    handles = []
    try:
        for name, (part, _) in layers.items():
            handles.append(part.register_forward_hook(hook_of(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _undisturbed(module: nn.Module, seed: int) -> Iterator[None]:
    """Evaluation without gradients; flags, buffers and random states as before afterwards."""
    flags = [(part, part.training) for part in module.modules()]
    buffers = [
        (part, name, held, held.clone())
        for part in module.modules()
        for name, held in part.named_buffers(recurse=False)
    ]
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with local_seed(seed), torch.no_grad():
            module.eval()
            yield
    finally:
        for part, flag in flags:
            part.training = flag
        _put_back(buffers)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


@torch.no_grad()
def _put_back(buffers: Sequence[tuple[nn.Module, str, Tensor, Tensor]]) -> None:
    """Only what was changed is written: a write would break a graph that is yet to be run back."""
    for part, name, held, before in buffers:
        if part._buffers.get(name) is not held:
            part._buffers[name] = held
        same = held.shape == before.shape and torch.equal(
            held.nan_to_num() if held.is_floating_point() else held,
            before.nan_to_num() if before.is_floating_point() else before,
        )
        if not same:
            held.resize_(before.shape).copy_(before)
