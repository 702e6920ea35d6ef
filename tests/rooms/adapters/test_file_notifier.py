"""Notices written as files."""

from __future__ import annotations

import email
import json
from email.policy import default
from pathlib import Path

import pytest

from adapters.notifications.file import FileNotifier, Form
from bss.notices.port import Message
from kernel.errors import Refused, Unreachable

MESSAGE = Message("ntc_1", "anna@example.org", "Grüße: 88.50 EUR", "Dear Anna,\n\nplease pay.\n")
SENDER = "billing@example.org"


async def test_a_notice_is_a_mail_file_that_a_repeat_replaces(tmp_path: Path) -> None:
    notifier = FileNotifier(tmp_path / "out", sender=SENDER)
    await notifier.send(MESSAGE)
    await notifier.send(MESSAGE)
    (file,) = (tmp_path / "out").iterdir()
    mail = email.message_from_bytes(file.read_bytes(), policy=default)
    assert file.name == "ntc_1.eml"
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, "anna@example.org", "Grüße: 88.50 EUR")
    assert mail.get_content().replace("\r\n", "\n") == MESSAGE.body


async def test_a_notice_is_a_json_line(tmp_path: Path) -> None:
    notifier = FileNotifier(tmp_path, sender=SENDER, form=Form.JSONL)
    await notifier.send(MESSAGE)
    (line,) = (tmp_path / "notices.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "notice": "ntc_1",
        "to": "anna@example.org",
        "subject": "Grüße: 88.50 EUR",
        "body": MESSAGE.body,
    }


async def test_an_address_that_makes_no_header_is_refused_for_good(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        await FileNotifier(tmp_path, sender=SENDER).send(Message("ntc_1", "a@b.de\nBcc: c@d.de", "s", "b"))


async def test_a_folder_that_takes_no_file_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(Unreachable):
        await FileNotifier(tmp_path / "file", sender=SENDER).send(MESSAGE)
