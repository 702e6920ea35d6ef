"""One change of many lines: each verb, bad rows, approval, the canary, a crash in the middle, the undo."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.elements.memory import Fault
from bss.catalog import service as catalog
from bss.subscriptions import service as subscriptions
from gateway import migrate, seed
from kernel.errors import Conflict, Forbidden
from oss.inventory import service as inventory
from tests.conftest import postgres_url
from tests.stories.fleet import BORIS, OPERATOR, Fleet, fleet, meter

pytestmark = pytest.mark.slow


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
async def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Forty lines, once for each database."""
    with ExitStack() as stack:
        url = None
        if request.param == "postgresql":
            url = stack.enter_context(postgres_url())
            await asyncio.to_thread(migrate.upgrade, url)
        async with fleet(tmp_path, 40, url=url) as made:
            yield made


@pytest.fixture
async def few(tmp_path: Path) -> AsyncIterator[Fleet]:
    """Forty lines: fewer than the blast radius."""
    async with fleet(tmp_path, 40) as made:
        yield made


@pytest.fixture
async def many(tmp_path: Path) -> AsyncIterator[Fleet]:
    """Two hundred lines: more than the blast radius."""
    async with fleet(tmp_path, 200) as made:
        yield made


async def test_restrict_lift_and_undo_a_fleet(anywhere: Fleet) -> None:
    job = await anywhere.submit("restrict", anywhere.rows(), defaults={"level": "hard"})
    assert (job["state"], job["canary"], job["total"]) == ("inProgress", 20, 40)
    told = await anywhere.ended(job["id"])
    assert (told["state"], told["completed"], anywhere.off()) == ("completed", 40, 40)
    again = await anywhere.ended(
        (await anywhere.submit("restrict", anywhere.rows(3), defaults={"level": "hard"}))["id"]
    )
    assert (again["state"], again["completed"]) == ("completed", 3)
    undone = await anywhere.ended((await anywhere.do("bulk.undo", job_id=job["id"]))["id"])
    assert (undone["verb"], undone["undo_of"], undone["state"], undone["completed"]) == (
        "lift",
        job["id"],
        "completed",
        40,
    )
    assert anywhere.off() == 0
    with pytest.raises(Conflict, match="ordered nothing"):
        await anywhere.do("bulk.undo", job_id=again["id"])
    with pytest.raises(Conflict, match="was undone by"):
        await anywhere.do("bulk.undo", job_id=job["id"])
    assert await anywhere.found("I6", "I12", "I15") == {"I6": "ok", "I12": "ok", "I15": "ok"}


async def test_a_lift_is_undone_as_it_was(few: Fleet) -> None:
    await few.ended((await few.submit("restrict", few.rows(5, cause="lost", level="hard")))["id"])
    lifted = await few.ended((await few.submit("lift", few.rows(5, cause="lost")))["id"])
    assert (lifted["completed"], few.off()) == (5, 0)
    undone = await few.ended((await few.do("bulk.undo", job_id=lifted["id"]))["id"])
    assert (undone["verb"], undone["completed"], few.off()) == ("restrict", 5, 5)


async def test_terminate_and_take_it_back_before_the_network_has(few: Fleet) -> None:
    await few.do("incident.open", element="broker-1", reason="a card is being swapped")
    job = await few.submit("terminate", few.rows(6))
    await few.ended(job["id"], minutes=1)
    await few.do("bulk.abort", job_id=job["id"], reason="the wrong fleet")
    told = await few.job(job["id"])
    assert (told["state"], told["in_progress"]) == ("cancelled", 6)
    undo = await few.do("bulk.undo", job_id=job["id"])
    undone = await few.ended(undo["id"])
    await few.do("incident.close", incident_id=(await few.do("incident.list"))["items"][0]["id"])
    await few.runtime.settled()
    assert (undone["verb"], undone["state"], undone["completed"]) == ("reinstate", "completed", 6)
    states = {str(few.see(lambda work, n=n: subscriptions.get(work, n)).state) for n in few.lines[:6]}  # type: ignore[misc]
    assert states == {"active"}


async def test_terminate_ends_lines_for_good(few: Fleet) -> None:
    told = await few.ended((await few.submit("terminate", few.rows(6)))["id"])
    assert (told["state"], told["completed"]) == ("completed", 6)
    states = {str(few.see(lambda work, n=n: subscriptions.get(work, n)).state) for n in few.lines[:6]}  # type: ignore[misc]
    assert states == {"terminated"}


async def test_a_changed_offering_is_confirmed_and_undone(few: Fleet) -> None:
    plus = few.folder / "plus.yaml"
    text = (seed.CONFIG / "catalog" / "demo.yaml").read_text(encoding="utf-8")
    plus.write_text(text.replace("code: meter\n", "code: meter-plus\n").replace("METER}", "PLUS}"), encoding="utf-8")
    await asyncio.wrap_future(
        few.gateway.database.submit(lambda work: catalog.apply(work, plus), tenant=OPERATOR, actor=BORIS)
    )
    rows = few.rows(3, offering="meter-plus")
    told = await few.ended((await few.submit("change", rows))["id"])
    assert (told["state"], told["completed"]) == ("completed", 3)
    assert few.element.states["meter", meter(0)]["plan"] == "PLUS"
    undone = await few.ended((await few.do("bulk.undo", job_id=told["id"]))["id"])
    assert (undone["verb"], undone["completed"]) == ("change", 3)
    assert few.element.states["meter", meter(0)]["plan"] == "METER"
    planned = await few.do("bulk.plan", verb="change", rows=[{"line": 2, "columns": few.rows(1, offering="meter")[0]}])
    assert [each["message"] for each in planned["errors"]] == [f"{few.lines[0]} is meter already"]


async def test_a_changed_profile_is_refused_where_the_offering_fixes_it(few: Fleet) -> None:
    rows = [{"line": 2, "columns": {**few.rows(1)[0], "profile.profile": "OTHER"}}]
    planned = await few.do("bulk.plan", verb="change", rows=rows)
    assert [each["message"] for each in planned["errors"]] == ["meter fixes it"]
    grown = [{"line": 2, "columns": {**few.rows(1)[0], "profile.colour": "RED"}}]
    assert (await few.do("bulk.plan", verb="change", rows=grown))["errors"] == []
    told = await few.ended((await few.submit("change", [grown[0]["columns"]]))["id"])
    (reject,) = (await few.do("bulk.rejects", job_id=told["id"]))["items"]
    assert "colour" in reject["error"]


async def test_activate_sends_class_bulk_and_names_what_the_stock_has_not(anywhere: Fleet) -> None:
    row = {"account_id": anywhere.account, "offering": "meter"}
    wanted = [{**row, "resource.meter": f"fresh-{number}"} for number in (1, 2, 9)]
    told = await anywhere.ended((await anywhere.submit("activate", wanted))["id"])
    assert (told["state"], told["completed"], told["rejected"]) == ("partial", 2, 1)
    (reject,) = (await anywhere.do("bulk.rejects", job_id=told["id"]))["items"]
    assert (reject["number"], reject["columns"]["resource.meter"]) == (4, "fresh-9")
    assert "fresh-9" in reject["error"]
    (one, _) = (await anywhere.do("bulk.rows", job_id=told["id"], state="completed"))["items"]
    order = await anywhere.do("order.show", order_id=one["product_order_id"])
    assert order["state"] == "completed"
    undone = await anywhere.ended((await anywhere.do("bulk.undo", job_id=told["id"]))["id"])
    assert (undone["verb"], undone["completed"]) == ("terminate", 2)
    back = await anywhere.ended((await anywhere.do("bulk.undo", job_id=undone["id"]))["id"])
    assert (back["verb"], back["state"], back["completed"]) == ("reinstate", "completed", 2)
    with pytest.raises(Conflict, match="is an undo itself"):
        await anywhere.do("bulk.undo", job_id=back["id"])
    revived = await anywhere.do("subscription.show", subscription_id=one["subscription_id"])
    assert (revived["state"], revived["values"]["meter"]) == ("active", "fresh-1")


async def test_more_than_the_blast_radius_waits_for_another_person(many: Fleet) -> None:
    job = await many.submit("restrict", many.rows(), defaults={"level": "hard"})
    assert (job["state"], job["needs_approval"]) == ("held", True)
    assert job["reason"].startswith("blast radius: 0 cuts in 24 h and 200 more pass the limit of 50")
    with pytest.raises(Forbidden, match="noc:anna asked for"):
        await many.do("bulk.approve", job_id=job["id"])
    with pytest.raises(Conflict, match="waits for a second person"):
        await many.do("bulk.continue", job_id=job["id"])
    assert many.off() == 0
    await many.do("bulk.approve", BORIS, job_id=job["id"])
    told = await many.ended(job["id"])
    assert (told["state"], told["completed"], told["approved_by"], many.off()) == ("completed", 200, "noc:boris", 200)
    other = await many.submit("lift", many.rows())
    assert other["state"] == "inProgress"


async def test_an_approval_is_good_for_a_day(many: Fleet) -> None:
    job = await many.submit("restrict", many.rows(), defaults={"level": "hard"})
    await many.do("bulk.approve", BORIS, job_id=job["id"])
    await many.do("bulk.pause", job_id=job["id"])
    many.clock.move_to(many.clock.now() + timedelta(hours=25))
    await many.do("bulk.continue", job_id=job["id"])
    told = await many.ended(job["id"])
    assert (told["state"], told["needs_approval"], told["completed"], many.off()) == ("held", True, 0, 0)
    assert told["reason"] == "the approval of noc:boris is over: it was good for 24 hours"


async def test_too_many_refusals_halt_at_the_canary(many: Fleet) -> None:
    many.refuse(5)
    job = await many.submit("restrict", many.rows(), defaults={"level": "hard"})
    await many.do("bulk.approve", BORIS, job_id=job["id"])
    told = await many.ended(job["id"])
    assert (told["state"], told["needs_approval"]) == ("held", False)
    assert told["reason"] == "canary: 4 of 20 rows fell out, more than 5 %"
    assert (told["held"], told["completed"], told["acknowledged"], many.off()) == (4, 16, 180, 16)
    many.element.faults.clear()
    await many.do("bulk.continue", job_id=job["id"])
    told = await many.ended(job["id"])
    assert (told["state"], told["completed"], told["held"]) == ("partial", 196, 4)
    await many.do("fallout.retry", element="broker-1")
    told = await many.ended(job["id"], minutes=90)
    assert (told["completed"], told["held"], many.off()) == (200, 0, 200)
    assert await many.found("I6", "I12", "I15") == {"I6": "ok", "I12": "ok", "I15": "ok"}


async def test_a_row_that_went_stale_is_rejected_and_comes_out_again(few: Fleet) -> None:
    job = await few.do("bulk.submit", verb="restrict", file="rows.csv", defaults={"level": "hard"})
    rows = [{"line": 2 + n, "columns": row} for n, row in enumerate(few.rows(3))]
    await few.do("bulk.load", job_id=job["id"], rows=rows)
    await few.do("line.terminate", subscription_id=str(few.lines[1]), cause="customer")
    await few.runtime.settled()
    await few.do("bulk.start", job_id=job["id"])
    told = await few.ended(job["id"])
    assert (told["state"], told["completed"], told["rejected"]) == ("partial", 2, 1)
    (reject,) = (await few.do("bulk.rejects", job_id=job["id"]))["items"]
    assert (reject["number"], reject["error"]) == (3, f"subscription_id: {few.lines[1]} is terminated")


async def test_bad_rows_refuse_the_job_unless_they_are_skipped(few: Fleet) -> None:
    row = few.rows(1)[0]
    bad = [row, row, {"subscription_id": "sub_0000000000000"}, {"subscription_id": "x\x07"}, {"colour": "red"}]
    with pytest.raises(Conflict, match="4 of 5 rows are refused"):
        await few.submit("lift", bad)
    job = await few.submit("lift", bad, skip_bad=True)
    told = await few.ended(job["id"])
    assert (told["state"], told["completed"], told["rejected"]) == ("partial", 1, 4)
    found = (await few.do("bulk.rejects", job_id=job["id"]))["items"]
    assert [(each["number"], each["error"]) for each in found] == [
        (3, "subscription_id: the same line as row 2"),
        (4, "subscription_id: no subscription sub_0000000000000"),
        (5, "subscription_id: has a control character"),
        (6, "colour: no such column; lift has subscription_id and perhaps cause"),
    ]


async def test_the_kill_switch_stops_a_job_between_rows(few: Fleet) -> None:
    await few.do("guard.stop", why="the wrong file")
    job = await few.submit("restrict", few.rows(), defaults={"level": "hard"})
    told = await few.ended(job["id"], minutes=3)
    assert (told["state"], told["reason"], few.off()) == ("inProgress", "the kill switch is on: the wrong file", 0)
    await few.do("guard.resume", why="it was the right one")
    assert (await few.ended(job["id"]))["completed"] == 40


async def test_lines_that_are_restricted_are_charged_as_restricted(few: Fleet) -> None:
    await few.ended((await few.submit("restrict", few.rows(1), defaults={"level": "hard"}))["id"])
    line = few.see(lambda work: subscriptions.get(work, few.lines[0]))
    (standing,) = few.see(lambda work: inventory.open_restrictions(work, line.service_id))
    assert (standing.cause, standing.level, standing.placed_by) == ("customer", "hard", "system:platform")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [10_000])
async def test_a_night_of_faults_and_a_crash_loses_no_row(tmp_path: Path, count: int) -> None:
    made = Fleet(tmp_path)
    async with made.alive() as runtime:
        await made.furnish(count)
        made.trouble(5, Fault.UNREACHABLE, Fault.LOST, Fault.DONE)
        job = await made.submit("restrict", made.rows(), defaults={"level": "hard"})
        assert job["state"] == "held"
        await made.do("bulk.approve", BORIS, job_id=job["id"])
        while made.off() < count // 3:
            await runtime.ticker.tick()
            made.clock.move_to(made.clock.now() + timedelta(seconds=1))
            await asyncio.sleep(0.05)
        made.killed = True
    made.killed = False
    async with made.alive():
        told = await made.over(job["id"])
        assert (told["state"], told["completed"], made.off()) == ("completed", count, count)
        assert await made.found("I6", "I12", "I15") == {"I6": "ok", "I12": "ok", "I15": "ok"}
    assert set(made.element.log.values()) == {1}
    assert meter(0) not in made.element.faults.planned
