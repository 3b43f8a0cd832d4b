"""The command `acqp-gateway` itself: its groups, and what becomes of a command that fails."""

from __future__ import annotations

import errno
import os
import traceback
from typing import Any, NoReturn

import click

from acqp_gateway.cli import (
    clients,
    contracts,
    db,
    decodes,
    init,
    keys,
    merchants,
    mpps,
    orders,
    output,
    payments,
    registration_checks,
    sandbox,
    serve,
    settings,
    stores,
    try_out,
)
from acqp_gateway.errors import GatewayError, StoreBusy, StoreUnavailable

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


class CommandLine(click.Group):
    """Turns everything that a command raises into one plain line and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which a person needs them."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse bytes that are no text before anything is done with them."""
        for argument in args:
            try:
                argument.encode()
            except UnicodeEncodeError:
                raise click.UsageError(f"{argument!r} is not UTF-8 text.", ctx) from None
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Exits with 1 when it is refused or fails, with 130 when it is interrupted."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            output.error("interrupted")
            ctx.exit(EXIT_INTERRUPTED)
        except GatewayError as error:
            _fail(ctx, error, _line_of(error))
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                # The reader has had enough, as in `... | head`.
                raise
            _fail(ctx, error, _unexpected(error))


def _fail(ctx: click.Context, error: Exception, line: str) -> NoReturn:
    if os.environ.get("ACQP_LOG_LEVEL") == "debug":
        click.echo("".join(traceback.format_exception(error)), err=True)
    output.error(line)
    ctx.exit(EXIT_FAILED)


def _line_of(error: GatewayError) -> str:
    if isinstance(error, StoreBusy):
        return f"somebody else holds this record for too long ({error}); try it again"
    if isinstance(error, StoreUnavailable):
        return (
            f"the store does not answer ({error}); check ACQP_DATABASE_URL, and that the database runs,"
            " then: acqp-gateway db check"
        )
    return str(error)


def _unexpected(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}; mend that and try again"
    # What SQLAlchemy adds below the first line are statements and values.
    first_line = str(error).strip().partition("\n")[0][:300]
    text = f"unexpected {type(error).__name__}" + (f": {first_line}" if first_line else "")
    return f"{text}; to see where, run it again with ACQP_LOG_LEVEL=debug"


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="acqp_gateway", prog_name="acqp-gateway")
def acqp_gateway() -> None:
    """The acquirer's side of Alipay+: merchants, their orders, and what a customer's scan is answered.

    \b
    Begin with      acqp-gateway init --sample
    then            acqp-gateway merchants list
                    acqp-gateway orders place --merchant SAMPLE-COFFEE --store SHIBUYA \\
                        --amount 1500 --currency JPY --description "2 lattes"
                    acqp-gateway serve

    Data goes to standard output, everything else to standard error; --json prints data for scripts. Exit status
    0 means done, 1 refused or failed (one line says why and what to do next), 2 wrongly called.

    Settings come from config/gateway.toml and from ACQP_* in the environment: acqp-gateway settings show.
    """


for command in (
    init.init,
    db.db,
    settings.settings,
    keys.keys,
    clients.clients,
    merchants.merchants,
    stores.stores,
    contracts.contracts,
    mpps.mpps,
    registration_checks.registrations,
    orders.orders,
    decodes.decodes,
    payments.payments,
    serve.serve,
    try_out.try_out,
    sandbox.sandbox,
):
    acqp_gateway.add_command(command)
