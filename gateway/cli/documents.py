"""`trunkline catalog`, `spec`, `dialect`, `ladder`, `tax`: apply, show and list what is kept as versions."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from gateway.cli import office
from gateway.cli.nouns import noun, text
from gateway.cli.output import DocumentFormat, Format, Output, emit

AsDocument = Annotated[
    DocumentFormat,
    typer.Option("-o", "--output", help="how it is printed: yaml (to apply again), table, json or jsonl"),
]
_FACTS = "facts"


def group(name: str, help: str) -> typer.Typer:  # noqa: A002  (Typer's own word)
    """The commands of one kind of document."""
    app = noun(help)

    @app.command("apply", help=f"Apply {name} files: each checked whole, stored where it says something new.")
    def apply(files: list[str], output: Output = Format.TABLE) -> None:
        emit(office.answered(lambda: applied(name, files), output=output), output)

    @app.command("show", help=f"The {name} in force, as YAML that can be applied again.")
    def show(document: str, output: AsDocument = DocumentFormat.YAML) -> None:
        shown(name, document, output)

    if name == "dialect":
        _checking(app)

    if name != "element":

        @app.command("list", help=f"Every {name} in force.")
        def listed(output: Output = Format.TABLE) -> None:
            office.ask(f"{name}.list", {}, output=output)

    return app


def _checking(app: typer.Typer) -> None:
    @app.command("check")
    def check(
        file: Annotated[str, typer.Argument(help="a dialect's file; - is stdin")],
        sample: Annotated[
            list[str] | None, typer.Option(metavar="FIELD=VALUE", help="say this instead of a made-up value")
        ] = None,
        output: Output = Format.TABLE,
    ) -> None:
        """Check a dialect file and say a sample command of each intent; nothing is stored or sent."""
        if wrong := [each for each in sample or [] if "=" not in each]:
            raise typer.BadParameter(f"{wrong[0]!r} is not FIELD=VALUE", param_hint="--sample")
        given = {name: value for name, _, value in (each.partition("=") for each in sample or [])}

        def document() -> dict[str, Any]:
            content, source = text(file)
            return {"text": content, "source": source, "samples": given}

        office.ask("dialect.check", document, output=output)


async def applied(name: str, files: list[str], *, facts: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Apply files in the order given; the first that is wrong ends it, and those before it stay applied."""
    found: list[dict[str, Any]] = []
    async with office.office() as doer:
        for file in files:
            content, source = text(file)
            document = {"text": content, "source": source, _FACTS: facts}
            given = await office.done(doer, f"{name}.apply", document)
            found += given.model_dump(mode="json")["items"]
    return found


def shown(name: str, document: str, output: DocumentFormat) -> None:
    """Print one document in force."""
    if output is not DocumentFormat.YAML:
        office.ask(f"{name}.show", {"name": document}, output=output)
        return

    async def found() -> str:
        async with office.office() as doer:
            given = await office.done(doer, f"{name}.show", {"name": document})
            return str(given.model_dump()["text"])

    sys.stdout.write(office.answered(found))


APPS = (
    ("catalog", group("catalog", "What is offered, at which prices.")),
    ("spec", group("spec", "What services are made of.")),
    ("dialect", group("dialect", "How vendors' elements are spoken to.")),
    ("ladder", group("ladder", "How debts are followed up.")),
    ("retry", group("retry", "How often and how fast something is tried again.")),
    ("tax", group("tax", "Tax tables.")),
)
