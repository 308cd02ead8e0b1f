"""Networks whose weights may carry leading axes, so that many are trained in one pass.

A network with ``members=(M,)`` is M networks of one shape: inputs have shape (M, n, d) and every
product of matrices is one batched product, which on a few cores costs little more than one
network does. With ``members=()`` it is an ordinary network on (..., n, d).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

ACTIVATIONS = {
    "relu": nn.functional.relu,
    "silu": nn.functional.silu,
    "gelu": nn.functional.gelu,
    "tanh": torch.tanh,
}


def layer_sizes(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Widths of the hidden layers, one given as a number; no layers at all are a linear map."""
    given = [hidden_layer_sizes] if isinstance(hidden_layer_sizes, Integral) else hidden_layer_sizes
    sizes = tuple(given)
    if any(isinstance(size, bool) or not isinstance(size, Integral) for size in sizes):
        raise TypeError(
            f"hidden_layer_sizes must be an integer or a sequence of integers, got "
            f"{hidden_layer_sizes!r}. Pass the width of each hidden layer, as in (128, 128)."
        )
    if any(size < 1 for size in sizes):
        raise ValueError(
            f"hidden_layer_sizes must hold widths of at least 1, got {hidden_layer_sizes!r}. Leave "
            f"that layer out, or pass the width of each hidden layer, as in (128, 128)."
        )
    return tuple(int(size) for size in sizes)


def _known_activation(activation: Any) -> str:
    if activation not in tuple(ACTIVATIONS):
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}. Pass one of "
            f"these names; a critic of your own may use any function."
        )
    return activation


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if x.ndim == weight.ndim == 3:
        return torch.baddbmm(bias.unsqueeze(-2), x, weight)
    if x.ndim == weight.ndim == 2:
        return torch.addmm(bias, x, weight)
    return x @ weight + bias.unsqueeze(-2)


class MLP(nn.Module):
    """Fully connected layers with weights of shape (*members, in, out).

    Parameters
    ----------
    sizes : sequence of int
        Input, hidden and output widths.
    members : tuple of int
        Leading axes of the weights.
    activation : {"relu", "silu", "gelu", "tanh"}
    zero_output : bool
        Start the last layer at zero, so that the network starts as the zero function.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        members: tuple[int, ...] = (),
        activation: str = "silu",
        zero_output: bool = False,
    ) -> None:
        super().__init__()
        first, *hidden, last = sizes
        self.sizes = (first, *layer_sizes(hidden), last)
        self.activation = _known_activation(activation)
        pairs = list(pairwise(self.sizes))
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(*members, fan_in, fan_out)) for fan_in, fan_out in pairs
        )
        self.biases = nn.ParameterList(
            nn.Parameter(torch.empty(*members, fan_out)) for _, fan_out in pairs
        )
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = 1 / math.sqrt(max(weight.shape[-2], 1))
            nn.init.uniform_(weight, -bound, bound)
            nn.init.uniform_(bias, -bound, bound)
        if zero_output:
            nn.init.zeros_(self.weights[-1])
            nn.init.zeros_(self.biases[-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.after_first(_linear(x, self.weights[0], self.biases[0]))

    def after_first(self, hidden: Tensor) -> Tensor:
        """The rest of the network, from the output of its first product on."""
        activate = ACTIVATIONS[self.activation]
        for weight, bias in zip(list(self.weights)[1:], list(self.biases)[1:], strict=True):
            hidden = _linear(activate(hidden), weight, bias)
        return hidden


class ConcatenatedCritic(nn.Module):
    """A network of the joined row (x, y): the most flexible critic.

    Parameters
    ----------
    dim_x, dim_y : int
    hidden_layer_sizes : sequence of int
    members : tuple of int, default=()
        Leading axes of every weight: so many critics at once, each with rows of its own.
    activation : {"relu", "silu", "gelu", "tanh"}, default="silu"
    zero_output : bool, default=False
        Start as the critic that is 0 everywhere.

    Notes
    -----
    ``critic(x, y)`` are the values at n rows, ``critic.table(x, y)`` those at all pairs of n rows
    of x and m of y, for which all layers but the first see n m rows. Complexity: O(n p) and
    O(n m p) with p weights. Source: Poole, Ozair, van den Oord, Alemi and Tucker (2019),
    arXiv:1905.06922, who call it joint.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import ConcatenatedCritic
    >>> critic = ConcatenatedCritic(2, 3, (16,))
    >>> x, y = torch.ones(4, 2), torch.ones(5, 3)
    >>> critic(x, y[:4]).shape, critic.table(x, y).shape
    (torch.Size([4]), torch.Size([4, 5]))
    """

    def __init__(
        self,
        dim_x: int,
        dim_y: int,
        hidden_layer_sizes: Sequence[int] = (128, 128),
        *,
        members: tuple[int, ...] = (),
        activation: str = "silu",
        zero_output: bool = False,
    ) -> None:
        super().__init__()
        self.dim_x = dim_x
        hidden = layer_sizes(hidden_layer_sizes)
        self.network = MLP(
            (dim_x + dim_y, *hidden, 1),
            members=members,
            activation=activation,
            zero_output=zero_output,
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Values at the rows (x_i, y_i), of shape (..., n)."""
        return self.network(torch.cat([x, y], dim=-1)).squeeze(-1)

    def table(self, x: Tensor, y: Tensor) -> Tensor:
        """Values at all pairs (x_i, y_j), of shape (..., n, m); the later layers see n m rows."""
        weight, bias = self.network.weights[0], self.network.biases[0]
        left = x @ weight[..., : self.dim_x, :]
        right = _linear(y, weight[..., self.dim_x :, :], bias)
        hidden = left.unsqueeze(-2) + right.unsqueeze(-3)
        n, m = hidden.shape[-3:-1]
        return self.network.after_first(hidden.flatten(-3, -2)).unflatten(-2, (n, m)).squeeze(-1)


class SeparableCritic(nn.Module):
    """The inner product of an embedding of x and one of y: all pairs cost one matrix product.

    Parameters
    ----------
    dim_x, dim_y : int
    hidden_layer_sizes : sequence of int
    dim_embedding : int, default=32
        Width of both embeddings, besides one term in x alone and one in y alone.
    members : tuple of int, default=()
        Leading axes of every weight: so many critics at once, each with rows of its own.
    activation : {"relu", "silu", "gelu", "tanh"}, default="silu"
    zero_output : bool, default=False
        Start as the critic that is 0 everywhere: the embedding of x is 0.

    Notes
    -----
    ``critic(x, y)`` are the values at n rows, ``critic.table(x, y)`` those at all pairs of n rows
    of x and m of y, ``critic.factors(x, y)`` the embeddings. A table has the rank of the embeddings
    at most, up to the terms of one side. Complexity: O((n + m) p + n m k) with p weights and k =
    `dim_embedding`. Source: Poole, Ozair, van den Oord, Alemi and Tucker (2019), arXiv:1905.06922.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import SeparableCritic
    >>> critic = SeparableCritic(2, 3, (16,), dim_embedding=8)
    >>> x, y = torch.ones(4, 2), torch.ones(5, 3)
    >>> critic(x, y[:4]).shape, critic.table(x, y).shape
    (torch.Size([4]), torch.Size([4, 5]))
    """

    def __init__(
        self,
        dim_x: int,
        dim_y: int,
        hidden_layer_sizes: Sequence[int] = (128, 128),
        *,
        dim_embedding: int = 32,
        members: tuple[int, ...] = (),
        activation: str = "silu",
        zero_output: bool = False,
    ) -> None:
        super().__init__()
        # One coordinate more on each side, so that terms in x alone and in y alone come free.
        self.dim_embedding = dim_embedding
        hidden = layer_sizes(hidden_layer_sizes)
        self.left = MLP(
            (dim_x, *hidden, dim_embedding + 1),
            members=members,
            activation=activation,
            zero_output=zero_output,
        )
        self.right = MLP(
            (dim_y, *hidden, dim_embedding + 1),
            members=members,
            activation=activation,
        )
        if zero_output:
            with torch.no_grad():
                self.right.weights[-1][..., -1] = 0
                self.right.biases[-1][..., -1] = 0

    def factors(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings whose inner products are the values, terms of one side included."""
        left, right = self.left(x), self.right(y)
        k, one = self.dim_embedding, torch.ones_like(left[..., :1])
        right = torch.cat([right[..., :k], torch.ones_like(right[..., :1]), right[..., k:]], dim=-1)
        return torch.cat([left, one], dim=-1), right

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Values at the rows (x_i, y_i), of shape (..., n)."""
        left, right = self.factors(x, y)
        return (left * right).sum(dim=-1)

    def table(self, x: Tensor, y: Tensor) -> Tensor:
        """Values at all pairs (x_i, y_j), of shape (..., n, m)."""
        left, right = self.factors(x, y)
        return left @ right.mT


class BilinearCritic(nn.Module):
    """x^T W y: enough for normal laws of unit covariance, up to terms in x and y alone.

    Parameters
    ----------
    dim_x, dim_y : int
    members : tuple of int, default=()
        Leading axes of the weight: so many critics at once, each with rows of its own.

    Notes
    -----
    Starts at W = 0, the critic that is 0 everywhere. ``critic(x, y)`` are the values at n rows,
    ``critic.table(x, y)`` those at all pairs of n rows of x and m of y. Complexity: O(n d e) and
    O(n d e + n m e) with d columns of x and e of y. Source: van den Oord, Li and Vinyals (2018),
    arXiv:1807.03748.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import BilinearCritic
    >>> critic = BilinearCritic(2, 2)
    >>> _ = torch.nn.init.eye_(critic.weight)
    >>> x = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    >>> critic(x, x).tolist(), critic.table(x, x).tolist()
    ([5.0, 1.0], [[5.0, 2.0], [2.0, 1.0]])
    """

    def __init__(self, dim_x: int, dim_y: int, *, members: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(*members, dim_x, dim_y))

    def factors(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Rows whose inner products are the values."""
        return x @ self.weight, y

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Values at the rows (x_i, y_i), of shape (..., n)."""
        return ((x @ self.weight) * y).sum(dim=-1)

    def table(self, x: Tensor, y: Tensor) -> Tensor:
        """Values at all pairs (x_i, y_j), of shape (..., n, m)."""
        return (x @ self.weight) @ y.mT


def _learns(part: nn.Module) -> bool:
    """Whether a part has weights of its own, or below it, that are not frozen."""
    return any(weights.requires_grad for weights in part.parameters())


class ReplicatedCritic(nn.Module):
    """Members of any critic module of the user's, each with weights of its own.

    Layers are drawn anew for each member, but those whose weights are all frozen
    (``requires_grad=False``) stay as they are.

    Parameters
    ----------
    critic : nn.Module
        ``critic(x, y)`` takes (n, dim_x) and (n, dim_y) and returns (n,) or (n, 1), of any real
        dtype. It may have no parameters.
    n_members : int
    """

    def __init__(self, critic: nn.Module, n_members: int) -> None:
        super().__init__()
        for name, weights in critic.named_parameters():
            if nn.parameter.is_lazy(weights) or weights.is_meta:
                raise ValueError(
                    f"critic must have weights that hold numbers, got {name} without: it is lazy "
                    f"or on the meta device. Call the critic once on rows of x and y before fit."
                )
        copies = [copy.deepcopy(critic) for _ in range(n_members)]
        for replica in copies:
            for part in replica.modules():
                if part is not replica and hasattr(part, "reset_parameters") and _learns(part):
                    part.reset_parameters()  # pyright: ignore[reportCallIssue]
        learns = {name: weights.requires_grad for name, weights in critic.named_parameters()}
        self._names = list(learns)
        self.stacked = nn.ParameterList(
            nn.Parameter(
                torch.stack([dict(c.named_parameters())[name].detach() for c in copies]),
                requires_grad=learns[name],
            )
            for name in self._names
        )
        # The copies keep their buffers; their own weights are replaced at every call.
        self._copies = copies

    def _apply(self, fn: Any, recurse: bool = True) -> ReplicatedCritic:
        super()._apply(fn, recurse)
        for replica in self._copies:
            replica._apply(fn, recurse)
        return self

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Values at the rows (x_i, y_i), of shape (n_members, n)."""
        return torch.stack([self._values(i, x[i], y[i]) for i in range(len(self._copies))])

    def _values(self, i: int, x: Tensor, y: Tensor) -> Tensor:
        replica = self._copies[i].train(self.training)
        weights = {name: w[i] for name, w in zip(self._names, self.stacked, strict=True)}
        try:
            out: Any = torch.func.functional_call(replica, weights, (x, y))
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"critic must be a module called with x of shape {tuple(x.shape)} and y of shape "
                f"{tuple(y.shape)}, {x.dtype} on {x.device}; it failed: {error}. Give its layers "
                f"these widths, and make tensors inside it like x."
            ) from error
        n = len(x)
        if not isinstance(out, Tensor) or out.shape not in ((n,), (n, 1)):
            shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise ValueError(
                f"critic must return one value a row, shape ({n},) or ({n}, 1) for this batch, got "
                f"{shape}. End it with a layer of one output."
            )
        if out.device != x.device or out.is_complex():
            raise ValueError(
                f"critic must return real numbers on the device of x, {x.device}, got {out.dtype} "
                f"on {out.device}. Make tensors inside it like x, as in torch.zeros_like(x)."
            )
        learning = self.training and torch.is_grad_enabled() and _learns(self)
        if learning and not out.requires_grad:
            raise ValueError(
                "critic must return values that depend on its parameters, got some without a "
                "gradient. Leave out detach, item, numpy and no_grad in its forward, or give it "
                "no parameters if there is nothing to learn."
            )
        return out.reshape(-1).to(x.dtype)

    def table(self, x: Tensor, y: Tensor) -> Tensor:
        """Values at all pairs (x_i, y_j), of shape (n_members, n, m)."""
        n, m = x.shape[-2], y.shape[-2]
        left = x.repeat_interleave(m, dim=-2)
        right = y.repeat(*[1] * (y.ndim - 2), n, 1)
        return self(left, right).unflatten(-1, (n, m))

    def member(self, i: int) -> nn.Module:
        """The i-th critic as an ordinary module."""
        chosen = copy.deepcopy(self._copies[i])
        with torch.no_grad():
            for name, w in zip(self._names, self.stacked, strict=True):
                dict(chosen.named_parameters())[name].copy_(w[i])
        return chosen


def copy_weights(target: nn.Module, source: nn.Module) -> None:
    """Take over the weights of a network of the same shape: how a warm start begins."""
    states = [network.state_dict() for network in (target, source)]
    if [(k, w.shape) for k, w in states[0].items()] != [(k, w.shape) for k, w in states[1].items()]:
        raise ValueError(
            "warm_start=True needs the shapes of the last fit: the same columns, folds, "
            "repeats and layers. Set warm_start=False, or fit a new estimator."
        )
    target.load_state_dict(states[1])
