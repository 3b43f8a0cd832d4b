"""`acqp-gateway sandbox ...`: a program of its own, so that the gateway never imports the sandbox."""

from __future__ import annotations

import sys

import click

from acqp_gateway.errors import GatewayError
from acqp_gateway.sandbox.commands import (
    call,
    faults,
    history,
    notifications,
    output,
    registrations,
    scanning,
    scans,
    serving,
    wallet,
)

EXIT_INTERRUPTED = 130


@click.group(name="sandbox", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """Play the other side: Alipay+ and a wallet, for trial only.

    \b
    Begin with      acqp-gateway sandbox serve
    then            acqp-gateway sandbox registrations set --merchant M1 --psp ALIPAY_CN=APPROVED
                    acqp-gateway sandbox faults set tampered --times 1
                    acqp-gateway sandbox scan CODE --psp ALIPAY_CN --pay
                    acqp-gateway sandbox wallet users list
                    acqp-gateway sandbox call inquiryPayment --psp ALIPAY_CN --field paymentRequestId=ID
                    acqp-gateway sandbox history
    """


for command in (
    serving.serve,
    scanning.scan,
    scans.scans,
    registrations.registrations,
    notifications.notify,
    faults.faults,
    history.history,
    wallet.wallet,
    call.call,
):
    main.add_command(command)


def run() -> None:
    """Run a command and turn what it raises into one line and an exit status."""
    try:
        main.main(prog_name="acqp-gateway sandbox")
    except GatewayError as error:
        output.message(f"acqp-gateway: {' '.join(str(error).split())}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    run()
