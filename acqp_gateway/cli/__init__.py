"""`acqp-gateway`: what a person or a script does with the gateway, one module a group of commands."""

from __future__ import annotations

import sys

from acqp_gateway.cli.command_line import EXIT_INTERRUPTED, acqp_gateway

__all__ = ["main"]


def main() -> None:
    """Run `acqp-gateway` with the arguments of this process."""
    for stream in (sys.stdout, sys.stderr):
        # A name in another script must not end a command in a terminal that cannot show it.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        acqp_gateway(prog_name="acqp-gateway")
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
