"""The quality cards of dialects as a page: what an operator may count on, read from the dialects themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from adapters.elements import dialects
from adapters.elements.intents import Intent, Quality
from adapters.elements.mqtt.dialect import MqttIntent
from adapters.elements.snmp.dialect import SnmpIntent
from adapters.elements.ssh.dialect import SshIntent
from kernel.errors import Invalid

INTRODUCTION = """# Dialects

What each dialect in `config/dialects/` does and how far it is proved. *Implicit reads* are the questions that come with
a change, *undo* is what happens when a change is refused half-way, *audit* is how all keys are read at once, and *real
element* is the test that meets the equipment itself. [Teach it your box](../how-to/teach-it-your-box.md) says how a new
one is written."""


def markdown(folder: Path) -> str:
    """The cards of all dialects of a folder, by name. Raises Invalid for one without a card."""
    sources = [dialects.load(path) for path in sorted(folder.glob("*.yaml"))]
    return "\n\n".join([INTRODUCTION, *(_card(source.dialect) for source in sources)]) + "\n"


def _card(dialect: dialects.Dialect) -> str:
    quality = dialect.quality
    if quality is None:
        raise Invalid("has no quality card", field=f"dialect {dialect.dialect}", fix="write quality: in its file")
    proof = quality.real_element if quality.real_element.startswith("none") else f"`{quality.real_element}`"
    rows = [
        ("vendor", dialect.vendor),
        ("protocol", dialect.protocol),
        ("implicit reads", quality.implicit_reads),
        ("undo", quality.undo),
        ("audit", quality.audit),
        ("real element", proof),
    ]
    head = [f"## {dialect.dialect}", "", "| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows), ""]
    fields = ["| intent | key | fields | cut by | repeated |", "|---|---|---|---|---|"]
    return "\n".join([*head, *fields, *(_intent_row(name, intent) for name, intent in dialect.intents.items())])


def _intent_row(name: str, intent: Intent) -> str:
    cuts = ", ".join(f"{field} = {str(value).lower()}" for field, values in intent.cuts.items() for value in values)
    key = intent.key.pattern.replace("|", "\\|")
    repeats = "freely" if intent.repeats == "repeatable" else "never"
    return f"| {name} | `{key}` | {', '.join(intent.fields)} | {cuts or 'nothing'} | {repeats} |"


def contradictions(dialect: dialects.Dialect, root: Path) -> Iterable[str]:
    """Where a card promises what the dialect or the tests below `root` do not hold."""
    quality = dialect.quality or Quality(implicit_reads="none", undo="none", audit="none", real_element="none")
    for name, intent in dialect.intents.items():
        if quality.implicit_reads.startswith("none") is intent.read_first:
            yield f"{name}: read_first is {intent.read_first}, the card says {quality.implicit_reads!r}"
        if quality.audit.startswith("none") is _listed(intent):
            yield f"{name}: the card says {quality.audit!r} of its audit"
        if isinstance(intent, SshIntent) and intent.frame.rollback and "rollback" not in quality.undo:
            yield f"{name}: it has a rollback that the card does not name"
    if not quality.real_element.startswith("none: ") and not (root / quality.real_element).is_file():
        yield f"there is no {quality.real_element}"


def _listed(intent: Intent) -> bool:
    return isinstance(intent, SnmpIntent | MqttIntent) or (isinstance(intent, SshIntent) and intent.audit is not None)
