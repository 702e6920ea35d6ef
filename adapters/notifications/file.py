"""Notices as files in a folder: an `.eml` for each, or a JSON line each; for demos, tests and hand-over by file."""

from __future__ import annotations

import asyncio
import json
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from pathlib import Path

from bss.notices.port import Message
from kernel.errors import Refused, Unreachable

_LINES = "notices.jsonl"


class Form(StrEnum):
    """How a notice is written."""

    EML = "eml"
    JSONL = "jsonl"


class FileNotifier:
    """A `Notifier` that writes; an `.eml` written again replaces itself, so a repeat is not a second notice."""

    def __init__(self, folder: Path, *, sender: str, form: Form = Form.EML) -> None:
        self._folder, self._sender, self._form = folder, sender, form
        self._lock = asyncio.Lock()

    async def send(self, message: Message) -> None:
        """Write the notice; Refused when its address makes no header, Unreachable when the folder takes no file."""
        async with self._lock:
            try:
                await asyncio.to_thread(self._write, message)
            except OSError as error:
                raise Unreachable(f"{self._folder} takes no file: {error.strerror}", field="notices") from None

    def _write(self, message: Message) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._form is Form.JSONL:
            with (self._folder / _LINES).open("a", encoding="utf-8") as out:
                out.write(json.dumps(_plain(message), ensure_ascii=False) + "\n")
            return
        final = self._folder / f"{message.notice}.eml"
        draft = final.with_suffix(".part")
        draft.write_bytes(_mail(message, sender=self._sender).as_bytes(policy=SMTP))
        draft.replace(final)


def _plain(message: Message) -> dict[str, str]:
    return {"notice": message.notice, "to": message.address, "subject": message.subject, "body": message.body}


def _mail(message: Message, *, sender: str) -> EmailMessage:
    mail = EmailMessage()
    try:
        mail["From"], mail["To"], mail["Subject"] = sender, message.address, message.subject
    except ValueError as error:
        raise Refused(f"no mail can be made of it: {error}", field="address") from None
    mail["Message-ID"] = f"<{message.notice}@trunkline>"
    mail.set_content(message.body)
    return mail
