"""No file names a package registry or a place on somebody's machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, relative, tracked_files

# Each host is written in two pieces, so that this file does not contain it.
_HOSTS = (
    *(("pypi.", "org"), ("pypi.", "python.org"), ("python", "hosted.org"), ("npmjs.", "org"), ("npmjs.", "com")),
    *(("yarn", "pkg.com"), ("unpkg.", "com"), ("js", "delivr.net"), ("cdn", "js.cloudflare.com"), ("crates.", "io")),
    *(("proxy.golang.", "org"), ("ruby", "gems.org"), ("repo1.maven.", "org"), ("conda.", "anaconda.org")),
    *(("docker.", "io"), ("hub.docker.", "com"), ("ghcr.", "io"), ("quay.", "io"), ("gcr.", "io"), ("pkg.", "dev")),
    *(("public.ecr.", "aws"), ("azurecr.", "io"), ("jfrog.", "io"), ("deb.debian.", "org"), ("archive.ubuntu.", "com")),
)
_PLACES = (
    *(r"/home/(?!trunkline\b)[a-z]", r"/Users/[A-Za-z]", r"[A-Z]:\\{1,2}Users", r"/root/[a-z.]"),
    *(r"/work(?:spaces?)?/[a-z]", r"/(?:builds?|tmp)/[a-z]", r"file:///(?!\{)", re.escape(f"{ROOT}/")),
)
REGISTRY = re.compile("|".join(rf"(?<![\w-]){re.escape(a + b)}(?![\w-])" for a, b in _HOSTS), re.IGNORECASE)
PLACE = re.compile("|".join(rf"(?<![\w./-])(?:{place})" for place in _PLACES))
HERE = relative(Path(__file__))


def hits(pattern: re.Pattern[str]) -> list[str]:
    """Where a pattern stands in the project's text files, this one apart."""
    found = []
    for path in tracked_files():
        if relative(path) == HERE or b"\0" in (content := path.read_bytes())[:4096]:
            continue
        text = content.decode("utf-8", errors="replace")
        found += [f"{relative(path)}:{text.count(chr(10), 0, m.start()) + 1} {m[0]}" for m in pattern.finditer(text)]
    return found


def test_no_file_names_a_registry() -> None:
    assert hits(REGISTRY) == []


def test_no_file_names_a_place_on_a_machine() -> None:
    assert hits(PLACE) == []


def test_this_file_names_no_registry_either() -> None:
    assert REGISTRY.search(Path(__file__).read_text(encoding="utf-8")) is None


def test_the_lock_file_has_hashes_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "://" in line or line.startswith("--")] == []
    assert sum("--hash=sha256:" in line for line in lines) > sum("==" in line for line in lines) > 40


@pytest.mark.parametrize("text", ["https://files.python" + "hosted.org/x", "image: ghcr." + "io/a/b"])
def test_a_registry_is_found(text: str) -> None:
    assert REGISTRY.search(text)


@pytest.mark.parametrize("text", ["/home/" + "anna/src", "'/work/" + "main'", "/Users/" + "Anna", "(/root/" + ".ssh)"])
def test_a_place_is_found(text: str) -> None:
    assert PLACE.search(text)


@pytest.mark.parametrize("text", ["tests/work/x", "a/home/page", "https://example.org/work/1", "/var/lib/trunkline"])
def test_an_ordinary_path_is_left_alone(text: str) -> None:
    assert PLACE.search(text) is None
