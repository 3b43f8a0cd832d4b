"""What the sandbox sends for its pages: strict headers, no data, and nothing to a host that is not this machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

from acqp_gateway.sandbox import pages
from tests.sandbox.processes import Sandbox

PAGES = ["/", "/other-side"]
FOLDER = Path(pages.__file__).parent / "pages"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.*") if path.suffix in (".js", ".css"))


def get(sandbox: Sandbox, path: str, **headers: str) -> requests.Response:
    address = f"http://127.0.0.1:{sandbox.process.address[1]}{path}"
    return sandbox.session.get(address, headers=headers, timeout=10, allow_redirects=False)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_strict_headers_and_is_not_kept(sandbox: Sandbox, path: str) -> None:
    response = get(sandbox, path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "camera=(self)" in response.headers["permissions-policy"]
    policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    assert policy["img-src"] == "'self' blob: data:"
    assert "unsafe" not in str(policy)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_holds_no_data_nothing_inline_and_nothing_from_elsewhere(sandbox: Sandbox, path: str) -> None:
    sandbox.register("MERCHANT-OF-SOMEBODY")
    text = get(sandbox, path).text
    assert "MERCHANT-OF-SOMEBODY" not in text
    assert sandbox.process.token() not in text
    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", text) == []
    addresses = re.findall(r"(?:src|href|action)=\"([^\"]*)\"", text)
    assert [address for address in addresses if not address.startswith(("/", "#"))] == []


@pytest.mark.parametrize("name", FILES)
def test_what_a_page_is_made_of_is_sent_with_its_type(sandbox: Sandbox, name: str) -> None:
    response = get(sandbox, f"/pages/{name}")
    assert response.status_code == 200
    wanted = "text/javascript" if name.endswith(".js") else "text/css"
    assert response.headers["content-type"] == f"{wanted}; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.content == (FOLDER / name).read_bytes()
    again = get(sandbox, f"/pages/{name}", **{"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/pages/",
        "/pages/nothing.js",
        "/pages/wallet.html",
        "/pages/vendor/qr/LICENSE",
        "/pages/../pages.py",
        "/pages/..%2fpages.py",
        "/pages/%2e%2e/%2e%2e/settings.py",
        "/pages//etc/passwd",
    ],
)
def test_no_other_file_is_sent(sandbox: Sandbox, path: str) -> None:
    request = requests.Request("GET", "http://127.0.0.1/").prepare()
    request.url = f"http://127.0.0.1:{sandbox.process.address[1]}{path}"
    assert sandbox.session.send(request, timeout=10).status_code == 404


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:{port}",
        "localhost.attacker.example:{port}",
        "127.0.0.1.attacker.example",
        "user@127.0.0.1:{port}",
        "127.0.0.1:{port}/x",
        "127.0.0.1:none",
        "10.0.0.1:{port}",
        "[::2]:{port}",
        "[::1",
        "",
    ],
)
@pytest.mark.parametrize("path", [*PAGES, "/pages/wallet.js", "/pages/nothing"])
def test_a_foreign_host_gets_a_plain_refusal(sandbox: Sandbox, path: str, host: str) -> None:
    response = get(sandbox, path, Host=host.format(port=sandbox.process.address[1]))
    # What gunicorn itself refuses is a bare 400.
    assert response.status_code in (400, 421)
    assert response.headers["content-type"].startswith("text/plain")
    assert "<" not in response.text


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1", "127.0.0.1:{port}", "[::1]:{port}", "[::1]"]
)
def test_this_machine_is_served_by_each_of_its_names(sandbox: Sandbox, host: str) -> None:
    assert get(sandbox, "/", Host=host.format(port=sandbox.process.address[1])).status_code == 200
