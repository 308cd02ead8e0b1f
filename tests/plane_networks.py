"""Networks and rows of the tests of the information plane."""

from __future__ import annotations

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402


class Dropped(nn.Module):
    """A layer that draws in evaluation mode too."""

    def __init__(self, size=1.0):
        super().__init__()
        self.size = size

    def forward(self, x):
        np.random.normal()  # noqa: NPY002
        random.random()
        return x + self.size * torch.randn_like(x)


def network(seed=0, dtype=torch.float32):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)
    return nn.Sequential(*layers).to(dtype)


def some_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, (X[:, 0] > 0).astype(int)
