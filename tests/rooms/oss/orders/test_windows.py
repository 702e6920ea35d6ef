"""Windows of elements: work waits for its hours, in the element's zone, and restores may pass."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.due import Ticker, Timer
from kernel.database import Database
from kernel.errors import Invalid
from kernel.time import VirtualClock
from oss.inventory import elements, hours
from oss.inventory import service as inventory
from oss.inventory.hours import Hours, Once
from oss.inventory.model import ServiceId
from oss.orders import incidents, views, windows
from oss.orders import service as orders
from oss.orders.machine import OrderState
from oss.orders.model import Priority, Verb
from oss.orders.windows import Window, WindowKind
from oss.port import Level
from tests.rooms.oss.orders.town import CLERK, OPERATOR, Town

NIGHT = {"kind": WindowKind.CLOSED, "days": "daily", "start": "22:00", "end": "05:00", "reason": "the vendor's night"}


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements and stock; the HLR stands in Berlin."""
    town = Town(any_database).build()
    berlin = "elements: [{name: hlr, protocol: memory, role: hlr, zone: Europe/Berlin, address: {timeout_ms: 10}}]"
    town.do(lambda work: elements.apply(work, elements.load(berlin)[0]))
    return town


def at(town: Town, instant: datetime) -> None:
    """Move the clock there, doing what falls due on the way."""
    clock = town.database.clock
    assert isinstance(clock, VirtualClock)
    ticker = Ticker(town.database, [Timer("windows", windows.due, windows.next_due, windows.turn)])

    async def moved() -> None:
        while (due := await ticker.next_due()) is not None and due <= instant:
            clock.move_to(max(due, clock.now()))
            assert await ticker.tick()
        clock.move_to(instant)

    asyncio.run(moved())


def state(town: Town, service: ServiceId) -> tuple[OrderState, str | None]:
    """An order's state and whom its first step waits for."""
    found = town.database.read(lambda w: views.of_service(w, service)[0], tenant=OPERATOR, actor=CLERK).result()
    steps = town.database.read(lambda w: views.steps(w, found.id), tenant=OPERATOR, actor=CLERK).result()
    return found.state, steps[0].waits_for


def night(town: Town, **more: object) -> Window:
    given = town.do(lambda w: windows.weekly(w, "hlr", **{**NIGHT, "restores": False, **more}))  # type: ignore[arg-type]
    assert isinstance(given, Window)
    return given


def test_work_waits_until_the_window_ends_in_the_element_s_zone(town: Town) -> None:
    start = town.database.clock.now().replace(hour=12, minute=0)
    at(town, start)
    night(town)
    at(town, start.replace(hour=19, minute=59) + timedelta(days=1))
    assert town.database.read_system(lambda w: windows.shut_by(w, "hlr")).result() == (None, None)
    late = start.replace(hour=21) + timedelta(days=1)
    at(town, late)
    service = town.line()
    assert town.turn([]) == []
    said = "hlr is closed daily 22:00-05:00 Europe/Berlin: the vendor's night"
    assert state(town, service) == (OrderState.IN_PROGRESS, said)
    assert town.database.read_system(views.busy).result() is False
    at(town, late + timedelta(hours=9))
    town.settle()
    assert state(town, service) == (OrderState.COMPLETED, None)


def test_a_window_of_change_lets_work_through_in_its_hours_alone(town: Town) -> None:
    start = town.database.clock.now().replace(hour=12, minute=0)
    at(town, start)
    night(town, kind=WindowKind.OPEN)
    service = town.line()
    assert town.turn([]) == []
    assert state(town, service)[1] == "hlr is open only daily 22:00-05:00 Europe/Berlin: the vendor's night"
    at(town, start.replace(hour=23))
    town.settle()
    assert state(town, service)[0] is OrderState.COMPLETED


def test_what_restores_a_service_passes_when_the_window_says_so(town: Town) -> None:
    service = town.line()
    town.settle()
    start, until = town.database.clock.now(), town.database.clock.now() + timedelta(hours=4)
    span = {"kind": WindowKind.CLOSED, "start": start, "end": until, "restores": True, "reason": "card swap"}
    town.do(lambda w: windows.once(w, "hlr", **span))  # type: ignore[arg-type]
    spoken = len(town.spoken)

    def change(work, verb, priority):  # type: ignore[no-untyped-def]
        if verb is Verb.RESTRICT:
            inventory.restrict(work, service, cause="fraud", level=Level.SOFT)
        intent = inventory.intent(work, service)
        orders.place(work, service, intent=intent, verb=verb, priority=priority)

    town.do(lambda w: change(w, Verb.RESTRICT, Priority.NORMAL))
    town.settle()
    assert len(town.spoken) == spoken
    assert state(town, service)[1] is not None

    def lend(work):  # type: ignore[no-untyped-def]
        inventory.lift(work, service, cause="fraud")
        inventory.restrict(work, service, cause="lost", level=Level.HARD)
        change(work, Verb.LIFT, Priority.RESTORE)

    town.do(lend)
    town.settle()
    assert town.hlr.states["subscriber", "001010000000001"]["bar"] == "all"
    at(town, until)
    town.settle()
    rows = town.database.read(lambda w: views.of_service(w, service), tenant=OPERATOR, actor=CLERK).result()
    assert {row.state for row in rows} == {OrderState.COMPLETED}


def test_an_incident_that_ends_inside_a_window_leaves_it_shut(town: Town) -> None:
    now = town.database.clock.now()
    span = {"kind": WindowKind.CLOSED, "start": now, "end": now + timedelta(hours=4), "restores": False}
    row = town.do(lambda w: windows.once(w, "hlr", reason="card swap", **span))  # type: ignore[arg-type]
    incident = town.do(lambda w: incidents.begin(w, "hlr", reason="cut fibre"))
    town.do(lambda w: incidents.end(w, incident.id))  # type: ignore[attr-defined]
    town.line()
    assert town.turn([]) == []
    town.do(lambda w: windows.remove(w, row.id))  # type: ignore[attr-defined]
    assert len(town.turn([])) == 1


def test_hours_know_the_clock_change_and_the_week() -> None:
    start, end = hours.clock("01:00", field="from"), hours.clock("04:00", field="until")
    nights = Hours(hours.days("sat-sun"), start, end, "Europe/Berlin")
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert hours.turns(nights, before) == datetime(2026, 3, 29, 0, tzinfo=UTC)
    assert hours.turns(nights, datetime(2026, 3, 29, 0, tzinfo=UTC)) == datetime(2026, 3, 29, 2, tzinfo=UTC)
    assert hours.turns(nights, datetime(2026, 3, 29, 2, tzinfo=UTC)) == datetime(2026, 4, 3, 23, tzinfo=UTC)
    assert hours.days("fri-mon") == (0, 4, 5, 6)
    assert hours.turns(Once(before, before + timedelta(hours=1)), before + timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"days": "someday"}, "days: 'someday' names no day"),
        ({"start": "25:00"}, "from_time: '25:00' is no time of day"),
        ({"end": "22:00"}, "until_time: begins and ends at the same time"),
        ({"reason": ""}, "reason: has 1 to 200 printable characters"),
    ],
)
def test_a_bad_window_is_refused_by_its_field(database: Database, change: dict[str, str], said: str) -> None:
    town = Town(database).build()
    with pytest.raises(Invalid) as error:
        town.do(lambda w: windows.weekly(w, "hlr", **{**NIGHT, "restores": False, **change}))  # type: ignore[arg-type]
    assert said in str(error.value)
