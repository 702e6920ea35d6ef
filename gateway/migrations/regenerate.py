"""Write the first migration from the models: a file per room's noun, types as they are stored, planner statistics."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import CreateTableOp, MigrateOperation, ModifyTableOps, UpgradeOps
from sqlalchemy.types import TypeDecorator, TypeEngine

from gateway import migrate
from kernel.tables import Base, tenant_tables

FOLDER = "first"
ROWS, TENANTS = 1_000_000, 10
"""A large operator's table and the tenants it is shared by: what the planner is told before it has seen a row."""
OPEN_ROWS, OPEN_TENANTS = 10_000, 50
"""What a partial index holds: only what is under way."""
COARSE = frozenset({"state", "kind", "pool", "lane", "priority", "granted_to", "seller_id", "currency", "gateway"})
"""Columns with few values: an index on them narrows little."""

UPDATED_OFTEN = ("service_order", "service")
"""Tables of which PostgreSQL updates rows in place when half a page is left free."""

_MADE = "Made by `python -m gateway.migrate regenerate`."
_IMPORTS = "from __future__ import annotations\n\nimport sqlalchemy as sa\nfrom alembic import op\n"
_BIG = 'BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")\n'


def write(scripts: Path) -> list[Path]:
    """Write the migration from the models, remove what is gone, and format it; the files."""
    migrate.import_models()
    parts = texts()
    folder = scripts / FOLDER
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.py"):
        stale.unlink()
    files = {folder / f"{name}.py": text for name, text in parts.items()}
    files[folder / "__init__.py"] = ""
    files[folder / "statistics.py"] = _statistics()
    files[scripts / "versions" / "0001_first_schema.py"] = _version(list(parts))
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    for command in (["check", "--fix", "--quiet", "--select", "I,F,UP"], ["format", "--quiet"]):
        line = [sys.executable, "-m", "ruff", *command, *map(str, files)]
        subprocess.run(line, check=True)  # noqa: S603  (our own files)
    return list(files)


def texts() -> dict[str, str]:
    """The source of each part: one for each module that declares tables, in an order that foreign keys allow."""
    modules: dict[str, list[sa.Table]] = defaultdict(list)
    homes = {mapper.local_table: mapper.class_.__module__ for mapper in Base.registry.mappers}
    for table in Base.metadata.sorted_tables:
        modules[homes[table]].append(table)
    return {_name(module): _part(module, tables) for module, tables in modules.items()}


def _name(module: str) -> str:
    return module.removesuffix(".model").removesuffix(".tables").replace(".", "_")


def _part(module: str, tables: list[sa.Table]) -> str:
    functions, calls = [], []
    for table, (made, indexed) in zip(tables, _created(tables), strict=True):
        calls.append(f"    _{table.name}()")
        functions.append(f"def _{table.name}() -> None:\n    {made}")
        if indexed:
            calls.append(f"    _{table.name}_indexes()")
            functions.append(f"def _{table.name}_indexes() -> None:\n    {indexed}")
    gone = "\n".join(f'    op.drop_table("{table.name}")' for table in reversed(tables))
    create = 'def create() -> None:\n    """Make the tables."""\n' + "\n".join(calls)
    drop = f'def drop() -> None:\n    """Remove them."""\n{gone}'
    head = f'"""The first tables of {module}. {_MADE}"""\n\n{_IMPORTS}\n{_BIG}'
    return "\n\n".join([head, create, drop, *functions]) + "\n"


def _created(tables: list[sa.Table]) -> list[tuple[str, str]]:
    """The statements that make each table, and those that make its indexes."""
    chosen = sa.MetaData(naming_convention=Base.metadata.naming_convention)
    for table in tables:
        table.to_metadata(chosen)
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        options = {"render_item": _render, "target_metadata": chosen}
        context = MigrationContext.configure(connection, opts=options)
        script = produce_migrations(context, chosen)
        ops = [] if script.upgrade_ops is None else script.upgrade_ops.ops
        found = {}
        for table in tables:
            made = [each for each in ops if isinstance(each, CreateTableOp) and each.table_name == table.name]
            indexed = [each for each in ops if isinstance(each, ModifyTableOps) and each.table_name == table.name]
            found[table.name] = (_code(context, list(made)), _code(context, list(indexed)))
    engine.dispose()
    return [found[table.name] for table in tables]


def _code(context: MigrationContext, ops: list[MigrateOperation]) -> str:
    if not ops:
        return ""
    code: str = render_python_code(UpgradeOps(ops=ops), render_item=_render, migration_context=context)
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith("#")).strip()


def _render(kind: str, item: Any, context: Any) -> str | Literal[False]:
    """Our own types as what they are in the database, so that a migration never changes with the code."""
    if kind != "type" or not isinstance(item, TypeEngine):
        return False
    stored = item.impl_instance if isinstance(item, TypeDecorator) else item
    match stored:
        case sa.BigInteger() | sa.Integer():
            return "BIG"
        case sa.Enum():
            return f"sa.String(length={stored.length})"
        case sa.Text() | sa.LargeBinary() | sa.Date() | sa.Boolean():
            return f"sa.{type(stored).__name__}()"
    return False


def _version(parts: list[str]) -> str:
    made = "\n".join(f"    {name}.create()" for name in parts)
    gone = "\n".join(f"    {name}.drop()" for name in reversed(parts))
    names = ", ".join([*sorted(parts), "statistics"])
    return (
        f'"""The first schema: every table of the house. {_MADE}"""\n\nfrom __future__ import annotations\n\n'
        f"from gateway.migrations.{FOLDER} import {names}\n\n"
        'revision = "0001"\ndown_revision = None\nbranch_labels = None\ndepends_on = None\n\n\n'
        f'def upgrade() -> None:\n    """To this version."""\n{made}\n    statistics.tell()\n\n\n'
        f'def downgrade() -> None:\n    """Back from it."""\n{gone}\n'
    )


def _statistics() -> str:
    rows = "\n".join(f"    ({table!r}, {index!r}, {stat!r})," for table, index, stat in statistics())
    return (
        f'"""What each database is told of tables that are still empty. {_MADE}"""\n\n{_IMPORTS}\n'
        f'STATISTICS = (\n{rows}\n)\n"""Table, index, rows, and rows for each prefix of the key."""\n\n'
        f'UPDATED_OFTEN = {UPDATED_OFTEN!r}\n"""Tables that keep half of each page free."""\n\n\n'
        '''def tell() -> None:
    """Seed SQLite's statistics; without them its planner walks a tenant's whole table. PostgreSQL learns by itself."""
    if op.get_bind().dialect.name == "postgresql":
        for table in UPDATED_OFTEN:
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 50)")
        return
    op.execute("ANALYZE")
    op.execute("DELETE FROM sqlite_stat1")
    told = sa.table("sqlite_stat1", sa.column("tbl"), sa.column("idx"), sa.column("stat"))
    op.bulk_insert(told, [{"tbl": table, "idx": index, "stat": stat} for table, index, stat in STATISTICS])
    op.execute("ANALYZE sqlite_schema")
'''
    )


def statistics() -> list[tuple[str, str, str]]:
    """Table, index and rows per key prefix for each index of every table."""
    found = []
    for table in Base.metadata.sorted_tables:
        key = [column.name for column in table.primary_key.columns]
        if len(key) > 1:
            found.append((table.name, f"sqlite_autoindex_{table.name}_1", _stat(table, key, unique=True)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            columns = [column.name for column in index.columns]
            partial = index.dialect_options["sqlite"]["where"] is not None
            stat = _stat(table, columns, unique=bool(index.unique), partial=partial)
            found.append((table.name, str(index.name), stat))
    return found


def _stat(table: sa.Table, columns: list[str], *, unique: bool, partial: bool = False) -> str:
    rows, tenants = (OPEN_ROWS, OPEN_TENANTS) if partial else (ROWS, TENANTS)
    numbers, left = [rows], rows
    for position, name in enumerate(columns):
        if name == "tenant" and table.name in tenant_tables():
            left = max(left // tenants, 1)
        elif name == "id" or (unique and position == len(columns) - 1):
            left = 1
        else:
            left = max(left // (5 if name in COARSE else 10_000), 5)
        numbers.append(left)
    return " ".join(str(number) for number in numbers)
