"""What is submitted: checked values, before anything is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bss.customers.model import AccountId
from bss.ordering.model import JOINED, Action
from bss.subscriptions.model import SubscriptionId
from kernel import versions
from kernel.errors import Invalid
from oss.orders.model import OnError

ITEMS = 64
"""Items of one order at most: they complete together, so they are few."""
QUANTITY_LIMIT = 10_000
"""Units of one item at most; more lines are more items or a bulk job."""
TEXT_LENGTH = 200
"""Longer values name nothing that a network knows."""
CHECKSUM_LENGTH = 16
"""Hexadecimal digits of a plan's checksum: 64 bits, short enough to be typed."""
KEY_LENGTH = 128
"""A key is a short name of one submission."""

Text = Annotated[str, Field(min_length=1, max_length=TEXT_LENGTH)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemRequest(_Part):
    """One line's part: a new one (add), another offering for one (modify), the end of one (delete), or
    nothing (noChange: it is named for the whole's sake, and completes at once).

    `resources` names wanted pieces of the stock by alias (None lets one be chosen); `on_error` says what a failed step
    does: rollback takes the item back, hold waits for a person, partial goes on with what is on.
    """

    action: Action
    offering: Text | None = None
    subscription_id: SubscriptionId | None = None
    resources: Mapping[Text, Text | None] = Field(default_factory=dict, max_length=ITEMS)
    characteristics: Mapping[Text, Text] = Field(default_factory=dict, max_length=ITEMS)
    quantity: int = Field(default=1, ge=1, le=QUANTITY_LIMIT, strict=True)
    protected: bool = Field(default=False, strict=True)
    on_error: OnError = OnError.ROLLBACK

    @model_validator(mode="after")
    def _fits_action(self) -> Self:
        wants_offering, wants_subscription = self.action in JOINED, self.action is not Action.ADD
        if (self.offering is not None) != wants_offering:
            raise ValueError(f"{self.action} {'needs an' if wants_offering else 'takes no'} offering")
        if (self.subscription_id is not None) != wants_subscription:
            raise ValueError(f"{self.action} {'needs a' if wants_subscription else 'takes no'} subscription_id")
        if self.action is not Action.ADD and (self.resources or self.characteristics or self.quantity != 1):
            raise ValueError(f"{self.action} takes no resources, characteristics or quantity")
        if self.action not in JOINED and self.on_error is not OnError.ROLLBACK:
            why = "an end that fails waits for a person" if self.action is Action.DELETE else "nothing of it can fail"
            raise ValueError(f"{self.action} takes no on_error: {why}")
        return self


class SubmitRequest(_Part):
    """An order: what for whom, paid by which method (none: by invoice), under a key that makes it repeatable.

    It begins at `start_at`, at once unless told. `plan` is the checksum of the plan that it follows; without one it
    takes what it finds.
    """

    account_id: AccountId
    items: tuple[ItemRequest, ...] = Field(min_length=1, max_length=ITEMS)
    method_id: str | None = Field(default=None, pattern=r"^[a-z]{2,8}_[0-9A-Z]{13}$")
    key: str = Field(min_length=1, max_length=KEY_LENGTH, pattern=r"^[\x21-\x7e]+$")
    atomic: bool = Field(default=True, strict=True)
    start_at: datetime | None = None
    plan: str | None = Field(default=None, pattern=rf"^[0-9a-f]{{{CHECKSUM_LENGTH}}}$")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = [item.subscription_id for item in self.items if item.subscription_id is not None]
        if len(named) != len(set(named)):
            raise ValueError("two items are about the same subscription; order one after the other")
        joined = [item for item in self.items if item.action in JOINED]
        if self.atomic and len(joined) > 1 and any(item.on_error is OnError.PARTIAL for item in joined):
            raise ValueError("an atomic order is whole or nothing: set atomic to false to take a part of an item")
        return self

    def body_hash(self) -> str:
        """What is asked for, apart from the key and the plan."""
        return versions.digest(self.model_dump(mode="json", exclude={"key", "plan"}))


def read(document: object) -> SubmitRequest:
    """An order from data as it came in. Raises Invalid naming the field and what is wrong with it."""
    try:
        return SubmitRequest.model_validate(document)
    except ValidationError as error:
        _complain(error.errors(include_url=False, include_context=False)[0])


def _complain(first: Mapping[str, Any]) -> NoReturn:
    field = ".".join(str(part) for part in first["loc"]) or "order"
    raise Invalid(str(first["msg"]).removeprefix("Value error, "), field=field, fix="see the example of an order")
