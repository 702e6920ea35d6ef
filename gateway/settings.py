"""Every setting of the house, read from the environment; each says what it is for, and docs list them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from kernel.errors import Invalid

PREFIX = "TRUNKLINE_"


class Settings(BaseSettings):
    """What an operator can set; an unknown value stops the start, never a run."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    database_url: str = Field(
        default="sqlite:///var/trunkline.db",
        description="Where everything is kept: sqlite:///path or postgresql://user:password@host/name.",
    )
    url: str | None = Field(
        default=None,
        description="A running gateway, such as http://127.0.0.1:8080: the CLI then asks it instead of opening the "
        "database.",
    )
    token: SecretStr | None = Field(
        default=None, description="The bearer token the CLI acts with; made by `trunkline token create`."
    )
    tenant: int = Field(
        default=1, ge=1, lt=2**63, description="The number of the tenant the CLI acts for when it opens the database."
    )
    secret_key: SecretStr | None = Field(
        default=None, description="The master key of the secret store, 32 bytes in base64; wins over the file."
    )
    secret_key_file: Path = Field(
        default=Path("var/secret.key"),
        description="The file of the master key; made with mode 0600 when it does not exist.",
    )
    audit_anchor: Path | None = Field(
        default=None, description="A file outside the database to which the head of each audit link is written."
    )
    http_host: str = Field(default="127.0.0.1", description="The address the HTTP API listens on.")
    http_port: int = Field(default=8080, ge=0, le=65535, description="The port of the HTTP API; 0 takes a free one.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is logged to stderr: debug, info, warning or error."
    )
    notices_dir: Path = Field(
        default=Path("var/notices"), description="The folder to which letters to customers are written."
    )
    notices_sender: str = Field(
        default="billing@example.org", description="The sender's address on letters to customers."
    )
    operator_address: str | None = Field(
        default=None, description="Where alarms are written to, such as noc@example.org; to nobody unless told."
    )
    bank_url: str | None = Field(
        default=None, description="The payment gateway over HTTP; without it one in memory says yes to every token."
    )
    bank_key: str = Field(
        default="bank/api-key", description="The name in the secret store of the payment gateway's API key."
    )
    bank_webhook_secret: str = Field(
        default="bank/webhook-secret",
        description="The name in the secret store of the key that signs the payment gateway's notices.",
    )
    worker_label: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$",
        description="What `trunkline worker list` calls this process's worker; its host and process id unless told.",
    )
    worker_slots: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Commands in flight on one lane at most, where its elements do not say `slots` themselves.",
    )
    portability_url: str | None = Field(
        default=None,
        description="The clearing house for numbers over HTTP; without it one in memory agrees to every port.",
    )
    portability_key: str = Field(
        default="portability/api-key", description="The name in the secret store of the clearing house's API key."
    )
    poll_s: float = Field(
        default=1.0,
        gt=0,
        le=60,
        description="Seconds after which the worker looks for due work at the latest, even when nobody woke it.",
    )


def load() -> Settings:
    """The settings of this process's environment. Raises Invalid, which names the variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = f"{PREFIX}{'_'.join(str(part) for part in first['loc']).upper()}"
        raise Invalid(first["msg"], field=name, fix="see docs/reference/settings.md") from None
