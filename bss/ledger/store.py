"""Every query on the books."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from bss.ledger.model import Journal, JournalId, Posting, Seller, SellerId
from kernel.work import Work


def seller(work: Work, seller_id: SellerId) -> Seller | None:
    """A seller of this tenant."""
    return work.session.get(Seller, (work.tenant, seller_id))


def sellers(work: Work) -> Sequence[Seller]:
    """Every seller of this tenant, oldest first."""
    return work.session.scalars(sa.select(Seller).where(Seller.tenant == work.tenant).order_by(Seller.id)).all()


def balances(work: Work, seller_id: SellerId) -> list[tuple[str, str, int]]:
    """Account, currency and signed balance of a seller's books."""
    rows = work.session.execute(
        sa.select(Posting.account, Posting.currency, sa.func.sum(Posting.amount_minor))
        .where(Posting.tenant == work.tenant, Posting.seller_id == seller_id)
        .group_by(Posting.account, Posting.currency)
        .order_by(Posting.account, Posting.currency)
    )
    return [(account, currency, int(minor)) for account, currency, minor in rows]


def postings(work: Work, journal_id: JournalId) -> Sequence[Posting]:
    """The sides of one journal."""
    return work.session.scalars(
        sa.select(Posting)
        .where(Posting.tenant == work.tenant, Posting.journal_id == journal_id)
        .order_by(Posting.number)
    ).all()


def journals(work: Work, seller_id: SellerId, *, limit: int) -> Sequence[Journal]:
    """A seller's latest journals, newest first."""
    return work.session.scalars(
        sa.select(Journal)
        .where(Journal.tenant == work.tenant, Journal.seller_id == seller_id)
        .order_by(Journal.booked_on.desc(), Journal.id.desc())
        .limit(limit)
    ).all()
