from __future__ import annotations

import pytest

from kernel.database import Database
from kernel.ids import TenantId
from kernel.time import VirtualClock
from tests.rooms.bss.dunning.street import Street


@pytest.fixture
def street(database: Database, clock: VirtualClock, tenant: TenantId) -> Street:
    """A shop at 1 June 2026 that bills, is paid, and follows its debts."""
    made = Street(database, clock, tenant)
    made.open()
    made.lay_ladder()
    return made
