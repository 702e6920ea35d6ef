"""The main job: a customer's months, from a paid order that lights three lines to her numbers' rest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.invoices import statement
from bss.ledger import service as ledger
from bss.ordering import service as ordering
from bss.ordering.model import ProductOrderId
from bss.payments import service as payments
from bss.payments.model import PaymentMethodId
from bss.usage import service as usage
from bss.usage.model import UsageEvent
from gateway import doctor
from gateway.demo.town import Town
from gateway.demo.town import town as built
from gateway.demo.wire import Watch
from kernel.errors import Conflict
from kernel.work import Work
from oss.inventory.model import Resource
from oss.orders import views
from oss.orders.machine import TaskState
from oss.orders.model import ServiceOrder, Task
from oss.orders.plan import UNDO
from tests.stories import looking
from tests.stories.conftest import BROKER
from tests.stories.looking import Line, Meter, Port, at

IMSI, ICCID, MSISDN, PORT, METER = "001010000000001", "8999001000000000004", "447700900000", "1", "meter-0001"
BENS_IMSI, BENS_PORT, BENS_METER = "001010000000002", "2", "meter-0002"
LIFT_S = 1.0
"""A payment's lift is read back on every element within so long of its commit."""
WAIT_S = 10.0
"""A meter's own report arrives within so long."""
PROVEN = frozenset(f"I{number}" for number in (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 17, 18, 22))
"""What the doctor must have proven while a line is in service; I5 and I9 ask for one."""
DROP_S = 60.0
"""An element that is played dead is found out well within so long."""


@dataclass
class Ada:
    """The customer, and where she stands."""

    town: Town
    account: AccountId
    method: PaymentMethodId
    card: str

    async def order(self, key: str, *items: dict[str, Any]) -> str:
        """Order and let it come to rest; the order's state."""
        order_id = await self.town.order(self.account, items, method_id=self.method, key=key)
        return await state(self.town, order_id)

    async def card_says(self, mode: str) -> None:
        """What her bank answers from now on."""
        await self.town.sim.bank("PUT", f"/v1/control/tokens/{self.card}", {"mode": mode, "reason": "do_not_honor"})


async def state(town: Town, order_id: ProductOrderId) -> str:
    """An order's state."""
    return str((await town.see(lambda work: ordering.get(work, order_id))).state)


def bundle(device: str) -> list[dict[str, Any]]:
    """Home 500, a mobile line and a meter."""
    meter = {"action": "add", "offering": "meter", "resources": {"meter": device}}
    return [{"action": "add", "offering": "home-500"}, {"action": "add", "offering": "mobile"}, meter]


# ---- the story


async def test_a_customers_months_from_order_to_quarantine(town: Town) -> None:
    ada = Ada(town, *await town.customer("Ada Berg"))
    await june_first_an_order_lights_three_lines_and_is_captured(ada)
    await june_fifth_five_gigabytes_are_used_up(ada)
    await june_sixteenth_an_upgrade(ada)
    await june_twentieth_a_thousand_messages(ada)
    await july_first_the_bill_and_a_declined_card(ada)
    await july_reminder_soft_bar_hard_restriction(ada)
    await july_thirtieth_a_payment_lifts_within_a_second(ada)
    await august_third_another_order_is_refused_and_undone(town)
    await the_books_are_level_and_the_doctor_finds_nothing(town, require=PROVEN)
    await august_tenth_termination_and_quarantine(ada)
    await the_books_are_level_and_the_doctor_finds_nothing(town, require=PROVEN - {"I5", "I9"})


async def june_first_an_order_lights_three_lines_and_is_captured(ada: Ada) -> None:
    town = ada.town
    assert await looking.line(town, IMSI) is None
    assert await ada.order("ada-1", *bundle(METER)) == "completed"
    assert await looking.line(town, IMSI) == Line(msisdn=MSISDN, profile="MOBILE", bar="none", rate="full")
    assert await looking.port(town, PORT) == Port("up", "HOME500")
    assert await looking.meter(town, METER) == Meter(enabled=True, plan="METER")
    lines = await town.lines(ada.account)
    assert {name: str(row.state) for name, row in lines.items()} == dict.fromkeys(
        ("home-500", "meter", "mobile"), "active"
    )
    bill = await looking.bill(town, ada.account)
    assert looking.nets(bill) == ["29.00", "39.00", "15.00", "3.00"]
    assert (bill["total"], bill["tax"], bill["status"]) == ("86.00", "0.00", "paid")
    assert bill["tax_evidence"] is not None
    assert await looking.paid(town, ada.account) == [("succeeded", 8600)]
    await _was_read_back_before_it_was_paid(town)


async def _was_read_back_before_it_was_paid(town: Town) -> None:
    """The card was only held until every element had confirmed, and captured after that."""

    def fn(work: Work) -> list[tuple[str, int]]:
        rows = work.connection.execute(
            sa.text("SELECT kind, id FROM event WHERE tenant = :t ORDER BY id"), {"t": int(work.tenant)}
        )
        return [(kind, number) for kind, number in rows]

    told = [kind for kind, _ in await town.see(fn)]
    held, lit = told.index("PaymentAuthorised"), [i for i, k in enumerate(told) if k == "ServiceOrderCompleted"]
    assert held < lit[0]
    assert len(lit) == 3
    assert lit[-1] < told.index("ProductOrderCompleted") < told.index("InvoiceIssued") < told.index("PaymentSucceeded")


async def june_fifth_five_gigabytes_are_used_up(ada: Ada) -> None:
    town = ada.town
    await town.advance(at(6, 5))
    records = [_data("cdr-1", 4_900_000_000), _data("cdr-2", 300_000_000), _data("cdr-1", 4_900_000_000)]
    taken = await town.do(lambda work: usage.ingest(work, records))
    assert (taken.accepted, taken.duplicate) == (2, 1)
    await town.settled()
    assert await looking.line(town, IMSI) == Line(msisdn=MSISDN, profile="MOBILE", bar="none", rate="64")


async def june_sixteenth_an_upgrade(ada: Ada) -> None:
    town = ada.town
    await town.advance(at(6, 16))
    home = (await town.lines(ada.account))["home-500"]
    upgrade = {"action": "modify", "subscription_id": str(home.id), "offering": "home-1000"}
    assert await ada.order("ada-2", upgrade) == "completed"
    assert await looking.port(town, PORT) == Port("up", "HOME1000")
    assert sorted(await town.lines(ada.account)) == ["home-1000", "meter", "mobile"]


async def june_twentieth_a_thousand_messages(ada: Ada) -> None:
    town = ada.town
    await town.advance(at(6, 20))
    report = {"device": METER, "meter": "messages", "quantity": 1000, "at": at(6, 20, 9).isoformat()}
    await town.sim.control("POST", "/usage", report)
    until = time.monotonic() + WAIT_S
    while not await _messages(ada) and time.monotonic() < until:
        await town.settled()
    assert await _messages(ada) == 1000


async def _messages(ada: Ada) -> int:
    meter = (await ada.town.lines(ada.account))["meter"]
    found = await ada.town.see(lambda work: usage.counters(work, meter.id))
    return sum(counter.quantity for counter in found if counter.meter == "messages")


async def july_first_the_bill_and_a_declined_card(ada: Ada) -> None:
    town = ada.town
    await ada.card_says("decline")
    await town.advance(at(7, 1))
    bill = await looking.bill(town, ada.account)
    assert looking.nets(bill) == ["59.00", "15.00", "3.00", "-19.50", "29.50", "1.50"]
    assert (bill["total"], bill["tax"], bill["open"], bill["status"]) == ("88.50", "0.00", "88.50", "open")
    assert await looking.paid(town, ada.account) == [("succeeded", 8600), ("failed", 0)]
    assert await looking.line(town, IMSI) == Line(msisdn=MSISDN, profile="MOBILE", bar="none", rate="full")


async def july_reminder_soft_bar_hard_restriction(ada: Ada) -> None:
    town = ada.town
    told = ["invoice", "invoice", "payment-declined"]
    assert await looking.letters(town, ada.account) == told
    await town.advance(at(7, 16))
    assert await looking.letters(town, ada.account) == [*told, "reminder"]
    assert await _shown(town) == ("none", Port("up", "HOME1000"), True)
    await town.advance(at(7, 23))
    assert await looking.letters(town, ada.account) == [*told, "reminder", "soft"]
    assert await _shown(town) == ("outgoing", Port("up", "SOFT"), True)
    await town.advance(at(7, 30))
    assert await looking.letters(town, ada.account) == [*told, "reminder", "soft", "hard"]
    assert await _shown(town) == ("all", Port("down", "HOME1000"), False)


async def _shown(town: Town) -> tuple[str, Port, bool]:
    line = await looking.line(town, IMSI)
    assert line is not None
    return line.bar, await looking.port(town, PORT), (await looking.meter(town, METER)).enabled


async def july_thirtieth_a_payment_lifts_within_a_second(ada: Ada) -> None:
    town = ada.town
    await ada.card_says("approve")
    watch = Watch(town)
    town.gateway.database.on_posted.append(watch.hear)
    await town.do(lambda work: payments.charge(work, ada.account))
    await town.settled()
    took = await watch.seconds()
    assert took.lines == 3
    assert took.longest_s <= LIFT_S
    assert await _shown(town) == ("none", Port("up", "HOME1000"), True)
    assert (await looking.bill(town, ada.account))["status"] == "paid"
    assert (await looking.paid(town, ada.account))[-1] == ("succeeded", 8850)
    assert (await looking.letters(town, ada.account))[-1] == "cured"


async def august_third_another_order_is_refused_and_undone(town: Town) -> None:
    await town.advance(at(8, 3))
    ben, method, _ = await town.customer("Ben Stern")
    await town.sim.control("POST", "/faults", {"element": "hlr", "kind": "refuse", "match": "msisdn 4477", "count": 1})
    order_id = await town.order(ben, bundle(BENS_METER), method_id=method, key="ben-1")
    assert await state(town, order_id) == "failed"
    assert await looking.line(town, BENS_IMSI) is None
    assert await looking.port(town, BENS_PORT) == Port("down", "none")
    assert await looking.meter(town, BENS_METER) == Meter(enabled=False, plan="none")
    assert await looking.paid(town, ben) == [("cancelled", 0)]
    confirmed, undone = await _done_and_undone(town, order_id)
    assert sorted(confirmed) == ["broker-1", "olt-1"]
    assert [name for name in undone if name in confirmed] == confirmed[::-1]
    free = await town.see(lambda work: _in_state(work, "reserved") + _in_state(work, "assigned"))
    assert [value for value in free if value in (BENS_IMSI, BENS_METER, BENS_PORT)] == []


async def _done_and_undone(town: Town, order_id: ProductOrderId) -> tuple[list[str], list[str]]:
    """The elements that confirmed a step of Ben's order, and those that confirmed its undoing, as they did."""

    def fn(work: Work) -> list[tuple[int, str]]:
        rows = work.session.execute(
            sa.select(Task.seq, Task.lane)
            .join(ServiceOrder, sa.and_(ServiceOrder.tenant == Task.tenant, ServiceOrder.id == Task.order_id))
            .where(Task.tenant == work.tenant, ServiceOrder.parent == str(order_id), Task.state == TaskState.DONE)
            .order_by(Task.settled_at)
        )
        return [(seq, lane) for seq, lane in rows]

    tasks = await town.see(fn)
    return [lane for seq, lane in tasks if seq < UNDO], [lane for seq, lane in tasks if seq >= UNDO]


async def august_tenth_termination_and_quarantine(ada: Ada) -> None:
    town = ada.town
    await town.advance(at(8, 10))
    lines = await town.lines(ada.account)
    ends = [{"action": "delete", "subscription_id": str(row.id)} for row in lines.values()]
    assert await ada.order("ada-3", *ends) == "completed"
    assert {str(row.state) for row in (await town.lines(ada.account)).values()} == {"terminated"}
    assert await looking.line(town, IMSI) is None
    assert await looking.port(town, PORT) == Port("down", "none")
    assert await looking.meter(town, METER) == Meter(enabled=False, plan="none")
    assert await town.see(lambda work: _in_state(work, "quarantine")) == sorted([PORT, MSISDN, ICCID, METER])
    credit = await town.see(lambda work: statement.open_credit(work, ada.account, currency="EUR"))
    assert str(credit) == "54.65 EUR"


async def the_books_are_level_and_the_doctor_finds_nothing(town: Town, *, require: frozenset[str]) -> None:
    balance = await town.see(lambda work: ledger.trial_balance(work, ledger.only_seller(work).id))
    assert sum(row.debit.minor for row in balance) == sum(row.credit.minor for row in balance) > 0
    anchor = town.gateway.settings.audit_anchor
    verdicts = await doctor.examine(town.gateway.database, anchor_file=anchor, network=town.runtime.network)
    assert [sentence for verdict in verdicts for sentence in verdict.violations] == []
    assert {verdict.name for verdict in verdicts if verdict.finding is not doctor.Finding.OK} & require == set()
    assert doctor.clean(verdicts, require=require)
    assert await town.see(views.fallout) == []


def _in_state(work: Work, name: str) -> list[str]:
    found = work.session.scalars(
        sa.select(Resource.value).where(Resource.state == name, Resource.granted_to == work.tenant)
    )
    return sorted(found)


def _data(event_id: str, quantity: int) -> UsageEvent:
    moment = at(6, 5) - timedelta(hours=1)
    return UsageEvent(event_id=event_id, meter="data", kind="imsi", value=IMSI, quantity=quantity, at=moment)


# ---- the command


def demo(*faults: str) -> subprocess.CompletedProcess[str]:
    """`trunkline demo` in a process of its own."""
    root = Path(__file__).parents[2]
    code = "import sys; from gateway.demo import main; raise SystemExit(main(faults=sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *faults],
        capture_output=True,
        text=True,
        timeout=DROP_S,
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


@pytest.mark.slow
def test_the_demo_ends_well_and_says_how_to_go_on() -> None:
    done = demo()
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "expectations held. What was billed is what was served." in done.stdout
    assert "trunkline serve" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("hlr:lie", "subscriber on hlr-1: present: the element said yes but shows another state"),
        ("olt:drop", "port on olt-1: 127.0.0.1"),
    ],
)
def test_a_fault_ends_the_demo_with_the_step_and_the_reason(fault: str, reason: str) -> None:
    done = demo(fault)
    assert done.returncode == 1
    assert "SURPRISE in step 1, 1 June: Ada orders Home 500, Mobile and Meter with her card" in done.stderr
    assert reason in done.stdout


# ---- and when a part of the house dies


@pytest.mark.slow
async def test_a_part_that_dies_is_noticed_at_once(tmp_path: Path) -> None:
    async def dies() -> None:
        raise RuntimeError("out of breath")

    async def live() -> None:
        async with built(tmp_path, options=BROKER) as town:
            town.runtime.worker._once = dies  # type: ignore[method-assign]
            with pytest.raises(Conflict, match=r"the moving parts ended"):
                await town.runtime.settled(within_s=WAIT_S)

    with pytest.raises(ExceptionGroup) as ended:
        await live()
    assert ended.group_contains(RuntimeError, match="out of breath")
