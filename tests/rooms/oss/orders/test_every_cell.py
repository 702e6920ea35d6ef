"""Every cell of oss/orders/supersede.py: an open order, a newer one, and what the element shows in the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from adapters.elements.memory import Fault as Wrong
from kernel.database import Database
from kernel.errors import Conflict
from kernel.tables import Base
from kernel.time import VirtualClock
from kernel.work import Work
from oss.inventory import service as inventory
from oss.inventory import supply
from oss.inventory.model import ServiceId
from oss.orders import run as engine
from oss.orders import service as orders
from oss.orders import views
from oss.orders.machine import OPEN_ORDERS
from oss.orders.model import OnError, OrderId, ServiceOrder, Verb
from oss.orders.supersede import TABLE, Effect, Standing, standing
from oss.port import Level
from tests.rooms.oss.orders.town import CLERK, OPERATOR, Town

MORE = """
pools:
  - {pool: sim, element: hlr, sim_run: {iccid: '899900200000000000', imsi: '001020000000001', count: 150}}
  - {pool: port, element: olt, run: {first: '100', count: 150}}
  - {pool: meter, element: broker, run: {first: 'cell-100', count: 150}}
"""
FIRST, BETWEEN = "HOME500", "HOME700"
OLDER, NEWER = ("HOME1000", "64"), ("HOME2000", "32")
"""The profile and the throttle that the older and the newer order want, where they want one."""
IMPOSSIBLE = [(Standing.UNSENT, Verb.ADD, new) for new in Verb]
"""An activation waits for nothing, so none is ever unsent behind another order."""
ENDS = dict(
    line.split(" = ")
    for line in """
unsent modify add = HOME1000 none full: completed refused
unsent throttle add = HOME700 none 64: completed refused
unsent restrict add = HOME700 all full: completed refused
unsent lift add = HOME700 none full: completed refused
unsent terminate add = -: completed refused
moving add add = HOME500 none full: completed refused
moving modify add = HOME1000 none full: completed refused
moving throttle add = HOME500 none 64: completed refused
moving restrict add = HOME500 all full: completed refused
moving lift add = HOME500 none full: completed refused
moving terminate add = -: completed refused
held add add = -: held refused / HOME500 none full: completed refused
held modify add = HOME500 none full: held refused / HOME1000 none full: completed refused
held throttle add = HOME500 none full: held refused / HOME500 none 64: completed refused
held restrict add = HOME500 none full: held refused / HOME500 all full: completed refused
held lift add = HOME500 all full: held refused / HOME500 none full: completed refused
held terminate add = HOME500 none full: held refused / -: completed refused
undoing add add = -: failed refused
undoing modify add = HOME500 none full: failed refused
undoing throttle add = HOME500 none full: failed refused
undoing restrict add = HOME500 all full: failed refused
undoing lift add = HOME500 none full: failed refused
undoing terminate add = HOME500 none full: failed refused
unsent restrict restrict = HOME700 all full: cancelled completed
unsent restrict lift = HOME700 none full: cancelled completed
unsent lift restrict = HOME700 all full: cancelled completed
unsent lift lift = HOME700 none full: cancelled completed
unsent throttle throttle = HOME700 none 32: cancelled completed
unsent restrict throttle = HOME700 all 32: completed completed
unsent lift throttle = HOME700 none 32: completed completed
unsent throttle restrict = HOME700 all 64: completed completed
unsent throttle lift = HOME700 none 64: completed completed
unsent modify modify = HOME2000 none full: completed completed
unsent modify restrict = HOME1000 all full: completed completed
unsent modify lift = HOME1000 none full: completed completed
unsent modify throttle = HOME1000 none 32: completed completed
unsent restrict modify = HOME2000 all full: completed completed
unsent lift modify = HOME2000 none full: completed completed
unsent throttle modify = HOME2000 none 64: completed completed
unsent modify terminate = -: cancelled completed
unsent restrict terminate = -: cancelled completed
unsent lift terminate = -: cancelled completed
unsent throttle terminate = -: cancelled completed
unsent terminate modify = -: completed refused
unsent terminate restrict = -: completed refused
unsent terminate lift = -: completed refused
unsent terminate throttle = -: completed refused
unsent terminate terminate = -: completed refused
moving add restrict = HOME500 all full: completed completed
moving add lift = HOME500 none full: completed completed
moving add throttle = HOME500 none 32: completed completed
moving add modify = HOME2000 none full: completed completed
moving add terminate = -: completed completed
moving modify modify = HOME2000 none full: completed completed
moving modify restrict = HOME1000 all full: completed completed
moving modify lift = HOME1000 none full: completed completed
moving modify throttle = HOME1000 none 32: completed completed
moving modify terminate = -: completed completed
moving restrict modify = HOME2000 all full: completed completed
moving restrict restrict = HOME500 all full: completed completed
moving restrict lift = HOME500 none full: completed completed
moving restrict throttle = HOME500 all 32: completed completed
moving restrict terminate = -: completed completed
moving lift modify = HOME2000 none full: completed completed
moving lift restrict = HOME500 all full: completed completed
moving lift lift = HOME500 none full: completed completed
moving lift throttle = HOME500 none 32: completed completed
moving lift terminate = -: completed completed
moving throttle modify = HOME2000 none 64: completed completed
moving throttle restrict = HOME500 all 64: completed completed
moving throttle lift = HOME500 none 64: completed completed
moving throttle throttle = HOME500 none 32: completed completed
moving throttle terminate = -: completed completed
moving terminate modify = -: completed refused
moving terminate restrict = -: completed refused
moving terminate lift = -: completed refused
moving terminate throttle = -: completed refused
moving terminate terminate = -: completed refused
held add restrict = HOME500 all full: held completed / HOME500 all full: completed completed
held add lift = HOME500 none full: held completed / HOME500 none full: completed completed
held add throttle = HOME500 none 32: held completed / HOME500 none 32: completed completed
held modify restrict = HOME500 all full: held completed / HOME1000 all full: cancelled completed
held modify lift = HOME500 none full: held completed / HOME1000 none full: cancelled completed
held modify throttle = HOME500 none 32: held completed / HOME1000 none 32: cancelled completed
held add modify = -: held pending / HOME2000 none full: completed completed
held modify modify = HOME500 none full: held pending / HOME2000 none full: completed completed
held restrict modify = HOME500 none full: held pending / HOME2000 all full: completed completed
held lift modify = HOME500 all full: held pending / HOME2000 none full: completed completed
held throttle modify = HOME500 none full: held pending / HOME2000 none 64: completed completed
held restrict restrict = HOME500 all full: cancelled completed
held restrict lift = HOME500 none full: cancelled completed
held lift restrict = HOME500 all full: cancelled completed
held lift lift = HOME500 none full: cancelled completed
held throttle throttle = HOME500 none 32: cancelled completed
held restrict throttle = HOME500 all 32: held completed / HOME500 all 32: cancelled completed
held lift throttle = HOME500 none 32: held completed / HOME500 none 32: cancelled completed
held throttle restrict = HOME500 all full: held completed / HOME500 all 64: cancelled completed
held throttle lift = HOME500 none full: held completed / HOME500 none 64: cancelled completed
held add terminate = -: cancelled completed
held modify terminate = -: cancelled completed
held throttle terminate = -: cancelled completed
held restrict terminate = -: cancelled completed
held lift terminate = -: cancelled completed
held terminate terminate = -: cancelled completed
held terminate modify = HOME500 none full: held refused / -: completed refused
held terminate restrict = HOME500 none full: held refused / -: completed refused
held terminate lift = HOME500 none full: held refused / -: completed refused
held terminate throttle = HOME500 none full: held refused / -: completed refused
undoing add modify = -: failed cancelled
undoing add restrict = -: failed cancelled
undoing add lift = -: failed cancelled
undoing add throttle = -: failed cancelled
undoing add terminate = -: failed completed
undoing modify modify = HOME2000 none full: failed completed
undoing modify restrict = HOME500 all full: failed completed
undoing modify lift = HOME500 none full: failed completed
undoing modify throttle = HOME500 none 32: failed completed
undoing modify terminate = -: failed completed
undoing restrict modify = HOME2000 all full: failed completed
undoing restrict restrict = HOME500 all full: failed completed
undoing restrict lift = HOME500 none full: failed completed
undoing restrict throttle = HOME500 all 32: failed completed
undoing restrict terminate = -: failed completed
undoing lift modify = HOME2000 none full: failed completed
undoing lift restrict = HOME500 all full: failed completed
undoing lift lift = HOME500 none full: failed completed
undoing lift throttle = HOME500 none 32: failed completed
undoing lift terminate = -: failed completed
undoing throttle modify = HOME2000 none full: failed completed
undoing throttle restrict = HOME500 all full: failed completed
undoing throttle lift = HOME500 none full: failed completed
undoing throttle throttle = HOME500 none 32: failed completed
undoing throttle terminate = -: failed completed
undoing terminate modify = HOME500 none full: failed refused
undoing terminate restrict = HOME500 none full: failed refused
undoing terminate lift = HOME500 none full: failed refused
undoing terminate throttle = HOME500 none full: failed refused
undoing terminate terminate = -: failed completed
""".strip().splitlines()
)
"""Per cell: what the HLR shows once everything that goes on by itself has ended, and the states of the two orders;
behind a held one also the same after a person let it go on. `-`: the HLR knows nobody."""


class Cell:
    """One line, brought to a standing, and the newer order's effect on it."""

    def __init__(self, town: Town) -> None:
        self.town, self.sent = town, list[engine.Sent]()
        self.line: ServiceId
        self.imsi = ""
        self.town.do(self._create)

    def _create(self, work: Work) -> None:
        service = inventory.create(work, "line", profile={"profile": FIRST}, owner="sub_1")
        self.line, self.imsi = service.id, str(service.values["imsi"])

    def place(self, verb: Verb, wants: tuple[str, str] = OLDER, *, on_error: OnError | None = None) -> OrderId:
        """What a verb decides, and the order for it."""

        def fn(work: Work) -> OrderId:
            match verb:
                case Verb.MODIFY:
                    inventory.reshape(work, self.line, profile={"profile": wants[0]})
                case Verb.THROTTLE:
                    inventory.throttle(work, self.line, rate=wants[1])
                case Verb.RESTRICT:
                    inventory.restrict(work, self.line, cause="nonPayment", level=Level.HARD)
                case Verb.LIFT:
                    inventory.lift(work, self.line, cause="nonPayment")
                case Verb.TERMINATE:
                    inventory.retire(work, self.line)
            wanted = inventory.intent(work, self.line)
            return orders.place(work, self.line, intent=wanted, verb=verb, on_error=on_error).order_id

        order_id = self.town.do(fn)
        assert isinstance(order_id, OrderId)
        return order_id

    def bring(self, where: Standing, old: Verb) -> OrderId:
        """An open order in that standing, with something to do."""
        for before in {Verb.ADD: (), Verb.LIFT: (Verb.ADD, Verb.RESTRICT)}.get(old, (Verb.ADD,)):
            self.place(before)
            self.town.settle()
        if where is Standing.UNSENT:
            self.place(Verb.MODIFY, (BETWEEN, ""))
            self.sent = self.town.turn([])
            return self.place(old)
        if where is Standing.MOVING:
            return self.place(old)
        self._refuse(True)
        order = self.place(old, on_error=OnError.HOLD if where is Standing.HELD else OnError.ROLLBACK)
        self.sent = self.town.turn(self.town.speak(self.town.turn([])))
        self._refuse(False)
        return order

    def _refuse(self, on: bool) -> None:
        for element in (self.town.hlr, self.town.olt, self.town.broker):
            element.faults.plan("*", Wrong.REFUSE) if on else element.faults.clear()

    def settle(self) -> None:
        """Let everything end that goes on by itself."""
        self.town.settle(answers=self.town.speak(self.sent))
        self.sent = []

    def order(self, order_id: OrderId) -> ServiceOrder:
        """The order as stored."""
        return self.town.database.read(lambda w: views.get(w, order_id), tenant=OPERATOR, actor=CLERK).result()

    def looks(self, older: OrderId, newer: OrderId | None) -> str:
        """What the HLR shows, and the states of the two orders."""
        shown = self.town.hlr.states.get(("subscriber", self.imsi))
        line = f"{shown['profile']} {shown['bar']} {shown['rate']}" if shown else "-"
        states = " ".join("refused" if each is None else str(self.order(each).state) for each in (older, newer))
        return f"{line}: {states}"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One town with stock for a line per cell."""
    url = f"sqlite:///{tmp_path_factory.mktemp('cells')}/cells.db"
    database = Database(url, clock=VirtualClock(datetime(2026, 6, 1, 8, 0, tzinfo=UTC)), strict_tenancy=True)
    Base.metadata.create_all(database.engine)
    town = Town(database).build()
    town.do(lambda w: supply.apply(w, MORE, granted_to=OPERATOR))
    yield town
    database.close()


def test_every_cell_has_an_answer_and_an_end() -> None:
    assert set(TABLE) == set(product(Standing, Verb, Verb))
    assert set(ENDS) == {" ".join(cell) for cell in TABLE if cell not in IMPOSSIBLE}
    assert {TABLE[cell] for cell in IMPOSSIBLE} == {Effect.REFUSE}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "old", "new"), [pytest.param(*c, id="-".join(c)) for c in TABLE if c not in IMPOSSIBLE]
)
def test_each_cell(cells: Town, where: Standing, old: Verb, new: Verb) -> None:
    clock = cells.database.clock
    assert isinstance(clock, VirtualClock)
    clock.move_to(clock.now() + timedelta(days=2))  # or the cells together would pass the blast radius
    cell = Cell(cells)
    older = cell.bring(where, old)
    before = cell.order(older)
    assert standing(before.state, before.phase) is where
    newer = None
    if TABLE[where, old, new] is Effect.REFUSE:
        with pytest.raises(Conflict, match=r"cannot pass|is going"):
            cell.place(new, NEWER)
    else:
        newer = cell.place(new, NEWER)
    cell.settle()
    ends = [cell.looks(older, newer)]
    if where is Standing.HELD and cell.order(older).state in OPEN_ORDERS:
        cells.do(lambda work: orders.retry(work, older))
        cell.settle()
        ends.append(cell.looks(older, newer))
    assert " / ".join(ends) == ENDS[" ".join((where, old, new))]
