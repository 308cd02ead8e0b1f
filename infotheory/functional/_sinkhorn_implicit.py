"""Gradients of entropic potentials by the implicit function theorem."""

from __future__ import annotations

from typing import Any

from array_api_compat import device, is_torch_array

from infotheory._xp import array_namespace, logsumexp, safe_log
from infotheory._xp._namespace import Array


def off_graph(x: Array) -> Array:
    """The numbers of an array, without its gradient."""
    return x.detach() if hasattr(x, "detach") else x


def is_on_graph(x: Array) -> bool:
    """Whether an array is to carry a gradient on, backward or forward."""
    if getattr(x, "requires_grad", False):
        return True
    if not is_torch_array(x):
        return False
    from torch.autograd.forward_ad import unpack_dual

    return unpack_dual(x).tangent is not None


def once_differentiable(*parts: Array) -> tuple[Array, ...]:
    """The same arrays, for a value whose gradient must not be differentiated: that would raise."""
    if not any(getattr(part, "requires_grad", False) for part in parts):
        return parts
    from infotheory.functional._torch_envelope import once

    return tuple(once(part) for part in parts)


def implicit_potentials(
    cost: Array, a: Array, b: Array, epsilon: float, dual: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Potentials as functions of cost and weights: one Newton step from the ones that were found.

    They solve R = f + eps ln sum_j b_j exp((g_j - C_ij) / eps) = 0 and the same of g, S = 0. With
    W and V the plan over its row and its column sums, (df, dg) = -[[1, W], [V^T, 1]]^-1 (R, S),
    in which only R and S vary with cost and weights. What is left of the system when df is
    eliminated has the null vector 1 (a constant moved from g to f), and b on its left.
    """
    xp = array_namespace(cost)
    if cost.shape[-1] > cost.shape[-2]:
        g, f = implicit_potentials(xp.matrix_transpose(cost), b, a, epsilon, dual[::-1])
        return f, g
    f, g = (off_graph(part) for part in dual)
    of_rows = (g / epsilon + safe_log(b))[..., None, :] - cost / epsilon
    of_columns = (f / epsilon + safe_log(a))[..., :, None] - cost / epsilon
    log_rows, log_columns = logsumexp(of_rows, axis=-1), logsumexp(of_columns, axis=-2)
    rows = xp.exp(off_graph(of_rows - log_rows[..., :, None]))
    columns = xp.matrix_transpose(xp.exp(off_graph(of_columns - log_columns[..., None, :])))
    off_f, off_g = f + epsilon * log_rows, g + epsilon * log_columns
    size: dict[str, Any] = {"dtype": b.dtype, "device": device(b)}
    system = xp.eye(b.shape[-1], **size) - columns @ rows + off_graph(b)[..., None, :]
    right = (columns @ off_f[..., None])[..., 0] - off_g
    dg = xp.linalg.solve(system, right[..., None])[..., 0]
    return f - off_f - (rows @ dg[..., None])[..., 0], g + dg
