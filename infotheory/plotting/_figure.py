"""Where a display draws: the axes it was given, or a new figure."""

from __future__ import annotations

from typing import Any


def axes_or_new(ax: Any, *, width: float, height: float) -> Any:
    """``ax`` itself, or the axes of a new figure of this size in inches."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Plotting needs matplotlib, which is not installed. Install it with "
            "pip install 'infotheory-learn[plot]'."
        ) from error
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def equal_units(ax: Any) -> None:
    """One unit of length on both axes; where limits are shared the box gives way, not they."""
    shared = any(
        len(group.get_siblings(ax)) > 1
        for group in (ax.get_shared_x_axes(), ax.get_shared_y_axes())
    )
    ax.set_aspect("equal", adjustable="box" if shared else "datalim")
