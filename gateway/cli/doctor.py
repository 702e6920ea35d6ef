"""`trunkline doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli import office
from gateway.cli.output import Format, Output, say


def doctor(
    require: Annotated[
        list[str] | None, typer.Option(help="invariants that must be proved, not only unbroken, as in I2,I6")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Check every invariant: ok, unproven (nothing to look at) or violated; 1 when the house is not clean."""
    wanted = [name.strip() for each in require or [] for name in each.split(",") if name.strip()]
    columns = ("name", "finding", "examined", "title", "violations")
    given = office.ask("doctor.run", {"require": wanted}, output=output, columns=columns)
    if not given.clean:
        say("not clean")
        raise typer.Exit(1)
