"""A service's life, and what restricts it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from kernel.database import Database
from kernel.errors import Conflict, Forbidden, IllegalTransition, Invalid, NotFound
from kernel.events import EventRow
from kernel.ids import TenantId
from kernel.time import VirtualClock
from kernel.work import Actor, SystemWork, Work
from oss.inventory import pools, reverting, store
from oss.inventory import service as inventory
from oss.inventory.machine import ResourceState, ServiceState
from oss.inventory.model import Binding, BindingId, ResourceId, RestrictionId, Role, Service, ServiceId
from oss.port import Level
from oss.specs.compose import Intent

Do = Callable[[Callable[[Work], Any]], Any]
NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
GOLD = {"profile": "GOLD"}


@pytest.fixture(autouse=True)
def _stock(stocked: Database) -> None:
    """Every test here stands on the stock."""


def mobile(work: Work, *, protected: bool = False, number: str | None = None) -> Service:
    return inventory.create(
        work, "mobile-line", profile=GOLD, owner="sub_1", protected=protected, resources={"msisdn": number}
    )


def active(work: Work, *, protected: bool = False) -> ServiceId:
    service = mobile(work, protected=protected)
    inventory.become(work, service.id, generation=1, intent=inventory.intent(work, service.id), at=work.now)
    return service.id


def facts(work: Work) -> list[str]:
    query = sa.select(EventRow.kind).where(EventRow.tenant == work.tenant).order_by(EventRow.id)
    return list(work.session.scalars(query))


def test_a_new_service_is_reserved_with_all_it_needs(do: Do) -> None:
    service = do(mobile)
    assert service.state is ServiceState.RESERVED
    assert service.values == {
        "alias": str(service.id),
        "msisdn": "447700900000",
        "iccid": "8999001000000000004",
        "imsi": "001010000000001",
    }
    assert service.elements == {"sim": "hlr-1"}
    assert (service.generation, service.confirmed_generation, service.present) == (0, 0, True)
    assert service.reserved_until == NOW + timedelta(hours=24)
    assert do(lambda work: inventory.intent(work, service.id)) == Intent(GOLD)


def test_what_is_asked_for_wrongly_reserves_nothing(do: Do) -> None:
    def create(**wrong: Any) -> None:
        with pytest.raises(Invalid):
            do(lambda work: inventory.create(work, "mobile-line", **{"profile": GOLD, "owner": None, **wrong}))

    create(profile={})
    create(profile={"profile": "gold"})
    create(resources={"port": "3"})
    create(resources={"msisdn": "nobody"})
    with pytest.raises(NotFound, match="no specification"):
        do(lambda work: inventory.create(work, "satellite", profile=GOLD, owner=None))
    assert do(mobile).values["msisdn"] == "447700900000"


def test_the_first_confirmation_activates_and_binds(do: Do, tenant: TenantId) -> None:
    service = do(mobile)
    at = NOW + timedelta(minutes=5)
    found = do(lambda work: inventory.become(work, service.id, generation=1, intent=Intent(GOLD), at=at))
    assert (found.state, found.activated_at, found.reserved_until) == (ServiceState.ACTIVE, at, None)
    assert found.confirmed_intent == Intent(GOLD).document()
    for kind, value in (("msisdn", "447700900000"), ("imsi", "001010000000001"), ("iccid", "8999001000000000004")):
        assert do(partial(inventory.resolve, kind=kind, value=value, at=at)) == (tenant, service.id)
    held = do(lambda work: [piece.state for piece in store.held(work, service.id)])
    assert held == [ResourceState.ASSIGNED, ResourceState.ASSIGNED]
    assert do(facts) == ["ServiceActivated"]


def test_a_restriction_during_activation_composes(do: Do) -> None:
    service = do(mobile)
    do(lambda work: inventory.restrict(work, service.id, cause="fraud", level=Level.HARD))
    intent = do(lambda work: inventory.intent(work, service.id))
    assert intent == Intent(GOLD, Level.HARD)
    do(lambda work: inventory.become(work, service.id, generation=2, intent=intent, at=NOW))
    assert do(facts) == ["LineRestricted", "ServiceActivated", "RestrictionConfirmed"]


def test_an_older_confirmation_changes_nothing(do: Do) -> None:
    service_id = do(active)
    newer, older = Intent({"profile": "SILVER"}), Intent({"profile": "BRONZE"})
    do(lambda work: inventory.become(work, service_id, generation=3, intent=newer, at=NOW))
    found = do(lambda work: inventory.become(work, service_id, generation=2, intent=older, at=NOW))
    assert (found.confirmed_generation, found.confirmed_intent) == (3, newer.document())
    assert do(facts) == ["ServiceActivated", "ServiceReshaped"]


def test_values_and_throttle_are_wanted_within_their_grammar(do: Do) -> None:
    service_id = do(active)
    do(lambda work: inventory.reshape(work, service_id, profile={"profile": "SILVER"}))
    do(lambda work: inventory.throttle(work, service_id, rate="64"))
    assert do(lambda work: inventory.intent(work, service_id)) == Intent({"profile": "SILVER"}, throttle="64")
    with pytest.raises(Invalid):
        do(lambda work: inventory.throttle(work, service_id, rate="64k"))
    with pytest.raises(Invalid):
        do(lambda work: inventory.reshape(work, service_id, profile={"profile": "silver"}))
    do(lambda work: inventory.throttle(work, service_id, rate=None))
    assert do(lambda work: inventory.intent(work, service_id)).throttle is None


def test_the_strictest_counts_and_each_cause_lifts_its_own(do: Do) -> None:
    service_id = do(active)
    for cause, level in (("nonPayment", Level.SOFT), ("nonPayment", Level.HARD), ("customer", Level.SOFT)):
        do(partial(inventory.restrict, service_id=service_id, cause=cause, level=level))
    assert do(lambda work: inventory.level_of(work, service_id)) is Level.HARD
    lifted = do(lambda work: inventory.lift(work, service_id, cause="nonPayment"))
    assert [(row.level, row.lifted_at, row.lifted_by) for row in lifted] == [
        (Level.SOFT, NOW, "test:clerk"),
        (Level.HARD, NOW, "test:clerk"),
    ]
    assert do(lambda work: inventory.level_of(work, service_id)) is Level.SOFT
    assert do(lambda work: inventory.lift(work, service_id, cause="nonPayment")) == []
    assert len(do(lambda work: inventory.lift(work, service_id, cause="customer"))) == 1
    assert do(lambda work: inventory.level_of(work, service_id)) is Level.NONE


def test_the_same_restriction_twice_is_one(do: Do) -> None:
    service_id = do(active)
    place = partial(inventory.restrict, service_id=service_id, cause="lost", level=Level.HARD)
    first = do(partial(place, until=NOW + timedelta(days=1)))
    again = do(partial(place, until=NOW + timedelta(days=2)))
    assert (again.id, again.until) == (first.id, NOW + timedelta(days=2))
    assert do(partial(place, until=None)).until is None
    assert do(facts) == ["ServiceActivated", "LineRestricted"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cause": "customer", "level": Level.NONE},
        {"cause": "", "level": Level.SOFT},
        {"cause": "non payment", "level": Level.SOFT},
        {"cause": "customer", "level": Level.SOFT, "until": NOW},
    ],
)
def test_a_restriction_that_means_nothing_is_refused(do: Do, wrong: dict[str, Any]) -> None:
    service_id = do(active)
    with pytest.raises(Invalid):
        do(lambda work: inventory.restrict(work, service_id, **wrong))


def test_a_protected_line_is_never_cut_for_money(do: Do) -> None:
    service_id = do(lambda work: active(work, protected=True))
    cut = partial(inventory.restrict, service_id=service_id, level=Level.HARD)
    for approved_by in (None, "user:second"):
        with pytest.raises(Forbidden, match="protected line: it never gets a hard nonPayment restriction"):
            do(partial(cut, cause="nonPayment", approved_by=approved_by))
    with pytest.raises(Forbidden, match="never terminated for nonPayment"):
        do(lambda work: inventory.retire(work, service_id, cause="nonPayment"))
    do(lambda work: inventory.restrict(work, service_id, cause="nonPayment", level=Level.SOFT))
    assert do(lambda work: inventory.level_of(work, service_id)) is Level.SOFT


def test_another_hard_cut_of_a_protected_line_needs_two_people(do: Do) -> None:
    service_id = do(lambda work: active(work, protected=True))
    cut = partial(inventory.restrict, service_id=service_id, level=Level.HARD)
    for approved_by in (None, "test:clerk"):
        with pytest.raises(Forbidden, match="second person"):
            do(partial(cut, cause="legal", approved_by=approved_by))
    placed = do(
        lambda work: inventory.restrict(work, service_id, cause="legal", level=Level.HARD, approved_by="user:second")
    )
    assert (placed.placed_by, placed.approved_by) == ("test:clerk", "user:second")
    do(lambda work: inventory.retire(work, service_id, cause="customer"))


def test_a_termination_unbinds_and_rests_what_was_used(do: Do, tenant: TenantId) -> None:
    service_id = do(active)
    do(lambda work: inventory.retire(work, service_id))
    intent = do(lambda work: inventory.intent(work, service_id))
    assert not intent.present
    at = NOW + timedelta(hours=1)
    found = do(lambda work: inventory.become(work, service_id, generation=2, intent=intent, at=at))
    assert (found.state, found.terminated_at) == (ServiceState.TERMINATED, at)
    assert do(facts) == ["ServiceActivated", "ServiceTerminated"]
    resolve = partial(inventory.resolve, kind="msisdn", value="447700900000")
    assert do(partial(resolve, at=at - timedelta(microseconds=1))) == (tenant, service_id)
    assert do(partial(resolve, at=at)) is None
    assert do(partial(resolve, at=NOW - timedelta(microseconds=1))) is None
    [piece] = do(lambda work: store.named(work, "msisdn", "447700900000", namespace="E.164"))
    assert (piece.state, piece.until, piece.service_id) == (ResourceState.QUARANTINE, at + pools.QUARANTINE, None)
    with pytest.raises(Conflict):
        do(lambda work: inventory.restrict(work, service_id, cause="customer", level=Level.SOFT))
    with pytest.raises(Conflict):
        do(lambda work: inventory.reshape(work, service_id, profile=GOLD))
    with pytest.raises(Conflict):
        do(lambda work: inventory.retire(work, service_id))


def test_a_live_identity_is_looked_up_by_an_index(stocked: Database) -> None:
    def plans(work: SystemWork) -> list[str]:
        each = "(kind = '{0}' AND namespace = 'x' AND value = '1' AND to_at IS NULL)"
        queries = (
            f"SELECT id FROM binding WHERE {each.format('imsi')} OR {each.format('msisdn')}",
            "SELECT id FROM binding WHERE kind = 'imsi' AND value = '1' AND from_at <= 1"
            " AND (to_at IS NULL OR to_at > 1) ORDER BY from_at DESC",
        )
        return [
            " ".join(row[3] for row in work.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
            for query in queries
        ]

    live, bound = stocked.run_system(plans)
    assert live.count("uq_binding_live") == 2
    assert "ix_binding_value (kind=? AND value=? AND from_at<?)" in bound
    assert "SCAN" not in live + bound


def test_the_end_of_a_line_is_the_end_of_what_restricted_it(do: Do, stocked: Database, clock: VirtualClock) -> None:
    service_id = do(active)
    soon = NOW + timedelta(days=1)
    do(lambda work: inventory.restrict(work, service_id, cause="customer", level=Level.SOFT, until=soon))
    do(lambda work: inventory.restrict(work, service_id, cause="nonPayment", level=Level.HARD))
    gone = Intent(GOLD, present=False)
    do(lambda work: inventory.become(work, service_id, generation=2, intent=gone, at=NOW))
    assert do(lambda work: inventory.open_restrictions(work, service_id)) == []
    clock.move_to(soon)
    assert lapse_all(stocked, clock) == []
    assert "RestrictionLapsed" not in do(facts)


def test_a_termination_before_the_activation_rests_too(do: Do) -> None:
    service = do(mobile)
    gone = Intent(GOLD, present=False)
    found = do(lambda work: inventory.become(work, service.id, generation=2, intent=gone, at=NOW))
    assert found.state is ServiceState.TERMINATED
    [piece] = do(lambda work: store.named(work, "msisdn", "447700900000", namespace=None))
    assert piece.state is ResourceState.QUARANTINE


def test_a_rolled_back_activation_gives_everything_back(do: Do) -> None:
    service = do(mobile)
    found = do(lambda work: inventory.release(work, service.id))
    assert (found.state, found.present, found.terminated_at) == (ServiceState.TERMINATED, False, NOW)
    assert do(mobile).values["msisdn"] == "447700900000"
    with pytest.raises(IllegalTransition):
        do(lambda work: inventory.release(work, service.id))
    with pytest.raises(IllegalTransition):
        do(lambda work: inventory.release(work, active(work)))


def test_a_change_taken_back_wants_again_what_is_confirmed(do: Do) -> None:
    service_id = do(active)
    do(lambda work: inventory.reshape(work, service_id, profile={"profile": "SILVER"}))
    do(lambda work: inventory.throttle(work, service_id, rate="64"))
    do(lambda work: inventory.restrict(work, service_id, cause="customer", level=Level.SOFT))
    do(lambda work: inventory.retire(work, service_id))
    do(lambda work: reverting.revert(work, service_id))
    assert do(lambda work: inventory.intent(work, service_id)) == Intent(GOLD, Level.SOFT, throttle="64")
    do(lambda work: reverting.unthrottle(work, service_id, to=None))
    assert do(lambda work: inventory.intent(work, service_id)) == Intent(GOLD, Level.SOFT)


def test_an_owner_comes_once(do: Do) -> None:
    service = do(lambda work: inventory.create(work, "meter", profile={"profile": "IOT1"}, owner=None))
    do(lambda work: inventory.own(work, service.id, owner="sub_7"))
    do(lambda work: inventory.own(work, service.id, owner="sub_7"))
    with pytest.raises(Conflict, match="sub_7"):
        do(lambda work: inventory.own(work, service.id, owner="sub_8"))
    assert [found.id for found in do(lambda work: inventory.of_owner(work, "sub_7"))] == [service.id]


def test_another_tenant_sees_nothing(do: Do, stocked: Database, actor: Actor) -> None:
    service = do(mobile)
    with pytest.raises(NotFound):
        stocked.run(lambda work: inventory.get(work, service.id), tenant=TenantId(2), actor=actor)


def lapse_all(database: Database, clock: VirtualClock) -> list[str]:
    """What the edge does: find what is due, then one Work for each."""
    due = database.run_system(lambda work: inventory.due(work, clock.now(), 100))
    for tenant, subject in due:
        assert database.run(partial(inventory.lapse, subject=subject), tenant=tenant, actor=Actor("system:due"))
    return [type(subject).__name__ for _, subject in due]


def test_what_ends_by_itself_ends_once(do: Do, stocked: Database, clock: VirtualClock) -> None:
    assert stocked.run_system(inventory.next_due) is None
    unpaid = do(mobile)
    service_id = do(active)
    end = NOW + timedelta(hours=2)
    do(lambda work: inventory.restrict(work, service_id, cause="customer", level=Level.HARD, until=end))
    assert stocked.run_system(inventory.next_due) == end
    assert lapse_all(stocked, clock) == []
    clock.move_to(end)
    assert lapse_all(stocked, clock) == [RestrictionId.__name__]
    assert do(lambda work: inventory.level_of(work, service_id)) is Level.NONE
    assert stocked.run_system(inventory.next_due) == NOW + timedelta(hours=24)
    clock.move_to(NOW + timedelta(hours=24))
    assert lapse_all(stocked, clock) == [ServiceId.__name__]
    assert do(lambda work: inventory.get(work, unpaid.id)).state is ServiceState.TERMINATED
    assert lapse_all(stocked, clock) == []
    assert do(facts) == [
        "ServiceActivated",
        "LineRestricted",
        "LineLifted",
        "RestrictionLapsed",
        "ReservationExpired",
    ]


def test_an_ordered_activation_does_not_expire(do: Do, stocked: Database, clock: VirtualClock) -> None:
    service = do(mobile)

    def ordered(work: Work) -> None:
        inventory.get(work, service.id).generation = 1

    do(ordered)
    clock.move_to(NOW + timedelta(days=3))
    assert stocked.run_system(inventory.next_due) is None
    assert lapse_all(stocked, clock) == []
    assert not do(lambda work: inventory.lapse(work, service.id))


def test_a_rest_ends_at_its_end_and_not_before(do: Do, stocked: Database, clock: VirtualClock) -> None:
    service_id = do(lambda work: active(work))
    gone = Intent(GOLD, present=False)
    do(lambda work: inventory.become(work, service_id, generation=2, intent=gone, at=NOW))
    clock.move_to(NOW + pools.QUARANTINE - timedelta(microseconds=1))
    assert lapse_all(stocked, clock) == []
    with pytest.raises(Conflict, match="resting until 2026-08-30"):
        do(lambda work: mobile(work, number="447700900000"))
    clock.move_to(NOW + pools.QUARANTINE)
    assert lapse_all(stocked, clock) == [ResourceId.__name__, ResourceId.__name__]
    assert do(lambda work: mobile(work, number="447700900000")).values["msisdn"] == "447700900000"


def test_a_live_identity_is_bound_once_on_the_whole_platform(do: Do, stocked: Database) -> None:
    service = do(mobile)

    def elsewhere(work: SystemWork) -> None:
        binding = Binding(id=BindingId.new(), tenant=TenantId(2), service_id=ServiceId.new(), kind="msisdn")
        binding.namespace, binding.value, binding.role, binding.from_at = "E.164", "447700900000", Role.CURRENT, NOW
        work.session.add(binding)

    stocked.run_system(elsewhere)
    with pytest.raises(Conflict, match="msisdn: 447700900000 is bound"):
        do(lambda work: inventory.become(work, service.id, generation=1, intent=Intent(GOLD), at=NOW))
    with pytest.raises(Conflict):
        stocked.run_system(elsewhere)
