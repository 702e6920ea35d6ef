"""Dialects: a vendor's words as a YAML file, checked to the last word and named by file and line when wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from adapters.elements.memory import MemoryDialect
from adapters.elements.mqtt.dialect import MqttDialect
from adapters.elements.snmp.dialect import SnmpDialect
from adapters.elements.ssh.dialect import SshDialect
from kernel.errors import Invalid

FILE_LIMIT = 256 * 1024
"""Characters of one dialect file; the largest vendor grammar we know needs a tenth."""

ERRORS_SHOWN = 10
"""Errors named at once: enough to mend a file, few enough to read."""

Dialect = SshDialect | SnmpDialect | MqttDialect | MemoryDialect

MODELS: Mapping[str, type[SshDialect | SnmpDialect | MqttDialect | MemoryDialect]] = {
    "ssh": SshDialect,
    "snmp": SnmpDialect,
    "mqtt": MqttDialect,
    "memory": MemoryDialect,
}


@dataclass(frozen=True, slots=True)
class Source:
    """A dialect as it stands in its file: the document for the database, its hash, and the checked words."""

    document: Mapping[str, object]
    hash: str
    dialect: Dialect


def load(path: Path) -> Source:
    """Read and check a dialect file. Raises Invalid with file and line of every error."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}", field="dialect") from error
    return parse(text, name=str(path))


def parse(text: str, *, name: str) -> Source:
    """Check the text of a dialect file that is called `name` in errors."""
    if len(text) > FILE_LIMIT:
        raise Invalid(f"{name}: longer than {FILE_LIMIT} characters", field="dialect")
    try:
        node = yaml.compose(text, Loader=_Loader)
        document = _Loader(text).construct(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise Invalid(f"{name}:{line}: {error.problem or error.context}", field="dialect") from error
    except yaml.YAMLError as error:
        raise Invalid(f"{name}: {error}", field="dialect") from error
    if node is None or not isinstance(document, dict):
        raise Invalid(f"{name}:1: a dialect is a mapping", field="dialect")
    return Source(document, digest(document), _checked(document, name=name, node=node))


def checked(document: Mapping[str, object], *, name: str) -> Dialect:
    """Check a dialect that came from the database. Raises Invalid."""
    return _checked(document, name=name, node=None)


def digest(document: Mapping[str, object]) -> str:
    """The dialect's name for ever: SHA-256 of its canonical JSON, so that comments and key order do not count."""
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _checked(document: Mapping[str, object], *, name: str, node: yaml.Node | None) -> Dialect:
    protocol = document.get("protocol")
    model = MODELS.get(protocol) if isinstance(protocol, str) else None
    if model is None:
        line = _line(node, ("protocol",))
        fix = f"give one of {', '.join(MODELS)}"
        raise Invalid(f"{name}{line}: protocol {protocol!r} is not known", field="protocol", fix=fix)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _invalid(error, name=name, node=node) from error


def _invalid(error: ValidationError, *, name: str, node: yaml.Node | None) -> Invalid:
    found = error.errors(include_url=False, include_context=False)
    told = []
    for each in found[:ERRORS_SHOWN]:
        where = ".".join(str(part) for part in each["loc"])
        message = each["msg"].removeprefix("Value error, ")
        within = message.split(": ")[:-1]  # what a validator of several fields found begins with their names
        told.append(f"{name}{_line(node, (*each['loc'], *within))}: {where}: {message}")
    if len(found) > ERRORS_SHOWN:
        told.append(f"and {len(found) - ERRORS_SHOWN} more")
    return Invalid("\n".join(told), field="dialect")


def _line(node: yaml.Node | None, path: Sequence[int | str]) -> str:
    """`:line` of the deepest part of a path that the file has; a union's tag stands in no file and is skipped."""
    if node is None:
        return ""
    line = node.start_mark.line
    for part in path:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, node = key.start_mark.line, value
                    break
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
    return f":{line + 1}"


class _Loader(yaml.SafeLoader):
    """Plain YAML without aliases (which can make a small file huge) and without doubled keys (the last would win)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias where it stands."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", self._mark())
        return super().compose_node(parent, index)

    def _mark(self) -> yaml.Mark:
        mark: yaml.Mark = self.get_mark()
        return mark

    def construct(self, node: yaml.Node) -> object:
        """The node as plain data."""
        return self.construct_document(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        """Refuse a key that stands twice."""
        seen: set[object] = set()
        for key, _ in node.value:
            if key.value in seen:
                message = f"the key {key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)
