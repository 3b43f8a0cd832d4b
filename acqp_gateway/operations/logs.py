"""Where the log goes: standard error, one line an event, times in UTC."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any


class _Formatter(logging.Formatter):
    """Tracebacks are indented: they may carry a peer's text, and no line of it may pass for one of ours."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's own name
        """A traceback, each line marked as part of one."""
        return "\n".join(f"    | {line}" for line in super().formatException(ei).splitlines())


def write_logs(level: str) -> None:
    """Send what the gateway logs, from `level` up, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = _Formatter("%(asctime)s.%(msecs)03dZ %(process)d %(levelname)s %(name)s %(message)s")
    formatter.converter = time.gmtime
    formatter.datefmt = "%Y-%m-%dT%H:%M:%S"
    handler.setFormatter(formatter)
    logger = logging.getLogger("acqp_gateway")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
