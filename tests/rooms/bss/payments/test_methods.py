"""A payment method is a token and never a card number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bss.payments import card_number
from bss.payments import service as payments
from bss.payments.model import PaymentMethod
from kernel.errors import Conflict, Invalid
from kernel.work import Work
from tests.rooms.bss.payments import world

Do = Callable[[Callable[[Work], Any]], Any]
CARD = "4242424242424242"


@pytest.mark.parametrize(
    "text",
    [
        CARD,
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        f"tok_{CARD}",
        f"card{CARD}",
        f"paid with {CARD}, thanks",
        "378282246310005",
        "5555.5555.5555.4444",
        "630495060000000000",
    ],
)
def test_a_card_number_is_found(text: str) -> None:
    assert card_number.found(text) is not None


@pytest.mark.parametrize(
    "text",
    ["4242424242424241", "tok_5f0c7ae29d3b14e6a8c0", "tok_4242424242424242abcd", "4242", "", "2026-06-01 08:00"],
)
def test_another_text_is_left_alone(text: str) -> None:
    assert card_number.found(text) is None


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("token", {"token": CARD}),
        ("token", {"token": f"tok_{CARD}"}),
        ("label", {"label": f"my card {CARD}"}),
        ("last4", {"last4": CARD}),
        ("brand", {"brand": CARD}),
        ("last4", {"last4": "42425"}),
        ("token", {"token": "not a token"}),
        ("label", {"label": ""}),
    ],
)
def test_what_is_no_token_is_refused_and_nothing_is_kept(do: Do, field: str, change: dict[str, str]) -> None:
    account = do(world.account)
    given: dict[str, Any] = {"token": world.TOKEN, "brand": "visa", "last4": "4242"}
    with pytest.raises(Invalid) as refused:
        do(lambda work: payments.add_method(work, account.id, **{**given, **change}))
    assert refused.value.field == field
    assert CARD not in str(refused.value)
    assert do(lambda work: payments.methods(work, account.id)) == []


def test_the_newest_method_is_the_standard_one(do: Do) -> None:
    account = do(world.account)
    first: PaymentMethod = do(lambda work: world.card(work, account.id))
    second: PaymentMethod = do(lambda work: world.card(work, account.id, token="tok_second"))  # noqa: S106
    listed = do(lambda work: payments.methods(work, account.id))
    assert [(method.id, method.standard) for method in listed] == [(second.id, True), (first.id, False)]
    do(lambda work: payments.remove_method(work, second.id))
    assert [method.id for method in do(lambda work: payments.methods(work, account.id))] == [first.id]


def test_the_same_token_is_not_added_twice(do: Do) -> None:
    account = do(world.account)
    do(lambda work: world.card(work, account.id))
    with pytest.raises(Conflict, match="already"):
        do(lambda work: world.card(work, account.id))
