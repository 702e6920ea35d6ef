"""What a payment card number looks like among stored texts, so that the doctor can say that none is kept.

Narrower than what payments refuses at its door: the tables are full of network numbers and instants of that length.
"""

from __future__ import annotations

import re

from stdnum import luhn

_RUN = re.compile(r"(?<![0-9A-Za-z_])[0-9](?:[ \-]?[0-9]){14,18}(?![0-9A-Za-z_])")
_ISSUED = re.compile(
    r"3[47]\d{13}"  # American Express
    r"|(?:4\d{3}|5[1-5]\d{2}|2(?:2[3-9]\d|[3-6]\d{2}|7[01]\d|720|22[1-9])|6(?:011|4[4-9]\d|5\d{2})|62\d{2}"
    r"|35(?:2[89]|[3-8]\d))\d{12}"  # Visa, Mastercard, Discover, UnionPay, JCB
    r"|4\d{18}|62\d{17}"  # nineteen digits: Visa, UnionPay
)


def found(text: str) -> str | None:
    """The digits of the first card number in a text, None when there is none."""
    for run in _RUN.finditer(text):
        digits = re.sub(r"[ \-]", "", run[0])
        if _ISSUED.fullmatch(digits) and luhn.is_valid(digits):
            return digits
    return None
