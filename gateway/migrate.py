"""The schema's versions, one set for SQLite and PostgreSQL.

`python -m gateway.migrate regenerate` writes 0001 anew from the models, as long as nothing was ever released with it;
from then on a change is a new file beside it.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import bss
import gateway
import kernel
import oss
from kernel import engines
from kernel.database import Database
from kernel.errors import Conflict, Invalid, TrunklineError

SCRIPTS = Path(__file__).with_name("migrations")
VERSION_TABLE = "alembic_version"
_MODELS = frozenset({"model", "tables", "audit", "events", "secrets", "versions", "waits", "windows"})
"""Modules in which tables stand."""


def import_models() -> None:
    """Import every module with tables, so that the metadata is whole."""
    for room in (kernel, oss, bss, gateway):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if module.name.rpartition(".")[2] in _MODELS:
                importlib.import_module(module.name)


def upgrade(url: str) -> str:
    """Bring a database to the newest version; which that is. Raises Conflict when another process holds the file."""
    with _opened(url) as engine:
        return _upgrade(engine)


def current(url: str) -> str | None:
    """The version a database is at; None when it has no tables."""
    with _opened(url) as engine:
        return _current(engine)


def check(url: str) -> list[str]:
    """What differs between a database at the newest version and the models; nothing when all is well."""
    from alembic import command
    from alembic.util import CommandError

    with _opened(url) as engine:
        try:
            _run(engine, command.check)
        except CommandError as error:
            return str(error).splitlines()
    return []


def head() -> str:
    """The newest version there is."""
    names = sorted(path.stem for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
    return names[-1].partition("_")[0]


def ready(database: Database) -> None:
    """Give an empty SQLite database its tables. Raises Invalid when a database is not at this version."""
    at = _current(database.engine)
    if at is None and database.sqlite:
        at = _upgrade(database.engine)
    if at != head():
        raise Invalid(
            f"the database is at version {at or 'none'}, this gateway needs {head()}",
            field="TRUNKLINE_DATABASE_URL",
            fix="trunkline db upgrade",
        )


def _upgrade(engine: sa.Engine) -> str:
    from alembic import command

    _run(engine, command.upgrade, "head")
    return head()


def _current(engine: sa.Engine) -> str | None:
    with engine.connect() as connection, _told(engine):
        if not sa.inspect(connection).has_table(VERSION_TABLE):
            return None
        found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()  # a name of ours
        return None if found is None else str(found)


def _run(engine: sa.Engine, verb: Any, *arguments: Any) -> None:
    import_models()
    with _told(engine), engine.begin() as connection:
        connection.info["platform"] = True
        verb(_config(connection), *arguments)


def _config(connection: sa.Connection) -> Any:
    from alembic.config import Config

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _opened(url: str) -> Iterator[sa.Engine]:
    url = engines.normal(url)
    lock = engines.lock_file(url) if url.startswith("sqlite") else None
    engine = engines.open_engine(url, size=1, readonly=False)
    try:
        yield engine
    finally:
        engine.dispose()
        if lock is not None:
            lock.close()


@contextmanager
def _told(engine: sa.Engine) -> Iterator[None]:
    """A server that does not answer, in our words."""
    try:
        yield
    except sa.exc.OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        message = f"{where} does not answer: {str(error.orig).strip()}"
        raise Conflict(message, field="TRUNKLINE_DATABASE_URL", fix="start the database, or correct the URL") from error


def main(arguments: list[str]) -> int:
    """The developer's command line."""
    if arguments != ["regenerate"]:
        sys.stderr.write("usage: python -m gateway.migrate regenerate\n")
        return 2
    from gateway.migrations import regenerate

    try:
        for path in regenerate.write(SCRIPTS):
            sys.stdout.write(f"{path.name}\n")
    except TrunklineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
