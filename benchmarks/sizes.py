"""What an order and a line weigh in PostgreSQL: bytes at rest by table, and bytes of write-ahead log.

    python benchmarks/sizes.py --db postgresql://... --orders 2000 --steps 5 --json

A line is counted before its order: the service, its resources and what binds them. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

import psycopg

from benchmarks import orders, place

LEAST_BYTES = 16
"""A table that grows by less for each order is left out."""
_SIZES = (
    "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname = 'public'"
)


def sizes(url: str) -> dict[str, int]:
    """Bytes of each table with its indexes."""
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        return dict(connection.execute(_SIZES).fetchall())


def log_position(url: str) -> int:
    """How much log the server has written."""
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()
        return int(row[0]) if row is not None else 0


def measured(url: str, *, count: int, steps: int) -> dict[str, Any]:
    """The weights, from one run of benchmarks/orders.py on an empty database."""
    positions = []

    def prepared() -> None:
        positions.append((sizes(url), log_position(url)))

    asyncio.run(orders.measured(url, count=count, steps=steps, prepared=prepared))
    (lines, begun), grown, ended = positions[0], sizes(url), log_position(url)
    whole = count + orders.IDLE
    per_order = {table: round((size - lines.get(table, 0)) / whole) for table, size in grown.items()}
    kept = {table: size for table, size in sorted(per_order.items(), key=lambda item: -item[1]) if size >= LEAST_BYTES}
    return {
        "orders": whole,
        "steps": steps,
        "bytes_per_line": round(sum(lines.values()) / whole),
        "bytes_per_order": sum(kept.values()),
        "bytes_by_table": kept,
        "log_bytes_per_order": round((ended - begun) / whole),
    }


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db", required=True, help="the address of a PostgreSQL server's database")
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    given = parser.parse_args(arguments)
    with place.fresh_url(given.db) as url:
        figures = measured(url, count=given.orders, steps=given.steps)
    if not given.json:
        for name, value in figures.items():
            sys.stdout.write(f"{name:20} {value}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
