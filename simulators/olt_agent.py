"""The terminal's SNMPv3 agent: authPriv only, and silence for whoever holds a wrong key."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

from pyasn1.error import PyAsn1Error
from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.error import PySnmpError
from pysnmp.proto import rfc3412
from pysnmp.proto.api import v2c

from simulators import faults, keys, olt, wire

USER = "provisioning"
AUTH_PRIV = 3  # the only security level this agent talks at
BULK_LIMIT = 64  # rows in one GETBULK answer, so that it stays below 64 KiB
RECEIVE_BUFFER_BYTES = 1 << 20  # a burst of some thousand requests
# The two reports a manager needs to get in step (RFC 3414); every other report would tell a stranger why.
ENGINE_UNKNOWN = (1, 3, 6, 1, 6, 3, 15, 1, 1, 4, 0)
NOT_IN_TIME = (1, 3, 6, 1, 6, 3, 15, 1, 1, 2, 0)

GET, NEXT, BULK, SET = (
    v2c.GetRequestPDU.tagSet,
    v2c.GetNextRequestPDU.tagSet,
    v2c.GetBulkRequestPDU.tagSet,
    v2c.SetRequestPDU.tagSet,
)
WORDS = {GET: "GET", NEXT: "GETNEXT", BULK: "GETBULK", SET: "SET"}


class QuietDispatcher(rfc3412.MsgAndPduDispatcher):  # type: ignore[misc]  # pysnmp carries no types
    """Answers nothing that cannot be read, and reports nothing but discovery and time."""

    def receive_message(self, *arguments: Any) -> Any:
        """Drop a message that cannot be decoded, as a wrong privacy key leaves it."""
        try:
            return super().receive_message(*arguments)
        except (PySnmpError, PyAsn1Error):
            return b""

    def return_response_pdu(self, *arguments: Any) -> None:
        """Send an answer or one of the two reports; the last argument carries a report's OID."""
        status = arguments[-1]
        if "oid" in status and tuple(status["oid"]) not in (ENGINE_UNKNOWN, NOT_IN_TIME):
            return
        super().return_response_pdu(*arguments)


class OltServer:
    """The terminal on a UDP port."""

    def __init__(self, run: keys.Keys, at: wire.Wire, *, ports: int) -> None:
        self.element = olt.Olt(ports)
        self.wire = at
        self.ports = ports
        self._auth_key = run.text("olt authentication")
        self._priv_key = run.text("olt privacy")
        self._engine_id = b"\x80\x00\x7e\xd9\x05" + run.raw("olt engine")[:12]  # RFC 3411, enterprise 32473
        self._engine: Any = None

    async def start(self) -> dict[str, Any]:
        """Listen, and say where and with which keys to ask."""
        self._engine = engine.SnmpEngine(msgAndPduDsp=QuietDispatcher())
        identity = self._symbol("snmpEngineID")
        identity.syntax = identity.syntax.clone(self._engine_id)
        self._engine.snmpEngineID = identity.syntax
        self._restart_clock()
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        door.bind(("127.0.0.1", 0))
        config.add_transport(self._engine, udp.DOMAIN_NAME, udp.UdpTransport().open_server_mode(sock=door))
        config.add_v3_user(
            self._engine,
            USER,
            config.USM_AUTH_HMAC192_SHA256,
            self._auth_key,
            config.USM_PRIV_CFB128_AES,
            self._priv_key,
        )
        self._engine.message_dispatcher.register_context_engine_id(identity.syntax, tuple(WORDS), self._process)
        return {
            "host": "127.0.0.1",
            "port": door.getsockname()[1],
            "user": USER,
            "auth_protocol": "SHA256",
            "auth_key": self._auth_key,
            "priv_protocol": "AES128",
            "priv_key": self._priv_key,
            "ports": self.ports,
        }

    def _symbol(self, name: str) -> Any:
        return self._engine.get_mib_builder().import_symbols("__SNMP-FRAMEWORK-MIB", name)[0]

    def _restart_clock(self) -> None:
        boots, since = self._symbol("snmpEngineBoots"), self._symbol("snmpEngineTime")
        boots.syntax = boots.syntax.clone(self.element.boots)
        since.syntax = since.syntax.clone(int(time.time()))

    def _process(self, *call: Any) -> None:
        """Take one PDU from the dispatcher: judge, obey, log, answer now or later or never."""
        (owner, model, security, name, level, engine_id, context, version, pdu, size, reference) = call
        if level != AUTH_PRIV:
            return
        varbinds = [(tuple(oid), value) for oid, value in v2c.apiPDU.get_varbinds(pdu)]
        verdict, status, index, answer = self._obey(pdu, varbinds)
        if not verdict.answered:
            return
        reply = v2c.apiPDU.get_response(pdu)
        v2c.apiPDU.set_error_status(reply, status)
        v2c.apiPDU.set_error_index(reply, index)
        v2c.apiPDU.set_varbinds(reply, answer)
        whole: tuple[Any, ...] = (
            owner,
            model,
            security,
            name,
            level,
            engine_id,
            context,
            version,
            reply,
            size,
            reference,
            {},
        )
        self._later(verdict.delay_s, lambda: self._answer(whole))

    def _later(self, delay_s: float, answer: Callable[[], None]) -> None:
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, answer)
        else:
            answer()

    def _answer(self, whole: tuple[Any, ...]) -> None:
        if self._engine.transport_dispatcher is not None:  # stopped while a slow answer waited
            self._engine.message_dispatcher.return_response_pdu(*whole)

    def _obey(
        self, pdu: Any, varbinds: list[tuple[olt.Oid, Any]]
    ) -> tuple[faults.Verdict, str, int, list[tuple[Any, Any]]]:
        tag = pdu.tagSet
        text = " ".join([WORDS[tag], *(_shown(oid, value, write=tag == SET) for oid, value in varbinds)])
        act = faults.Act.CHANGE if tag == SET else faults.Act.READ
        verdict = self.wire.judge(text, act=act)
        status, index, effect = "noError", 0, False
        answer: list[tuple[Any, Any]] = varbinds
        if verdict.kind is faults.Kind.REFUSE:
            status, index = ("noAccess" if tag == SET else "genErr"), 1
        elif verdict.done and tag == SET:
            try:
                effect = self.element.write(varbinds)
            except olt.SetError as error:
                status, index = error.status, error.index + 1
        elif verdict.done:
            answer = self._read(pdu, tag, [oid for oid, _ in varbinds])
        elif tag != SET:
            answer = [(oid, v2c.NoSuchInstance()) for oid, _ in varbinds]
        indexes = sorted({oid[-1] for oid, _ in varbinds if oid[:-1] in olt.COLUMNS})
        key = ",".join(map(str, indexes)) or None
        self.wire.record(text, key=key, effect=effect, fault=verdict.word)
        return verdict, status, index, answer

    def _read(self, pdu: Any, tag: Any, oids: list[olt.Oid]) -> list[tuple[Any, Any]]:
        if tag == GET:
            return [(oid, self.element.read(oid)) for oid in oids]
        if tag == NEXT:
            return [self._following(oid) for oid in oids]
        once = min(int(v2c.apiBulkPDU.get_non_repeaters(pdu)), len(oids))
        rows = min(int(v2c.apiBulkPDU.get_max_repetitions(pdu)), BULK_LIMIT)
        found = [self._following(oid) for oid in oids[:once]]
        at = oids[once:]
        for _ in range(rows if at else 0):
            row = [self._following(oid) for oid in at]
            found += row
            at = [oid for oid, _ in row]
        return found

    def _following(self, oid: olt.Oid) -> tuple[olt.Oid, Any]:
        after = self.element.next(oid)
        return (oid, v2c.EndOfMibView()) if after is None else (after, self.element.read(after))

    async def reboot(self) -> None:
        """Start again: one engine boot more, so that managers must get in step anew."""
        self.element.reboot()
        self._restart_clock()

    async def stop(self) -> None:
        """Close the port."""
        if self._engine is not None:
            self._engine.close_dispatcher()


def _shown(oid: olt.Oid, value: Any, *, write: bool) -> str:
    dotted = ".".join(map(str, oid))
    if not write:
        return dotted
    text = bytes(value).decode(errors="replace") if isinstance(value, v2c.OctetString) else value.prettyPrint()
    return f"{dotted}={text}"
