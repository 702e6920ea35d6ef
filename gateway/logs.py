"""Logs: one JSON object a line on stderr, with no value of a secret in it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog
from pydantic import SecretStr

from kernel.ids import Id
from kernel.secrets import Secret

HIDDEN = "***"
_SENSITIVE = ("authorization", "password", "passwd", "secret", "token", "api_key", "apikey", "priv_key", "auth_key")
"""A field whose name contains one of these is never shown."""
_QUIET = ("asyncssh", "aiosqlite", "mqtt", "aiohttp.access", "alembic")
"""Libraries that log each session; theirs is shown from warnings on."""


class _Stderr:
    """Stderr as it is when something is written, not as it was when logging began."""

    def write(self, text: str) -> int:
        """Write to it."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush it."""
        sys.stderr.flush()


def configure(level: str) -> None:
    """Send the house's logs and the libraries' to stderr as JSON."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Stderr())),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger of one part of the house."""
    found: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return found


def hide(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put stars in place of whatever a field's name or type says is a secret, at any depth."""
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, Secret | SecretStr) or any(word in name.lower() for word in _SENSITIVE):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(name, inner) for inner in value]
    return str(value) if isinstance(value, Id) else value
