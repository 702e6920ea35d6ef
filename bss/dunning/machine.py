"""What a dunning case can be; the rung it has reached is a number, not a state."""

from __future__ import annotations

from enum import StrEnum

from kernel.machine import Machine


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    PAUSED = "paused"
    CURED = "cured"
    EXHAUSTED = "exhausted"


class CaseMove(StrEnum):
    """What happens to a case."""

    PAUSE = "pause"
    RESUME = "resume"
    CURE = "cure"
    REOPEN = "reopen"
    EXHAUST = "exhaust"


_S, _M = CaseState, CaseMove

DUNNING_CASE = Machine(
    "DunningCase",
    initial=CaseState.OPEN,
    table={
        (_S.OPEN, _M.PAUSE): _S.PAUSED,
        (_S.OPEN, _M.CURE): _S.CURED,
        (_S.OPEN, _M.EXHAUST): _S.EXHAUSTED,
        (_S.PAUSED, _M.RESUME): _S.OPEN,
        (_S.PAUSED, _M.CURE): _S.CURED,
        (_S.EXHAUSTED, _M.CURE): _S.CURED,
        (_S.CURED, _M.REOPEN): _S.OPEN,
    },
    meanings={
        _S.OPEN: "The account owes more than the ladder's minimum and climbs it, rung by rung.",
        _S.PAUSED: "A promise or a person stopped the climb; it goes on from the same rung.",
        _S.CURED: "The debt is paid, credited or small again; what the case had restricted is lifted.",
        _S.EXHAUSTED: "Every rung was climbed and the debt stands.",
    },
)
LIVE = (CaseState.OPEN, CaseState.PAUSED, CaseState.EXHAUSTED)
"""The states in which a debt is being followed."""
