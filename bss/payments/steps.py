"""What is wanted of the gateway, as rows: written with the wish, sent by the edge, looked up when nobody answered."""

from __future__ import annotations

from datetime import timedelta

from bss.payments import store
from bss.payments.machine import STEP, StepMove, StepState
from bss.payments.model import Payment, PaymentId, PaymentMethod, PaymentStep, Refund
from bss.payments.port import Errand, PaymentStepId, StepKind
from kernel.database import now_micros
from kernel.errors import Invalid
from kernel.ids import TenantId
from kernel.money import Money
from kernel.tables import from_micros
from kernel.work import SystemWork, Unit, Work

HINT = "payments"
"""What a Work leaves for the edge's errand loop when there is something to ask of the gateway."""
ANSWER_WITHIN = timedelta(seconds=90)
"""Past it a sent step is looked up: three times what the edge waits for an answer, so that none is still on its way."""
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(hours=1)
"""Each failure doubles the wait, from the first to the longest."""
ATTEMPTS = {StepKind.AUTHORISE: 8, StepKind.CHARGE: 8, StepKind.CAPTURE: 40, StepKind.VOID: 40, StepKind.REFUND: 40}
"""Sendings at most: a payer waits minutes for an answer; what was promised is tried for more than a day.
A look-up has no limit, because an unknown outcome may not be given up."""


def want(work: Work, payment: Payment, kind: StepKind, *, amount: Money, refund: Refund | None = None) -> PaymentStep:
    """Write down an instruction; the edge sends it after the commit."""
    step_id = PaymentStepId.new()
    step = PaymentStep(
        tenant=work.tenant,
        id=step_id,
        payment_id=payment.id,
        refund_id=None if refund is None else refund.id,
        kind=kind,
        state=StepState.READY,
        amount_minor=amount.minor,
        currency=amount.currency,
        idempotency_key=f"{payment.id}-{kind}-{step_id}",
        attempts=0,
        lookups=0,
        run_at=from_micros(now_micros(work)),
        wanted_at=work.now,
    )
    work.session.add(step)
    work.hint(HINT)
    return step


def claim(work: SystemWork, limit: int) -> list[Errand]:
    """Take the steps whose time has come: new ones to be sent, unanswered ones to be looked up."""
    now = now_micros(work)
    errands = []
    for step, payment, method in store.due_steps(work, now, limit):
        if step.state == StepState.SENT:
            step.state = STEP.after(step.state, StepMove.LOSE)
        ask = step.state == StepState.UNKNOWN
        if ask:
            step.lookups += 1
        else:
            step.state = STEP.after(step.state, StepMove.SEND)
            step.attempts, step.lookups = step.attempts + 1, 0
        step.run_at = from_micros(now) + ANSWER_WITHIN
        errands.append(_errand(step, payment, method, ask=ask))
    return errands


def again(work: Unit, step: PaymentStep) -> None:
    """Let a step wait before its next sending or look-up, longer each time."""
    waits = min(step.attempts + step.lookups, 20)  # past 20 doublings the longest wait has long been reached
    wait = min(FIRST_WAIT * 2 ** max(waits - 1, 0), LONGEST_WAIT)
    step.run_at = from_micros(now_micros(work)) + wait


def spent(step: PaymentStep) -> bool:
    """Whether its sendings are used up."""
    return step.attempts >= ATTEMPTS[step.kind]


def withdraw(step: PaymentStep) -> None:
    """Take back a step that was never sent."""
    step.state = STEP.after(step.state, StepMove.WITHDRAW)


def open_step(work: Work, payment_id: PaymentId, kind: StepKind) -> PaymentStep | None:
    """The step of a kind that is still to be done, None when there is none."""
    found = [step for step in store.steps(work, payment_id) if step.kind == kind and not STEP.final(step.state)]
    return found[-1] if found else None


def reference(tenant: TenantId, payment_id: PaymentId) -> str:
    """What the gateway is told a payment is called, and tells us back."""
    return f"{tenant}.{payment_id}"


def referred(text: str) -> tuple[TenantId, PaymentId] | None:
    """Whose payment a gateway's reference names, None when it is none of ours."""
    tenant, _, payment_id = text.partition(".")
    try:
        return TenantId.parse(tenant), PaymentId.parse(payment_id)
    except Invalid:
        return None


def _errand(step: PaymentStep, payment: Payment, method: PaymentMethod, *, ask: bool) -> Errand:
    target = payment.taken if step.kind is StepKind.REFUND else payment.authorisation
    return Errand(
        tenant=step.tenant,
        step_id=step.id,
        kind=step.kind,
        amount=Money(step.amount_minor, step.currency),
        idempotency_key=step.idempotency_key,
        reference=reference(step.tenant, payment.id),
        token=method.token,
        target=target or "",
        ask=ask,
    )
