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
