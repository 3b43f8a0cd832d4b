"""How gunicorn runs the gateway, and the check before it starts a worker.

The check is made here, in gunicorn's configuration, because an exit in a worker makes the master boot workers
for ever, while an exit here stops the master with one line.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from acqp_gateway import settings as gateway_settings
from acqp_gateway.errors import ConfigurationError, StoreError, StoreNotMigrated
from acqp_gateway.protocol.keyring import read_private_keys, read_public_keys, same_key
from acqp_gateway.settings import Settings
from acqp_gateway.store import migration
from acqp_gateway.store.database import Store

_CHECK_PATIENCE_S = 2.0


def gunicorn_settings() -> dict[str, Any]:
    """gunicorn's own settings. Exits with one line when the gateway could not run with its settings."""
    try:
        settings = gateway_settings.load()
        check_start(settings)
    except (ConfigurationError, StoreNotMigrated) as error:
        sys.exit(f"acqp-gateway cannot start: {error}")
    return {
        "bind": settings.bind,
        "worker_class": "acqp_gateway.server.worker.BufferingThreadWorker",
        "workers": settings.workers or max(2, os.cpu_count() or 1),
        "threads": settings.threads,
        "worker_connections": 1000,
        "keepalive": 20,
        # The worker's own heartbeat; it does not bound a request, which the application and the worker do.
        "timeout": 30,
        "graceful_timeout": 10,
        "control_socket_disable": True,
        # Nothing of a request's headers is believed about where it came from.
        "forwarder_headers": "",
        "secure_scheme_headers": {},
        # An engine, a pool or a connection made before the fork would be shared by all workers.
        "preload_app": False,
        "accesslog": None,
        "loglevel": settings.log_level,
        "proc_name": "acqp-gateway",
    }


def check_start(settings: Settings) -> None:
    """Whether a worker could serve with these settings.

    Raises ConfigurationError, or StoreNotMigrated. A store that is down now is no reason not to start: answers
    are UNKNOWN_EXCEPTION until it is back.
    """
    own = read_private_keys(settings.keys_dir).require_any(settings.keys_dir)
    alipayplus = read_public_keys(settings.keys_dir).require_any(settings.keys_dir)
    if any(same_key(key.public_key(), other) for key in own for other in alipayplus):
        _warn("a public key configured as Alipay+'s is our own; run: acqp-gateway keys check")
    store = Store(settings.database_url, patience_s=_CHECK_PATIENCE_S)
    try:
        store.require_file()
        migration.check(store)
    except StoreNotMigrated:
        raise
    except StoreError as error:
        _warn(f"the store does not answer now: {error}")
    finally:
        store.close()


def _warn(text: str) -> None:
    sys.stderr.write(f"acqp-gateway: warning: {text}\n")
