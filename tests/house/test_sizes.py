"""Functions and files stay small; the numbers in sizes.json may only shrink."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOMS, ROOT, git, relative, sources

SIZES = "tests/house/sizes.json"
FUNCTION_LINES = 40
LIMITS = {"functions_over_40_percent": 2.0, "longest_function": 80, "longest_file": 400}
"""What DESIGN allows at most; sizes.json stands at or below it and only goes down."""
NEAREST = 8
"""How many of the largest a failure names: enough to start with."""


def functions(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The length in lines and the place of each function of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1, f"{path}:{node.lineno} {node.name}"


def measured(files: list[tuple[str, str]]) -> tuple[dict[str, float], list[tuple[int, str]]]:
    """The three sizes of some sources, and their largest functions and files by name."""
    lengths = [length for path, text in files for length in functions(path, ast.parse(text))]
    lines = [(len(text.splitlines()), path) for path, text in files]
    over = sum(length > FUNCTION_LINES for length, _ in lengths)
    found = {
        "functions_over_40_percent": round(100 * over / max(len(lengths), 1), 2),
        "longest_function": max((length for length, _ in lengths), default=0),
        "longest_file": max((length for length, _ in lines), default=0),
    }
    return found, sorted(lengths, reverse=True)[:NEAREST] + sorted(lines, reverse=True)[:NEAREST]


def excess(found: dict[str, float], allowed: dict[str, float]) -> dict[str, float]:
    """The sizes above their limit."""
    return {name: size for name, size in found.items() if size > allowed[name]}


def stored() -> dict[str, float]:
    """The ratchet as committed or about to be."""
    return dict(json.loads((ROOT / SIZES).read_text(encoding="utf-8")))


def test_functions_and_files_stay_within_the_ratchet() -> None:
    files = [(relative(path), path.read_text(encoding="utf-8")) for path in sources(*ROOMS, "benchmarks")]
    found, largest = measured(files)
    report = "\n".join(f"{size:5d}  {where}" for size, where in largest)
    assert excess(found, stored()) == {}, f"split these, one verb each:\n{report}"


def test_the_ratchet_stands_within_the_design() -> None:
    assert stored().keys() == LIMITS.keys()
    assert excess(stored(), LIMITS) == {}


def test_the_ratchet_never_rises() -> None:
    for commit in git("log", "--format=%H", "--", SIZES).split():
        earlier = json.loads(git("show", f"{commit}:{SIZES}") or "{}")
        assert excess(stored(), {**LIMITS, **earlier}) == {}, f"sizes.json was lower in {commit[:10]}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("def long():\n" + "    pass\n" * 80, "longest_function"),
        ("x = 1\n" * 401, "longest_file"),
        ("def a():\n" + "    pass\n" * 40, "functions_over_40_percent"),
    ],
)
def test_something_too_large_is_found(text: str, name: str) -> None:
    assert name in excess(measured([("planted.py", text)])[0], LIMITS)
