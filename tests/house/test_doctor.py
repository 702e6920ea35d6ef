"""Every invariant is looked after by a check, finds a healthy house healthy, and finds the violation planted for it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.elements.memory import Fault, MemoryElement
from bss.ordering.bulk import service as bulk
from bss.ordering.bulk.model import BulkVerb
from bss.subscriptions.model import SubscriptionId
from bss.usage import service as usage
from bss.usage.model import UsageEvent
from gateway import attest, doctor
from gateway.demo.story import at
from gateway.demo.town import Town, town
from gateway.doctor import Finding, Verdict
from gateway.network import Network
from kernel.database import Database
from kernel.errors import Invalid
from kernel.time import VirtualClock
from kernel.work import Work
from oss.port import ElementSpec

NAMED = frozenset(f"I{number}" for number in (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 22))
"""The invariants that the first edition promises to look after."""
LAST = at(7, 31)
"""When the house is looked at: the line has been cut for a debt since the day before."""

PLANTED: list[tuple[str, str, str]] = [
    ("I1", "UPDATE posting SET amount_minor = amount_minor + 7 WHERE rowid = 1", "off by 7 minor units of EUR"),
    ("I2", "UPDATE invoice SET total_minor = total_minor + 1", "says 1501, its lines 1500"),
    ("I3", "UPDATE open_item SET open_minor = open_minor + 5 WHERE open_minor > 0", "open 1505"),
    (
        "I3",
        "UPDATE payment SET captured_minor = 100 WHERE captured_minor > 0",
        "1.00 EUR captured, 15.00 EUR allocated",
    ),
    ("I4", "UPDATE invoice_line SET span_end = '2026-07-05' WHERE span_end = '2026-07-01'", "charged 2 times"),
    ("I5", "UPDATE subscription SET state = 'terminated'", "is served, its subscription is terminated"),
    (
        "I6",
        "UPDATE service SET confirmed_intent = replace(confirmed_intent, '\"hard\"', '\"none\"')",
        "is to be restricted hard, the network confirmed none",
    ),
    ("I8", "UPDATE usage_batch SET accepted = 9", "received 1, accepted 9 (1 kept)"),
    ("I8", "UPDATE binding SET from_at = from_at + 86400000000 * 20", "was not bound to its service then"),
    (
        "I9",
        "DROP INDEX uq_binding_live; INSERT INTO binding SELECT id + 1, tenant, service_id, kind, namespace, value,"
        " role, from_at, to_at FROM binding WHERE kind = 'msisdn'",
        "msisdn 447700900000 of E.164 is bound 2 times",
    ),
    ("I9", "UPDATE binding SET to_at = from_at + 1 WHERE kind = 'msisdn'", "msisdn 447700900000 is assigned to"),
    ("I10", "UPDATE audit SET actor = 'nobody' WHERE rowid = 3", "a record was altered"),
    ("I10", "DELETE FROM audit WHERE rowid = 3", "records are missing"),
    ("I11", "INSERT INTO outbox VALUES (1, 'bss.nobody.on_it', 1, 0, 8, 'Invalid: no')", "failed 8 times: Invalid: no"),
    ("I12", "UPDATE service_order SET done = done - 1 WHERE done % 2 = 1", "its facts say"),
    ("I12", "UPDATE service_order SET state = 'failed'", "its facts say completed"),
    ("I12", "DELETE FROM event WHERE kind LIKE 'ServiceOrder%'", "and no fact tells of it"),
    ("I14", "UPDATE service SET protected = 1", "a hard restriction for a debt on a protected line"),
    ("I14", "UPDATE dunning_act SET notice_id = NULL", "no letter 7 days before"),
    ("I15", "UPDATE bulk_row SET state = 'acknowledged'", "says 0 acknowledged and has 1, 1 completed and has 0"),
    ("I15", "DELETE FROM bulk_row", "took 1 rows in and has 0"),
    (
        "I15",
        "UPDATE bulk_row SET service_order_id = (SELECT max(id) FROM service_order);"
        " UPDATE service_order SET state = 'failed'",
        "is completed and its order is failed",
    ),
    ("I15", "UPDATE bulk_row SET state = 'inProgress'", "is under way without an order"),
    (
        "I17",
        "UPDATE notice SET body = body || ' 4242 4242 4242 4242'",
        "notice.body holds a card number ending in 4242",
    ),
    ("I17", "UPDATE payment_method SET label = '4242424242424242'", "label holds a card number"),
    ("I18", "UPDATE service SET activated_at = activated_at + 86400000000 * 10", "is charged 2026-06-01 to"),
    (
        "I22",
        "UPDATE open_item SET open_minor = open_minor + 5 WHERE open_minor > 0",
        "receivable: books 1500, documents 1505",
    ),
    ("I22", "UPDATE payment SET captured_minor = 100 WHERE captured_minor > 0", "the rows"),
    ("I28", "UPDATE number_series SET last = last + 1", "drawn to 3, documents 2 from 1 to 2"),
]
"""The invariant, what somebody did to the database behind everybody's back, and what the doctor says of it."""


@pytest.fixture(scope="module")
def lived() -> Iterator[Path]:
    """A database in which a mobile line was ordered, used, billed, not paid for, and cut."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_live(Path(folder)))
        yield Path(folder)


async def _live(folder: Path) -> None:
    async with town(folder, options=("--broker", "embedded")) as built:
        account, method, card = await built.customer("Ada Berg")
        await built.order(account, [{"action": "add", "offering": "mobile"}], method_id=method, key="ada-1")
        await _use(built)
        await built.sim.bank("PUT", f"/v1/control/tokens/{card}", {"mode": "decline"})
        await built.advance(LAST)
        await _lift_in_bulk(built, (await built.lines(account))["mobile"].id)


async def _lift_in_bulk(built: Town, line: SubscriptionId) -> None:
    """A job of one row with nothing to do."""

    def start(work: Work) -> None:
        job = bulk.create(work, BulkVerb.LIFT, file="f.csv", defaults={})
        assert bulk.load(work, job.id, [(2, {"subscription_id": str(line)})]) == []
        bulk.start(work, job.id)

    await built.do(start)
    await built.advance(LAST)


async def _use(built: Town) -> None:
    await built.advance(at(6, 5))
    event = UsageEvent(
        event_id="cdr-1", meter="data", kind="msisdn", value="447700900000", quantity=1_000, at=at(6, 5, 9)
    )
    taken = await built.do(lambda work: usage.ingest(work, [event]))
    assert taken.accepted == 1


def touched(lived: Path, folder: Path, sql: str = "") -> Path:
    """A copy of the house to which somebody did something."""
    copy = folder / "trunkline.db"
    shutil.copy(lived / "trunkline.db", copy)
    connection = sqlite3.connect(copy)
    connection.executescript(sql)
    connection.close()
    return copy


def found(lived: Path, folder: Path, name: str, sql: str) -> list[str]:
    """What the checks of one invariant say of a touched house."""
    database = Database(f"sqlite:///{touched(lived, folder, sql)}", clock=VirtualClock(LAST))
    try:
        checks = [check for check in doctor.checks(anchor_file=lived / "audit.anchor") if check.name == name]
        return [text for check in checks for text in database.read_system(check.violations).result()]
    finally:
        database.close()


def examined(lived: Path, folder: Path, sql: str = "") -> list[Verdict]:
    """What the doctor says of a touched house, all in all."""
    return asyncio.run(_examined(touched(lived, folder, sql), lived / "audit.anchor"))


async def _examined(path: Path, anchor: Path) -> list[Verdict]:
    database = Database(f"sqlite:///{path}", clock=VirtualClock(LAST))
    try:
        return await doctor.examine(database, anchor_file=anchor, network=_faithful(database))
    finally:
        database.close()


def _elements(database: Database) -> dict[str, MemoryElement]:
    """Elements that show what they last confirmed."""
    places = database.read_system(attest.confirmed).result()
    found = {place.element: MemoryElement(place.element) for place in places}
    for place in places:
        found[place.element].states[place.intent, place.key] = dict(place.wanted)
    return found


def _faithful(database: Database) -> Network:
    return _network(database, _elements(database))


def _network(database: Database, elements: dict[str, MemoryElement]) -> Network:
    def connect(spec: ElementSpec) -> MemoryElement:
        return elements[spec.name]

    return Network(database, connect)


def test_every_promised_invariant_has_a_check_and_a_planted_violation() -> None:
    exported = {check.name for check in doctor.checks()} | {"I13"}
    assert sorted(NAMED - exported) == []
    assert sorted(exported - {name for name, _, _ in PLANTED}) == ["I13"]


def test_a_healthy_house_is_clean_and_everything_promised_is_proven(lived: Path, tmp_path: Path) -> None:
    verdicts = examined(lived, tmp_path)
    assert [sentence for verdict in verdicts for sentence in verdict.violations] == []
    assert [(v.name, v.title) for v in verdicts if v.finding is not Finding.OK] == []
    assert doctor.clean(verdicts, require=NAMED)
    with pytest.raises(Invalid, match="no check I99"):
        doctor.clean(verdicts, require=["I99"])


@pytest.mark.parametrize(("name", "sql", "sentence"), PLANTED, ids=[f"{n}: {s}" for n, _, s in PLANTED])
def test_what_is_planted_is_found(lived: Path, tmp_path: Path, name: str, sql: str, sentence: str) -> None:
    said = found(lived, tmp_path, name, sql)
    assert any(sentence in text for text in said), said


def test_a_violation_makes_the_house_unclean_and_is_told(lived: Path, tmp_path: Path) -> None:
    verdicts = examined(lived, tmp_path, "UPDATE number_series SET last = last + 1")
    assert [verdict.name for verdict in verdicts if verdict.finding is Finding.VIOLATED] == ["I28"]
    assert not doctor.clean(verdicts)


def test_a_head_anchored_outside_that_is_gone_is_found(lived: Path, tmp_path: Path) -> None:
    """Whoever removes the newest link whole, records and all, is found out by the file outside."""
    newest = "(SELECT max(rowid) FROM audit_link)"
    sql = f"DELETE FROM audit WHERE (writer, seq) IN (SELECT writer, last FROM audit_link WHERE rowid = {newest});"
    said = found(lived, tmp_path, "I10", f"{sql} DELETE FROM audit_link WHERE rowid = {newest}")
    assert any("anchored outside the database is not in it" in text for text in said), said


# ---- I13, which asks the elements


def attested(lived: Path, folder: Path, change: str) -> Verdict:
    """What the doctor says of the elements after something happened to one of them."""
    copy = touched(lived, folder)

    async def ask() -> Verdict:
        database = Database(f"sqlite:///{copy}", clock=VirtualClock(LAST))
        try:
            elements = _elements(database)
            _befall(elements["hlr-1"], change)
            verdicts = await doctor.examine(database, network=_network(database, elements))
            return next(verdict for verdict in verdicts if verdict.name == "I13")
        finally:
            database.close()

    return asyncio.run(ask())


def _befall(element: MemoryElement, change: str) -> None:
    [place] = element.states
    if change == "opened":
        element.states[place] = {**element.states[place], "bar": "none"}
    elif change == "deleted":
        del element.states[place]
    elif change == "silent":
        element.faults.plan(place[1], Fault.UNREACHABLE)


@pytest.mark.parametrize(
    ("change", "finding", "sentence"),
    [
        ("nothing", Finding.OK, None),
        ("opened", Finding.VIOLATED, "bar is 'none', confirmed was 'all'"),
        ("deleted", Finding.VIOLATED, "it is gone"),
        ("silent", Finding.UNPROVEN, "hlr-1 could not be asked"),
    ],
)
def test_an_element_that_shows_something_else_is_found(
    lived: Path, tmp_path: Path, change: str, finding: Finding, sentence: str | None
) -> None:
    verdict = attested(lived, tmp_path, change)
    assert verdict.finding is finding
    if sentence is None:
        assert (verdict.examined, verdict.violations) == (1, ())
    else:
        assert sentence in verdict.violations[0]
