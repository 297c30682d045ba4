"""The structure holds: imports go one way and are light, public names are documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import a3s_store

PACKAGE = Path(a3s_store.__file__).parent

# A room may use those above it and none below; rooms on one line do not know each other.
LADDER: list[set[str]] = [
    {"errors"},
    {"wire"},
    {"models"},
    {"core"},
    {"agent_memory"},
    {"backends"},
    {"runtime"},
    {"importers"},
    {"exporters"},
    {"interop"},
    {"cli", "testing"},
]
RUNG = {room: number for number, rooms in enumerate(LADDER) for room in rooms}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "a3s_store" and len(parts) > 1 and parts[1] in RUNG:
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_above_it(path: Path) -> None:
    room = room_of(path)
    if room in {"__init__", "__main__"}:
        return
    assert room in RUNG, f"{room} has no place on the ladder"
    too_low = {other for other in imported_rooms(path) if other != room}
    assert {other for other in too_low if RUNG[other] >= RUNG[room]} == set()


def test_only_the_worker_knows_aiosqlite() -> None:
    knowing = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if "import aiosqlite" in path.read_text(encoding="utf-8")
    }
    assert knowing == {str(Path("backends", "sqlite", "connection", "worker.py"))}


def public_modules() -> list[ModuleType]:
    names = [
        info.name
        for info in pkgutil.walk_packages(a3s_store.__path__, "a3s_store.")
        if not info.name.startswith(("a3s_store.cli", "a3s_store.__main__"))
    ]
    return [a3s_store, *(importlib.import_module(name) for name in names)]


@pytest.mark.parametrize("module", public_modules(), ids=lambda module: module.__name__)
def test_public_names_are_sorted_documented_and_there(module: ModuleType) -> None:
    assert module.__doc__, "each module says what it decides"
    exported = getattr(module, "__all__", None)
    if exported is not None:
        order = sorted(exported, key=lambda n: (not n.isupper(), n[0].islower(), n))
        assert list(exported) == order
        assert all(hasattr(module, name) for name in exported)
    for name, value in vars(module).items():
        mine = getattr(value, "__module__", None) == module.__name__
        if name.startswith("_") or not mine:
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, f"{module.__name__}.{name} has no docstring"


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_importing_the_package_brings_in_no_optional_dependency() -> None:
    for names in ("", "a3s_store.SqliteSessionStore, a3s_store.FileSessionStore; "):
        loaded = _run(f"import a3s_store, sys; {names}print(*sorted(sys.modules))").split()
        assert {"click", "rich", "hypothesis", "pytest"}.isdisjoint(loaded)
        assert ("aiosqlite" in loaded) == bool(names), "what is not used is not imported"


def test_every_public_name_is_found_and_no_other() -> None:
    assert set(a3s_store.__all__) <= set(dir(a3s_store))
    for name in a3s_store.__all__:
        assert getattr(a3s_store, name).__name__ == name
    with pytest.raises(AttributeError):
        a3s_store.SqlSessionStore  # type: ignore[attr-defined]  # noqa: B018


def test_the_installed_typing_marker_is_there() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_modules_can_be_read_in_one_sitting() -> None:
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 450
    }
    assert long == {}, f"is there a seam in these? {os.linesep.join(long)}"


def test_the_version_is_the_projects() -> None:
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{a3s_store.__version__}"' in text
