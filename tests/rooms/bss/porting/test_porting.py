"""Numbers that come and go: asked for, awaited, cut over in their window, refused, late, lost, called off."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.portability.errand import perform
from adapters.portability.memory import MemoryPortability, Trouble
from bss.ordering import undoing
from bss.porting import service as porting
from bss.porting.events import NumberPorted, PortEnded
from bss.porting.machine import PortState
from bss.porting.model import NumberPort
from bss.porting.port import PortId, Word
from bss.subscriptions import service as subscriptions
from bss.subscriptions.machine import SubscriptionState
from kernel.database import Database
from kernel.errors import Conflict, Invalid
from kernel.ids import TenantId
from kernel.time import VirtualClock
from oss.inventory import pools, ported, store
from oss.inventory import service as inventory
from tests.rooms.bss.shop import Shop

THEIRS, OURS = "493012345678", "447700900000"
OPENS, CLOSES = datetime(2026, 6, 3, 2, tzinfo=UTC), datetime(2026, 6, 3, 4, tzinfo=UTC)
WINDOW = (OPENS, CLOSES)


class Office:
    """A shop beside a clearing house, and the hand of its clock."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.house = shop, MemoryPortability()
        self.account = shop.account()

    def come(self, number: str = THEIRS) -> NumberPort:
        item = {"action": "add", "offering": "mobile"}
        return self.shop.do(
            lambda work: porting.port_in(work, self.account, number=number, donor="telco-b", item=item, window=WINDOW)
        )

    def go(self) -> tuple[NumberPort, Any]:
        line = self.shop.line(self.account, "mobile")
        self.shop.told.clear()
        return self.shop.do(lambda work: porting.port_out(work, line.id, recipient="telco-c", window=WINDOW)), line

    def ask(self) -> None:
        """Carry every question to the clearing house and its answer back, and let the network follow."""
        for _ in range(20):
            self.shop.settle()
            errands = self.shop.database.read_system(lambda work: porting.errands(work, 10)).result()
            for errand in errands:
                answer = asyncio.run(perform(self.house, errand))
                self.shop.do(lambda work, e=errand, a=answer: porting.settle(work, e.port_id, e.ask, a))
            if not errands:
                return
        raise AssertionError("the clearing house is asked for ever")

    def until(self, moment: datetime) -> None:
        """Let time pass, doing what falls due."""
        while True:
            self.ask()
            due = self.shop.database.read_system(porting.next_due).result()
            if due is None or due > moment:
                break
            self.shop.clock.move_to(max(due, self.shop.clock.now()))
            now = self.shop.clock.now()
            ripe = self.shop.database.read_system(lambda work, at=now: porting.due(work, at, 10)).result()
            for _, port_id in ripe:
                self.shop.do(lambda work, p=port_id: porting.step(work, p))
        self.shop.clock.move_to(max(moment, self.shop.clock.now()))

    def look(self, port_id: PortId) -> NumberPort:
        return self.shop.do(lambda work: porting.get(work, port_id))

    def stock(self) -> dict[str, int]:
        counts = self.shop.do(lambda work: pools.counts(work, "msisdn", tenant=self.shop.tenant))["msisdn"]
        return {str(state): count for state, count in counts.items() if count}


@pytest.fixture
def office(database: Database, clock: VirtualClock, tenant: TenantId) -> Office:
    """A shop at 1 June 2026."""
    return Office(Shop(database, clock, tenant).open())


# ---- a number that comes


def test_a_number_comes_along_in_its_window(office: Office) -> None:
    port = office.come()
    office.until(OPENS - timedelta(seconds=1))
    assert office.look(port.id).state is PortState.CONFIRMED
    assert office.shop.told == []
    office.until(OPENS)
    assert office.look(port.id).state is PortState.COMPLETED
    assert [told for told in office.shop.told if f"'msisdn': '{THEIRS}'" in told] == office.shop.told
    assert len(office.shop.told) == 1
    assert office.house.states() == {THEIRS: "completed"}
    assert office.stock() == {"free": 5, "assigned": 1}
    (fact,) = office.shop.facts(NumberPorted)
    assert isinstance(fact, NumberPorted)
    assert (fact.number, fact.other) == (THEIRS, "telco-b")


def test_the_donor_refuses_and_nothing_has_changed(office: Office) -> None:
    office.house.says["telco-b"] = Word.REFUSED
    office.house.refusals["telco-b"] = "contract still runs"
    port = office.come()
    office.until(CLOSES)
    ended = office.look(port.id)
    assert (ended.state, ended.reason) == (PortState.REFUSED, "contract still runs")
    assert (office.shop.told, office.stock()) == ([], {"free": 5})


@pytest.mark.slow
def test_the_donor_is_late_and_then_agrees(office: Office) -> None:
    office.house.says["telco-b"] = Word.PENDING
    port = office.come()
    office.until(OPENS + timedelta(minutes=30))
    assert office.look(port.id).state is PortState.PENDING
    office.house.says["telco-b"] = Word.CONFIRMED
    office.until(CLOSES)
    assert office.look(port.id).state is PortState.COMPLETED


@pytest.mark.slow
def test_a_donor_who_does_not_answer_in_the_window_calls_it_off(office: Office) -> None:
    office.house.says["telco-b"] = Word.PENDING
    port = office.come()
    office.until(CLOSES)
    ended = office.look(port.id)
    assert (ended.state, ended.reason) == (PortState.CANCELLED, "telco-b did not answer before the window closed")
    assert (office.house.states(), office.stock()) == ({THEIRS: "withdrawn"}, {"free": 5})


@pytest.mark.parametrize("trouble", [Trouble.LOSE, Trouble.DROP, Trouble.DOWN])
def test_a_lost_request_is_looked_up_and_asked_once(office: Office, trouble: Trouble) -> None:
    office.house.fail(trouble)
    port = office.come()
    office.until(OPENS)
    assert office.look(port.id).state is PortState.COMPLETED
    assert office.house.states() == {THEIRS: "completed"}


def test_a_line_that_does_not_come_up_leaves_the_number_where_it_was(office: Office) -> None:
    office.shop.refuses = {THEIRS}
    port = office.come()
    office.until(CLOSES)
    ended = office.look(port.id)
    assert (ended.state, ended.reason) == (PortState.CANCELLED, "subscriber on hlr-1: no such profile")
    assert (office.house.states(), office.stock()) == ({THEIRS: "withdrawn"}, {"free": 5, "away": 1})
    office.shop.do(lambda work: ported.arrive(work, THEIRS, donor="telco-b"))
    assert office.stock() == {"free": 6}


def test_a_port_is_called_off_before_its_window(office: Office) -> None:
    port = office.come()
    office.until(OPENS - timedelta(hours=1))
    office.shop.do(lambda work: porting.cancel(work, port.id, reason="the customer stays"))
    office.until(CLOSES)
    assert (office.look(port.id).state, office.house.states()) == (PortState.CANCELLED, {THEIRS: "withdrawn"})
    assert [type(fact) for fact in office.shop.facts(PortEnded)] == [PortEnded]
    with pytest.raises(Conflict, match="is cancelled"):
        office.shop.do(lambda work: porting.cancel(work, port.id, reason="again"))


@pytest.mark.parametrize(
    ("number", "window", "error", "message"),
    [
        (OURS, WINDOW, Conflict, "is in stock here"),
        ("12ab", WINDOW, Invalid, "not valid"),
        (THEIRS, (CLOSES, OPENS), Invalid, "is no window"),
        (THEIRS, (OPENS.replace(tzinfo=None), CLOSES), Invalid, "needs its offset"),
    ],
)
def test_a_bad_port_changes_nothing(
    office: Office, number: str, window: Any, error: type[Exception], message: str
) -> None:
    before = office.shop.rows()
    item = {"action": "add", "offering": "mobile"}
    with pytest.raises(error, match=message):
        office.shop.do(
            lambda work: porting.port_in(work, office.account, number=number, donor="b", item=item, window=window)
        )
    assert office.shop.rows() == before


def test_a_number_is_on_one_way_at_a_time(office: Office) -> None:
    port = office.come()
    with pytest.raises(Conflict, match=str(port.id)):
        office.come()


# ---- a number that goes


def test_a_line_ends_and_its_number_leaves_us(office: Office) -> None:
    port, line = office.go()
    office.until(OPENS - timedelta(seconds=1))
    assert office.shop.told == []
    office.until(CLOSES)
    assert office.look(port.id).state is PortState.COMPLETED
    assert office.shop.told == ["hlr-1 001010000000001 {'present': False}"]
    assert office.shop.do(lambda work: subscriptions.get(work, line.id)).state is SubscriptionState.TERMINATED
    assert office.stock() == {"free": 4, "away": 1}
    before = datetime(2026, 6, 2, tzinfo=UTC)
    owner = office.shop.do(lambda work: inventory.resolve(work, "msisdn", OURS, before))
    assert owner is not None
    with pytest.raises(Conflict, match="rests no more: it is away"):
        office.shop.do(lambda work: undoing.undo_terminate(work, line.id))


def test_an_end_taken_back_keeps_the_number(office: Office) -> None:
    port, line = office.go()
    office.ask()
    office.shop.clock.move_to(OPENS)
    office.shop.do(lambda work: porting.step(work, port.id))
    office.shop.do(lambda work: undoing.undo_terminate(work, line.id))
    office.until(CLOSES)
    assert office.look(port.id).state is PortState.CANCELLED
    assert office.shop.do(lambda work: subscriptions.get(work, line.id)).state is SubscriptionState.ACTIVE
    (piece,) = office.shop.do(lambda work: store.named(work, "msisdn", OURS, namespace=None))
    assert str(piece.state) == "assigned"


def test_only_an_active_line_s_number_goes(office: Office) -> None:
    line = office.shop.line(office.account, "home-500")
    with pytest.raises(Invalid, match="has no number"):
        office.shop.do(lambda work: porting.port_out(work, line.id, recipient="c", window=WINDOW))
    office.shop.do(lambda work: subscriptions.terminate(work, line.id, cause="customer"))
    with pytest.raises(Conflict, match="pendingTerminate"):
        office.shop.do(lambda work: porting.port_out(work, line.id, recipient="c", window=WINDOW))
