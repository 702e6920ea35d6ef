"""The secret store: every value under a key of its own (AES-256-GCM), every such key under the master key."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Mapped, mapped_column

from kernel.errors import Invalid, NotFound
from kernel.tables import Base
from kernel.work import Unit

_NONCE = 12
_KEY = 32


class Secret:
    """A value that never prints; `reveal` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: to be called where the wire begins and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


class SecretRow(Base):
    """A sealed value of the platform's stock, by reference name."""

    __tablename__ = "secret"
    name: Mapped[str] = mapped_column(primary_key=True)
    wrapped_key: Mapped[bytes]
    sealed: Mapped[bytes]


class Vault:
    """Seals and opens with a master key from the environment or a file."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != _KEY:
            raise Invalid(
                f"the master key has {len(master_key)} bytes",
                field="TRUNKLINE_SECRET_KEY",
                fix=f"give {_KEY} random bytes in base64",
            )
        self._master = AESGCM(master_key)

    @classmethod
    def from_text(cls, text: str) -> Vault:
        """From base64 text."""
        try:
            return cls(base64.b64decode(text, validate=True))
        except ValueError:  # binascii.Error is one; text beyond ASCII another
            raise Invalid(
                "the master key is not base64", field="TRUNKLINE_SECRET_KEY", fix="openssl rand -base64 32"
            ) from None

    @classmethod
    def from_file(cls, path: Path) -> Vault:
        """From a file of base64 text; created with mode 0600 when it does not exist."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(base64.b64encode(os.urandom(_KEY)).decode())
        return cls.from_text(path.read_text(encoding="utf-8", errors="replace").strip())

    def put(self, work: Unit, name: str, value: Secret) -> None:
        """Store or replace a value under a reference."""
        key = AESGCM.generate_key(bit_length=256)
        wrapped, sealed = (
            self._seal(self._master, key, name),
            self._seal(AESGCM(key), value.reveal().encode(), name),
        )
        work.session.merge(SecretRow(name=name, wrapped_key=wrapped, sealed=sealed))
        work.session.flush()

    def get(self, work: Unit, name: str) -> Secret:
        """The value of a reference; NotFound names it, Invalid when it was sealed with another master key."""
        row = work.connection.execute(
            sa.select(SecretRow.wrapped_key, SecretRow.sealed).where(SecretRow.name == name)
        ).one_or_none()
        if row is None:
            raise NotFound(f"no secret {name!r}", field="secret", fix=f"trunkline secret put {name}")
        try:
            key = self._open(self._master, row.wrapped_key, name)
            return Secret(self._open(AESGCM(key), row.sealed, name).decode())
        except (InvalidTag, ValueError):  # a value cut short has no whole nonce
            raise Invalid(
                f"{name!r} was sealed with another master key, or altered",
                field="TRUNKLINE_SECRET_KEY",
                fix="give the right one",
            ) from None

    @staticmethod
    def _seal(box: AESGCM, plain: bytes, name: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + box.encrypt(nonce, plain, name.encode())

    @staticmethod
    def _open(box: AESGCM, sealed: bytes, name: str) -> bytes:
        return box.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
