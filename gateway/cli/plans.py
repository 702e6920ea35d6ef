"""Dry runs as people read them: commands, what is held, the first invoice, the undo."""

from __future__ import annotations

import sys
from typing import Any

from gateway.cli.output import Format, emit


def show(given: Any, output: Format) -> None:
    """Print a plan on stdout, section by section, or as JSON."""
    if output is not Format.TABLE:
        emit(given, output)
        return
    plan = given.model_dump(mode="json")
    lines = [*_commands("would be sent, in this order", plan["commands"]), *_waiting(plan["orders"])]
    if "held" in plan:
        lines += [*_held(plan), *_invoice(plan["invoice"])]
    lines += _commands("would take it back", plan["undo"])
    if "checksum" in plan:
        lines += [
            "",
            f"checksum: {plan['checksum']}",
            f"do it:    trunkline order submit ... --plan {plan['checksum']}",
        ]
    sys.stdout.write("\n".join(lines) + "\n")


def _commands(title: str, commands: list[dict[str, Any]]) -> list[str]:
    lines = [f"{title}:"] if commands else [f"{title}: nothing"]
    for each in commands:
        after = f", after {each['requires']}" if each["requires"] else ""
        where = f"{each['element']} ({each['protocol']})" if each["element"] else f"no element ({each['protocol']})"
        lines.append(f"  {where}: {each['name']} {each['key']}{after}")
        lines += [f"    {words}" for words in each["words"]]
    return lines


def _waiting(orders: list[dict[str, Any]]) -> list[str]:
    return [
        f"  {each['verb']} of {each['service_id']} waits behind an open order, and is composed when it starts"
        for each in orders
        if each["state"] == "pending"
    ]


def _held(plan: dict[str, Any]) -> list[str]:
    if not plan["held"]:
        return ["held: nothing"]
    pieces = [f"  {each['pool']} {each['value']}" + _on(each["element"]) for each in plan["held"]]
    return [f"held until {plan['until']}:", *pieces]


def _on(element: str | None) -> str:
    return "" if element is None else f" on {element}"


def _invoice(bill: dict[str, Any]) -> list[str]:
    if not bill["lines"]:
        return [f"invoice of {bill['on']}: nothing"]
    width = max(len(each["description"]) for each in bill["lines"])
    rows = [
        f"  {each['description']:{width}}  {each['from_date']} to {each['until_date']}  {each['net']:>10}"
        f"  tax {each['tax']:>8} ({each['tax_rate']} %{_because(each['tax_reason'])})"
        for each in bill["lines"]
    ]
    total = f"  net {bill['net']}, tax {bill['tax']}, total {bill['total']} {bill['currency']}"
    return [f"invoice of {bill['on']}:", *rows, total]


def _because(reason: str | None) -> str:
    return "" if reason is None else f": {reason}"
