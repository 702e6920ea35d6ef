"""Identities are checked where they enter and have one canonical form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from stdnum import luhn

from kernel.errors import Invalid
from oss.identity import DeviceName, Eid, Iccid, Identity, Imei, Imsi, Ip, Mac, Msisdn, Port

KINDS: list[type[Identity]] = [Msisdn, Imsi, Iccid, Eid, Imei, Mac, Ip, Port, DeviceName]


@pytest.mark.parametrize(
    ("kind", "written", "canonical"),
    [
        (Msisdn, "+44 7700 900123", "447700900123"),
        (Msisdn, "447700900123", "447700900123"),
        (Msisdn, " +1 (202) 555-0123 ", "12025550123"),
        (Imsi, "001010000000001", "001010000000001"),
        (Imsi, "262 01 0000000001", "262010000000001"),
        (Imsi, "999700000000001", "999700000000001"),
        (Iccid, "8999 0010 0000 0000 004", "8999001000000000004"),
        (Eid, "89049032005008882600003014111011", None),
        (Eid, "89049032123451234512345678901235", "89049032123451234512345678901235"),
        (Imei, "49-015420-323751-8", "490154203237518"),
        (Mac, "00-00-5E-00-53-01", "00:00:5e:00:53:01"),
        (Ip, "192.0.2.1", "192.0.2.1"),
        (Ip, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        (Port, "3", "3"),
        (DeviceName, "meter-0001", "meter-0001"),
    ],
)
def test_the_written_form_becomes_the_canonical_one(kind: type[Identity], written: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(Invalid):
            kind.parse(written)
    else:
        assert kind.parse(written) == canonical
        assert type(kind.parse(written)) is kind


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (Msisdn, ""),
        (Msisdn, "0777 900123"),
        (Msisdn, "+999 1234567"),
        (Msisdn, "4477009001231234"),
        (Msisdn, "447700900123\nhlr"),
        (Msisdn, "44770090012٣"),
        (Imsi, "00101000000001x"),
        (Imsi, "0010100000001"),
        (Imsi, "0010100000000001"),
        (Iccid, "8999001000000000005"),
        (Iccid, "8899001000000000004"),
        (Iccid, "89990010000000004"),
        (Imei, "490154203237517"),
        (Imei, "4901542032375187"),
        (Mac, "00:00:5e:00:53"),
        (Mac, "00:00:5e:00:53:0g"),
        (Ip, "192.0.2.256"),
        (Ip, "192.0.2.1/24"),
        (Ip, "fe80::1%eth0"),
        (Port, "0"),
        (Port, "03"),
        (Port, "4294967296"),
        (DeviceName, "a/b"),
        (DeviceName, "+"),
        (DeviceName, "x" * 65),
    ],
)
def test_what_is_not_one_is_refused_by_name(kind: type[Identity], written: str) -> None:
    with pytest.raises(Invalid) as refused:
        kind.parse(written)
    assert refused.value.field == kind.field
    assert refused.value.fix


def test_a_machine_s_number_is_doubted_and_not_refused() -> None:
    assert Msisdn.parse("+31 97 0123 45678").doubt is None
    assert Msisdn.parse("882 39 000 123456").startswith("882")
    unusual = Msisdn.parse("447700900123456")
    assert unusual.doubt is not None
    assert "machine" in unusual.doubt


@given(kind=st.sampled_from(KINDS), text=st.text(max_size=80))
def test_any_text_is_canonical_or_invalid(kind: type[Identity], text: str) -> None:
    try:
        parsed = kind.parse(text)
    except Invalid:
        return
    assert kind.parse(parsed) == parsed
    assert parsed.isascii()
    assert not set(parsed) & set("\r\n\t \x00")


@given(kind=st.sampled_from(KINDS), digits=st.text("0123456789 -+:.", max_size=40))
def test_any_digits_are_canonical_or_invalid(kind: type[Identity], digits: str) -> None:
    try:
        parsed = kind.parse(digits)
    except Invalid:
        return
    assert kind.parse(parsed) == parsed


@given(body=st.text("0123456789", min_size=15, max_size=19), wrong=st.integers(1, 9))
def test_an_iccid_has_exactly_one_last_digit(body: str, wrong: int) -> None:
    number = f"89{body}"
    right = int(luhn.calc_check_digit(number))
    assert Iccid.parse(f"{number}{right}") == f"{number}{right}"
    with pytest.raises(Invalid):
        Iccid.parse(f"{number}{(right + wrong) % 10}")


@given(st.integers(0, 2**128 - 1))
def test_an_address_is_shortest(number: int) -> None:
    groups = ":".join(f"{(number >> shift) & 0xFFFF:04X}" for shift in range(112, -1, -16))
    assert Ip.parse(Ip.parse(groups)) == Ip.parse(groups)
    assert len(Ip.parse(groups)) <= len(groups)


class Contact(BaseModel):
    """A document that holds an identity."""

    number: Msisdn


def test_a_document_holds_the_checked_type() -> None:
    contact = Contact.model_validate({"number": "+44 7700 900123"})
    assert contact.number == "447700900123"
    assert isinstance(contact.number, Msisdn)
    with pytest.raises(ValidationError, match="country code"):
        Contact.model_validate({"number": "nobody"})
