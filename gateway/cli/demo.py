"""`trunkline demo`."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    fault: Annotated[list[str] | None, typer.Option(help="ELEMENT:KIND[:MATCH[:COUNT]]; may be repeated")] = None,
    seed: Annotated[int | None, typer.Option(help="repeat the simulators' passwords, keys and chances")] = None,
) -> None:
    """Play a customer's months over real protocols on a virtual clock; 1 on any surprise."""
    from gateway.demo import main

    raise typer.Exit(main(faults=fault or [], seed=seed))
