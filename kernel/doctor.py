"""An invariant is a query that must return no row; each noun exports its own, and `trunkline doctor` runs them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kernel.work import SystemWork

SHOWN = 20
"""Violations listed by one check at most: enough to act on, short enough to read."""


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant: how many rows it looked at, and a sentence for each that breaks it."""

    name: str
    title: str
    examined: Callable[[SystemWork], int]
    violations: Callable[[SystemWork], list[str]]
