"""One sandbox for the whole run, as it was when it was started for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway_process import free_port
from tests.peer import Keys, make_keys
from tests.sandbox.processes import Sandbox, SandboxProcess, sandbox_environment


@pytest.fixture(scope="session")
def sandbox_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Both sides' keys."""
    return make_keys(tmp_path_factory.mktemp("sandbox-both"))


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory, sandbox_keys: Keys) -> Iterator[Sandbox]:
    """The process, made once; its errors are seen at the end."""
    gateway_port = free_port()
    settings = sandbox_environment(
        tmp_path_factory.mktemp("sandbox"), sandbox_keys, free_port(), gateway_port=gateway_port
    )
    process = SandboxProcess(settings)
    sandbox = Sandbox(process, sandbox_keys, gateway_port)
    yield sandbox
    sandbox.session.close()
    status, errors = process.stop(), process.errors()
    process.close()
    assert (status, errors) == (0, "")


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox with nothing on record, no fault and no history."""
    running_sandbox.reset()
    return running_sandbox
