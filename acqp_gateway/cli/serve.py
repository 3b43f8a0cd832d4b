"""`acqp-gateway serve`: the HTTP server."""

from __future__ import annotations

import click

from acqp_gateway import settings
from acqp_gateway.cli import address
from acqp_gateway.cli.programs import GUNICORN, become, command_of


@click.command()
def serve() -> None:
    """Serve Alipay+ on the configured address.

    By gunicorn, until SIGTERM or Ctrl-C. In a source tree this does what
    gunicorn -c config/gunicorn.conf.py wsgi:app does.
    """
    address.require_free(settings.load().bind, another="ACQP_BIND=127.0.0.1:8001 acqp-gateway serve")
    become(command_of(*GUNICORN))
