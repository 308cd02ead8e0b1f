"""Order of the gallery: the quickstart first, the rest by name."""

from __future__ import annotations


class QuickstartFirst:
    def __init__(self, src_dir: str) -> None:
        self.src_dir = src_dir

    def __call__(self, filename: str) -> tuple[bool, str]:
        return filename != "quickstart.py", filename

    def __repr__(self) -> str:
        return "QuickstartFirst"
