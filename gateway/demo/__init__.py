"""`trunkline demo`: the main job from end to end, embedded: SQLite, simulators, one process, a virtual clock."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.demo.telling import Telling

NEXT = """
Next:  trunkline serve            the gateway with its HTTP API on this machine
       trunkline --help           every verb; each takes -o json
       docs/tutorial.md           the same story by hand, verb by verb
       trunkline demo --fault hlr:lie     see what happens when an element says yes and does nothing"""


def main(*, faults: Sequence[str] = (), seed: int | None = None) -> int:
    """Play the story in a folder of its own; 0 when everything was as told, 1 at the first surprise."""
    from gateway import logs
    from gateway.demo.telling import Telling
    from kernel.errors import TrunklineError

    logs.configure("error")
    options = [option for fault in faults for option in ("--fault", fault)]
    options += [] if seed is None else ["--seed", str(seed)]
    tell = Telling()
    try:
        with tempfile.TemporaryDirectory(prefix="trunkline-demo-") as folder:
            asyncio.run(_play(Path(folder), tell, options))
    except Exception as error:  # whatever it is, the story did not go as told
        told = error if isinstance(error, TrunklineError) else traceback.format_exc()
        print(f"\nSURPRISE in {tell.step_name}\n    {told}", file=sys.stderr)  # noqa: T201  (the demo's last word)
        return 1
    tell.say("")
    tell.say(f"{tell.expected} expectations held. What was billed is what was served.")
    print(NEXT)  # noqa: T201  (the demo's last word)
    return 0


async def _play(folder: Path, tell: Telling, options: Sequence[str]) -> None:
    from gateway.demo.story import Story
    from gateway.demo.town import town

    async with town(folder, options=options) as built:
        await Story(built, tell).play()
