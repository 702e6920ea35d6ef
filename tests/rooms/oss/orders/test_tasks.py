"""Tasks that no element answers: events, people and instants in the plan of an order, on business time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from adapters.elements.memory import Fault
from gateway.due import Ticker, Timer
from kernel.database import Database
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.time import VirtualClock
from kernel.work import Actor, Work
from oss.inventory import service as inventory
from oss.inventory.model import ServiceId
from oss.orders import mending, outside, people, views, waits
from oss.orders import service as orders
from oss.orders.machine import OrderState
from oss.orders.model import OnError, OrderId, ServiceOrder, Verb
from oss.orders.waits import Wait
from oss.specs import service as specs
from tests.rooms.oss.orders.town import CLERK, LINE, OPERATOR, Town

PORTING = """
tasks:
  - {name: donor, kind: wait, before: [subscriber], event: portingConfirmed, correlation: '{imsi}', within: 2d,
     on_timeout: %s}
"""
VISIT = """
tasks:
  - {name: visit, kind: manual, requires: [subscriber], before: [port], assigned: field, second_person: %s, within: 1d,
     form: [{name: serial, grammar: '[0-9]{4}'}, {name: note, required: false}]}
"""
TIMER = """
tasks: [{name: pause, kind: timer, requires: [subscriber], before: [port], after: 2h}]
"""
BORIS = Actor("noc:boris", frozenset({"admin"}))


@pytest.fixture
def town(any_database: Database) -> Town:
    """Three elements and stock for two lines."""
    return Town(any_database).build()


def begun(town: Town, tasks: str, *, on_error: OnError = OnError.ROLLBACK) -> OrderId:
    """A line whose specification has those tasks, as far as it goes by itself."""

    def fn(work: Work) -> OrderId:
        specs.apply(work, LINE + tasks)
        service = inventory.create(work, "line", profile={"profile": "HOME500"}, owner="sub_1")
        intent = inventory.intent(work, service.id)
        return orders.place(work, service.id, intent=intent, verb=Verb.ADD, on_error=on_error).order_id

    order_id = town.do(fn)
    town.settle()
    assert isinstance(order_id, OrderId)
    return order_id


def order(town: Town, order_id: OrderId) -> ServiceOrder:
    return town.database.read(lambda work: views.get(work, order_id), tenant=OPERATOR, actor=CLERK).result()


def waiting(town: Town, order_id: OrderId) -> Wait:
    found = town.database.read(lambda work: waits.of_order(work, order_id), tenant=OPERATOR, actor=CLERK).result()
    (row,) = [each for each in found if each.closed_at is None]
    return row


def by(town: Town, actor: Actor, fn) -> object:  # type: ignore[no-untyped-def]
    return town.database.run(fn, tenant=OPERATOR, actor=actor)


def later(town: Town, hours: float) -> None:
    """Let business time pass and do what falls due."""
    clock = town.database.clock
    assert isinstance(clock, VirtualClock)
    clock.move_to(clock.now() + timedelta(hours=hours))
    timer = Timer("tasks", waits.due, waits.next_due, outside.look)
    ticker = Ticker(town.database, [timer])
    import asyncio

    asyncio.run(ticker.tick())
    assert ticker.failures == {}
    town.settle()


def test_nothing_goes_before_the_event_and_all_of_it_after(town: Town) -> None:
    order_id = begun(town, PORTING % "hold")
    assert town.spoken == []
    row = waiting(town, order_id)
    assert (row.key, row.name) == ("001010000000001", "donor")
    done = town.do(lambda w: outside.signal(w, "portingConfirmed", row.key, answers={"at": "soon"}))
    assert done.tasks == (row.id,)  # type: ignore[attr-defined]
    town.settle()
    assert [s.split(":")[0] for s in town.spoken] == ["hlr", "olt", "broker"]
    assert order(town, order_id).state is OrderState.COMPLETED


def test_an_event_that_comes_too_early_is_kept_and_counts_once(town: Town) -> None:
    early = town.do(lambda w: outside.signal(w, "portingConfirmed", "001010000000001", reference="np-7"))
    assert early.tasks == ()  # type: ignore[attr-defined]
    order_id = begun(town, PORTING % "hold")
    later(town, 0)
    assert order(town, order_id).state is OrderState.COMPLETED
    again = town.do(lambda w: outside.signal(w, "portingConfirmed", "001010000000001", reference="np-7"))
    assert (again.tasks, again.repeated) == ((), True)  # type: ignore[attr-defined]


def test_bad_news_fail_the_order_in_their_words(town: Town) -> None:
    order_id = begun(town, PORTING % "hold")
    news = {"good": False, "reason": "the donor knows no such customer"}
    town.do(lambda w: outside.signal(w, "portingConfirmed", "001010000000001", **news))
    town.settle()
    found = order(town, order_id)
    assert (found.state, found.reason) == (OrderState.FAILED, "donor: the donor knows no such customer")
    with pytest.raises(Invalid, match="bad news needs its reason"):
        town.do(lambda w: outside.signal(w, "portingConfirmed", "001010000000001", good=False))


@pytest.mark.parametrize(
    ("policy", "state", "spoken"),
    [("fail", OrderState.FAILED, 0), ("skip", OrderState.PARTIAL, 3), ("hold", OrderState.HELD, 0)],
)
def test_past_its_deadline_it_fails_is_skipped_or_held(town: Town, policy: str, state: OrderState, spoken: int) -> None:
    order_id = begun(town, PORTING % policy)
    later(town, 47)
    assert order(town, order_id).state is OrderState.IN_PROGRESS
    later(town, 2)
    assert (order(town, order_id).state, len(town.spoken)) == (state, spoken)


def test_a_held_one_waits_once_more_after_a_retry(town: Town) -> None:
    order_id = begun(town, PORTING % "hold")
    later(town, 49)
    (fallout,) = town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()
    assert (fallout.element, fallout.cause) == ("wait", "timeout")
    assert "no portingConfirmed of 001010000000001 within its deadline" in fallout.message
    town.do(lambda w: people.retry(w, fallout.id))
    assert waiting(town, order_id).due_at == town.database.clock.now() + timedelta(days=2)
    town.do(lambda w: outside.signal(w, "portingConfirmed", "001010000000001"))
    town.settle()
    assert order(town, order_id).state is OrderState.COMPLETED


def test_a_held_one_can_be_gone_on_without(town: Town) -> None:
    order_id = begun(town, PORTING % "hold")
    later(town, 49)
    (fallout,) = town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()
    town.do(lambda w: mending.skip(w, fallout, reason="the donor called"))
    town.settle()
    assert (order(town, order_id).state, len(town.spoken)) == (OrderState.PARTIAL, 3)


def test_a_person_completes_a_form_that_is_checked(town: Town) -> None:
    order_id = begun(town, VISIT % "false")
    assert [s.split(":")[0] for s in town.spoken] == ["hlr"]
    row = waiting(town, order_id)
    with pytest.raises(Invalid, match="serial: is missing"):
        town.do(lambda w: outside.complete(w, row.id, values={}))
    with pytest.raises(Invalid, match=r"serial: 'x' does not fit \(it must match \[0-9\]\{4\}\)"):
        town.do(lambda w: outside.complete(w, row.id, values={"serial": "x"}))
    with pytest.raises(Invalid, match="colour: is no field of this form"):
        town.do(lambda w: outside.complete(w, row.id, values={"serial": "1234", "colour": "red"}))
    by(town, BORIS, lambda w: outside.complete(w, row.id, values={"serial": "1234"}))
    town.settle()
    assert order(town, order_id).state is OrderState.COMPLETED
    found = town.database.read(lambda w: waits.get(w, row.id), tenant=OPERATOR, actor=CLERK).result()
    assert (found.closed_by, found.outcome, found.answers) == ("noc:boris", "done", {"serial": "1234"})
    with pytest.raises(Conflict, match="is over: done by noc:boris"):
        town.do(lambda w: outside.complete(w, row.id, values={"serial": "1234"}))


def test_a_person_is_named_and_nobody_else_may(town: Town) -> None:
    row = waiting(town, begun(town, VISIT % "false"))
    town.do(lambda w: outside.assign(w, row.id, to="noc:boris"))
    with pytest.raises(Conflict, match="is assigned to noc:boris"):
        town.do(lambda w: outside.complete(w, row.id, values={"serial": "1234"}))
    by(town, BORIS, lambda w: outside.complete(w, row.id, values={"serial": "1234"}))


def test_an_approval_is_not_the_askers_own(town: Town) -> None:
    order_id = begun(town, VISIT % "true")
    row = waiting(town, order_id)
    with pytest.raises(Forbidden, match="test:clerk placed the order"):
        town.do(lambda w: outside.complete(w, row.id, values={"serial": "1234"}))
    by(town, BORIS, lambda w: outside.refuse(w, row.id, reason="no such street"))
    town.settle()
    found = order(town, order_id)
    assert (found.state, found.reason) == (OrderState.FAILED, "visit: noc:boris says: no such street")
    assert town.hlr.states == {}


def test_a_timer_ends_at_its_instant_of_business_time(town: Town) -> None:
    order_id = begun(town, TIMER)
    later(town, 1.9)
    assert len(town.spoken) == 1
    later(town, 0.2)
    assert (len(town.spoken), order(town, order_id).state) == (3, OrderState.COMPLETED)


def test_a_cancelled_order_waits_for_nobody_any_more(town: Town) -> None:
    order_id = begun(town, VISIT % "false")
    row = waiting(town, order_id)
    town.do(lambda w: orders.cancel(w, order_id, reason="moved away"))
    town.settle()
    assert (order(town, order_id).state, town.hlr.states) == (OrderState.CANCELLED, {})
    with pytest.raises(Conflict, match="is over: superseded"):
        town.do(lambda w: outside.complete(w, row.id, values={"serial": "1234"}))


def test_a_restriction_composed_meanwhile_leaves_the_visit_as_it_is(town: Town) -> None:
    from oss.port import Level

    order_id = begun(town, VISIT % "false")
    service: ServiceId = order(town, order_id).service_id

    def restrict(work: Work) -> None:
        inventory.restrict(work, service, cause="fraud", level=Level.HARD)
        orders.place(work, service, intent=inventory.intent(work, service), verb=Verb.RESTRICT)

    town.do(restrict)
    row = waiting(town, order_id)
    town.do(lambda w: outside.complete(w, row.id, values={"serial": "1234"}))
    town.settle()
    assert town.olt.states["port", "1"]["admin"] == "down"


def test_a_correction_does_not_send_the_technician_twice(town: Town) -> None:
    order_id = begun(town, VISIT % "false", on_error=OnError.HOLD)
    row = waiting(town, order_id)
    town.olt.faults.plan("1", Fault.REFUSE, count=1)
    town.do(lambda w: outside.complete(w, row.id, values={"serial": "1234"}))
    town.settle()
    assert order(town, order_id).state is OrderState.HELD
    town.do(lambda w: mending.correct(w, order_id, profile={"profile": "HOME100"}))
    town.settle()
    found = town.database.read(lambda w: waits.of_order(w, order_id), tenant=OPERATOR, actor=CLERK).result()
    assert ([each.outcome for each in found], order(town, order_id).state) == (["done"], OrderState.COMPLETED)


def test_a_step_says_whom_it_waits_for(town: Town) -> None:
    order_id = begun(town, VISIT % "false")
    steps = town.database.read(lambda w: views.steps(w, order_id), tenant=OPERATOR, actor=CLERK).result()
    assert [(s.name, str(s.kind), str(s.state)) for s in steps] == [
        ("subscriber", "command", "done"),
        ("visit", "manual", "ready"),
        ("port", "command", "waiting"),
        ("meter", "command", "waiting"),
    ]
    until: datetime | None = waiting(town, order_id).due_at
    assert steps[1].waits_for == f"field to complete it until {until:%d %b %Y %H:%M} UTC, then hold"


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ("[{name: a, kind: wait, event: e}]", "tasks.0: a wait task needs event and correlation"),
        ("[{name: a, kind: command}]", "a command is a component's; a task here is one of wait, manual, timer"),
        ("[{name: a, kind: timer, after: 2h, form: []}]", "form is not a timer task's; it may have after, at"),
        ("[{name: a, kind: timer, after: two}]", "'two' is no length of time: write 90s, 30m, 2h or 5d"),
        ("[{name: a, kind: timer, after: 2h, requires: [b]}]", "tasks.0.requires.0: no component or task is called"),
        ("[{name: port, kind: timer, after: 2h}]", "tasks.0.name: 'port' stands twice"),
        ("[{name: a, kind: timer, after: 2h, verbs: [fly]}]", "tasks.0.verbs.0: there is no verb 'fly'"),
        (
            "[{name: a, kind: timer, after: 2h, requires: [port], before: [subscriber]}]",
            "tasks.0.requires: a circle in add: subscriber > a > port > subscriber",
        ),
        ("[{name: a, kind: wait, event: e, correlation: '{x}'}]", "tasks.0.correlation: nobody gives {x}"),
    ],
)
def test_a_wrong_task_is_refused_at_its_place(tasks: str, said: str) -> None:
    with pytest.raises(Invalid) as error:
        specs.load(f"{LINE}tasks: {tasks}\n")
    assert said in str(error.value)
    assert "text:" in str(error.value)


def test_every_verb_may_have_tasks() -> None:
    from oss.specs.tasks import VERBS

    assert set(VERBS) == {str(verb) for verb in Verb}


FINAL = LINE.replace("key: '{port}', requires", "key: '{port}', point_of_no_return: true, requires")


def test_past_its_point_of_no_return_an_order_goes_only_forward(town: Town) -> None:
    town.do(lambda work: specs.apply(work, FINAL))
    town.broker.faults.plan("meter-1", Fault.REFUSE, count=1)
    service = town.line()
    town.settle()
    (row,) = town.database.read(views.fallout, tenant=OPERATOR, actor=CLERK).result()
    assert row.message == "meter on broker: the element refused; port was its point of no return"
    with pytest.raises(Conflict, match="is past its point of no return"):
        town.do(lambda work: orders.cancel(work, row.order_id, reason="moved away"))
    with pytest.raises(Conflict, match="is past its point of no return"):
        town.do(lambda work: people.undo(work, row.id, reason="moved away"))
    town.do(lambda work: people.retry(work, row.id))
    town.settle()
    found = town.database.read(lambda w: views.of_service(w, service), tenant=OPERATOR, actor=CLERK).result()
    assert [each.state for each in found] == [OrderState.COMPLETED]


def test_before_its_point_of_no_return_it_is_taken_back(town: Town) -> None:
    town.do(lambda work: specs.apply(work, FINAL))
    town.olt.faults.plan("1", Fault.REFUSE, count=1)
    service = town.line()
    town.settle()
    found = town.database.read(lambda w: views.of_service(w, service), tenant=OPERATOR, actor=CLERK).result()
    assert ([each.state for each in found], town.hlr.states) == ([OrderState.FAILED], {})
