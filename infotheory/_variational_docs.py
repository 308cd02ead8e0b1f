"""Sections that the docstrings of all variational bounds have in common, written once."""

from __future__ import annotations

import inspect
from typing import TypeVar

_Class = TypeVar("_Class", bound=type)

_SECTIONS = {
    "<parameters of all bounds>": """\
critic : {"separable", "concatenated", "bilinear"} or torch.nn.Module, default="separable"
    "separable": the inner product of an embedding of x and one of y, so that a batch of b rows
    gives b (b - 1) pairs drawn apart at the cost of b. "concatenated": one network of the joined
    row; more flexible, slower, with four pairs apart a row. "bilinear": no hidden layer. A module
    is called with x (b, d) and y (b, e), float32 and not rescaled, and returns (b,) or (b, 1);
    every fold trains copies of it, whose layers are drawn anew unless they are frozen. A copy that
    does worse than the reference alone on its selection rows is left out, which a note says. A
    module without parameters is evaluated as it is.
reference : {"gaussian", None}, default="gaussian"
    "gaussian": the critic is the log ratio of a normal law, fitted to the training rows of each
    fold after standardising or ranking each column, plus the network, which starts at zero. It is
    left out where it tells nothing of the selection rows. None: the network alone.
hidden_layer_sizes : int or sequence of int, default=(128, 128, 128)
activation : {"relu", "silu", "gelu", "tanh"}, default="silu"
batch_size : int, default=256
learning_rate_init : float, default=3e-3
    Largest rate of AdamW; it rises over the first steps and falls along a cosine.
max_iter : int, default=2000
    Training steps, each with one batch for every network. Inputs whose weights tell nothing fade
    on the way: of many columns few may matter.
max_seconds : float, default=None
    End training after this time.
early_stopping : bool, default=True
    End training when the mean of all networks on their selection rows gets no better. Each keeps
    its own best weights.
validation_fraction : float, default=0.125
    Share of the rows outside a fold that select among the states of training; two at least.
n_iter_no_change : int, default=8
    Checks, one every 50 steps, without a gain of `tol` before training ends.
tol : float, default=5e-4
    Nats.
n_folds : int, default=5
    Each row is evaluated by networks trained on the other folds.
n_ensemble : int, default=2
    Networks a fold with different starts; their mean is the fold's critic, and their spread is
    part of the standard error.
warm_start : bool, default=False
    Go on from the weights of the last fit, where sample and folds are the same; with another
    sample training begins anew, and a note says so.
device : str, default="cpu"
    A Torch device; "auto" takes CUDA where it is there, and a missing one means the CPU.
random_state : int, RandomState or None, default=None
    For the folds, the networks and the batches. No global generator is touched.
verbose : int, default=0
    1 shows a progress bar.""",
    "<attributes of all bounds>": """\
mutual_information_ : float
    Nats; the held-out value plus what is known to be missing of the normal reference.
held_out_bound_ : float
    The held-out value alone.
standard_error_ : float
    From the influence of each row on the value, and the spread over starts.
pointwise_ : ndarray of shape (n,)
    Log ratio of each row by critics that did not see it; the mean is the estimate.
critic_ : torch.nn.ModuleDict
    The networks: every weight has one leading entry a fold and start. With a condition a pair:
    those with (y, condition) and those with the condition alone.
bound_ : str
    "lower bound" or "neither", of the value with a fixed critic in expectation.
loss_curve_, validation_scores_ : list of float
    At each check: the loss of the batch and the score of the selection rows, means over networks.
n_iter_ : int
    Steps taken.
notes_ : tuple of str
    What a user needs to know of this fit: corrections, ceilings, early ends.
n_features_in_ : int""",
    "<raises of all bounds>": """\
ValueError
    In ``fit``, if a parameter or an array is out of its range, or there are too few rows for
    the folds.
ImportError
    In ``fit``, if torch is not installed.
RuntimeError
    In ``fit``, if the loss becomes infinite or missing: no value is returned.""",
    "<cost of all bounds>": """\
A critic is not trusted beyond its largest value at selection rows drawn together, and held there.
Complexity: O(n_iter n_folds n_ensemble (b p + b^2)) for batches of b rows and networks of p
weights, plus O(n^2 / n_folds) for evaluation with the separable critic.""",
}


def with_shared_sections(cls: _Class) -> _Class:
    """Put the shared sections in the place of their names."""
    if cls.__doc__:
        text = inspect.cleandoc(cls.__doc__)
        for name, section in _SECTIONS.items():
            text = text.replace(name, section)
        cls.__doc__ = text
    return cls
