"""How often and how fast something is tried again, by what went wrong: data, applied like every document."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, StrictInt, model_validator

from kernel import versions
from kernel.errors import Invalid
from kernel.versions import PLATFORM_TENANT
from kernel.work import SystemWork, Unit, Work
from oss.orders.settle import Policy, Retry, Word
from oss.specs import source
from oss.specs.parts import Frozen

KIND = "retry"
NAME = "standard"
"""The one document of this kind: every worker follows the same."""
ATTEMPTS = 100
"""Attempts of one task at most: beyond them a person should look."""
LONGEST_MS = 3_600_000
"""The longest pause between two attempts: an hour."""

Milliseconds = Annotated[StrictInt, Field(ge=0, le=LONGEST_MS)]


class Trying(Frozen):
    """What is done about one kind of failure: attempts in all, and the pauses between them, doubled each time.

    `jitter_percent` spreads each pause upwards, by a number that task and attempt fix.
    """

    attempts: Annotated[StrictInt, Field(ge=1, le=ATTEMPTS)]
    first_ms: Milliseconds = 500
    longest_ms: Milliseconds = 30_000
    jitter_percent: Annotated[StrictInt, Field(ge=0, le=100)] = 25

    @model_validator(mode="after")
    def _grows(self) -> Trying:
        if self.longest_ms < self.first_ms:
            raise ValueError(f"longest_ms ({self.longest_ms}) is shorter than first_ms ({self.first_ms})")
        return self


class RetryFile(Frozen):
    """The whole of it: by what went wrong, and how long after a command's deadline its echo may still arrive."""

    name: Annotated[str, Field(pattern=rf"^{NAME}$")] = NAME
    refused: Trying = Trying(attempts=1)
    unreachable: Trying = Trying(attempts=5)
    unanswered: Trying = Trying(attempts=5)
    unreadable: Trying = Trying(attempts=6)
    horizon_ms: Milliseconds = 1_000

    def policy(self) -> Policy:
        """As the engine follows it."""
        by = {word: getattr(self, str(word)) for word in KINDS}
        return Policy(horizon_s=self.horizon_ms / 1000, kinds={word: _retry(each) for word, each in by.items()})


KINDS = (Word.REFUSED, Word.UNREACHABLE, Word.UNANSWERED, Word.UNREADABLE)


def _retry(each: Trying) -> Retry:
    return Retry(each.attempts, each.first_ms / 1000, each.longest_ms / 1000, each.jitter_percent / 100)


def load(path_or_text: Path | str, *, name: str = "text") -> RetryFile:
    """Check a file. Raises Invalid, which names file, line and place."""
    document = source.read(path_or_text, name=name)
    if not isinstance(document.content, dict):
        raise Invalid("is no mapping", field=document.where(()), fix="write it as config/retry/standard.yaml")
    return source.checked(RetryFile, document)


def apply(work: Work | SystemWork, path_or_text: Path | str, *, name: str = "text") -> RetryFile:
    """Store it as the next version; every worker follows it from its next renewal on, within three seconds."""
    found = load(path_or_text, name=name)
    versions.apply(work, KIND, NAME, found.model_dump(mode="json"), tenant=PLATFORM_TENANT)
    return found


def show(work: Unit, name: str) -> str:
    """What is in force as YAML that, applied again, is the same version."""
    return str(yaml.safe_dump(_current(work).model_dump(mode="json"), sort_keys=False))


def current(work: Unit) -> Policy:
    """What is in force; the house's own where nothing was ever applied."""
    return _current(work).policy()


def _current(work: Unit) -> RetryFile:
    version = versions.latest(work, KIND, NAME, tenant=PLATFORM_TENANT)
    return RetryFile() if version is None else RetryFile.model_validate(version.body)
