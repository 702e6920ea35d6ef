"""A stocked platform: the house's specifications, and a little of everything granted to the tenant."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.database import Database
from kernel.ids import TenantId
from kernel.work import SystemWork
from oss.inventory import elements, supply
from oss.specs import service as specs

CONFIG = Path(__file__).parents[4] / "config"
ELEMENTS = """
elements:
  - {name: hlr-1, protocol: memory, role: register}
  - {name: olt-1, protocol: memory, role: line-terminal}
  - {name: olt-2, protocol: memory, role: line-terminal}
  - {name: broker-1, protocol: memory, role: devices}
"""
STOCK = """
pools:
  - {pool: msisdn, run: {first: '447700900000', count: 5}}
  - {pool: sim, element: hlr-1, sim_run: {iccid: '899900100000000000', imsi: '001010000000001', count: 20}}
  - {pool: port, element: olt-1, run: {first: '1', count: 4}}
  - {pool: port, element: olt-2, run: {first: '3', count: 2}}
  - {pool: meter, element: broker-1, values: [meter-0001, meter-0002]}
"""


def _network(database: Database) -> Database:
    def fill(work: SystemWork) -> None:
        for document in elements.load(ELEMENTS):
            elements.apply(work, document)

    database.run_system(fill)
    return database


def _fill(database: Database, tenant: TenantId) -> Database:
    def fill(work: SystemWork) -> None:
        for path in sorted((CONFIG / "specs").glob("*.yaml")):
            specs.apply(work, path)
        supply.apply(work, STOCK, granted_to=tenant)

    _network(database).run_system(fill)
    return database


@pytest.fixture
def networked(database: Database) -> Database:
    """SQLite with elements and no stock."""
    return _network(database)


@pytest.fixture
def stocked(database: Database, tenant: TenantId) -> Database:
    """SQLite with stock."""
    return _fill(database, tenant)


@pytest.fixture
def any_stocked(any_database: Database, tenant: TenantId) -> Database:
    """Each database with stock."""
    return _fill(any_database, tenant)
