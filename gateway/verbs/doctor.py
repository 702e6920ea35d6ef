"""The invariants, checked on the database as it is and on the elements as they answer."""

from __future__ import annotations

from pydantic import Field

from gateway import doctor
from gateway.doctor import Finding
from gateway.network import Network
from gateway.verbs.core import Asks, Desk, Gives, Page, edging


class DoctorAsked(Asks):
    """Which invariants must have been proved on at least one row."""

    require: list[str] = Field(default_factory=list)


class VerdictGiven(Gives):
    """What came of one check: the rows it looked at, and the first that break it."""

    name: str
    title: str
    finding: Finding
    examined: int
    violations: list[str]


class ReportGiven(Page[VerdictGiven]):
    """Every check, and whether the house is clean."""

    clean: bool


@edging("doctor.run", "/doctor")
async def run(desk: Desk, asked: DoctorAsked) -> ReportGiven:
    """Check every invariant: ok, unproven (nothing to look at) or violated."""
    gateway = desk.gateway
    network = Network(gateway.database, gateway.connect)
    try:
        verdicts = await doctor.examine(gateway.database, anchor_file=gateway.settings.audit_anchor, network=network)
    finally:
        await network.close()
    clean = doctor.clean(verdicts, require=asked.require)
    found = [
        VerdictGiven(
            name=each.name,
            title=each.title,
            finding=each.finding,
            examined=each.examined,
            violations=list(each.violations),
        )
        for each in verdicts
    ]
    return ReportGiven(items=found, total=len(found), clean=clean)
