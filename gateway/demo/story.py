"""The main job as a story: a customer's months over real protocols, every amount and every device state expected."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.invoices import service as invoices
from bss.invoices import statement
from bss.invoices.model import Invoice
from bss.ledger import service as ledger
from bss.ordering import service as ordering
from bss.payments import service as payments
from bss.payments.model import PaymentMethodId
from bss.usage import service as usage
from bss.usage.model import UsageEvent
from gateway import doctor
from gateway.demo.telling import Telling
from gateway.demo.town import ZONE, Town
from gateway.demo.wire import Wire
from kernel.time import zone
from kernel.work import Work
from oss.inventory.model import Resource
from oss.orders import views

LIFT_S = 1.0
"""A payment's lift is read back on every element within so long of its commit."""
PROOFS = tuple(f"I{number}" for number in (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 17, 18, 22))
"""What the doctor must have proven, not only failed to disprove, when the story ends."""

IMSI, ICCID, PORT, METER = "001010000000001", "8999001000000000004", "1", "meter-0001"
BENS_IMSI = "001010000000002"
BENS: list[dict[str, Any]] = [
    {"action": "add", "offering": "home-500"},
    {"action": "add", "offering": "mobile"},
    {"action": "add", "offering": "meter", "resources": {"meter": "meter-0002"}},
]


def at(month: int, day: int, hour: int = 10, minute: int = 0) -> datetime:
    """A local moment of the story's year, in UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=zone(ZONE)).astimezone(UTC)


class Story:
    """One customer, Ada, from her first order to her last day; and Ben, whose order the network refuses."""

    def __init__(self, town: Town, tell: Telling) -> None:
        self.town, self.tell = town, tell
        self.wire = Wire(town, tell)
        self.account: AccountId
        self.ben: AccountId
        self.method: PaymentMethodId
        self.card: PaymentMethodId
        self.token = ""

    async def play(self) -> None:
        """All of it, in order. Raises Surprise at the first thing that is not as told."""
        for scene in (
            self.activation,
            self.first_invoice,
            self.throttle,
            self.upgrade,
            self.messages,
            self.july,
            self.decline,
            self.soft_bar,
            self.hard_restriction,
            self.payment_lifts,
            self.refused_half_way,
            self.second_try,
            self.termination,
            self.books,
        ):
            await scene()

    # ---- June

    async def activation(self) -> None:
        """One order reserves, authorises, activates over three protocols, reads back, and only then is paid."""
        tell, town = self.tell, self.town
        tell.step("1 June: Ada orders Home 500, Mobile and Meter with her card")
        self.account, self.method, self.token = await town.customer("Ada Berg")
        items = [{"action": "add", "offering": "home-500"}, {"action": "add", "offering": "mobile"}, _meter(METER)]
        order_id = await town.order(self.account, items, method_id=self.method, key="ada-1")
        await self.wire.show()
        order = await town.see(lambda work: ordering.get(work, order_id))
        await self._explain(str(order_id))
        tell.expect("the order", str(order.state), "completed")
        tell.expect("HLR 1", await self._shown("hlr", IMSI, "profile", "bar", "rate"), "MOBILE none full")
        tell.expect("OLT port 1", await self._shown("olt", PORT, "admin", "profile"), "up HOME500")
        tell.expect("meter-0001", await self._shown("mqtt", METER, "enabled", "plan"), "True METER")
        lines = await town.lines(self.account)
        tell.expect("active lines", sorted(f"{o} {s.state}" for o, s in lines.items()), _three("home-500"))

    async def first_invoice(self) -> None:
        """Set-up and the first month, captured from what the card held."""
        self.tell.step("1 June: the first invoice is captured from what the card held")
        invoice = await self._invoice(["29.00", "39.00", "15.00", "3.00"], total="86.00", status="paid")
        [payment] = await self.town.see(lambda work: payments.of_account(work, self.account))
        self.tell.expect("the card payment", f"{payment.state} {payment.captured_minor / 100:.2f}", "succeeded 86.00")
        self.tell.say(f"invoice {invoice.number} is posted and paid")

    async def throttle(self) -> None:
        """Traffic passes 5 GB: the throttle reaches the HLR in the same breath."""
        tell, town = self.tell, self.town
        tell.step("5 June: mobile traffic passes 5 GB")
        await town.advance(at(6, 5))
        taken = await town.do(
            lambda work: usage.ingest(work, [_data("cdr-1", 4_900_000_000), _data("cdr-2", 300_000_000)])
        )
        tell.expect("records accepted", taken.accepted, 2)
        await town.settled()
        await self.wire.show()
        tell.expect("HLR rate", await self._shown("hlr", IMSI, "rate"), "64")

    async def upgrade(self) -> None:
        """The upgrade re-shapes the port on the day it is confirmed."""
        tell, town = self.tell, self.town
        tell.step("16 June: Ada upgrades to Home 1000")
        await town.advance(at(6, 16))
        line = (await town.lines(self.account))["home-500"]
        change = {"action": "modify", "subscription_id": str(line.id), "offering": "home-1000"}
        order_id = await town.order(self.account, [change], method_id=self.method, key="ada-2")
        await self.wire.show()
        order = await town.see(lambda work: ordering.get(work, order_id))
        tell.expect("the order", str(order.state), "completed")
        tell.expect("OLT port 1", await self._shown("olt", PORT, "admin", "profile"), "up HOME1000")

    async def messages(self) -> None:
        """A thousand messages, reported by the meter itself."""
        tell, town = self.tell, self.town
        tell.step("20 June: the meter reports 1,000 messages")
        await town.advance(at(6, 20))
        report = {"device": METER, "meter": "messages", "quantity": 1000, "at": at(6, 20, 9).isoformat()}
        await town.sim.control("POST", "/usage", report)
        await self._until_booked()
        tell.expect("messages booked", await self._used("messages"), 1000)

    # ---- July

    async def july(self) -> None:
        """The billing day: the next month ahead, the change of June by days, the usage behind; the throttle ends."""
        tell, town = self.tell, self.town
        tell.step("1 July: the bill, while the card is being declined")
        await town.sim.bank("PUT", f"/v1/control/tokens/{self.token}", {"mode": "decline", "reason": "do_not_honor"})
        await town.advance(at(7, 1))
        await self.wire.show()
        amounts = ["59.00", "15.00", "3.00", "-19.50", "29.50", "1.50"]
        await self._invoice(amounts, total="88.50", status="open")
        tell.expect("HLR rate", await self._shown("hlr", IMSI, "rate"), "full")

    async def decline(self) -> None:
        """Nobody pays: the due date passes, the first letter goes out."""
        tell, town = self.tell, self.town
        tell.step("16 July: the invoice is overdue, the first reminder goes out")
        await town.advance(at(7, 16))
        tell.expect("letters so far", await self._letters(), ["invoice", "invoice", "payment-declined", "reminder"])
        tell.expect("HLR bar", await self._shown("hlr", IMSI, "bar"), "none")

    async def soft_bar(self) -> None:
        """Outgoing stops; incoming and emergency calls stay."""
        self.tell.step("23 July: a soft bar stops outgoing, keeps incoming and emergency calls")
        await self.town.advance(at(7, 23))
        await self.wire.show()
        self.tell.expect("HLR bar", await self._shown("hlr", IMSI, "bar"), "outgoing")
        self.tell.expect("OLT port 1", await self._shown("olt", PORT, "admin", "profile"), "up SOFT")

    async def hard_restriction(self) -> None:
        """Every element is told, and read back."""
        self.tell.step("30 July: a hard restriction on every element")
        await self.town.advance(at(7, 30))
        await self.wire.show()
        self.tell.expect("HLR bar", await self._shown("hlr", IMSI, "bar"), "all")
        self.tell.expect("OLT port 1", await self._shown("olt", PORT, "admin"), "down")
        self.tell.expect("meter-0001", await self._shown("mqtt", METER, "enabled"), "False")

    async def payment_lifts(self) -> None:
        """The payment lifts it, read back on all elements within a second of its commit."""
        tell, town = self.tell, self.town
        tell.step("30 July: Ada pays; the payment lifts the restriction")
        await town.sim.bank("PUT", f"/v1/control/tokens/{self.token}", {"mode": "approve"})
        watch = await self.wire.watch_lifts()
        await town.do(lambda work: payments.charge(work, self.account))
        await town.settled()
        await self.wire.show()
        took = await watch.seconds()
        tell.expect("lines lifted", took.lines, 3)
        tell.say(f"read back on every element {took.longest_s:.3f} s after the payment's commit")
        tell.expect(f"within {LIFT_S:.0f} s", took.longest_s <= LIFT_S, True)
        tell.expect("HLR bar", await self._shown("hlr", IMSI, "bar"), "none")
        tell.expect("OLT port 1", await self._shown("olt", PORT, "admin", "profile"), "up HOME1000")
        tell.expect("meter-0001", await self._shown("mqtt", METER, "enabled"), "True")

    # ---- August

    async def refused_half_way(self) -> None:
        """The HLR refuses in the middle; what was done is undone, last confirmed first, and nothing stays held."""
        tell, town = self.tell, self.town
        tell.step("3 August: Ben orders; the HLR refuses half-way and everything is undone")
        await town.advance(at(8, 3))
        self.ben, self.card, _ = await town.customer("Ben Stern")
        await town.sim.control(
            "POST", "/faults", {"element": "hlr", "kind": "refuse", "match": "msisdn 4477", "count": 1}
        )
        order_id = await town.order(self.ben, BENS, method_id=self.card, key="ben-1")
        await self.wire.show()
        order = await town.see(lambda work: ordering.get(work, order_id))
        tell.expect("Ben's order", str(order.state), "failed")
        tell.expect("HLR", await town.shows("hlr", BENS_IMSI), {})
        tell.expect("OLT port 2", await self._shown("olt", "2", "admin", "profile"), "down none")
        tell.expect("meter-0002", await self._shown("mqtt", "meter-0002", "enabled"), "False")
        [payment] = await town.see(lambda work: payments.of_account(work, self.ben))
        tell.expect("the hold on Ben's card", str(payment.state), "cancelled")

    async def second_try(self) -> None:
        """The register is mended: the same order again lights the line, and is billed from that day."""
        tell, town = self.tell, self.town
        tell.step("3 August: the HLR is mended, Ben orders again")
        order_id = await town.order(self.ben, BENS, method_id=self.card, key="ben-2")
        order = await town.see(lambda work: ordering.get(work, order_id))
        tell.expect("Ben's order", str(order.state), "completed")
        tell.expect("HLR", await self._shown("hlr", BENS_IMSI, "profile", "bar"), "MOBILE none")
        await self._invoice(["29.00", "36.48", "14.03", "2.81"], total="82.32", status="paid", account=self.ben)

    async def termination(self) -> None:
        """Ada leaves: the lines go, the unused days come back, the numbers rest."""
        tell, town = self.tell, self.town
        tell.step("10 August: Ada terminates; her numbers rest in quarantine")
        await town.advance(at(8, 10))
        lines = await town.lines(self.account)
        items = [{"action": "delete", "subscription_id": str(s.id)} for s in lines.values()]
        await town.order(self.account, items, method_id=self.method, key="ada-3")
        await self.wire.show()
        lines = await town.lines(self.account)
        tell.expect("lines", sorted({str(s.state) for s in lines.values()}), ["terminated"])
        tell.expect("HLR", await town.shows("hlr", IMSI), {})
        tell.expect("OLT port 1", await self._shown("olt", PORT, "admin"), "down")
        tell.expect("in quarantine", await self._resting(), [PORT, "447700900000", ICCID, METER])
        credit = await town.see(lambda work: statement.open_credit(work, self.account, currency="EUR"))
        tell.expect("credit for 22 unused days of August", str(credit), "54.65 EUR")

    async def books(self) -> None:
        """The order's story, the trial balance, and the doctor."""
        tell, town = self.tell, self.town
        tell.step("the books: the trial balance is level and the doctor finds nothing")
        balances = await town.see(lambda work: ledger.trial_balance(work, ledger.only_seller(work).id))
        for row in balances:
            tell.say(f"    {row.account:28s} {row.debit.plain():>10s} {row.credit.plain():>10s}")
        debit, credit = sum(b.debit.minor for b in balances), sum(b.credit.minor for b in balances)
        tell.expect("debit minus credit", debit - credit, 0)
        verdicts = await doctor.examine(
            town.gateway.database, anchor_file=town.gateway.settings.audit_anchor, network=town.runtime.network
        )
        for verdict in verdicts:
            tell.say(f"    {verdict.name:4s} {verdict.finding:9s} {verdict.examined:6d}  {verdict.title}")
            for sentence in verdict.violations:
                tell.say(f"         {sentence}")
        tell.expect("doctor clean", doctor.clean(verdicts, require=PROOFS), True)

    # ---- looking

    async def _shown(self, element: str, key: str, *fields: str) -> str:
        state = await self.town.shows(element, key)
        return " ".join(str(state.get(name)) for name in fields)

    async def _invoice(
        self, amounts: list[str], *, total: str, status: str, account: AccountId | None = None
    ) -> Invoice:
        whose = account or self.account
        latest = (await self.town.see(lambda work: invoices.listed(work, account_id=whose)))[-1]
        document: Mapping[str, Any] = await self.town.see(lambda work: statement.show(work, latest.id))
        for line in document["lines"]:
            self.tell.say(f"    {line['description']:32s} {line['net']:>8s}")
        self.tell.expect("invoice lines", [line["net"] for line in document["lines"]], amounts)
        self.tell.expect("invoice total", document["total"], total)
        self.tell.expect("invoice", document["status"], status)
        return latest

    async def _explain(self, parent: str) -> None:
        for order in await self.town.see(lambda work: views.of_parent(work, parent)):
            if order.reason:
                self.tell.say(f"{order.id} is {order.state}: {order.reason}")

    async def _used(self, meter: str) -> int:
        line = (await self.town.lines(self.account))["meter"]
        found = await self.town.see(lambda work: usage.counters(work, line.id))
        return sum(counter.quantity for counter in found if counter.meter == meter)

    async def _until_booked(self) -> None:
        await self.wire.until(lambda: self._used("messages"), 1000)

    async def _letters(self) -> list[str]:
        return await self.wire.letters(self.account)

    async def _resting(self) -> list[str]:
        def fn(work: Work) -> list[str]:
            rows = work.session.scalars(
                sa.select(Resource.value).where(Resource.state == "quarantine", Resource.granted_to == work.tenant)
            )
            return sorted(rows)

        return await self.town.see(fn)


def _meter(device: str) -> dict[str, Any]:
    return {"action": "add", "offering": "meter", "resources": {"meter": device}}


def _three(home: str) -> list[str]:
    return [f"{home} active", "meter active", "mobile active"]


def _data(event_id: str, quantity: int) -> UsageEvent:
    return UsageEvent(
        event_id=event_id, meter="data", kind="imsi", value=IMSI, quantity=quantity, at=at(6, 5) - timedelta(hours=1)
    )
