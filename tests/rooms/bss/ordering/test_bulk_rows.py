"""A bulk file, row by row: what is understood, and what is refused by line and column."""

from __future__ import annotations

import pytest

from bss.ordering.bulk import rows
from bss.ordering.bulk.model import BulkVerb
from bss.ordering.bulk.rows import Bad, Row, Seen
from bss.subscriptions.model import SubscriptionId
from kernel.errors import Exhausted, Invalid

ONE, TWO = str(SubscriptionId(1)), str(SubscriptionId(2))


def read(text: bytes, verb: BulkVerb = BulkVerb.RESTRICT, name: str = "f.csv") -> list[tuple[int, str]]:
    """Line and outcome of each row: its subject, or which column is wrong and why."""
    seen, told = Seen(), []
    for found in rows.split(text.splitlines(keepends=True), name=name, verb=verb, defaults={}):
        row = seen.once(found if isinstance(found, Bad) else rows.check(verb, *found, defaults={}))
        told.append((row.line, row.subject if isinstance(row, Row) else f"{row.field}: {row.message}"))
    return told


def test_a_good_file() -> None:
    text = f"\ufeffsubscription_id,level,until\r\n{ONE},hard,\r\n\r\n{TWO},soft,2027-01-01T00:00:00Z\n"
    assert read(text.encode()) == [(2, ONE), (4, TWO)]


def test_json_lines() -> None:
    text = f'{{"subscription_id": "{ONE}"}}\n{{"subscription_id": 7}}\n[]\nno\n'
    assert read(text.encode(), name="stdin") == [
        (1, ONE),
        *((line, "row: is not one JSON object of texts") for line in (2, 3, 4)),
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (b"sub_x,hard", "subscription_id: 'sub_x' is not a sub id"),
        (ONE.encode() + b",loud", "level: 'loud' is no level"),
        (ONE.encode() + b",hard,more", "row: has 3 values for 2 columns"),
        (ONE.encode(), "row: has 1 values for 2 columns"),
        (b",hard", "subscription_id: is missing"),
        (ONE.encode() + b"\x07,hard", "subscription_id: has a control character"),
        (ONE.encode() + b",h\xe2\x80\xa8ard", "level: has a control character"),
        (b"\xff\xfe,hard", "row: is not a line of UTF-8 text of at most 8000 bytes"),
        (b"x" * 9_000, "row: is not a line of UTF-8 text of at most 8000 bytes"),
        (b"x" * 300 + b",hard", "subscription_id: has more than 200 characters"),
        (b'"open,hard', "row: is not a line of UTF-8 text of at most 8000 bytes"),
    ],
)
def test_a_bad_row_is_refused_by_line_and_column(row: bytes, told: str) -> None:
    found = read(b"subscription_id,level\n" + TWO.encode() + b",soft\n" + row + b"\n")
    assert found == [(2, TWO), (3, told)]


def test_a_second_row_about_a_line_is_one_too_many() -> None:
    assert read(f"subscription_id\n{ONE}\n{TWO}\n{ONE}\n".encode()) == [
        (2, ONE),
        (3, TWO),
        (4, "subscription_id: the same line as row 2"),
    ]


def test_a_file_of_rejects_may_be_taken_in_again() -> None:
    assert read(f"subscription_id,error\n{ONE},olt-1 said no\n".encode()) == [(2, ONE)]


@pytest.mark.parametrize(
    ("header", "verb", "told"),
    [
        (b"", BulkVerb.LIFT, "f.csv: has no rows (columns of lift: subscription_id and perhaps cause)"),
        (b"line\n", BulkVerb.LIFT, "f.csv:1: has no place for the column line"),
        (b"cause\n", BulkVerb.LIFT, "f.csv:1: has no column subscription_id"),
        (b"subscription_id,subscription_id\n", BulkVerb.LIFT, "f.csv:1: names a column twice"),
        (b"account_id\n", BulkVerb.ACTIVATE, "f.csv:1: has no column offering"),
        (b"subscription_id,profile.\n", BulkVerb.CHANGE, "f.csv:1: has no place for the column profile."),
    ],
)
def test_a_wrong_header_refuses_the_file(header: bytes, verb: BulkVerb, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(header, verb)
    assert str(caught.value).startswith(told)


def test_a_file_has_so_many_rows_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS", 2)
    with pytest.raises(Exhausted, match="more than 2 rows"):
        read(f"subscription_id\n{ONE}\n{TWO}\n{ONE}\n".encode())


def test_a_change_is_of_one_kind() -> None:
    wrong = (2, "offering: either an offering or profile.NAME is changed")
    assert read(f"subscription_id,offering,profile.speed\n{ONE},a,b\n".encode(), BulkVerb.CHANGE) == [wrong]
    assert read(f"subscription_id,offering,profile.speed\n{ONE},,\n".encode(), BulkVerb.CHANGE) == [wrong]
    assert read(f"subscription_id,profile.speed\n{ONE},b\n".encode(), BulkVerb.CHANGE) == [(2, ONE)]


def test_the_same_activation_twice_needs_a_reference() -> None:
    account = "acc_0000000000001"
    found = read(f"account_id,offering,ref\n{account},m,\n{account},m,\n{account},m,x\n".encode(), BulkVerb.ACTIVATE)
    assert [line for line, told in found if "the same activation" in told] == [3]
