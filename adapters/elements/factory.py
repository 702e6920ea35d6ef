"""From an element's specification to the element; each protocol's library is imported only when it is used."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from adapters.elements import dialects
from adapters.elements.deadlines import DEFAULT, Timeouts
from adapters.elements.memory import MemoryDialect, MemoryElement
from adapters.elements.mqtt.dialect import MqttDialect
from adapters.elements.snmp.dialect import SnmpDialect
from adapters.elements.ssh.dialect import SshDialect
from kernel.errors import Invalid
from oss.port import ElementSpec, NetworkElement


def connect(spec: ElementSpec, *, secrets: Callable[[str], str], timeouts: Timeouts = DEFAULT) -> NetworkElement:
    """An element that opens its session on first use. Raises Invalid for a bad address or dialect."""
    if spec.protocol == "memory" and not spec.dialect:
        return MemoryElement(spec.name)
    dialect = dialects.checked(spec.dialect, name=f"dialect of {spec.name}")
    if dialect.protocol != spec.protocol:
        message = f"{spec.name} speaks {spec.protocol}, its dialect {dialect.dialect} {dialect.protocol}"
        raise Invalid(message, field="protocol", fix="give the element a dialect of its own protocol")
    try:
        return _connected(spec, dialect, secrets, timeouts)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in ("address", *first["loc"]))
        raise Invalid(f"{spec.name}: {first['msg']}", field=where, fix="mend the element's address") from error


def _connected(
    spec: ElementSpec, dialect: dialects.Dialect, secrets: Callable[[str], str], timeouts: Timeouts
) -> NetworkElement:
    match dialect:
        case SshDialect():
            from adapters.elements.ssh.element import SshElement

            return SshElement(spec, dialect, secrets=secrets, timeouts=timeouts)
        case SnmpDialect():
            from adapters.elements.snmp.element import SnmpElement

            return SnmpElement(spec, dialect, secrets=secrets, timeouts=timeouts)
        case MqttDialect():
            from adapters.elements.mqtt.element import MqttElement

            return MqttElement(spec, dialect, secrets=secrets, timeouts=timeouts)
        case MemoryDialect():
            return MemoryElement(spec.name, dialect=dialect)
