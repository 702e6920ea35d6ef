"""A town of in-memory elements and an edge that runs turns one by one, so that a test sees every step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.elements.memory import MemoryElement
from gateway.network import Network
from kernel.database import Database
from kernel.ids import TenantId
from kernel.work import Actor, Work
from oss.inventory import elements, supply
from oss.inventory import service as inventory
from oss.inventory.model import Differs, ServiceId
from oss.orders import lanes
from oss.orders import run as engine
from oss.orders import service as orders
from oss.orders.model import Verb
from oss.orders.settle import Answer, Policy
from oss.port import ElementSpec
from oss.specs import service as specs

PATIENT = Policy(failures=3, first_s=0.0, longest_s=0.0, horizon_s=0.0)
CLERK = Actor("test:clerk", frozenset({"admin"}))
OPERATOR = TenantId(1)
LINE = """
name: line
characteristics: {profile: '^[A-Z0-9]{1,16}$'}
throttle: '^[0-9]{1,6}$'
resources: [{pool: sim, as: sim}, {pool: port, as: port}, {pool: meter, as: meter}]
components:
  - {name: subscriber, on: sim, intent: subscriber, key: '{imsi}', state: {profile: '{profile}', bar: none, rate: full},
     soft: {bar: outgoing}, hard: {bar: all}, throttled: {rate: '{throttle}'}}
  - {name: port, on: port, intent: port, key: '{port}', requires: [subscriber],
     state: {profile: '{profile}', admin: up}, hard: {admin: down}}
  - {name: meter, on: meter, intent: meter, key: '{meter}', requires: [port],
     state: {enabled: true}, hard: {enabled: false}}
"""
STOCK = """
pools:
  - {pool: sim, element: hlr, sim_run: {iccid: '899900100000000000', imsi: '001010000000001', count: 2}}
  - {pool: port, element: olt, run: {first: '1', count: 2}}
  - {pool: meter, element: broker, values: [meter-1, meter-2]}
"""
IMSI, PORT, METER = "001010000000001", "1", "meter-1"


@dataclass
class Town:
    """A database, three elements, and the edge between them."""

    database: Database
    hlr: MemoryElement = field(default_factory=lambda: MemoryElement("hlr"))
    olt: MemoryElement = field(default_factory=lambda: MemoryElement("olt"))
    broker: MemoryElement = field(default_factory=lambda: MemoryElement("broker"))
    spoken: list[str] = field(default_factory=list)
    wary: dict[str, Differs] = field(default_factory=dict)

    def build(self) -> Town:
        """Apply the elements, the stock and the specification."""

        def fn(work: Work) -> None:
            for name in ("hlr", "olt", "broker"):
                reached = f"{{name: {name}, protocol: memory, role: {name}, dialect: '', address: {{timeout_ms: 10}}}}"
                elements.apply(work, elements.load(f"elements: [{reached}]")[0])
            supply.apply(work, STOCK, granted_to=OPERATOR)
            specs.apply(work, LINE)

        self.do(fn)
        return self

    def do(self, fn: Callable[[Work], object]) -> object:
        """One committed Work of the operator."""
        return self.database.run(fn, tenant=OPERATOR, actor=CLERK)

    def turn(self, answers: list[Answer], *, worker: str = "w1", policy: Policy = PATIENT) -> list[engine.Sent]:
        """One turn of a worker that holds every lane."""

        def fn(work: object) -> list[engine.Sent]:
            held = lanes.hold(work, worker)  # type: ignore[arg-type]
            room = dict.fromkeys(held, 10)
            return engine.turn(work, answers, worker=worker, room=room, policy=policy).sent  # type: ignore[arg-type]

        return self.database.run_system(fn)

    def speak(self, sent: list[engine.Sent]) -> list[Answer]:
        """Carry what a turn sent to the elements."""

        def connect(spec: ElementSpec) -> MemoryElement:
            return {"hlr": self.hlr, "olt": self.olt, "broker": self.broker}[spec.name]

        async def all_of_it() -> list[Answer]:
            network = Network(self.database, connect)
            network.wary = self.wary
            return [await network.speak(s) for s in sent]

        self.spoken += [f"{s.command.element}:{s.command.state}" for s in sent if not s.read_only]
        return asyncio.run(all_of_it())

    def settle(
        self,
        *,
        answers: list[Answer] | None = None,
        turns: int = 200,
        policy: Policy = PATIENT,
        worker: str = "w1",
    ) -> None:
        """Turn and speak until nothing is sent any more and nothing waits for its time."""
        from oss.orders import views

        answers = answers or []
        for _ in range(turns):
            sent = self.turn(answers, policy=policy, worker=worker)
            answers = self.speak(sent)
            if not sent and not self.database.read_system(views.busy).result():
                return
        raise AssertionError("it never settled")

    def line(self, *, profile: str = "HOME500") -> ServiceId:
        """A reserved line with its activation placed."""

        def fn(work: Work) -> ServiceId:
            service = inventory.create(work, "line", profile={"profile": profile}, owner="sub_1")
            orders.place(work, service.id, intent=inventory.intent(work, service.id), verb=Verb.ADD, parent="por_1")
            return service.id

        result = self.do(fn)
        assert isinstance(result, ServiceId)
        return result
