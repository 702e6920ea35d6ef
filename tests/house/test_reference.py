"""The generated pages say what the code says; that the files in docs are fresh is in test_machines.py."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway import doctor, outcomes, reference
from gateway.verbs import core, table
from kernel.doctor import Check
from kernel.errors import NotFound
from kernel.events import Event
from kernel.ids import EventId
from kernel.work import Work
from tests.house.tree import ROOT


class Lamp(BaseSettings):
    """A settings class of this test."""

    model_config = SettingsConfigDict(env_prefix="LAMP_")
    watts: int = Field(description="How bright it is.")
    colour: str = Field(default="white", description="What it looks like.")
    key: str | None = Field(default=None, description="Who may switch it.")


SETTINGS = """# Settings

| variable | when unset | meaning |
|---|---|---|
| `LAMP_WATTS` | required | How bright it is. |
| `LAMP_COLOUR` | `white` | What it looks like. |
| `LAMP_KEY` |  | Who may switch it. |
"""
COMMANDS = """# Commands

## trunkline lamp dim NUMBER

Make it darker.

- `--by`: watts less
- `-v, --verbose`: say more

## trunkline serve

Light up.
"""


EVENTS = """## tests.house.test_reference

### LampLit

Somebody switched it on.

- fields: `lamp_id` (EventId), `by` (str | None)
- heard by: no handler
"""
API = """| route | verb | what it does | roles |
|---|---|---|---|
| `GET /v1/lamps` | lamp.list | Every lamp. | admin, operator, billing, clerk, viewer |
"""
ERRORS = """| code | HTTP status | exit code | meaning |
|---|---|---|---|
| notFound | 404 | 4 | No such thing, or none that this tenant may see. |
"""


class LampLit(Event):
    """Somebody switched it on."""

    lamp_id: EventId
    by: str | None


@core.reading("lamp.list", "/lamps")
def list_lamps(work: Work, asked: core.Nothing) -> core.Gives:
    """Every lamp."""
    return core.Gives()


def serve() -> None:
    """Light up."""


def test_settings_are_listed_with_what_they_are_when_unset() -> None:
    assert reference.settings_markdown(Lamp).partition("\n")[2] == SETTINGS


def test_commands_are_listed_with_their_arguments_and_options() -> None:
    app, lamp = typer.Typer(), typer.Typer()
    app.add_typer(lamp, name="lamp")
    app.command("serve")(serve)

    @lamp.command("dim")
    def dim(
        number: str,
        by: Annotated[int, typer.Option(help="watts less")] = 1,
        verbose: Annotated[bool, typer.Option("-v", "--verbose", help="say more")] = False,
    ) -> None:
        """Make it darker."""

    assert reference.cli_markdown(typer.main.get_command(app)).partition("\n")[2] == COMMANDS


def test_every_page_ends_with_one_line_end() -> None:
    assert [name for name, text in reference.pages().items() if not text.endswith("\n") or text.endswith("\n\n")] == []


def test_a_fact_is_told_with_its_fields_and_hearers() -> None:
    page = reference.events_markdown([LampLit])
    assert page.endswith(EVENTS)


def test_every_fact_of_the_rooms_is_told() -> None:
    files = [path for room in ("oss", "bss") for path in (ROOT / room).rglob("events.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    kinds = list(reference.events())
    assert {kind.__module__ for kind in kinds} == modules
    assert {"ServiceOrderCompleted", "InvoiceIssued", "LineRestricted"} <= {kind.kind() for kind in kinds}
    assert [kind for kind in kinds if not kind.__doc__ or not kind.model_fields] == []


def test_a_check_is_told_with_the_place_of_its_query() -> None:
    check = Check("I99", "every lamp burns", lambda work: 0, lambda work: [])
    last = reference.invariants_markdown([check]).splitlines()[-1]
    assert last == "| I99 | every lamp burns | `tests.house.test_reference` |"


def test_every_check_of_the_doctor_is_told() -> None:
    page = reference.pages()["reference/invariants.md"]
    assert [check for check in doctor.checks() if f"| {check.name} | {check.title} |" not in page] == []


def test_a_route_is_told_with_the_roles_that_may() -> None:
    assert reference.api_markdown([list_lamps]).endswith(API)


def test_every_verb_is_told() -> None:
    page = reference.pages()["reference/api.md"]
    assert [verb.name for verb in table.VERBS if f"`{verb.method} {verb.path}` | {verb.name} |" not in page] == []


def test_an_error_is_told_with_its_status_and_exit_code() -> None:
    known = [each for each in outcomes.OUTCOMES if each.kind is NotFound]
    assert ERRORS in reference.errors_markdown(known)


def test_every_posting_rule_is_told() -> None:
    assert "### invoiceIssued\n" in reference.pages()["reference/postings.md"]
