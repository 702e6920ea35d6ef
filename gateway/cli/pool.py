"""`trunkline pool`."""

from __future__ import annotations

from gateway.cli.nouns import noun, text
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("Numbers, SIMs, ports and meters in stock.")


@app.command("stock")
def stock(file: str, output: Output = Format.TABLE) -> None:
    """Take what a file lists into stock (`-` reads stdin)."""
    ask("pool.stock", lambda: {"text": text(file)[0]}, output=output)


@app.command("list")
def listed(output: Output = Format.TABLE) -> None:
    """How many pieces of each pool are free, reserved, assigned and resting."""
    ask("pool.list", {}, output=output)
