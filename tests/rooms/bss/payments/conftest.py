from __future__ import annotations

import pytest

from adapters.payments.memory import MemoryGateway
from kernel.database import Database
from kernel.ids import TenantId
from kernel.work import Actor
from tests.rooms.bss.payments.world import Edge


@pytest.fixture
def gateway() -> MemoryGateway:
    return MemoryGateway()


@pytest.fixture
def edge(database: Database, gateway: MemoryGateway, tenant: TenantId, actor: Actor) -> Edge:
    return Edge(database, gateway, tenant, actor)
