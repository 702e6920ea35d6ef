"""A state machine is one table; only `after` yields a new state."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from kernel.errors import IllegalTransition

S = TypeVar("S", bound=StrEnum)
M = TypeVar("M", bound=StrEnum)


class Machine(Generic[S, M]):
    """(state, move) -> state, each state with one sentence of meaning."""

    def __init__(self, name: str, *, initial: S, table: Mapping[tuple[S, M], S], meanings: Mapping[S, str]) -> None:
        self.name, self.initial, self.table, self.meanings = name, initial, dict(table), dict(meanings)
        named = {initial, *self.table.values(), *(state for state, _ in self.table)}
        missing = named ^ set(self.meanings)
        if missing:
            raise ValueError(f"{name}: states and meanings differ: {sorted(missing)}")

    def after(self, state: S, move: M) -> S:
        """The state a move leads to; IllegalTransition names both when the table has no such move."""
        try:
            return self.table[state, move]
        except KeyError:
            allowed = sorted(str(m) for s, m in self.table if s == state) or ["nothing: it is final"]
            raise IllegalTransition(
                f"{self.name} is {state} and cannot {move}",
                field="state",
                fix=f"from here: {', '.join(allowed)}",
            ) from None

    def allows(self, state: S, move: M) -> bool:
        """Whether the table has such a move."""
        return (state, move) in self.table

    def sources(self, move: M) -> tuple[S, ...]:
        """The states from which a move is possible, for set-based statements."""
        return tuple(s for s, m in self.table if m == move)

    def final(self, state: S) -> bool:
        """Whether nothing leads out of a state."""
        return not any(s == state for s, _ in self.table)
