"""Values of a result that are computed once, on the graph of a gradient where there is one."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any, TypeVar

T = TypeVar("T")


class cached_on_graph(cached_property[T]):  # noqa: N801 (a decorator, as the one it extends)
    """A cached property of a result that may carry a Torch gradient.

    What is first asked for under ``torch.no_grad()`` has no gradient, and is kept apart from what
    is asked for later with gradients on.
    """

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        torch = sys.modules.get("torch")
        if instance is None or torch is None or torch.is_grad_enabled():
            return super().__get__(instance, owner)
        kept, name = instance.__dict__, f"{self.attrname} without gradient"
        if name not in kept:
            kept[name] = self.func(instance)
        return kept[name]
