"""`acqp-gateway sandbox`: handed over to the sandbox, a program of its own."""

from __future__ import annotations

import click

from acqp_gateway.cli.programs import SANDBOX, become, command_of


class PassedOn(click.Command):
    """A command that reads none of its arguments."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep all of them, --help and -- too."""
        ctx.params["arguments"] = tuple(args)
        return []


@click.command(cls=PassedOn, add_help_option=False)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Play the other side, for trial only.

    The sandbox is a program of its own; the gateway never imports it.
    """
    become(command_of(SANDBOX, *arguments))
