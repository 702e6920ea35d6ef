"""`trunkline db`."""

from __future__ import annotations

from gateway.cli import office
from gateway.cli.nouns import noun
from gateway.cli.output import Format, Output, emit

app = noun("The database's schema.")


@app.command("upgrade")
def upgrade(output: Output = Format.TABLE) -> None:
    """Bring the database to this version's schema."""

    async def upgraded() -> dict[str, str]:
        from gateway import migrate, settings

        return {"version": migrate.upgrade(settings.load().database_url)}

    emit(office.answered(upgraded, output=output), output)


@app.command("version")
def version(output: Output = Format.TABLE) -> None:
    """Which schema the database has, and which this version needs."""

    async def found() -> dict[str, str | None]:
        from gateway import migrate, settings

        return {"database": migrate.current(settings.load().database_url), "needed": migrate.head()}

    emit(office.answered(found, output=output), output)
