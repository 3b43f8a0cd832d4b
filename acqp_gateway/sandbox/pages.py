"""The sandbox's pages for a person: a wallet's user at `/`, registrations, faults and messages at `/other-side`.

The pages hold no data: everything comes from the control API, for the holder of its token alone.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

_FOLDER = Path(__file__).parent / "pages"
_PAGES = {"/": "wallet.html", "/other-side": "other-side.html"}
_STATIC_PREFIX = "/pages/"

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: Nothing from elsewhere, nothing inline, in nobody's frame; a form that no script took over sends nothing.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self'; img-src 'self' blob: data:;"
    " media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the pages as it goes out."""

    body: bytes
    media_type: str
    etag: str


def pages_blueprint() -> Blueprint:
    """The pages and what they are made of; read once, so that no request names a file of this machine."""
    routes = Blueprint("pages", __name__)
    files = _files()
    routes.before_request(_refuse_foreign_hosts)
    routes.after_request(_with_headers)
    for path, name in _PAGES.items():
        routes.add_url_rule(path, endpoint=name.replace(".", "_"), view_func=functools.partial(_page, files[name]))

    @routes.get(f"{_STATIC_PREFIX}<path:name>")
    def static_file(name: str) -> Response:
        file = files.get(name)
        if file is None or file.media_type == _MEDIA_TYPES[".html"]:
            return _plain("404 Not Found", 404)
        # Asked for again every time, sent again only when it has changed.
        response = Response(file.body, content_type=file.media_type, headers={"Cache-Control": "no-cache"})
        response.set_etag(file.etag)
        response.make_conditional(request)
        return response

    return routes


def _page(file: _File) -> Response:
    return Response(file.body, content_type=file.media_type, headers={"Cache-Control": "no-store"})


def _plain(text: str, status: int) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def _refuse_foreign_hosts() -> Response | None:
    """A name that somebody else can point at this machine must not lead to a page that asks for the token."""
    if _is_this_machine(request.headers.get("Host", "")):
        return None
    return _plain("421 this page is served to http://localhost and http://127.0.0.1 alone", 421)


def _is_this_machine(host_and_port: str) -> bool:
    try:
        parts = urlsplit(f"//{host_and_port}")
        host, _ = parts.hostname, parts.port
        if host is None or parts.netloc != host_and_port or parts.username is not None or parts.path:
            return False
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response


def _files() -> Mapping[str, _File]:
    """Every file below the folder that a browser may have, by its path in there."""
    return {
        path.relative_to(_FOLDER).as_posix(): _file(path)
        for path in sorted(_FOLDER.rglob("*"))
        if path.suffix in _MEDIA_TYPES
    }


def _file(path: Path) -> _File:
    body = path.read_bytes()
    return _File(body, _MEDIA_TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:32])
