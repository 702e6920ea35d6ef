"""Where the house's sources stand, for the tests that read them as text."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("kernel", "oss", "bss", "adapters", "gateway", "simulators")


def sources(*folders: str) -> Iterator[Path]:
    """Every Python file under the folders (the rooms unless told)."""
    for folder in folders or ROOMS:
        yield from sorted((ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax tree, read once."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def relative(path: Path) -> str:
    """The path as people write it."""
    return path.relative_to(ROOT).as_posix()


def git(*arguments: str) -> str:
    """What git says about the project; nothing outside a repository or without git."""
    if (program := shutil.which("git")) is None:
        return ""
    answer = subprocess.run([program, "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return answer.stdout if answer.returncode == 0 else ""


def tracked_files() -> list[Path]:
    """The files git knows or would add; outside a repository, every file that is not hidden."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()] or _files_on_disk()


def _files_on_disk() -> list[Path]:
    files = [path for path in ROOT.rglob("*") if path.is_file()]
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]
