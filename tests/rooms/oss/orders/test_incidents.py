"""Incidents, alarms and promises: what waits, what is raised once, who has seen it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from adapters.elements.memory import Fault
from kernel.database import Database
from kernel.errors import Conflict, Invalid, NotFound
from kernel.time import VirtualClock
from kernel.work import Actor, SystemWork, Work
from oss.inventory import alarms
from oss.inventory.model import Alarm, AlarmId, AlarmKind
from oss.orders import deadlines, incidents, lanes, people, views
from oss.orders.machine import OrderState
from oss.orders.model import IncidentId, OrderId
from tests.rooms.oss.orders.test_fallout import ANNA, BORIS, held, order, place
from tests.rooms.oss.orders.town import IMSI, OPERATOR, PORT, Town

T = TypeVar("T")


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements and stock for two lines."""
    return Town(any_database).build()


def by(town: Town, actor: Actor, fn: Callable[[Work], T]) -> T:
    """One committed Work of a person."""
    return town.database.run(fn, tenant=OPERATOR, actor=actor)


def standing(town: Town) -> list[Alarm]:
    return list(by(town, ANNA, lambda w: alarms.listed(w)))


def opened(town: Town, element: str = "olt") -> IncidentId:
    return by(town, ANNA, lambda w: incidents.begin(w, element, reason="card swap").id)


# ---- incidents


def test_work_of_an_elements_lane_waits_with_its_reason_and_nothing_fails(town: Town) -> None:
    incident = opened(town)
    town.olt.faults.plan(PORT, Fault.UNREACHABLE)
    order_id = place(town)
    town.settle()
    assert [s.split(":")[0] for s in town.spoken] == ["hlr"]
    steps = by(town, ANNA, lambda w: views.steps(w, order_id))
    assert [(s.name, str(s.state), s.waits_for) for s in steps] == [
        ("subscriber", "done", None),
        ("port", "ready", f"{incident} on olt: card swap"),
        ("meter", "waiting", None),
    ]
    assert order(town, order_id).state is OrderState.IN_PROGRESS
    town.olt.faults.clear()
    by(town, ANNA, lambda w: incidents.end(w, incident, resolution="swapped"))
    town.settle()
    assert order(town, order_id).state is OrderState.COMPLETED


def test_what_was_on_its_way_when_an_incident_opened_does_not_use_up_its_attempts(town: Town) -> None:
    order_id = place(town)
    town.olt.faults.plan(PORT, Fault.UNREACHABLE, count=3)
    answers = town.speak(town.turn(town.speak(town.turn([]))))
    for _ in range(3):
        incident = opened(town)
        town.turn(answers)
        by(town, ANNA, lambda w, i=incident: incidents.end(w, i))  # type: ignore[misc]
        answers = town.speak(town.turn([]))
    town.settle(answers=answers)
    assert order(town, order_id).state is OrderState.COMPLETED


def test_one_incident_is_open_on_an_element_and_another_may_be_on_its_lane(town: Town) -> None:
    incident = opened(town)
    with pytest.raises(Conflict, match=f"{incident} is open on olt: card swap"):
        opened(town)
    with pytest.raises(NotFound, match="no element 'mars'"):
        opened(town, "mars")
    with pytest.raises(Invalid, match="reason has 1 to 200 printable characters"):
        by(town, ANNA, lambda w: incidents.begin(w, "hlr", reason="\x1b[2J"))
    by(town, ANNA, lambda w: incidents.end(w, incident))
    with pytest.raises(Conflict, match=f"{incident} was closed by noc:anna"):
        by(town, ANNA, lambda w: incidents.end(w, incident))
    with pytest.raises(NotFound, match="no incident inc_"):
        by(town, ANNA, lambda w: incidents.end(w, IncidentId(7)))
    assert by(town, ANNA, lambda w: list(incidents.listed(w))) == []
    assert [row.id for row in by(town, ANNA, lambda w: list(incidents.listed(w, closed=True)))] == [incident]


def test_an_incident_names_the_lines_it_touches(town: Town) -> None:
    first, second = place(town), place(town)
    town.settle()
    services = [order(town, each).service_id for each in (first, second)]
    assert by(town, ANNA, lambda w: incidents.touched(w, services)) == frozenset()
    opened(town)
    assert by(town, ANNA, lambda w: incidents.services(w, "olt")) == (services, 2)
    assert by(town, ANNA, lambda w: incidents.services(w, "olt", after=1, limit=1)) == (services[1:], 2)
    assert by(town, ANNA, lambda w: incidents.touched(w, services)) == frozenset(services)


# ---- alarms


def test_fallout_raises_an_alarm_once_and_its_end_clears_it(town: Town) -> None:
    _, row = held(town)
    (alarm,) = standing(town)
    assert (alarm.kind, alarm.element, alarm.key, alarm.count) == (AlarmKind.FALLOUT, "olt", PORT, 1)
    town.olt.faults.plan(PORT, Fault.REFUSE, count=1)
    by(town, ANNA, lambda w: people.retry(w, row))
    assert standing(town) == []
    town.settle()
    assert [(a.key, a.count) for a in standing(town)] == [(PORT, 1)]


def test_the_same_trouble_is_counted_and_acknowledged_by_one(town: Town) -> None:
    def strike(work: Work) -> AlarmId:
        return alarms.set_off(work, AlarmKind.PROBE_FAILING, element="olt", key="", message="silent")

    first = by(town, ANNA, strike)
    assert by(town, ANNA, strike) == first
    assert by(town, BORIS, lambda w: alarms.acknowledge(w, first)).acknowledged_by == "noc:boris"
    with pytest.raises(Conflict, match="was acknowledged by noc:boris"):
        by(town, ANNA, lambda w: alarms.acknowledge(w, first))
    assert [(a.count, a.acknowledged_by) for a in standing(town)] == [(2, "noc:boris")]
    by(town, ANNA, lambda w: alarms.dismiss(w, first))
    with pytest.raises(Conflict, match="is over"):
        by(town, ANNA, lambda w: alarms.dismiss(w, first))
    assert by(town, ANNA, strike) != first
    with pytest.raises(NotFound, match="no alarm alm_"):
        by(town, ANNA, lambda w: alarms.acknowledge(w, AlarmId(7)))


def test_another_tenant_sees_and_touches_no_alarm_of_ours(town: Town) -> None:
    from kernel.ids import TenantId

    held(town)
    (alarm,) = standing(town)

    def theirs(work: Work) -> int:
        return len(alarms.listed(work))

    assert town.database.run(theirs, tenant=TenantId(2), actor=ANNA) == 0
    with pytest.raises(NotFound):
        town.database.run(lambda w: alarms.dismiss(w, alarm.id), tenant=TenantId(2), actor=ANNA)


def test_many_keys_of_one_element_are_told_together_and_not_again_at_once(town: Town, clock: VirtualClock) -> None:
    def strike(work: Work) -> None:
        for number in range(3):
            alarms.set_off(work, AlarmKind.FALLOUT, element="olt", key=str(number), message="refused")

    by(town, ANNA, strike)
    (group,) = town.database.run_system(lambda w: alarms.untold(w, 10))
    assert (group.element, group.key, len(group.alarm_ids)) == ("olt", "0", 3)
    by(town, ANNA, lambda w: alarms.told(w, group))
    by(town, ANNA, lambda w: alarms.set_off(w, AlarmKind.FALLOUT, element="olt", key="9", message="refused"))
    assert town.database.run_system(lambda w: alarms.untold(w, 10)) == []
    clock.move_to(clock.now() + timedelta(minutes=15))
    assert [g.key for g in town.database.run_system(lambda w: alarms.untold(w, 10))] == ["9"]


def test_ready_work_that_nobody_takes_up_is_an_alarm_until_somebody_does(town: Town) -> None:
    place(town)

    def looked(work: SystemWork) -> dict[str, str]:
        lanes.announce(work, older_s=0.0)
        return dict(lanes.stalls(work, older_s=0.0).now)

    town.database.run_system(lambda w: lanes.hold(w, "w1"))
    assert town.database.run_system(looked) == {}
    town.database.run_system(lambda w: lanes.release(w, "w1"))
    assert town.database.run_system(looked) == {"hlr": "no worker leases it"}
    town.database.run_system(looked)
    assert [(a.kind, a.element, a.count) for a in standing(town)] == [(AlarmKind.LANE_STALLED, "hlr", 1)]
    town.settle()
    town.database.run_system(looked)
    assert standing(town) == []


# ---- promises


def test_an_order_that_is_still_open_shortly_before_its_deadline_is_in_jeopardy(
    town: Town, clock: VirtualClock
) -> None:
    order_id = place(town)
    wanted = clock.now() + timedelta(hours=2)
    by(town, ANNA, lambda w: deadlines.promise(w, order_id, by=wanted))
    assert town.database.run_system(deadlines.next_due) == wanted - timedelta(minutes=30)
    clock.move_to(wanted - timedelta(minutes=30))
    assert town.database.run_system(lambda w: deadlines.due(w, clock.now(), 10)) == [(OPERATOR, order_id)]
    by(town, ANNA, lambda w: deadlines.look(w, order_id))
    (alarm,) = standing(town)
    assert alarm.message == f"{order_id} (add) is inProgress and is wanted by 01 Jun 10:00 UTC"
    clock.move_to(wanted)
    by(town, ANNA, lambda w: deadlines.look(w, order_id))
    assert [(a.element, a.key, a.count) for a in standing(town)] == [("hlr", str(order_id), 2)]
    town.settle()
    clock.move_to(wanted + timedelta(hours=1))
    by(town, ANNA, lambda w: deadlines.look(w, order_id))
    assert (standing(town), town.database.run_system(deadlines.next_due)) == ([], None)


def test_a_promise_lies_ahead_and_is_about_an_open_order(town: Town, clock: VirtualClock) -> None:
    order_id = place(town)
    with pytest.raises(Invalid, match="is over"):
        by(town, ANNA, lambda w: deadlines.promise(w, order_id, by=clock.now()))
    with pytest.raises(Invalid, match="needs its offset"):
        by(town, ANNA, lambda w: deadlines.promise(w, order_id, by=clock.now().replace(tzinfo=None)))
    with pytest.raises(NotFound):
        by(town, ANNA, lambda w: deadlines.promise(w, OrderId(7), by=clock.now() + timedelta(days=1)))
    town.settle()
    with pytest.raises(Conflict, match="is completed"):
        by(town, ANNA, lambda w: deadlines.promise(w, order_id, by=clock.now() + timedelta(days=1)))
    assert town.hlr.states["subscriber", IMSI]["present"] is True
