"""The doctor: runs every invariant the rooms export, asks the elements (I13), says ok, unproven or violated."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import bss
import kernel
import oss
from gateway import attest, health
from gateway.network import Network
from kernel.database import Database
from kernel.doctor import SHOWN, Check
from kernel.errors import Invalid
from kernel.work import SystemWork


class Finding(StrEnum):
    """What a check says."""

    OK = "ok"
    UNPROVEN = "unproven"
    VIOLATED = "violated"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's outcome: the rows it looked at and the first sentences about those that break it."""

    name: str
    title: str
    finding: Finding
    examined: int
    violations: tuple[str, ...]


def checks(*, anchor_file: Path | None = None) -> list[Check]:
    """Every exported check, in order of its name."""
    found = list(health.checks(anchor_file))
    for room in (kernel, oss, bss):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if module.name.endswith(".invariants"):
                found += importlib.import_module(module.name).CHECKS
    return sorted(found, key=lambda check: (int(check.name.removeprefix("I")), check.title))


async def examine(
    database: Database, *, anchor_file: Path | None = None, network: Network | None = None
) -> list[Verdict]:
    """Run every check, each in a reading Work of its own; with a network, ask its elements too (I13)."""
    verdicts = [
        await asyncio.wrap_future(database.read_system(lambda work, c=check: _verdict(work, c)))  # type: ignore[misc]
        for check in checks(anchor_file=anchor_file)
    ]
    if network is not None:
        verdicts.append(_attested(await attest.attest(network, database)))
    return sorted(verdicts, key=lambda verdict: int(verdict.name.removeprefix("I")))


def clean(verdicts: Sequence[Verdict], *, require: Collection[str] = ()) -> bool:
    """Whether nothing is violated and everything required was proven. Raises Invalid for a name nobody exports."""
    unknown = set(require) - {v.name for v in verdicts}
    if unknown:
        raise Invalid(f"no check {', '.join(sorted(unknown))}", field="require", fix="see trunkline doctor")
    wanting = {v.name for v in verdicts if v.finding is not Finding.OK}
    return all(v.finding is not Finding.VIOLATED for v in verdicts) and not wanting & set(require)


def _attested(found: attest.Attested) -> Verdict:
    """An element that shows something else is a violation; one that could not be asked leaves it unproven."""
    proven = found.read > 0 and not found.silent
    finding = Finding.VIOLATED if found.drifted else Finding.OK if proven else Finding.UNPROVEN
    said = (*found.drifted, *found.silent)[:SHOWN]
    return Verdict("I13", "every element shows what it last confirmed", finding, found.read, said)


def _verdict(work: SystemWork, check: Check) -> Verdict:
    examined, violations = check.examined(work), check.violations(work)
    finding = Finding.VIOLATED if violations else Finding.OK if examined else Finding.UNPROVEN
    return Verdict(check.name, check.title, finding, examined, tuple(violations[:SHOWN]))
