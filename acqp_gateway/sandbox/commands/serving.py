"""`acqp-gateway sandbox serve`."""

from __future__ import annotations

import click

from acqp_gateway import settings
from acqp_gateway.sandbox import server


@click.command()
def serve() -> None:
    """Play Alipay+, a wallet and its users on this machine.

    Until SIGTERM or Ctrl-C. It answers signed, from the registrations that `registrations set` enters and from what
    `wallet` enters, and misbehaves as `faults set` says. What it keeps lies in ACQP_SANDBOX_DIR.
    """
    server.serve(settings.load())
