"""Who may import whom: README, Architecture. The table here is the rule; everything else is refused."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import acqp_gateway

PACKAGE = acqp_gateway.__name__
ROOT = Path(acqp_gateway.__file__).parent

ALL = frozenset(
    {
        "addresses",
        "app",
        "clients",
        "clock",
        "decoder",
        "errors",
        "operations",
        "orders",
        "payments",
        "protocol",
        "registration",
        "sandbox",
        "server",
        "settings",
        "store",
        "text",
    }
)

#: room -> the rooms that it may import, besides itself. A new room gets its row here, and in the README.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "text": frozenset(),
    "addresses": frozenset(),
    "errors": frozenset(),
    "clock": frozenset(),
    "settings": frozenset({"errors", "addresses"}),
    "protocol": frozenset({"errors", "clock", "text", "addresses"}),
    "store": frozenset({"errors", "clock", "text"}),
    "orders": frozenset({"store", "errors", "clock", "text"}),
    "decoder": frozenset({"protocol", "orders", "store", "errors", "clock"}),
    "registration": frozenset({"protocol", "store", "errors", "clock"}),
    "payments": frozenset({"protocol", "orders", "store", "errors", "clock"}),
    "operations": frozenset({"store", "errors", "clock"}),
    "clients": frozenset({"protocol", "store", "errors"}),
    "sandbox": frozenset({"protocol", "settings", "errors", "clock", "text"}),
    "app": ALL - {"app", "sandbox", "server"},
    "server": ALL - {"server", "sandbox"},
    "cli": ALL - {"sandbox"},
}

#: Libraries that a room must do without: the wire knows neither our web framework nor our store.
MUST_NOT_IMPORT = {
    "protocol": {"flask", "sqlalchemy", "alembic", "psycopg2", "sqlite3"},
    "store": {"flask", "marshmallow", "requests", "click"},
    "orders": {"flask", "marshmallow", "requests", "click"},
    "decoder": {"flask", "sqlalchemy", "requests", "click"},
    "errors": {"flask", "sqlalchemy", "marshmallow", "requests", "click"},
}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported_by(module: str, source: str, *, is_package: bool) -> Iterator[str]:
    """Every module that this source imports, wherever in it the import stands."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base


IMPORTS = {
    module: sorted(set(imported_by(module, path.read_text(encoding="utf-8"), is_package=path.stem == "__init__")))
    for module, path in MODULES.items()
}
OURS = {module: [name for name in names if name in MODULES] for module, names in IMPORTS.items()}


def room_of(module: str) -> str:
    return f"{module}.".split(".")[1]


def test_the_reader_of_imports_sees_all_forms() -> None:
    source = (
        "import json, acqp_gateway.clock\nfrom acqp_gateway import errors, nothing\nfrom . import fields\n"
        "from ..store import orders\nfrom acqp_gateway.protocol.gate import Gate\n"
        "def later():\n    if True:\n        import flask.json as j\n"
    )
    assert set(imported_by("acqp_gateway.protocol.gate", source, is_package=False)) == {
        "json",
        "acqp_gateway.clock",
        "acqp_gateway.errors",
        "acqp_gateway",
        "acqp_gateway.protocol.fields",
        "acqp_gateway.store.orders",
        "acqp_gateway.protocol.gate",
        "flask.json",
    }
    assert set(imported_by("acqp_gateway.protocol", "from . import gate", is_package=True)) == {
        "acqp_gateway.protocol.gate"
    }


def test_nothing_is_imported_by_its_name_at_run_time() -> None:
    """What ast cannot see: the rule would not hold for it."""
    hidden = [
        f"{module}:{node.lineno}"
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Name) and node.id == "__import__")
        or (isinstance(node, ast.Attribute) and node.attr == "import_module")
    ]
    assert hidden == []


def test_every_room_has_a_row() -> None:
    assert {room_of(module) for module in MODULES} - {""} - MAY_IMPORT.keys() == set()
    assert {room for allowed in MAY_IMPORT.values() for room in allowed} - MAY_IMPORT.keys() == set()


def test_the_table_itself_has_no_circle() -> None:
    assert circles({room: sorted(allowed) for room, allowed in MAY_IMPORT.items()}) == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_what_it_may_and_nothing_else(room: str) -> None:
    forbidden = [
        f"{module} imports {name}"
        for module, names in OURS.items()
        if room_of(module) == room
        for name in names
        if room_of(name) not in {room, *MAY_IMPORT[room]}
    ]
    assert forbidden == []


def test_nothing_but_the_sandbox_imports_the_sandbox() -> None:
    assert [
        module
        for module, names in OURS.items()
        if room_of(module) != "sandbox" and any(room_of(name) == "sandbox" for name in names)
    ] == []
    assert [room for room, allowed in MAY_IMPORT.items() if "sandbox" in allowed] == []


@pytest.mark.parametrize("room", MUST_NOT_IMPORT)
def test_a_room_does_without_these_libraries(room: str) -> None:
    found = {
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        if room_of(module) == room
        for name in names
        if name.partition(".")[0] in MUST_NOT_IMPORT[room]
    }
    assert found == set()


def circles(graph: dict[str, list[str]]) -> list[list[str]]:
    """Every circle that a walk through a graph comes upon."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> None:
        if node in way:
            found.append([*way[way.index(node) :], node])
            return
        if node in done:
            return
        for following in graph.get(node, []):
            walk(following, [*way, node])
        done.add(node)

    for node in graph:
        walk(node, [])
    return found


def test_the_walk_finds_circles() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"]}) == [["a", "b", "c", "a"]]
    assert circles({"a": ["a"]}) == [["a", "a"]]
    assert circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_no_module_is_imported_in_a_circle() -> None:
    assert circles(OURS) == []


def test_no_room_is_imported_in_a_circle() -> None:
    rooms: dict[str, set[str]] = {}
    for module, names in OURS.items():
        rooms.setdefault(room_of(module), set()).update(room_of(name) for name in names)
    assert circles({room: sorted(others - {room, ""}) for room, others in rooms.items()}) == []
