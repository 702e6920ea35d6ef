"""Bulk jobs at the command line: the dry run names every row, a bad file sends nothing, rejects come out again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rooms.gateway.conftest import Furnished, Said

Trunkline = Callable[..., Said]
NOBODY = "sub_0000000000001"


def wish(folder: Path, text: str, name: str = "wish.csv") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_dry_run_names_every_bad_row(trunkline: Trunkline, folder: Path) -> None:
    file = wish(folder, f"subscription_id\n{NOBODY}\nx\n{NOBODY}\n")
    said = trunkline("bulk", "plan", file, "--verb", "terminate")
    assert (said.code, said.err.splitlines()) == (
        1,
        [
            f"{file}:2: subscription_id: no subscription {NOBODY}",
            f"{file}:3: subscription_id: 'x' is not a sub id",
            f"{file}:4: subscription_id: the same line as row 2",
        ],
    )
    told = json.loads(trunkline("bulk", "plan", file, "--verb", "terminate", "-o", "json").out)
    assert (told["rows"], told["good"], told["left"], len(told["errors"])) == (3, 0, 50, 3)


def test_a_bad_file_is_refused_whole_and_makes_no_job(trunkline: Trunkline, folder: Path) -> None:
    file = wish(folder, f"subscription_id\n{NOBODY}\n")
    said = trunkline("bulk", "submit", file, "--verb", "lift", "-o", "json")
    assert (said.code, said.out) == (1, "")
    error = json.loads(said.err)
    assert (error["field"], error["fix"]) == (
        f"{file}:2",
        "mend them, or do the others with --skip-bad; nothing was sent",
    )
    assert json.loads(trunkline("bulk", "list", "-o", "json").out) == []


def test_a_huge_file_is_refused_by_its_size(trunkline: Trunkline, folder: Path) -> None:
    path = folder / "huge.csv"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 1 << 30)
    said = trunkline("bulk", "plan", str(path), "--verb", "lift")
    assert (said.code, said.err.splitlines()[0]) == (5, f"error: {path}: has more than 67108864 bytes (FILE_BYTES)")


@pytest.mark.slow
def test_an_activation_is_rejected_by_the_stock_and_comes_out_again(
    trunkline: Trunkline, folder: Path, furnished: Furnished
) -> None:
    file = wish(folder, f"account_id,offering,resource.meter\n{furnished.account},meter,meter-0001\n")
    said = trunkline("bulk", "submit", file, "--verb", "activate", "-o", "json")
    assert said.code == 0
    job = json.loads(said.out)["id"]
    assert trunkline("bulk", "abort", job, "--reason", "not today").code == 0
    said = trunkline("bulk", "rejects", job)
    assert said.out == (
        f"account_id,offering,resource.meter,error\n{furnished.account},meter,meter-0001,aborted: not today\n"
    )
    again = wish(folder, said.out, "again.csv")
    assert trunkline("bulk", "plan", again, "--verb", "activate").code == 0
    said = trunkline("bulk", "watch", job, "-o", "json")
    assert (said.code, json.loads(said.out)["state"]) == (1, "cancelled")
    assert trunkline("bulk", "plan", file, "--verb", "explode").code == 1
