"""The one bootstrap: from settings to an open gateway, with every port filled; `close` lets go of all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from adapters.elements import factory
from adapters.notifications.file import FileNotifier
from adapters.payments.http import HttpGateway
from adapters.payments.memory import MemoryGateway
from adapters.portability.http import HttpPortability
from adapters.portability.memory import MemoryPortability
from adapters.tax.table import TableQuotes
from bss.notices.port import Notifier
from bss.payments.port import PaymentGateway
from bss.porting.port import NumberPortability
from bss.tax import service as tax
from bss.tax.port import TaxQuotes
from bss.tax.table import Table
from gateway import migrate
from gateway.settings import Settings
from kernel.database import Database
from kernel.errors import NotFound
from kernel.ids import TenantId
from kernel.secrets import Secret, Vault
from kernel.time import Clock, SystemClock
from kernel.work import PLATFORM
from oss.port import ElementSpec, NetworkElement


@dataclass
class Gateway:
    """Everything the edge holds while it is open; each port may be given, else it is made from the settings."""

    settings: Settings
    clock: Clock
    database: Database
    vault: Vault
    tax: TaxQuotes
    notifier: Notifier
    given_payments: PaymentGateway | None = field(default=None, repr=False)

    @cached_property
    def payments(self) -> PaymentGateway:
        """Whoever moves money, opened when first asked for: its API key may be put into the store before that."""
        if self.given_payments is not None:
            return self.given_payments
        if self.settings.bank_url is None:
            return MemoryGateway()
        return HttpGateway(self.settings.bank_url, api_key=self.secret(self.settings.bank_key))

    @cached_property
    def portability(self) -> NumberPortability:
        """Whoever clears numbers between operators, opened when first asked for."""
        if self.settings.portability_url is None:
            return MemoryPortability()
        return HttpPortability(self.settings.portability_url, api_key=self.secret(self.settings.portability_key))

    def secret(self, name: str) -> Secret:
        """A stored secret; may be called from any thread but a database one. Raises NotFound."""
        return self.database.read_system(lambda work: self.vault.get(work, name)).result()

    def connect(self, spec: ElementSpec) -> NetworkElement:
        """An element by its specification; its session opens on first use."""
        return factory.connect(spec, secrets=lambda reference: self.secret(reference).reveal())

    async def close(self) -> None:
        """End what was opened; what was submitted is finished first."""
        for name in ("payments", "portability"):
            opened = self.__dict__.get(name)
            if opened is not None:
                await opened.close()
        await asyncio.to_thread(self.database.close)


def open_gateway(
    settings: Settings,
    *,
    subscriptions: Mapping[str, Sequence[str]],
    clock: Clock | None = None,
    payments: PaymentGateway | None = None,
    notifier: Notifier | None = None,
    strict_tenancy: bool = False,
) -> Gateway:
    """Open the database (an empty SQLite one is given its tables) and fill every port.

    `subscriptions` is gateway.dispatch.SUBSCRIPTIONS: which handlers owe something to which kind of fact.
    Raises Conflict when another process holds the SQLite file, Invalid when the tables are not of this version.
    """
    clock = clock or SystemClock()
    database = Database(
        settings.database_url,
        clock=clock,
        subscriptions=subscriptions,
        anchor_file=settings.audit_anchor,
        strict_tenancy=strict_tenancy,
    )
    try:
        migrate.ready(database)
        vault = open_vault(settings)
    except BaseException:
        database.close()
        raise
    return Gateway(
        settings=settings,
        clock=clock,
        database=database,
        vault=vault,
        tax=TableQuotes(partial(_tables, database)),
        notifier=notifier or FileNotifier(settings.notices_dir, sender=settings.notices_sender),
        given_payments=payments,
    )


def open_vault(settings: Settings) -> Vault:
    """The secret store's master key, from the environment or its file. Raises Invalid."""
    if settings.secret_key is not None:
        return Vault.from_text(settings.secret_key.get_secret_value())
    return Vault.from_file(Path(settings.secret_key_file))


def webhook_secret(gateway: Gateway) -> Secret:
    """What the payment gateway signs its notices with. Raises NotFound, which says how to store it."""
    name = gateway.settings.bank_webhook_secret
    try:
        return gateway.secret(name)
    except NotFound as error:
        raise NotFound("notices of the payment gateway are not expected", field=name, fix=error.fix) from error


async def _tables(database: Database, tenant: TenantId) -> Table:
    return await asyncio.wrap_future(database.read(tax.table, tenant=tenant, actor=PLATFORM))
