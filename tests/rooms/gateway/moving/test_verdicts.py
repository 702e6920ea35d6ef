"""What the doctor says of a check: ok, unproven or violated, and when that is clean."""

from __future__ import annotations

import pytest

from gateway import doctor
from gateway.doctor import Finding, Verdict
from kernel.database import Database
from kernel.doctor import SHOWN, Check
from kernel.errors import Invalid
from kernel.work import PLATFORM
from tests.rooms.kernel.bell import ONE, execute, ring


def check(examined: int, *violations: str, name: str = "I1") -> Check:
    return Check(name, "a title", lambda work: examined, lambda work: list(violations))


async def test_each_finding(tower: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        check(3, name="I1"),
        check(0, name="I2"),
        check(3, "row 1", "row 2", name="I3"),
        check(99, *(f"row {n}" for n in range(SHOWN + 5)), name="I4"),
    ]
    monkeypatch.setattr(doctor, "checks", lambda anchor_file: made)
    verdicts = await doctor.examine(tower)
    assert [(v.name, str(v.finding), v.examined, len(v.violations)) for v in verdicts] == [
        ("I1", "ok", 3, 0),
        ("I2", "unproven", 0, 0),
        ("I3", "violated", 3, 2),
        ("I4", "violated", 99, SHOWN),
    ]


def verdict(name: str, finding: Finding) -> Verdict:
    return Verdict(name, "a title", finding, 0, ())


def test_clean_is_nothing_violated_and_everything_required_proven() -> None:
    proven, open_ = verdict("I1", Finding.OK), verdict("I2", Finding.UNPROVEN)
    assert doctor.clean([proven, open_])
    assert doctor.clean([proven, open_], require=["I1"])
    assert not doctor.clean([proven, open_], require=["I1", "I2"])
    assert not doctor.clean([proven, verdict("I3", Finding.VIOLATED)])
    assert not doctor.clean([proven, verdict("I1", Finding.UNPROVEN)], require=["I1"])


def test_a_name_nobody_exports_is_refused() -> None:
    with pytest.raises(Invalid, match="no check I98, I99"):
        doctor.clean([verdict("I1", Finding.OK)], require=["I99", "I98"])


def test_every_check_has_a_number_and_a_title() -> None:
    checks = doctor.checks()
    assert [int(each.name[1:]) for each in checks] == sorted(int(each.name[1:]) for each in checks)
    assert {"I10", "I11"} <= {each.name for each in checks}
    assert all(each.title for each in checks)


async def test_the_doctor_finds_an_altered_audit_row(tower: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    own = [each for each in doctor.checks() if each.name in ("I10", "I11")]
    monkeypatch.setattr(doctor, "checks", lambda anchor_file: own)
    assert [str(v.finding) for v in await doctor.examine(tower)] == ["unproven", "unproven"]
    tower.run(ring(1), tenant=ONE, actor=PLATFORM)
    assert [str(v.finding) for v in await doctor.examine(tower)] == ["ok", "ok"]
    execute(tower, "UPDATE audit SET subject = 'bell 2'")
    chain, _ = await doctor.examine(tower)
    assert (chain.finding, chain.examined) == (Finding.VIOLATED, 1)
    assert chain.violations[0].endswith("link 1: a record was altered")
