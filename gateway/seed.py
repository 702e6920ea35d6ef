"""What a new house is furnished with from config/: dialects, elements, stock, catalogue, ladder, tax."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from bss.catalog import service as catalog
from bss.dunning import ladders
from bss.ledger import service as ledger
from bss.ledger.model import Seller, TaxStatus
from bss.tax import service as tax
from kernel.ids import TenantId
from kernel.secrets import Secret, Vault
from kernel.work import SystemWork, Work
from oss.inventory import elements, supply
from oss.specs import service as specs

CONFIG = Path(str(resources.files("config")))
"""The data that the wheel carries."""


def platform(work: SystemWork, *, facts: Mapping[str, Any], operator: TenantId) -> None:
    """The network's side: dialects, specifications, elements reached as `facts` says, stock granted to an operator."""
    for path in sorted((CONFIG / "dialects").glob("*.yaml")):
        elements.apply_dialect(work, yaml.safe_load(path.read_text(encoding="utf-8")))
    for path in sorted((CONFIG / "specs").glob("*.yaml")):
        specs.apply(work, path)
    for document in elements.load(CONFIG / "elements" / "demo.yaml", facts=facts):
        elements.apply(work, document)
    supply.apply(work, CONFIG / "pools" / "demo.yaml", granted_to=operator)


def secret_values(facts: Mapping[str, Any]) -> dict[str, str]:
    """What the elements and the bank are spoken to with, by the name in the secret store."""
    return {
        "hlr-1/password": facts["hlr"]["password"],
        "olt-1/auth_key": facts["olt"]["auth_key"],
        "olt-1/priv_key": facts["olt"]["priv_key"],
        "bank/api-key": facts["bank"]["api_key"],
        "bank/webhook-secret": facts["bank"]["webhook_secret"],
        "portability/api-key": facts["portability"]["api_key"],
    }


def secrets(work: SystemWork, vault: Vault, facts: Mapping[str, Any]) -> None:
    """Put them into the secret store."""
    for name, value in secret_values(facts).items():
        vault.put(work, name, Secret(value))


def commercial(work: Work) -> Seller:
    """The customer's side: a seller that is exempt from tax and says why, the catalogue, the ladder, the tax table."""
    seller = ledger.create_seller(
        work,
        name="Demo Networks",
        country="DE",
        zone="Europe/Berlin",
        currency="EUR",
        tax_status=TaxStatus.EXEMPT,
        exemption_reason="small business, section 19 UStG",
    )
    work.session.flush()
    for name, text in tax.installed().items():
        tax.apply(work, text, name=name)
    ladders.apply(work, CONFIG / "dunning" / "standard.yaml")
    catalog.apply(work, CONFIG / "catalog" / "demo.yaml")
    return seller
