"""YAML files as data that remembers its lines, so that every error names file, line and place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kernel.errors import Invalid

SIZE_LIMIT = 4_000_000
"""Characters of one file at most: a stock of 100,000 SIMs fits."""
_ERRORS_SHOWN = 10
"""Errors told at once: more would not be read."""

T = TypeVar("T", bound=BaseModel)
Place = tuple[str | int, ...]
"""The way to a part of a document: keys and positions."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content and the line of each of its parts."""

    name: str
    content: Any
    lines: dict[Place, int] = field(repr=False)

    def where(self, place: Place) -> str:
        """`file:line place` of a part, or of the nearest part around it that the file has."""
        near = place
        while near not in self.lines and near:
            near = near[:-1]
        return f"{self.name}:{self.lines.get(near, 1)} {'.'.join(str(part) for part in place)}".rstrip()

    def wrong(self, place: Place, message: str, *, fix: str | None = None) -> Invalid:
        """The error of one part."""
        return Invalid(message, field=self.where(place), fix=fix)


def read(path_or_text: Path | str, *, name: str = "text") -> Document:
    """Read YAML from a Path, or from text called `name` in errors. Raises Invalid with file and line."""
    if isinstance(path_or_text, Path):
        name, text = _shown(path_or_text), _file(path_or_text)
    else:
        text = path_or_text
    if len(text) > SIZE_LIMIT:
        raise Invalid(f"longer than {SIZE_LIMIT} characters", field=name, fix="split it")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        content = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise Invalid(str(error.problem or error.context), field=f"{name}:{line}", fix="mend the YAML") from error
    except yaml.YAMLError as error:
        raise Invalid(str(error), field=name, fix="mend the YAML") from error
    lines: dict[Place, int] = {}
    if node is not None:
        _note(node, (), lines)
    return Document(name, content, lines)


def checked(model: type[T], document: Document) -> T:
    """The document as a model. Raises Invalid with file, line and place of the first errors."""
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        found = _innermost(error.errors(include_url=False, include_context=False))
        told = [f"{document.where(each['loc'])}: {_said(each['msg'])}" for each in found[1:_ERRORS_SHOWN]]
        message = "; ".join([_said(found[0]["msg"]), *told])
        raise document.wrong(found[0]["loc"], message, fix="correct it there") from error


def _innermost(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """The errors without those of a whole that is wrong only because a part of it is."""
    places = [each["loc"] for each in errors]
    return [
        each
        for each in errors
        if not any(place != each["loc"] and place[: len(each["loc"])] == each["loc"] for place in places)
    ]


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


def _shown(path: Path) -> str:
    return path.as_posix() if not path.is_absolute() else "/".join(path.parts[-3:])


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot be read: {error}", field=_shown(path), fix="give a readable UTF-8 file") from error


def _note(node: yaml.Node, place: Place, lines: dict[Place, int]) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*place, str(key.value))] = key.start_mark.line + 1
            _note(value, (*place, str(key.value)), lines)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            _note(value, (*place, position), lines)


class _Loader(yaml.SafeLoader):
    """YAML whose only booleans are true and false (a port may be called `on`), without aliases and doubled keys."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (PyYAML reads this very attribute)
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp", ":int"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias: a few of them make a small file huge."""
        if self.check_event(yaml.AliasEvent):
            mark: yaml.Mark = self.get_mark()
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice: the last would win in silence."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                message = f"the key {key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^(?:0|-?[1-9][0-9]*)$"), list("-0123456789"))
