"""The chart of accounts and the posting rules, read from data: a fact's named amounts become a balanced journal."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import yaml

from kernel.errors import Invalid
from kernel.money import Money

_ANY = ":*"


class Kind(StrEnum):
    """What sort of account it is; assets and expenses stand on the debit side."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"
    EQUITY = "equity"


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the chart, or one per detail when its name ends in `:*`."""

    name: str
    kind: Kind
    title: str
    control: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a rule: which side, which account, which amount."""

    sign: int
    account: str
    amount: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of fact is booked."""

    name: str
    meaning: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """The chart and every rule, with the hash of the data they were read from."""

    accounts: Mapping[str, Account]
    rules: Mapping[str, Rule]
    hash: str

    def account(self, name: str) -> Account:
        """The account of the chart that a booked name belongs to; Invalid when there is none."""
        found = self.accounts.get(name) or self.accounts.get(name.partition(":")[0] + _ANY)
        if found is None:
            raise Invalid(
                f"no account {name!r} in the chart", field="account", fix="add it to config/ledger/chart.yaml"
            )
        return found

    def journal(self, rule: str, amounts: Mapping[str, Money]) -> list[tuple[str, Money]]:
        """The signed postings of a fact (debit above zero), zero ones left out; Invalid unless it balances."""
        known = self.rules.get(rule)
        if known is None:
            raise Invalid(f"no posting rule {rule!r}", field="rule", fix=f"one of {', '.join(sorted(self.rules))}")
        unused = set(amounts)
        postings: list[tuple[str, Money]] = []
        for entry in known.entries:
            for key, detail in _keys(entry.amount, amounts):
                unused.discard(key)
                account = entry.account.replace("{detail}", detail)
                self.account(account)
                if amounts[key]:
                    postings.append((account, amounts[key] if entry.sign > 0 else -amounts[key]))
        if unused:
            raise Invalid(f"rule {rule} takes no amount called {', '.join(sorted(unused))}", field="amounts")
        _balanced(rule, postings)
        return postings


def _keys(pattern: str, amounts: Mapping[str, Money]) -> Iterator[tuple[str, str]]:
    if not pattern.endswith(_ANY):
        if pattern in amounts:
            yield pattern, ""
        return
    stem = pattern[:-1]
    yield from ((key, key.removeprefix(stem)) for key in sorted(amounts) if key.startswith(stem))


def _balanced(rule: str, postings: list[tuple[str, Money]]) -> None:
    sums: dict[str, int] = defaultdict(int)
    for _, amount in postings:
        sums[amount.currency] += amount.minor
    if uneven := {currency: minor for currency, minor in sums.items() if minor}:
        raise Invalid(f"the amounts of {rule} do not balance: {uneven}", field="amounts", fix="debits equal credits")


def parse(chart: dict[str, Any], postings: dict[str, Any]) -> Rules:
    """Chart and rules from their documents; Invalid names the rule that uses an account outside the chart."""
    accounts = {
        row["name"]: Account(row["name"], Kind(row["kind"]), row["title"], row.get("control"))
        for row in chart["accounts"]
    }
    rules = {name: _rule(name, body) for name, body in postings["rules"].items()}
    for rule in rules.values():
        for entry in rule.entries:
            if entry.account.replace("{detail}", "*") not in accounts:
                raise Invalid(f"rule {rule.name} books {entry.account!r}, which the chart does not have", field="rules")
    sum_ = hashlib.sha256(yaml.safe_dump([chart, postings], sort_keys=True).encode()).hexdigest()
    return Rules(accounts, rules, sum_)


def _rule(name: str, body: dict[str, Any]) -> Rule:
    entries = tuple(
        Entry(1 if "debit" in line else -1, line["debit" if "debit" in line else "credit"], line["amount"])
        for line in body["lines"]
    )
    return Rule(name, body["meaning"], entries)


@cache
def installed() -> Rules:
    """The chart and rules that came with the product (config/ledger)."""
    folder = resources.files("config") / "ledger"
    chart, postings = ((folder / name).read_text(encoding="utf-8") for name in ("chart.yaml", "postings.yaml"))
    return parse(yaml.safe_load(chart), yaml.safe_load(postings))


def postings_markdown() -> str:
    """The reference page of the books (docs/reference/postings.md), drawn from the data."""
    rules = installed()
    lines = ["# Accounts and posting rules", "", "Drawn from `config/ledger`. Every journal balances per currency.", ""]
    lines += ["## Accounts", "", "| account | kind | what stands there | equals |", "|---|---|---|---|"]
    lines += [f"| {a.name} | {a.kind} | {a.title} | {a.control or ''} |" for a in rules.accounts.values()]
    lines += ["", "## Rules", ""]
    for rule in rules.rules.values():
        lines += [f"### {rule.name}", "", rule.meaning, "", "| debit | credit | amount |", "|---|---|---|"]
        lines += [
            f"| {e.account} | | {e.amount} |" if e.sign > 0 else f"| | {e.account} | {e.amount} |" for e in rule.entries
        ]
        lines.append("")
    return "\n".join(lines)
