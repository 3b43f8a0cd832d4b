"""Where the log goes: standard error, one line an event, times in UTC."""

from __future__ import annotations

import logging
import sys
import time


def write_logs(level: str) -> None:
    """Send what the gateway logs, from `level` up, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(process)d %(levelname)s %(name)s %(message)s")
    formatter.converter = time.gmtime
    formatter.datefmt = "%Y-%m-%dT%H:%M:%S"
    handler.setFormatter(formatter)
    logger = logging.getLogger("acqp_gateway")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
