"""`trunkline subscription`."""

from __future__ import annotations

from gateway.cli.nouns import Account, Limit, Offset, noun
from gateway.cli.office import ask
from gateway.cli.output import Format, Output

app = noun("What customers are subscribed to.")


@app.command("list")
def listed(account: Account = None, offset: Offset = 0, limit: Limit = 50, output: Output = Format.TABLE) -> None:
    """Subscriptions, the newest first."""
    columns = ("id", "account_id", "offering", "state", "restricted", "throttle", "values")
    document = {"account_id": account, "offset": offset, "limit": limit}
    ask("subscription.list", document, output=output, columns=columns)


@app.command("show")
def show(subscription_id: str, output: Output = Format.TABLE) -> None:
    """A subscription with its prices, its identities and what the network has confirmed."""
    ask("subscription.show", {"subscription_id": subscription_id}, output=output)
