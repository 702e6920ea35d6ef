"""The shop for the tests of this folder."""

from __future__ import annotations

import pytest

from kernel.database import Database
from kernel.ids import TenantId
from kernel.time import VirtualClock
from tests.rooms.bss.shop import Shop


@pytest.fixture
def shop(database: Database, clock: VirtualClock, tenant: TenantId) -> Shop:
    """A shop at 1 June 2026, 10:00 in Berlin."""
    return Shop(database, clock, tenant).open()
