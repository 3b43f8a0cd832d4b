"""Whether a server can have the address that it is to serve."""

from __future__ import annotations

import socket

from acqp_gateway.errors import SettingError


def require_free(bind: str, *, another: str) -> None:
    """Raise SettingError while somebody else has the address; `another` says how to try it with another one."""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As gunicorn does: connections of an earlier server that linger are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise SettingError(
                f"{bind} cannot be used ({error.strerror}); end the program that uses it, or choose"
                f" another: {another}"
            ) from None
