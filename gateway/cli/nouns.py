"""What every noun's commands share."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

Offset = Annotated[int, typer.Option(min=0, help="rows to skip")]
Limit = Annotated[int, typer.Option(min=1, max=500, help="rows at most")]
Account = Annotated[str | None, typer.Option("--account", help="only of this billing account (acc_...)")]
STDIN = "-"


def noun(help: str) -> typer.Typer:  # noqa: A002  (Typer's own word)
    """An empty command group."""
    return typer.Typer(help=help, no_args_is_help=True)


def repeatable(key: str | None) -> str:
    """The key given, or a new one, which is told so that the very same request can be repeated."""
    if key is not None:
        return key
    from gateway.cli.output import say

    made = secrets.token_hex(16)
    say(f"key: {made} (give it with --key to repeat this very request)")
    return made


def text(path: str) -> tuple[str, str]:
    """A file's text (`-` is stdin) and what errors call it. Raises Invalid when it cannot be read."""
    import sys

    from kernel.errors import Invalid

    try:
        if path == STDIN:
            return sys.stdin.read(), "stdin"
        return Path(path).read_text(encoding="utf-8"), path
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise Invalid(f"cannot be read: {reason}", field=path, fix="give a readable file of UTF-8 text") from None


def data(path: str) -> dict[str, Any]:
    """A YAML or JSON file as one mapping. Raises Invalid with file and line."""
    from kernel.errors import Invalid
    from oss.specs import source

    content, name = text(path)
    found = source.read(content, name=name).content
    if not isinstance(found, dict):
        raise Invalid("not a mapping", field=f"{name}:1", fix="write it as `field: value`")
    return found


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """What was given as NAME=VALUE, again and again. Raises BadParameter."""
    found = [text.partition("=") for text in given or []]
    if any(not name or not mark for name, mark, _ in found):
        raise typer.BadParameter("write it as NAME=VALUE", param_hint=option)
    return {name: value for name, _, value in found}
