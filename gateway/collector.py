"""How often this process looks for garbage that reference counting missed."""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 50_000, 20, 50
"""A turn makes tens of thousands of rows that live until its commit; Python's default (700, 10, 10) walks all of them
over and over: 15 % of a drain's time."""


def calm() -> None:
    """Never look again at what the start loaded, and at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
