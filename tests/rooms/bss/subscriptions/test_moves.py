"""A line that goes on under another SIM, number or port, or comes back from its end: what the network is told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from bss.ordering import undoing
from bss.subscriptions import moves, revival, term
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SubscriptionState
from bss.subscriptions.model import Subscription
from kernel.errors import Conflict, Exhausted, Invalid, NotFound
from kernel.work import Work
from oss.inventory import elements, pools, store
from oss.inventory import service as inventory
from oss.inventory.events import ServiceMoved
from oss.inventory.machine import ResourceState
from oss.inventory.model import Role
from oss.orders import views
from oss.port import Level
from tests.rooms.bss.shop import Shop

OLD, NEW = "001010000000001", "001010000000002"
NUMBER, OTHER = "447700900000", "447700900001"


def shown(number: str | None = None, *, bar: str = "none") -> str:
    """A subscriber as a command names it."""
    state = {"present": True, "bar": bar, **({"msisdn": number} if number else {}), "profile": "MOBILE", "rate": "full"}
    return str(state)


def mobile(shop: Shop) -> Subscription:
    line = shop.line(shop.account(), "mobile")
    shop.told.clear()
    return line


def look(shop: Shop, line: Subscription) -> Subscription:
    return shop.do(lambda work: subscriptions.get(work, line.id))


def values(shop: Shop, line: Subscription) -> dict[str, Any]:
    return shop.do(lambda work: dict(inventory.get(work, line.service_id).values))


def counts(shop: Shop, pool: str) -> dict[str, int]:
    found = shop.do(lambda work: pools.counts(work, pool, tenant=shop.tenant))[pool]
    return {str(state): number for state, number in found.items() if number}


def bound(shop: Shop, line: Subscription) -> list[tuple[str, str, str, bool]]:
    found = shop.do(lambda work: store.bindings(work, line.service_id))
    return sorted((b.kind, b.value, str(b.role), b.to_at is None) for b in found if b.kind in ("imsi", "msisdn"))


# ---- another SIM


def test_a_swapped_sim_is_made_before_the_old_one_is_broken(shop: Shop) -> None:
    line = mobile(shop)
    shop.do(lambda work: moves.swap_sim(work, line.id))
    assert values(shop, line)["imsi"] == OLD
    assert bound(shop, line)[1] == ("imsi", NEW, "next", True)
    shop.settle()
    assert shop.told == [
        f"hlr-1 {NEW} {shown()}",
        f"hlr-1 {OLD} {{'present': False}}",
        f"hlr-1 {NEW} {shown(NUMBER)}",
    ]
    assert values(shop, line)["imsi"] == NEW
    assert bound(shop, line) == [
        ("imsi", OLD, "previous", False),
        ("imsi", NEW, "current", True),
        ("msisdn", NUMBER, "current", True),
    ]
    assert counts(shop, "sim") == {"free": 3, "assigned": 1, "quarantine": 1}
    (moved,) = shop.facts(ServiceMoved)
    assert isinstance(moved, ServiceMoved)
    assert (moved.before["imsi"], moved.after["imsi"]) == (OLD, NEW)


def test_a_swap_that_the_register_refuses_is_taken_back(shop: Shop) -> None:
    line = mobile(shop)
    shop.refuses = {f"{NEW} {shown(NUMBER)}"}
    shop.do(lambda work: moves.swap_sim(work, line.id))
    shop.settle()
    assert shop.told[3:] == [
        f"hlr-1 {NEW} {{'present': False}}",
        f"hlr-1 {OLD} {shown(NUMBER)}",
        f"hlr-1 {NEW} {{'present': False}}",
    ]
    assert (values(shop, line)["imsi"], values(shop, line)["msisdn"]) == (OLD, NUMBER)
    assert counts(shop, "sim") == {"free": 4, "assigned": 1}
    assert bound(shop, line)[1] == ("imsi", NEW, "next", False)
    assert shop.do(lambda work: inventory.get(work, line.service_id).moving) is None


def test_a_bar_that_comes_during_a_swap_lies_on_the_new_sim(shop: Shop) -> None:
    line = mobile(shop)
    shop.do(lambda work: moves.swap_sim(work, line.id))
    shop.do(lambda work: subscriptions.restrict(work, line.id, cause="nonPayment", level=Level.HARD))
    shop.settle()
    assert shop.told[-1] == f"hlr-1 {NEW} {shown(NUMBER, bar='all')}"


def test_a_swap_under_a_bar_never_comes_up_open(shop: Shop) -> None:
    line = mobile(shop)
    shop.do(lambda work: subscriptions.restrict(work, line.id, cause="nonPayment", level=Level.HARD))
    shop.settle()
    shop.told.clear()
    shop.do(lambda work: moves.swap_sim(work, line.id))
    shop.settle()
    assert [told for told in shop.told if "'bar': 'none'" in told] == []
    assert "'bar': 'all'" in shop.told[-1]


@pytest.mark.parametrize(
    ("to", "error"),
    [("8999001000000000129", NotFound), ("89990010000000000", Invalid), ("8999001000000000004", Conflict)],
)
def test_a_sim_that_is_not_to_be_had_changes_nothing(shop: Shop, to: str, error: type[Exception]) -> None:
    line = mobile(shop)
    if error is Conflict:
        to = values(shop, line)["iccid"]
    before = shop.rows()
    with pytest.raises(error):
        shop.do(lambda work: moves.swap_sim(work, line.id, iccid=to))
    assert shop.rows() == before


# ---- another number


def test_another_number_changes_one_field_and_late_usage_still_finds_its_line(shop: Shop) -> None:
    line = mobile(shop)
    before = shop.clock.now()
    shop.at("2026-06-02T08:00:00+00:00")
    shop.do(lambda work: moves.change_number(work, line.id, msisdn=OTHER))
    shop.settle()
    assert shop.told == [f"hlr-1 {OLD} {shown(OTHER)}"]
    assert values(shop, line)["msisdn"] == OTHER
    assert counts(shop, "msisdn") == {"free": 3, "assigned": 1, "quarantine": 1}

    def owner(work: Work, number: str, at: datetime) -> Any:
        found = inventory.resolve(work, "msisdn", number, at)
        return None if found is None else found[1]

    assert shop.do(lambda work: owner(work, NUMBER, before)) == line.service_id
    assert shop.do(lambda work: owner(work, NUMBER, datetime(2026, 6, 3, tzinfo=UTC))) is None
    assert shop.do(lambda work: owner(work, OTHER, datetime(2026, 6, 3, tzinfo=UTC))) == line.service_id


def test_two_moves_at_once_both_come_about(shop: Shop) -> None:
    line = mobile(shop)
    shop.do(lambda work: moves.change_number(work, line.id))
    shop.do(lambda work: moves.swap_sim(work, line.id))
    shop.settle()
    assert (values(shop, line)["imsi"], values(shop, line)["msisdn"]) == (NEW, OTHER)
    assert counts(shop, "msisdn") == {"free": 3, "assigned": 1, "quarantine": 1}
    assert counts(shop, "sim") == {"free": 3, "assigned": 1, "quarantine": 1}
    assert shop.do(lambda work: inventory.get(work, line.service_id).moving) is None


# ---- another port


def test_a_moved_line_is_made_on_the_new_port_first(shop: Shop) -> None:
    line = shop.line(shop.account(), "home-500")
    shop.told.clear()
    shop.do(lambda work: moves.move(work, line.id, to="3"))
    shop.settle()
    assert [told.partition(" {")[0] for told in shop.told] == ["olt-1 3", "olt-1 1"]
    assert "'admin': 'up'" in shop.told[0]
    assert shop.told[1] == "olt-1 1 {'present': False}"
    assert values(shop, line)["port"] == "3"


def test_a_line_is_not_moved_onto_an_element_that_somebody_works_on(shop: Shop) -> None:
    line = shop.line(shop.account(), "home-500")
    shop.do(lambda work: elements.withdraw(work, "olt-1"))
    with pytest.raises(Conflict, match="in maintenance") as refused:
        shop.do(lambda work: moves.move(work, line.id, on="olt-1"))
    assert (refused.value.field, "reinstate olt-1" in str(refused.value.fix)) == ("element", True)


def test_a_move_needs_a_port_and_a_line_that_is_up(shop: Shop) -> None:
    line = shop.line(shop.account(), "home-500")
    with pytest.raises(Exhausted, match="empty on hlr-1"):
        shop.do(lambda work: moves.move(work, line.id, on="hlr-1"))
    with pytest.raises(Invalid, match="both named"):
        shop.do(lambda work: moves.move(work, line.id, to="3", on="olt-1"))
    with pytest.raises(Invalid, match="no such resource"):
        shop.do(lambda work: moves.swap_sim(work, line.id))
    shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    with pytest.raises(Conflict, match="pendingTerminate"):
        shop.do(lambda work: moves.move(work, line.id, to="3"))


# ---- an end taken back


def test_an_end_is_taken_back_while_the_network_is_asked_for_it(shop: Shop) -> None:
    line = mobile(shop)
    shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    shop.do(lambda work: undoing.undo_terminate(work, line.id))
    shop.settle()
    assert look(shop, line).state is SubscriptionState.ACTIVE
    assert look(shop, line).ends_on is None
    assert shop.told == []


def test_a_line_that_ended_comes_back_with_its_number_and_its_sim(shop: Shop) -> None:
    line = mobile(shop)
    shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    shop.settle()
    assert look(shop, line).state is SubscriptionState.TERMINATED
    shop.at("2026-07-10T08:00:00+00:00")
    shop.told.clear()
    shop.do(lambda work: undoing.undo_terminate(work, line.id))
    assert look(shop, line).state is SubscriptionState.PENDING_ACTIVE
    shop.settle()
    assert shop.told == [f"hlr-1 {OLD} {shown(NUMBER)}"]
    back = look(shop, line)
    assert (back.state, back.ends_on, back.terminated_at) == (SubscriptionState.ACTIVE, None, None)
    assert counts(shop, "sim") == {"free": 4, "assigned": 1}
    phases = shop.do(lambda work: subscriptions.phases(work, [line.id]))
    spans = {(p.component, p.from_date, p.until_date) for p in phases if str(p.kind) == "recurring"}
    assert {span[1:] for span in spans} == {(date(2026, 6, 1), date(2026, 6, 1)), (date(2026, 7, 10), None)}
    roles = [b.role for b in shop.do(lambda work: store.bindings(work, line.service_id)) if b.to_at is None]
    assert set(roles) == {Role.CURRENT}


def test_a_line_that_cannot_come_back_stays_ended_and_its_number_rests_on(shop: Shop) -> None:
    line = mobile(shop)
    shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    shop.settle()
    shop.refuses = {OLD}
    shop.do(lambda work: undoing.undo_terminate(work, line.id))
    shop.settle()
    assert look(shop, line).state is SubscriptionState.TERMINATED
    assert counts(shop, "sim") == {"free": 4, "quarantine": 1}
    shop.refuses = set()
    shop.do(lambda work: undoing.undo_terminate(work, line.id))
    shop.settle()
    assert look(shop, line).state is SubscriptionState.ACTIVE


def test_a_line_does_not_come_back_once_its_number_rests_no_more(shop: Shop) -> None:
    line = mobile(shop)
    shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    shop.settle()
    shop.at("2026-09-30T08:00:00+00:00")
    for piece in shop.do(lambda work: store.named(work, "msisdn", NUMBER, namespace=None)):
        shop.do(lambda work, each=piece: pools.end_rest(work, each.id))
    with pytest.raises(Conflict, match="rests no more") as refused:
        shop.do(lambda work: revival.revive(work, line.id))
    assert (refused.value.field, refused.value.fix) == ("msisdn", "order a new line")
    assert look(shop, line).state is SubscriptionState.TERMINATED
    (piece,) = shop.do(lambda work: store.named(work, "msisdn", NUMBER, namespace=None))
    assert piece.state is ResourceState.FREE


def test_there_is_no_end_to_take_back_of_a_line_that_is_up(shop: Shop) -> None:
    line = mobile(shop)
    with pytest.raises(Conflict, match="is active"):
        shop.do(lambda work: undoing.undo_terminate(work, line.id))


# ---- another term


def test_a_line_is_bound_for_another_term_and_the_network_hears_nothing(shop: Shop) -> None:
    line = mobile(shop)
    with pytest.raises(Invalid, match="has no term"):
        shop.do(lambda work: term.renew(work, line.id))
    assert shop.do(lambda work: term.renew(work, line.id, months=24)).term_until == date(2028, 6, 1)
    assert shop.do(lambda work: term.renew(work, line.id, months=12)).term_until == date(2029, 6, 1)
    assert shop.told == []
    assert len(shop.do(lambda work: views.of_service(work, line.service_id))) == 1
    shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    with pytest.raises(Conflict, match="only an active line is renewed"):
        shop.do(lambda work: term.renew(work, line.id, months=12))
