"""Stock: what comes in, who may take it, and that nobody ever takes the same twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from kernel.database import Database
from kernel.errors import Conflict, Exhausted, Invalid, NotFound
from kernel.ids import TenantId
from kernel.work import Actor, Work
from oss.inventory import pools, store, supply
from oss.inventory import service as inventory
from oss.inventory.machine import ResourceState
from oss.inventory.model import Resource, Service, ServiceId, SimCard, SimProfile
from oss.inventory.pools import Piece
from oss.specs.compose import Intent
from tests.rooms.oss.inventory.conftest import CONFIG, STOCK

Do = Callable[[Callable[[Work], Any]], Any]
NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
ANNA, OTHER = TenantId(1), TenantId(2)
ICCID = "8999001000000001002"
EID = "89049032123451234512345678901235"


def mobile(work: Work, number: str | None = None) -> Service:
    return inventory.create(work, "mobile-line", profile={"profile": "GOLD"}, owner=None, resources={"msisdn": number})


def access(work: Work, port: str | None = None) -> Service:
    return inventory.create(work, "fixed-access", profile={"profile": "H"}, owner=None, resources={"port": port})


def live(service_id: ServiceId, work: Work) -> None:
    inventory.become(work, service_id, generation=1, intent=Intent({"profile": "H"}), at=NOW)


def test_eight_at_once_share_five_numbers(any_stocked: Database, actor: Actor) -> None:
    def one(_: int) -> str | None:
        future = any_stocked.submit(mobile, tenant=ANNA, actor=actor)
        refusal = future.exception(timeout=30)
        if refusal is None:
            return str(future.result().values["msisdn"])
        return refusal.field if isinstance(refusal, Exhausted) else str(refusal)

    with ThreadPoolExecutor(8) as threads:
        taken = sorted(str(answer) for answer in threads.map(one, range(8)))
    assert taken == [*(f"44770090000{n}" for n in range(5)), "msisdn", "msisdn", "msisdn"]
    counted = any_stocked.run_system(lambda work: pools.counts(work, "msisdn"))
    assert counted["msisdn"] == {
        ResourceState.FREE: 0,
        ResourceState.RESERVED: 5,
        ResourceState.ASSIGNED: 0,
        ResourceState.QUARANTINE: 0,
        ResourceState.AWAY: 0,
    }


def test_eight_at_once_want_the_same_number(any_stocked: Database, actor: Actor) -> None:
    def one(_: int) -> bool:
        future = any_stocked.submit(lambda work: mobile(work, "447700900003"), tenant=ANNA, actor=actor)
        return future.exception(timeout=30) is None

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(one, range(8))) == 1
    counted = any_stocked.run_system(lambda work: pools.counts(work))
    assert counted["msisdn"][ResourceState.RESERVED] == 1
    assert counted["sim"][ResourceState.RESERVED] == 1


def test_a_number_of_another_tenant_is_taken(any_stocked: Database, actor: Actor) -> None:
    def life(work: Work) -> Service:
        service = mobile(work, "+44 7700 900002")
        intent = inventory.intent(work, service.id)
        return inventory.become(work, service.id, generation=1, intent=intent, at=work.now)

    def theirs(work: Work) -> Service:
        return mobile(work, "447700900002")

    with pytest.raises(NotFound, match="447700900002"):
        any_stocked.run(theirs, tenant=OTHER, actor=actor)
    mine = any_stocked.run(life, tenant=ANNA, actor=actor)
    with pytest.raises(Conflict, match="447700900002"):
        any_stocked.run(theirs, tenant=OTHER, actor=actor)
    with pytest.raises(Conflict, match="447700900002"):
        any_stocked.run(theirs, tenant=ANNA, actor=actor)
    found = any_stocked.run(
        lambda work: inventory.resolve(work, "msisdn", "447700900002", NOW), tenant=OTHER, actor=actor
    )
    assert found == (ANNA, mine.id)


def test_a_number_comes_back_to_another_owner(any_stocked: Database, actor: Actor) -> None:
    def use(work: Work) -> Service:
        service = mobile(work, "447700900001")
        return inventory.become(work, service.id, generation=1, intent=Intent({"profile": "GOLD"}), at=work.now)

    def end(work: Work) -> None:
        gone = Intent({"profile": "GOLD"}, present=False)
        inventory.become(work, first.id, generation=2, intent=gone, at=NOW + timedelta(hours=1))

    first = any_stocked.run(use, tenant=ANNA, actor=actor)
    any_stocked.run(end, tenant=ANNA, actor=actor)
    any_stocked.clock.move_to(NOW + timedelta(days=91))  # type: ignore[attr-defined]
    due = any_stocked.run_system(lambda work: inventory.due(work, work.now, 10))
    for tenant, subject in due:
        any_stocked.run(partial(inventory.lapse, subject=subject), tenant=tenant, actor=actor)
    second = any_stocked.run(use, tenant=ANNA, actor=actor)

    def owners(work: Work) -> list[object]:
        days = (0, 1, 90, 91)
        found = [inventory.resolve(work, "msisdn", "447700900001", NOW + timedelta(days=n)) for n in days]
        return [None if one is None else one[1] for one in found]

    assert any_stocked.run(owners, tenant=ANNA, actor=actor) == [first.id, None, None, second.id]


def test_what_is_not_granted_is_not_taken(stocked: Database, actor: Actor) -> None:
    with pytest.raises(Exhausted, match="the pool msisdn is empty"):
        stocked.run(mobile, tenant=OTHER, actor=actor)
    stocked.run_system(lambda work: pools.stock(work, "port", [Piece("9", "olt-9")], granted_to=None))
    with pytest.raises(Exhausted, match="port"):
        stocked.run(access, tenant=OTHER, actor=actor)
    assert stocked.run_system(lambda work: pools.grant(work, "port", to=OTHER, count=5)) == 1
    assert stocked.run(access, tenant=OTHER, actor=actor).elements == {"port": "olt-9"}


def test_an_empty_second_pool_gives_the_first_back(stocked: Database, do: Do) -> None:
    stocked.run_system(lambda work: work.session.execute(sa.delete(Resource).where(Resource.pool == "sim")))
    with pytest.raises(Exhausted) as empty:
        do(mobile)
    assert empty.value.field == "sim"
    counted = do(lambda work: pools.counts(work, "msisdn", tenant=ANNA))
    assert counted["msisdn"][ResourceState.FREE] == 5


def test_a_port_is_told_by_its_element(stocked: Database, do: Do) -> None:
    assert do(lambda work: access(work, "olt-2/3")).elements == {"port": "olt-2"}
    assert do(lambda work: access(work, "3")).elements == {"port": "olt-1"}
    for service in do(lambda work: [access(work, "olt-2/4"), access(work, "olt-1/4")]):
        do(partial(live, service.id))
    with pytest.raises(Conflict, match="give one of olt-1, olt-2"):
        do(lambda work: inventory.resolve(work, "port", "4", NOW))
    assert do(lambda work: inventory.resolve(work, "port", "4", NOW, namespace="olt-2")) is not None


def test_stock_comes_in_once(stocked: Database, do: Do) -> None:
    again = stocked.run_system(lambda work: supply.apply(work, STOCK, granted_to=OTHER))
    assert again == {"msisdn": 0, "sim": 0, "port": 0, "meter": 0}
    assert do(lambda work: pools.counts(work, "port", tenant=ANNA))["port"][ResourceState.FREE] == 6


def test_a_card_has_profiles_and_a_profile_imsis(stocked: Database, do: Do) -> None:
    sims = """
    pools:
      - pool: sim
        element: hlr-1
        sims:
          - {iccid: '8999001000000001002', eid: '%s', imsis: ['001010000000101', '001010000000102'], key_ref: batch/7}
          - {iccid: 8999001000000001010, eid: '%s', imsis: ['001010000000103']}
    """
    assert stocked.run_system(lambda work: supply.apply(work, sims % (EID, EID), granted_to=ANNA)) == {"sim": 2}
    [card] = do(lambda work: list(work.session.scalars(sa.select(SimCard).where(SimCard.eid == EID))))
    profiles = do(lambda work: list(work.session.scalars(sa.select(SimProfile).where(SimProfile.card_id == card.id))))
    assert {profile.iccid: profile.key_ref for profile in profiles} == {
        "8999001000000001002": "batch/7",
        "8999001000000001010": None,
    }
    assert do(lambda work: store.first_imsi(work, "8999001000000001002")) == "001010000000101"


@pytest.mark.parametrize(
    ("pool", "piece", "said"),
    [
        ("msisdn", Piece("nobody"), "msisdn"),
        ("sim", Piece("8999001000000001003", "hlr-1", ("001010000000101",)), "iccid"),
        ("sim", Piece("8999001000000001002", "hlr-1", ("1",)), "imsi"),
        ("sim", Piece("8999001000000001002", "hlr-1"), "a SIM has at least one"),
        ("msisdn", Piece("447700900009", None, ("001010000000101",)), "nothing else has any"),
        ("port", Piece("3"), "element"),
        ("colour", Piece("3"), "no pool 'colour'"),
    ],
)
def test_what_cannot_be_stock_is_refused(stocked: Database, pool: str, piece: Piece, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        stocked.run_system(lambda work: pools.stock(work, pool, [piece], granted_to=None))


def test_an_imsi_belongs_to_one_sim(stocked: Database) -> None:
    for imsis in (("001010000000001",), ("001010000000101", "001010000000101")):
        with pytest.raises(Conflict, match="belongs to another SIM"):
            stocked.run_system(partial(pools.stock, pool="sim", rows=[Piece(ICCID, "hlr-1", imsis)], granted_to=None))


def test_the_demo_s_stock_comes_in(networked: Database) -> None:
    new = networked.run_system(lambda work: supply.apply(work, CONFIG / "pools/demo.yaml", granted_to=ANNA))
    assert new == {"msisdn": 100, "sim": 100, "port": 16, "meter": 4}


def test_stock_on_an_element_nobody_applied_is_refused(stocked: Database) -> None:
    text = "pools: [{pool: port, element: olt-9, values: ['17']}]"
    with pytest.raises(NotFound, match=r"no element 'olt-9' \(applied are: broker-1, hlr-1, olt-1, olt-2\)"):
        stocked.run_system(lambda work: supply.apply(work, text, granted_to=None))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pools: []", "text:1 pools"),
        ("pools:\n  - {pool: colour, values: [a]}", "text:2 pools.0: there is no pool 'colour'"),
        ("pools:\n  - {pool: sim, values: ['1']}", "takes sims or sim_run"),
        ("pools:\n  - {pool: msisdn}", "takes values or run"),
        ("pools:\n  - {pool: msisdn, run: {first: '98', count: 3}}", "cannot count 3 up"),
        ("pools:\n  - {pool: msisdn, run: {first: '98', count: 0}}", "text:2 pools.0.run.count"),
    ],
)
def test_a_file_of_stock_says_where_it_is_wrong(stocked: Database, text: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        stocked.run_system(lambda work: supply.apply(work, text, granted_to=None))
    assert said in str(refused.value)


def test_the_next_free_piece_is_found_by_an_index(stocked: Database) -> None:
    def plan(work: Any) -> str:
        query = (
            "EXPLAIN QUERY PLAN SELECT id FROM resource WHERE pool = 'msisdn' AND granted_to = 1"
            " AND state = 'free' ORDER BY id LIMIT 1"
        )
        return " ".join(row[3] for row in work.connection.exec_driver_sql(query))

    found = stocked.run_system(plan)
    assert "ix_resource_free" in found
    assert "TEMP B-TREE" not in found
