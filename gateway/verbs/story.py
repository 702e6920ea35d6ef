"""The story of a line, and why it is cut off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bss.subscriptions import service as subscriptions
from bss.subscriptions.model import SubscriptionId
from gateway import timeline as stories
from gateway import why as reasons
from gateway.verbs.core import Asks, Gives, Page, reading
from kernel.work import Work


class LineNamed(Asks):
    """One subscription."""

    subscription_id: SubscriptionId


class LineMomentGiven(Gives):
    """One entry of a line's story: a fact, an act of a person, what was said with an element, or a deed of dunning."""

    at: datetime
    kind: str
    about: str
    what: str
    detail: dict[str, Any]
    actor: str


class WhyGiven(Gives):
    """Why a line is cut off, in one sentence."""

    subscription_id: SubscriptionId
    why: str


@reading("line.timeline", "/subscriptions/{subscription_id}/timeline")
def timeline(work: Work, asked: LineNamed) -> Page[LineMomentGiven]:
    """Everything that happened to a line: orders, words, people, bills, payments, dunning, as it happened."""
    line = subscriptions.get(work, asked.subscription_id)
    found = [LineMomentGiven.model_validate(moment) for moment in stories.of_line(work, line)]
    return Page(items=found, total=len(found))


@reading("line.why", "/subscriptions/{subscription_id}/why")
def why(work: Work, asked: LineNamed) -> WhyGiven:
    """Why a line is cut off: cause, invoice, rung, restriction, order and read-back in one sentence."""
    line = subscriptions.get(work, asked.subscription_id)
    return WhyGiven(subscription_id=line.id, why=reasons.sentence(work, line))
