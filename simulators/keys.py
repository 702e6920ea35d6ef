"""Passwords, keys and chance for one run, all drawn from one root so that a seed repeats them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets


class Keys:
    """A root secret and what is derived from it by name."""

    def __init__(self, seed: int | None) -> None:
        self._root = secrets.token_bytes(32) if seed is None else hashlib.sha256(str(seed).encode()).digest()

    def raw(self, label: str) -> bytes:
        """Thirty-two bytes that belong to the label."""
        return hmac.digest(self._root, label.encode(), "sha256")

    def text(self, label: str) -> str:
        """A password of 24 letters and digits."""
        return self.raw(label).hex()[:24]

    def base64(self, label: str) -> str:
        """The label's bytes in base64."""
        return base64.b64encode(self.raw(label)).decode()

    def chance(self, label: str) -> float:
        """A number from 0 up to 1 that belongs to the label."""
        return int.from_bytes(self.raw(label)[:7], "big") / float(1 << 56)
