"""`trunkline secret`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from gateway.cli.nouns import STDIN, noun, text
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("The secret store: values go in and never come out.")


@app.command("put")
def put(
    name: Annotated[str, typer.Argument(help="as an element's credentials name it, such as hlr-1/password")],
    from_file: Annotated[str | None, typer.Option(help="read the value from a file (- is stdin)")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Seal a value under a name; a terminal is asked for it without showing it, a pipe is read."""

    def document() -> dict[str, Any]:
        if from_file is None and sys.stdin.isatty():
            return {"name": name, "value": typer.prompt("value", hide_input=True, err=True)}
        return {"name": name, "value": text(from_file or STDIN)[0].rstrip("\r\n")}

    ask("secret.put", document, output=output)
