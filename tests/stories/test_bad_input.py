"""Bad input: each is refused by a clear word that names the field and the fix, and not a row is changed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bss.catalog import service as catalog
from bss.customers import service as customers
from bss.customers.model import AccountId
from bss.ordering import request as requests
from bss.ordering import service as ordering
from bss.ordering.model import ProductOrder
from gateway import dispatch, seed
from gateway.demo.town import CLERK, OPERATOR, START, ZONE
from gateway.settings import Settings
from gateway.wiring import Gateway, open_gateway
from kernel.errors import Conflict, IllegalTransition, Invalid, NotFound, TrunklineError
from kernel.time import VirtualClock
from kernel.work import Work
from oss.inventory import elements, supply
from oss.inventory import service as inventory
from oss.specs import service as specs
from tests.stories import looking

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
FACTS: Mapping[str, Any] = {
    "hlr": {"host": "127.0.0.1", "port": 1, "username": "u", "host_key": "ssh-ed25519 AAAA"},
    "olt": {"host": "127.0.0.1", "port": 1, "user": "u", "auth_protocol": "SHA256", "priv_protocol": "AES128"},
    "mqtt": {"host": "127.0.0.1", "port": 1, "prefix": "trunkline"},
}
"""Where the elements are said to be; nothing here speaks to them."""
METHOD = "pmt_0000000000001"
CATALOGUE = """\
currency: EUR
offerings:
  - code: first
    name: First
    specification: meter
    characteristics: {profile: METER}
    prices:
      - {code: line, kind: recurring, amount: "3.00", revenue: recurring}
"""
RING = """\
currency: EUR
offerings:
  - code: first
    name: First
    specification: meter
    characteristics: {profile: METER}
    requires: [second]
    prices:
      - {code: line, kind: recurring, amount: "3.00", revenue: recurring}
  - code: second
    name: Second
    specification: meter
    characteristics: {profile: METER}
    requires: [first]
    prices:
      - {code: line, kind: recurring, amount: "3.00", revenue: recurring}
"""
CIRCLE = """\
name: ring
characteristics: {profile: '^[A-Z]+$'}
resources: [{pool: port, as: port}]
components:
  - {name: a, on: port, intent: port, key: '{port}', requires: [b], state: {admin: up}}
  - {name: b, on: port, intent: port, key: '{port}', requires: [a], state: {admin: up}}
"""
SIM = "pools: [{pool: sim, element: hlr-1, sims: [{iccid: '8999001000000000012', imsis: ['%s']}]}]"


@dataclass
class House:
    """A furnished house on a SQLite file of its own, in which nothing moves by itself."""

    gateway: Gateway
    folder: Path

    def do(self, fn: Callable[[Work], T]) -> T:
        """One committed Work of the clerk."""
        return self.gateway.database.run(fn, tenant=OPERATOR, actor=CLERK)

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return self.gateway.database.run_system(looking.rows)

    def account(self, *, currency: str = "EUR") -> AccountId:
        """A customer's account."""

        def fn(work: Work) -> AccountId:
            _, account = customers.create(
                work, name="Ada Berg", email="ada@example.org", currency=currency, zone=ZONE, billing_day=1
            )
            return account.id

        return self.do(fn)

    def submit(self, account_id: AccountId, item: Mapping[str, Any], *, key: str, **over: Any) -> ProductOrder:
        """Submit an order as it comes in from outside."""
        body = {"account_id": str(account_id), "items": [item], "key": key, **over}
        return self.do(lambda work: ordering.submit(work, requests.read(body)))

    def file(self, name: str, text: str) -> Path:
        """A file of somebody's shop."""
        path = self.folder / "shop" / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def bound(self, number: str) -> None:
        """Let a number be an active service's, as the network's answer makes it."""

        def fn(work: Work) -> None:
            service = inventory.create(
                work, "mobile-line", profile={"profile": "MOBILE"}, owner=None, resources={"msisdn": number}
            )
            intent = inventory.intent(work, service.id)
            inventory.become(work, service.id, generation=1, intent=intent, at=work.now)

        self.do(fn)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all cases: each must leave it as it was."""
    folder = tmp_path_factory.mktemp("house")
    settings = Settings(
        database_url=f"sqlite:///{folder}/trunkline.db",
        secret_key_file=folder / "secret.key",
        notices_dir=folder / "notices",
    )
    gateway = open_gateway(
        settings, subscriptions=dispatch.SUBSCRIPTIONS, clock=VirtualClock(START), strict_tenancy=True
    )
    gateway.database.run_system(lambda work: seed.platform(work, facts=FACTS, operator=OPERATOR))
    gateway.database.run(seed.commercial, tenant=OPERATOR, actor=CLERK)
    yield House(gateway, folder)
    asyncio.run(gateway.close())


def add(offering: str, **resources: str) -> dict[str, Any]:
    """An item for a new line with wanted resources."""
    return {"action": "add", "offering": offering, "resources": resources}


def refused(
    house: House, attempt: Callable[[], object], kind: type[TrunklineError], *, field: str, message: str, fix: str
) -> None:
    """The attempt is refused in these words, and not a row was added or removed."""
    before = house.rows()
    with pytest.raises(kind) as caught:
        attempt()
    assert (caught.value.field, caught.value.message, caught.value.fix) == (field, message, fix)
    assert house.rows() == before


def test_an_unknown_offering(house: House) -> None:
    account = house.account()
    refused(
        house,
        lambda: house.submit(account, add("home-2000"), key="unknown"),
        Invalid,
        field="offering",
        message="unknown offering 'home-2000'",
        fix="known: home-1000, home-500, meter, mobile",
    )


def test_a_malformed_msisdn(house: House) -> None:
    account = house.account()
    refused(
        house,
        lambda: house.submit(account, add("mobile", msisdn="0770 12ab"), key="msisdn"),
        Invalid,
        field="msisdn",
        message="'0770 12ab' is not valid",
        fix="country code and number, 7 to 15 digits, as in +44 7700 900123",
    )


def test_a_malformed_iccid(house: House) -> None:
    account = house.account()
    refused(
        house,
        lambda: house.submit(account, add("mobile", sim="8999001000000000005"), key="iccid"),
        Invalid,
        field="iccid",
        message="'8999001000000000005' is not valid",
        fix="18 to 22 digits that begin with 89 and end with their Luhn digit",
    )


def test_a_malformed_imsi(house: House) -> None:
    refused(
        house,
        lambda: house.do(lambda work: supply.apply(work, SIM % "00101", granted_to=OPERATOR)),
        Invalid,
        field="imsi",
        message="'00101' is not valid",
        fix="14 or 15 digits that begin with a known country and network",
    )


def test_a_number_already_bound(house: House) -> None:
    account = house.account()
    house.bound("447700900005")
    refused(
        house,
        lambda: house.submit(account, add("mobile", msisdn="+44 7700 900005"), key="bound"),
        Conflict,
        field="msisdn",
        message="+44 7700 900005 is assigned",
        fix="take another one",
    )


@pytest.mark.parametrize(
    "attempt",
    [
        lambda work: elements.get(work, "olt-9"),
        lambda work: supply.apply(work, "pools: [{pool: port, element: olt-9, values: ['17']}]", granted_to=OPERATOR),
    ],
    ids=["asked for", "stocked"],
)
def test_an_unknown_element(house: House, attempt: Callable[[Work], object]) -> None:
    refused(
        house,
        lambda: house.do(attempt),
        NotFound,
        field="element",
        message="no element 'olt-9'",
        fix="applied are: broker-1, hlr-1, olt-1",
    )


def test_a_currency_mismatch(house: House) -> None:
    account = house.account(currency="USD")
    refused(
        house,
        lambda: house.submit(account, add("meter"), key="currency"),
        Invalid,
        field="currency",
        message=f"meter is priced in EUR, {account} pays in USD",
        fix="order it on an account in EUR",
    )


def test_a_catalogue_with_a_cycle(house: House) -> None:
    path = house.file("ring.yaml", RING)
    refused(
        house,
        lambda: house.do(lambda work: catalog.apply(work, path)),
        Invalid,
        field="shop/files/ring.yaml:7 offerings.0.requires",
        message="each needs the next before it: first > second > first",
        fix="break the circle",
    )


def test_a_specification_with_a_cycle(house: House) -> None:
    path = house.file("circle.yaml", CIRCLE)
    refused(
        house,
        lambda: house.do(lambda work: specs.apply(work, path)),
        Invalid,
        field="shop/files/circle.yaml:5 components.0.requires",
        message="a circle: a > b > a",
        fix="take one of these requirements away",
    )


def test_a_missing_service_specification(house: House) -> None:
    path = house.file("missing.yaml", CATALOGUE.replace("specification: meter", "specification: metre"))
    refused(
        house,
        lambda: house.do(lambda work: catalog.apply(work, path)),
        Invalid,
        field="shop/files/missing.yaml:5 offerings.0.specification",
        message="no specification 'metre'",
        fix="apply it first; applied: fibre-access, fixed-access, meter, mobile-line",
    )


@pytest.mark.parametrize(
    ("wrong", "field", "message", "fix"),
    [
        (
            ('"3.00"', '"three"'),
            "shop/files/line.yaml:8 offerings.0.prices.0.amount",
            "'three' is not a decimal number",
            "correct it there",
        ),
        (
            ("name: First", "name: [First"),
            "shop/files/line.yaml:5",
            "expected ',' or ']', but got ':'",
            "mend the YAML",
        ),
        (
            ("profile: METER", "colour: RED"),
            "shop/files/line.yaml:6 offerings.0.characteristics.colour",
            "is no characteristic of meter",
            "it knows profile",
        ),
    ],
    ids=["an amount", "the YAML", "a characteristic"],
)
def test_an_error_on_a_line(house: House, wrong: tuple[str, str], field: str, message: str, fix: str) -> None:
    path = house.file("line.yaml", CATALOGUE.replace(*wrong))
    refused(
        house,
        lambda: house.do(lambda work: catalog.apply(work, path)),
        Invalid,
        field=field,
        message=message,
        fix=fix,
    )


def test_a_repeated_submit_is_the_same_order(house: House) -> None:
    account = house.account()
    first = house.submit(account, add("meter"), key="twice")
    before = house.rows()
    assert house.submit(account, add("meter"), key="twice").id == first.id
    assert house.rows() == before
    refused(
        house,
        lambda: house.submit(account, add("home-500"), key="twice"),
        Conflict,
        field="key",
        message=f"'twice' was used for another order, {first.id}",
        fix="give each order its own key; repeat a key only with the same body",
    )


def test_an_illegal_transition(house: House) -> None:
    account = house.account()
    order = house.submit(account, add("meter"), key="cancelled", method_id=METHOD)
    house.do(lambda work: ordering.cancel(work, order.id, reason="changed her mind"))
    refused(
        house,
        lambda: house.do(lambda work: ordering.cancel(work, order.id, reason="twice")),
        IllegalTransition,
        field="state",
        message="ProductOrder is cancelled and cannot cancel",
        fix="from here: nothing: it is final",
    )


@pytest.mark.slow
def test_a_second_process_on_the_same_file(house: House) -> None:
    url = house.gateway.settings.database_url
    before = house.rows()
    second = subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "subscription", "list"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=ROOT,
        env={**os.environ, "TRUNKLINE_DATABASE_URL": url, "PYTHONPATH": str(ROOT)},
    )
    path = Path(url.removeprefix("sqlite:///")).resolve()
    assert (second.returncode, second.stdout) == (5, "")
    assert second.stderr == (
        f"error: TRUNKLINE_DATABASE_URL: {path} is in use by process {os.getpid()}\n"
        "  fix: set TRUNKLINE_URL to talk to the running gateway, or stop it first\n"
    )
    assert house.rows() == before
