"""Identities as checked types: text in its one canonical form, or Invalid with the field and the fix."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, ClassVar, Self

import phonenumbers
from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema
from stdnum import imei, imsi, luhn, mac
from stdnum.exceptions import ValidationError

from kernel.errors import Invalid

_LONGEST = 64
"""Longer than any identity written with every separator: whatever is longer is not looked at."""
_SEPARATORS = re.compile(r"[ .\-()/]")


class Identity(str):
    """Text that was checked; each kind derives its own class and says how."""

    __slots__ = ()
    field: ClassVar[str] = "identity"
    fix: ClassVar[str] = ""

    def __init_subclass__(cls, *, field: str, fix: str) -> None:
        cls.field, cls.fix = field, fix

    @classmethod
    def parse(cls, text: str) -> Self:
        """From text as people write it; Invalid names the kind and its form."""
        canonical = cls._canonical(text.strip()) if len(text) <= _LONGEST and text.isascii() else None
        if canonical is None:
            raise Invalid(f"{text[:_LONGEST]!r} is not valid", field=cls.field, fix=cls.fix)
        return cls(canonical)

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def check(text: str) -> Identity:
            try:
                return cls.parse(text)
            except Invalid as error:
                raise ValueError(str(error)) from error

        return core_schema.no_info_after_validator_function(check, core_schema.str_schema(strict=True))


def _digits(text: str) -> str:
    compact = _SEPARATORS.sub("", text)
    return compact if compact.isdigit() else ""


class Msisdn(Identity, field="msisdn", fix="country code and number, 7 to 15 digits, as in +44 7700 900123"):
    """A number in E.164, digits only and without the plus sign, as network elements keep it."""

    __slots__ = ()

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        digits = _digits(text.removeprefix("+"))
        if not 7 <= len(digits) <= 15 or digits[0] == "0":
            return None
        try:
            phonenumbers.parse(f"+{digits}")
        except phonenumbers.NumberParseException:
            return None
        return digits

    @property
    def doubt(self) -> str | None:
        """Why the number looks unusual, None when it does not: machines have ranges that no list of people's has."""
        if phonenumbers.is_valid_number(phonenumbers.parse(f"+{self}")):
            return None
        return "in no range that the public numbering plan assigns; right for a machine, else look again"


_PRIVATE = "999"
"""The country code that ITU-T E.212 keeps for private networks, which the registry of networks does not list."""


class Imsi(Identity, field="imsi", fix="14 or 15 digits that begin with a known country and network"):
    """The identity a subscription module shows to the network."""

    __slots__ = ()

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        digits = _digits(text)
        if len(digits) in (14, 15) and digits.startswith(_PRIVATE):
            return digits
        return digits if imsi.is_valid(digits) else None


class Iccid(Identity, field="iccid", fix="18 to 22 digits that begin with 89 and end with their Luhn digit"):
    """The number printed on a SIM."""

    __slots__ = ()

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        digits = _digits(text)
        right = 18 <= len(digits) <= 22 and digits.startswith("89") and luhn.is_valid(digits)
        return digits if right else None


class Eid(Identity, field="eid", fix="32 digits that begin with 89 and are 1 modulo 97"):
    """The number of an embedded SIM, constant while profiles come and go."""

    __slots__ = ()

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        digits = _digits(text)
        right = len(digits) == 32 and digits.startswith("89") and int(digits) % 97 == 1
        return digits if right else None


class Imei(Identity, field="imei", fix="15 digits that end with their Luhn digit"):
    """The number of a radio device."""

    __slots__ = ()

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        digits = _digits(text)
        return digits if len(digits) == 15 and imei.is_valid(digits) else None


class Mac(Identity, field="mac", fix="six pairs of hexadecimal digits, as in 00:00:5e:00:53:01"):
    """A hardware address, in small letters with colons."""

    __slots__ = ()

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        try:
            return str(mac.validate(text)).lower()
        except ValidationError:
            return None


class Ip(Identity, field="ip", fix="an IPv4 or IPv6 address without prefix or zone, as in 192.0.2.1 or 2001:db8::1"):
    """An address of version 4 or 6, in its shortest form."""

    __slots__ = ()

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        try:
            return str(ipaddress.ip_address(text)) if "%" not in text else None
        except ValueError:
            return None


class Port(Identity, field="port", fix="a decimal number from 1 to 2147483647"):
    """A port of an element by its interface index."""

    __slots__ = ()

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        return text if re.fullmatch(r"[1-9][0-9]{0,9}", text) and int(text) < 2**31 else None


class DeviceName(Identity, field="device", fix="1 to 64 letters, digits, underscores or hyphens"):
    """The name of a device with its broker."""

    __slots__ = ()

    @classmethod
    def _canonical(cls, text: str) -> str | None:
        return text if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) else None
