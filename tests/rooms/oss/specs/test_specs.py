"""Specifications: every fault is named with file, line and place; what is stored is what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kernel import versions
from kernel.errors import Invalid, NotFound
from kernel.work import Work
from oss.specs import service as specs
from oss.specs import source

CONFIG = Path(__file__).parents[4] / "config/specs"
FILES = sorted(CONFIG.glob("*.yaml"))
GOOD = """\
name: access
characteristics:
  profile: '^[A-Z]+$'
resources:
  - {pool: port, as: port}
components:
  - name: a
    on: port
    intent: port
    key: '{port}'
    requires: [b]
    state: {admin: up}
  - name: b
    on: port
    intent: port
    key: '{port}-b'
    state: {profile: '{profile}'}
    hard: {profile: none}
"""


def test_the_files_of_the_house_are_sound() -> None:
    assert [specs.load(path).name for path in FILES] == ["fibre-access", "fixed-access", "meter", "mobile-line"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("requires: [b]", "requires: [c]", "spec.yaml:11 components.0.requires.0: no component is called 'c'"),
        ("requires: [b]", "requires: [a]", "spec.yaml:11 components.0.requires: a circle: a > a"),
        ("    state: {profile:", "    requires: [a]\n    state: {profile:", "circle: a > b > a"),
        ("pool: port", "pool: ports", "spec.yaml:5 resources.0.pool: there is no pool 'ports'"),
        (
            "on: port\n    intent: port\n    key: '{port}'\n",
            "on: x\n    intent: port\n    key: '{port}'\n",
            "spec.yaml:8 components.0.on",
        ),
        ("'{port}-b'", "'{imsi}'", "spec.yaml:16 components.1.key: nobody gives {imsi}"),
        ("'{profile}'", "'{speed}'", "spec.yaml:17 components.1.state.profile: nobody gives {speed}"),
        ("'{profile}'", "'{profile'", "a brace that names nothing"),
        ("hard: {profile: none}", "hard: {admin: down}", "spec.yaml:18 components.1.hard.admin"),
        ("hard: {profile: none}", "throttled: {profile: SLOW}", "no throttle is declared"),
        ("hard: {profile: none}", "hard: {profile: '{throttle}'}", "nobody gives {throttle}"),
        ("{admin: up}", "{present: false, admin: up}", "spec.yaml:12 components.0.state.present"),
        ("name: b", "name: a", "spec.yaml:13 components.1.name: 'a' stands twice"),
        ("'^[A-Z]+$'", "'['", "spec.yaml:3 characteristics.profile: '[' is no regular expression"),
        ("profile: '^[A-Z]+$'", "alias: x", "the house's own"),
        (
            "  - {pool: port, as: port}",
            "  - {pool: port, as: p}\n  - {pool: port, as: p}",
            "spec.yaml:6 resources.1.as",
        ),
        ("intent: port\n    key: '{port}'\n", "key: '{port}'\n", "spec.yaml:7 components.0.intent: Field required"),
        ("name: access", "name: access\ncolour: red", "spec.yaml:2 colour"),
        ("name: access", "name: access\nname: other", "spec.yaml:2: the key 'name' stands twice"),
        ("name: access", "name: &n access\nresources: *n", "aliases are not allowed"),
        ("{admin: up}", "{admin: up", "spec.yaml:13"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    (tmp_path / "spec.yaml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Invalid) as refused:
        specs.load(tmp_path / "spec.yaml")
    assert said in str(refused.value)


def test_the_good_one_is_good() -> None:
    assert [component.name for component in specs.load(GOOD).ordered] == ["b", "a"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")
    for name in ("bad.yaml", "none.yaml"):
        with pytest.raises(Invalid, match=name):
            specs.load(tmp_path / name)


def test_only_true_and_false_are_booleans() -> None:
    document = source.read("{on: yes, off: no, a: true, b: false, c: 1, d: '1', e: 012, f: 2026-06-01, g: null}")
    assert [document.content[name] for name in ("on", "off", "e", "f")] == ["yes", "no", "012", "2026-06-01"]
    assert [document.content[name] for name in ("a", "b", "c", "d", "g")] == [True, False, 1, "1", None]


def test_the_same_content_is_the_same_version(do: Callable[..., object]) -> None:
    def twice(work: Work) -> None:
        specs.apply(work, GOOD)
        specs.apply(work, "# a comment\n" + GOOD)
        first = specs.pinned(work, "access")[1]
        specs.apply(work, GOOD.replace("admin: up", "admin: down"))
        second = specs.pinned(work, "access")[1]
        old, new = specs.get(work, "access", first), specs.get(work, "access", hash=second)
        assert [old.components[0].state, new.components[0].state] == [{"admin": "up"}, {"admin": "down"}]
        last = versions.latest(work, "spec", "access", tenant=versions.PLATFORM_TENANT)
        assert last is not None
        assert (last.number, last.hash) == (2, second)

    do(twice)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_shown_can_be_applied_again(path: Path, do: Callable[..., object]) -> None:
    def around(work: Work) -> None:
        spec = specs.apply(work, path)
        before = specs.pinned(work, spec.name)[1]
        assert specs.apply(work, specs.show(work, spec.name)) == spec
        assert specs.pinned(work, spec.name)[1] == before

    do(around)


def test_one_parse_serves_a_process(do: Callable[..., object]) -> None:
    def same(work: Work) -> bool:
        specs.apply(work, GOOD)
        spec, pin = specs.pinned(work, "access")
        return specs.get(work, "access", pin) is spec

    assert do(same)


def test_an_unknown_one_is_named(do: Callable[..., object]) -> None:
    with pytest.raises(NotFound, match="no specification 'ghost'"):
        do(lambda work: specs.get(work, "ghost"))


def test_wanted_values_keep_their_grammar() -> None:
    mobile = specs.load(CONFIG / "mobile-line.yaml")
    assert mobile.check_profile({"profile": "GOLD"}) == {"profile": "GOLD"}
    for profile in ({}, {"profile": "gold"}, {"profile": "GOLD\n"}, {"profile": "A b"}, {"profile": "X", "size": "1"}):
        with pytest.raises(Invalid):
            mobile.check_profile(profile)
    assert mobile.check_throttle("64") == "64"
    assert mobile.check_throttle(None) is None
    with pytest.raises(Invalid, match="throttle"):
        mobile.check_throttle("slow")
    with pytest.raises(Invalid, match="cannot be throttled"):
        specs.load(GOOD).check_throttle("64")
