"""The drawings in docs/machines are what the tables say."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from gateway import reference
from kernel.machine import Machine
from tests.house.tree import ROOT


class Door(StrEnum):
    """Where the door of this example is."""

    SHUT = "shut"
    OPEN = "open"
    GONE = "gone"


class Push(StrEnum):
    """What moves it."""

    PULL = "pull"
    BURN = "burn"


DOOR = Machine(
    "DoorOfTheHouse",
    initial=Door.SHUT,
    table={(Door.SHUT, Push.PULL): Door.OPEN, (Door.OPEN, Push.BURN): Door.GONE},
    meanings={Door.SHUT: "Nobody comes in.", Door.OPEN: "Everybody may.", Door.GONE: "There is no door."},
)
DRAWN = """# DoorOfTheHouse

The table stands in `somewhere.machine`.

```mermaid
stateDiagram-v2
    [*] --> shut
    shut --> open: pull
    open --> gone: burn
    gone --> [*]
```

| state | meaning |
|---|---|
| shut | Nobody comes in. |
| open | Everybody may. |
| gone | There is no door. |
"""


def test_a_machine_is_drawn_from_its_table() -> None:
    assert reference.machine_markdown(DOOR, module="somewhere.machine").partition("\n")[2] == DRAWN


def test_every_machine_file_is_drawn() -> None:
    files = [path for room in ("oss", "bss") for path in (ROOT / room).rglob("machine.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    assert {module for module, _ in reference.machines()} == modules


def test_no_two_machines_share_a_name() -> None:
    names = [machine.name for _, machine in reference.machines()]
    assert len(names) == len(set(names))


def test_the_pages_are_fresh() -> None:
    stale = {name for name, text in reference.pages().items() if text != text_of(ROOT / "docs" / name)}
    assert stale == set(), "run `make docs`"


def test_no_page_draws_a_machine_that_is_gone() -> None:
    standing = {path.name for path in (ROOT / "docs/machines").glob("*.md")}
    assert standing == set(reference.machines_markdown())


def test_writing_mends_a_stale_page_and_removes_a_dead_one(tmp_path: Path) -> None:
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines/index.md").write_text("old")
    (tmp_path / "machines/dead.md").write_text("gone")
    changed = reference.write(tmp_path)
    assert {tmp_path / "machines/index.md", tmp_path / "machines/dead.md"} <= set(changed)
    assert not (tmp_path / "machines/dead.md").exists()
    assert reference.write(tmp_path) == []


def text_of(path: Path) -> str:
    """A page as it stands, or nothing."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""
