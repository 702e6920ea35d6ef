"""Every query on payments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from bss.customers.model import AccountId
from bss.invoices.model import Allocation, AllocationId
from bss.payments.machine import PaymentState, RefundState
from bss.payments.model import (
    IN_FLIGHT,
    OPEN_STEPS,
    Payment,
    PaymentAdvice,
    PaymentId,
    PaymentMethod,
    PaymentMethodId,
    PaymentStep,
    Refund,
    RefundId,
    Settlement,
)
from bss.payments.port import PaymentStepId
from kernel.tables import from_micros
from kernel.work import SystemWork, Work

_FRESH = {"populate_existing": True}
"""A row that was waited for is read as it is now, not as this session saw it before."""


def method(work: Work, method_id: PaymentMethodId) -> PaymentMethod | None:
    """A method of this tenant, removed or not."""
    return work.session.get(PaymentMethod, (work.tenant, method_id))


def methods(work: Work, account_id: AccountId) -> Sequence[PaymentMethod]:
    """An account's standing methods, the standard one first, then the newest."""
    return work.session.scalars(
        sa.select(PaymentMethod)
        .where(
            PaymentMethod.tenant == work.tenant,
            PaymentMethod.account_id == account_id,
            PaymentMethod.removed_at.is_(None),
        )
        .order_by(PaymentMethod.standard.desc(), PaymentMethod.id.desc())
    ).all()


def payment(work: Work, payment_id: PaymentId) -> Payment | None:
    """A payment."""
    return work.session.get(Payment, (work.tenant, payment_id))


def locked(work: Work, payment_id: PaymentId) -> Payment | None:
    """A payment, held until this Work ends so that two answers about it take turns."""
    return work.session.scalars(
        sa.select(Payment).where(Payment.tenant == work.tenant, Payment.id == payment_id).with_for_update(),
        execution_options=_FRESH,
    ).first()


def payments_of(work: Work, account_id: AccountId, *, limit: int) -> Sequence[Payment]:
    """An account's latest payments, newest first."""
    return work.session.scalars(
        sa.select(Payment)
        .where(Payment.tenant == work.tenant, Payment.account_id == account_id)
        .order_by(Payment.id.desc())
        .limit(limit)
    ).all()


def of_order(work: Work, order_ref: str) -> Sequence[Payment]:
    """The payments made for an order, oldest first."""
    return work.session.scalars(_of_order(work, order_ref)).all()


def locked_of_order(work: Work, order_ref: str) -> Sequence[Payment]:
    """The same, held until this Work ends."""
    return work.session.scalars(_of_order(work, order_ref).with_for_update(), execution_options=_FRESH).all()


def _of_order(work: Work, order_ref: str) -> sa.Select[Payment]:
    return sa.select(Payment).where(Payment.tenant == work.tenant, Payment.order_ref == order_ref).order_by(Payment.id)


def in_flight(work: Work, account_id: AccountId) -> Sequence[Payment]:
    """An account's payments whose outcome is to come, captures being made among them."""
    capturing = sa.and_(Payment.state == PaymentState.AUTHORISED, Payment.invoice_id.is_not(None))
    return work.session.scalars(
        sa.select(Payment)
        .where(
            Payment.tenant == work.tenant,
            Payment.account_id == account_id,
            sa.or_(Payment.state.in_(IN_FLIGHT), capturing),
        )
        .order_by(Payment.id)
    ).all()


def with_money(work: Work, account_id: AccountId, currency: str) -> Sequence[Payment]:
    """An account's payments of which something is unapplied, oldest first."""
    used = (
        sa.select(sa.func.coalesce(sa.func.sum(Allocation.amount_minor), 0))
        .where(Allocation.tenant == Payment.tenant, Allocation.payment_id == Payment.id, Allocation.undone_at.is_(None))
        .scalar_subquery()
    )
    returned = (
        sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0))
        .where(Refund.tenant == Payment.tenant, Refund.payment_id == Payment.id, Refund.state != RefundState.FAILED)
        .scalar_subquery()
    )
    return work.session.scalars(
        sa.select(Payment)
        .where(
            Payment.tenant == work.tenant,
            Payment.account_id == account_id,
            Payment.currency == currency,
            Payment.captured_minor > used + returned,
        )
        .order_by(Payment.id)
    ).all()


def allocated(work: Work, payment_id: PaymentId) -> int:
    """What stands allocated of a payment, in minor units."""
    return int(
        work.session.scalar(
            sa.select(sa.func.coalesce(sa.func.sum(Allocation.amount_minor), 0)).where(
                Allocation.tenant == work.tenant,
                Allocation.payment_id == int(payment_id),
                Allocation.undone_at.is_(None),
            )
        )
        or 0
    )


def allocations(work: Work, payment_id: PaymentId) -> Sequence[Allocation]:
    """What stands allocated of a payment, by invoice, oldest first."""
    return work.session.scalars(
        sa.select(Allocation)
        .where(
            Allocation.tenant == work.tenant,
            Allocation.payment_id == int(payment_id),
            Allocation.undone_at.is_(None),
        )
        .order_by(Allocation.id)
    ).all()


def allocation(work: Work, allocation_id: AllocationId) -> Allocation | None:
    """One allocation."""
    return work.session.get(Allocation, (work.tenant, allocation_id))


def given_back(work: Work, payment_id: PaymentId) -> int:
    """What was refunded of a payment or is promised to be, in minor units."""
    return int(
        work.session.scalar(
            sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_minor), 0)).where(
                Refund.tenant == work.tenant,
                Refund.payment_id == payment_id,
                Refund.state != RefundState.FAILED,
            )
        )
        or 0
    )


def refund(work: Work, refund_id: RefundId) -> Refund | None:
    """A refund."""
    return work.session.get(Refund, (work.tenant, refund_id))


def step(work: Work, step_id: PaymentStepId) -> PaymentStep | None:
    """A step, held until this Work ends."""
    return work.session.scalars(
        sa.select(PaymentStep).where(PaymentStep.tenant == work.tenant, PaymentStep.id == step_id).with_for_update(),
        execution_options=_FRESH,
    ).first()


def steps(work: Work, payment_id: PaymentId) -> Sequence[PaymentStep]:
    """Everything asked of the gateway for a payment, oldest first."""
    return work.session.scalars(
        sa.select(PaymentStep)
        .where(PaymentStep.tenant == work.tenant, PaymentStep.payment_id == payment_id)
        .order_by(PaymentStep.id)
    ).all()


def due_steps(work: SystemWork, now_micros: int, limit: int) -> list[tuple[PaymentStep, Payment, PaymentMethod]]:
    """The steps of all tenants whose time has come, claimed so that no other worker takes them too."""
    rows = work.session.execute(
        sa.select(PaymentStep, Payment, PaymentMethod)
        .join(Payment, sa.and_(Payment.tenant == PaymentStep.tenant, Payment.id == PaymentStep.payment_id))
        .join(PaymentMethod, sa.and_(PaymentMethod.tenant == Payment.tenant, PaymentMethod.id == Payment.method_id))
        .where(open_step(), PaymentStep.run_at <= from_micros(now_micros))
        .order_by(PaymentStep.run_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=PaymentStep)
    )
    return [(step_, payment_, method_) for step_, payment_, method_ in rows]


def next_step(work: SystemWork) -> datetime | None:
    """When the next step of any tenant is due, on the database's clock."""
    return work.session.scalar(sa.select(PaymentStep.run_at).where(open_step()).order_by(PaymentStep.run_at).limit(1))


def open_step() -> sa.TextClause:
    """The very words of the partial index, states as literals, so that the planner may use it."""
    return sa.text(f"payment_step.state IN ({', '.join(repr(str(state)) for state in OPEN_STEPS)})")


def advice(work: Work, gateway: str, advice_id: str) -> PaymentAdvice | None:
    """A notice that was heard."""
    return work.session.get(PaymentAdvice, (work.tenant, gateway, advice_id))


def settlement(work: Work, gateway: str, reference: str) -> Settlement | None:
    """A payout by the gateway's reference."""
    return work.session.scalars(
        sa.select(Settlement).where(
            Settlement.tenant == work.tenant, Settlement.gateway == gateway, Settlement.reference == reference
        )
    ).first()
