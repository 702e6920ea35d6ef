"""`trunkline`: one noun a file; nothing heavy is imported before a command runs."""

from __future__ import annotations

import typer

from gateway.cli import (
    account,
    approval,
    bulk,
    customer,
    db,
    demo,
    doctor,
    documents,
    dunning,
    element,
    fallout,
    guard,
    incident,
    invoice,
    line,
    order,
    payment,
    pool,
    porting,
    secret,
    seller,
    serve,
    sim,
    subscription,
    task,
    token,
    usage,
    worker,
)

app = typer.Typer(
    name="trunkline",
    help="A provisioning gateway: what is billed is what is served, and the system proves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
for name, noun in (
    ("db", db.app),
    ("sim", sim.app),
    *documents.APPS,
    ("element", element.app),
    ("pool", pool.app),
    ("seller", seller.app),
    ("customer", customer.app),
    ("account", account.app),
    ("subscription", subscription.app),
    ("order", order.app),
    ("line", line.app),
    ("task", task.app),
    ("porting", porting.app),
    ("approval", approval.app),
    ("bulk", bulk.app),
    ("usage", usage.app),
    ("invoice", invoice.app),
    ("payment-method", payment.methods),
    ("payment", payment.app),
    ("dunning", dunning.app),
    ("fallout", fallout.app),
    ("guard", guard.app),
    ("incident", incident.app),
    ("alarm", incident.alarms),
    ("worker", worker.app),
    ("secret", secret.app),
    ("token", token.app),
):
    app.add_typer(noun, name=name)


def main() -> None:
    """The command."""
    app()


if __name__ == "__main__":
    main()
