"""No column may lose a digit or a zone: money, rates and instants are whole numbers in the database."""

from __future__ import annotations

import ast
import importlib
import pkgutil

import pytest
import sqlalchemy as sa

import bss
import gateway
import kernel
import oss
from kernel.tables import Base
from tests.house.tree import ROOMS, parsed, relative, sources

LOSSY = {
    *("Numeric", "NUMERIC", "DECIMAL", "Decimal", "Float", "FLOAT", "REAL", "Double", "DOUBLE", "DOUBLE_PRECISION"),
    *("DateTime", "DATETIME", "TIMESTAMP", "Interval"),
}
"""SQLAlchemy's types that SQLite stores as a float, or returns without a zone."""


def lossy(tree: ast.Module) -> set[tuple[int, str]]:
    """Where a source takes such a type out of SQLAlchemy, by import or by attribute."""
    modules, found = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {a.asname or a.name for a in node.names if a.name.split(".")[0] == "sqlalchemy"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlalchemy":
            found |= {(node.lineno, a.name) for a in node.names if a.name in LOSSY}
            modules |= {a.asname or a.name for a in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in LOSSY and ast.unparse(node.value).split(".")[0] in modules:
            found.add((node.lineno, node.attr))
    return found


def test_no_source_takes_a_lossy_type() -> None:
    found = {f"{relative(path)}:{line} {name}" for path in sources(*ROOMS) for line, name in lossy(parsed(path))}
    assert found == set()


def test_no_table_has_a_lossy_column() -> None:
    for room in (kernel, oss, bss, gateway):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if module.name.rpartition(".")[2] in {"model", "tables"}:
                importlib.import_module(module.name)
    found = {
        f"{table.name}.{column.name} {column.type}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, sa.Numeric | sa.DateTime | sa.Interval)
    }
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "from sqlalchemy import Numeric",
        "import sqlalchemy as sa\nx = sa.DateTime(timezone=True)",
        "import sqlalchemy\nx = sqlalchemy.types.Float()",
        "from sqlalchemy import types\nx = types.DECIMAL(12, 2)",
        "from sqlalchemy.dialects.postgresql import TIMESTAMP",
    ],
)
def test_a_lossy_type_is_found(text: str) -> None:
    assert lossy(ast.parse(text))


def test_the_names_of_python_are_left_alone() -> None:
    assert lossy(ast.parse("from decimal import Decimal\nfrom datetime import datetime\nx = Decimal(1)")) == set()
