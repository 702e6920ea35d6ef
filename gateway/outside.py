"""The kinds of errands: money of the payment gateway, tax quotes, ports of numbers, letters."""

from __future__ import annotations

from typing import Any

from adapters.payments import errand as payment_errand
from adapters.portability import errand as port_errand
from bss.invoices import service as invoices
from bss.notices import service as notices
from bss.payments import service as payments
from bss.porting import service as ports
from bss.tax.port import TaxQuote
from gateway.errands import Kind
from gateway.wiring import Gateway
from kernel.database import now_micros
from kernel.errors import TrunklineError
from kernel.ids import TenantId
from kernel.tables import from_micros
from kernel.work import SystemWork, Work
from oss.inventory import alarms


def kinds(gateway: Gateway) -> tuple[Kind, ...]:
    """What this gateway asks outside, by the ports it was wired with."""

    async def pay(errand: Any) -> Any:
        return await payment_errand.perform(gateway.payments, errand)

    async def quote(errand: Any) -> TaxQuote | TrunklineError:
        try:
            return await gateway.tax.quote(errand.request)
        except TrunklineError as error:
            return error

    async def clear(errand: Any) -> Any:
        return await port_errand.perform(gateway.portability, errand)

    async def send(errand: Any) -> TrunklineError | None:
        try:
            await gateway.notifier.send(errand.message)
        except TrunklineError as error:
            return error
        return None

    return (
        *_alarms(gateway.settings.operator_address),
        Kind("payment", payments.errands, _step, pay, lambda w, e, a: payments.settle(w, e.step_id, a), _payable),
        Kind("tax", invoices.errands, _invoice, quote, _quoted),
        Kind("port", ports.errands, _port, clear, lambda w, e, a: ports.settle(w, e.port_id, e.ask, a)),
        Kind(
            "notice", notices.errands, _notice, send, lambda w, e, a: notices.settle(w, e.notice_id, error=a), _sendable
        ),
    )


def _alarms(address: str | None) -> tuple[Kind, ...]:
    """Alarms become letters to the operator, when there is one to write to."""
    if address is None:
        return ()

    async def nobody(errand: Any) -> None:
        """The letter itself is an errand of its own."""

    def word(work: Work, errand: alarms.Untold, answer: None) -> None:
        params = {
            "kind": str(errand.kind),
            "element": errand.element,
            "key": errand.key or "-",
            "message": errand.message,
            "count": str(len(errand.alarm_ids)),
            "alarm": str(errand.first),
            "since": f"{work.now:%d %b %H:%M} UTC",
        }
        notices.tell(work, address, "alarm", params, key=f"{errand.first}")
        alarms.told(work, errand)

    return (Kind("alarm", alarms.untold, lambda errand: (errand.tenant, errand.first), nobody, word),)


def _payable(work: SystemWork) -> bool:
    first = payments.next_errand(work)
    return first is not None and first <= from_micros(now_micros(work))


def _sendable(work: SystemWork) -> bool:
    first = notices.next_errand(work)
    return first is not None and first <= from_micros(now_micros(work))


def money_moving(work: SystemWork) -> bool:
    """Whether an instruction to the payment gateway is wanted, backed off or unanswered."""
    return payments.next_errand(work) is not None


def _quoted(work: Work, errand: Any, answer: TaxQuote | TrunklineError) -> object:
    if isinstance(answer, TrunklineError):
        return invoices.settle(work, errand.invoice_id, error=answer)
    return invoices.settle(work, errand.invoice_id, quote=answer)


def _step(errand: Any) -> tuple[TenantId, int]:
    return errand.tenant, errand.step_id


def _port(errand: Any) -> tuple[TenantId, int]:
    return errand.tenant, errand.port_id


def _invoice(errand: Any) -> tuple[TenantId, int]:
    return errand.tenant, errand.invoice_id


def _notice(errand: Any) -> tuple[TenantId, int]:
    return errand.tenant, errand.notice_id
