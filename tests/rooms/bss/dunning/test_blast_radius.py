"""Dunning is stopped by the blast radius: what is over waits for a person, letters go all the same."""

from __future__ import annotations

import pytest

from kernel.work import Actor
from oss.orders import guard
from oss.orders import service as orders
from tests.rooms.bss.dunning.street import Street

BORIS = Actor("noc:boris", frozenset({"operator"}))


@pytest.mark.slow
def test_a_rung_that_cuts_too_many_lines_is_held_beyond_the_limit(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LEAST", 2)
    debtors = []
    for number in range(3):
        account_id = street.account(name=f"Debtor {number}", email=f"d{number}@example.org")
        debtors.append((account_id, street.line(account_id, "home-500", key=f"k{number}")))
        street.bill(account_id)
    street.go("2026-06-22T22:00:00+00:00")
    assert [street.level(line.service_id) for _, line in debtors] == ["soft", "soft", "soft"]
    assert barred(street) == 2
    (held,) = street.do(guard.held)
    assert held.reason.startswith("blast radius: 2 cuts in 24 h and 1 more pass the limit of 2")
    assert [street.letters(account_id)[-1] for account_id, _ in debtors] == ["soft", "soft", "soft"]
    street.database.run(lambda work: orders.approve(work, held.order_id), tenant=street.tenant, actor=BORIS)
    street.settle()
    assert (barred(street), street.do(guard.held)) == (3, [])


def barred(street: Street) -> int:
    """How many lines the network was told to bar."""
    return sum("SOFT" in told for told in street.told)
