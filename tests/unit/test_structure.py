"""Imports go down the layers and are light, and public names are documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import a3s_store
from a3s_store import _deprecated
from tests.modules import importable_modules
from tests.programs import output_of
from tools import ladder

PACKAGE = Path(a3s_store.__file__).parent


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_imports_go_down_the_layers_and_never_in_a_circle() -> None:
    found = ladder.check()
    assert found.faults == []
    assert found.imports > 900, "the check reads the package"


PLANTED = {
    "at the top": ("lower.py", "from pkg import upper"),
    "in a function": ("lower.py", "def f():\n    import pkg.upper"),
    "for types only": (
        "lower.py",
        "import typing\nif typing.TYPE_CHECKING:\n    from pkg.upper import X",
    ),
    "relative": ("lower.py", "from .upper import X"),
    "on one layer": ("upper.py", "from pkg import beside"),
    "a unit without a layer": ("new.py", ""),
}


@pytest.mark.parametrize("what", PLANTED)
def test_an_import_that_goes_up_is_found(tmp_path: Path, what: str) -> None:
    (tmp_path / "pkg").mkdir()
    for name in ("__init__.py", "lower.py", "upper.py", "beside.py"):
        (tmp_path / "pkg" / name).touch()
    (tmp_path / "layers.txt").write_text("[pkg]\nlower\nupper beside\n", encoding="utf-8")
    (tmp_path / "pkg" / "upper.py").write_text("from pkg import lower", encoding="utf-8")
    assert ladder.check(tmp_path, tmp_path / "layers.txt").faults == []
    name, text = PLANTED[what]
    (tmp_path / "pkg" / name).write_text(text, encoding="utf-8")
    assert ladder.check(tmp_path, tmp_path / "layers.txt").faults != []


def test_a_circle_inside_one_unit_is_found(tmp_path: Path) -> None:
    (tmp_path / "pkg" / "unit").mkdir(parents=True)
    (tmp_path / "layers.txt").write_text("[pkg]\nunit\n", encoding="utf-8")
    for name, other in (("a", "b"), ("b", "a")):
        text = f"import typing\nif typing.TYPE_CHECKING:\n    from pkg.unit import {other}\n"
        (tmp_path / "pkg" / "unit" / f"{name}.py").write_text(text, encoding="utf-8")
    (fault,) = ladder.check(tmp_path, tmp_path / "layers.txt").faults
    assert "circle" in fault


def test_only_the_sqlite_backend_imports_a_database_driver() -> None:
    """The command line prints the version of SQLite; expressions of FTS5 are evaluated by it."""
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if re.search(r"^\s*import sqlite3$", path.read_text(encoding="utf-8"), re.M)
    }
    outside = {path for path in knowing if not path.startswith("backends/sqlite/")}
    assert outside == {"cli/app.py", "core/search/queries.py"}


BUILT_IN_ERRORS = {"ValueError", "KeyError", "TypeError", "IndexError", "RuntimeError", "Exception"}
# Of a damaged row: the reader around it makes a CorruptionError of it (`core/corruption.py`).
DAMAGED_ROWS = {"backends/sqlite/rows/blobs.py", "core/row_values.py"}


@pytest.mark.parametrize(
    "part", ["backends", "core", "runtime", "cli", "importers", "exporters", "agent_memory"]
)
def test_no_error_of_python_itself_is_raised(part: str) -> None:
    """Arguments that are refused are InvalidArgumentError or SessionConfigError."""
    raising = set()
    for path in (PACKAGE / part).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Raise):
                continue
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, ast.Name) and raised.id in BUILT_IN_ERRORS:
                raising.add(path.relative_to(PACKAGE).as_posix())
    assert raising == {name for name in DAMAGED_ROWS if name.startswith(f"{part}/")}


def test_one_module_imports_aiosqlite() -> None:
    knowing = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if "import aiosqlite" in path.read_text(encoding="utf-8")
    }
    assert knowing == {str(Path("backends", "sqlite", "connection", "aside.py"))}


def public_modules() -> list[ModuleType]:
    names = [
        name
        for name in importable_modules()
        if not name.startswith(("a3s_store.cli", "a3s_store.__main__"))
        and not name.startswith("a3s_store._pyinstaller.hook-")  # PyInstaller runs them
        and name not in _deprecated.MODULES  # their names are those of other modules
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


def test_importing_the_package_brings_in_no_optional_dependency() -> None:
    names = "a3s_store.SqliteSessionStore, a3s_store.FileSessionStore"
    loaded = output_of(f"import a3s_store, sys; {names}; print(*sorted(sys.modules))").split()
    assert {"click", "rich", "hypothesis", "pytest"}.isdisjoint(loaded)


# Not used by a first save, and imported by the programs that use it.
SELDOM = (
    "a3s_store.adapters",
    "a3s_store.agent_memory",
    "a3s_store.backends.sqlite.agent_memory_store",
    "a3s_store.backends.sqlite.maintenance.backup",
    "a3s_store.backends.sqlite.maintenance.compact",
    "a3s_store.backends.sqlite.maintenance.erase",
    "a3s_store.backends.sqlite.maintenance.partial_read",
    "a3s_store.backends.sqlite.maintenance.prune",
    "a3s_store.backends.sqlite.maintenance.verify",
    "a3s_store.backends.sqlite.salvage",
    "a3s_store.backends.sqlite.write.conditional",
    "a3s_store.core.snapshot",
    "a3s_store.core.reports",
    "a3s_store.models.event",
    "a3s_store.models.tool_error",
    "a3s_store.models.work_event",
    "aiosqlite",
    "difflib",
    "secrets",
)


# Imported when a store is opened, or when a value is made.
AT_OPENING = (
    "a3s_store.backends.sqlite.engine",
    "a3s_store.backends.sqlite.read.fetch",
    "a3s_store.backends.sqlite.write.session_writer",
    "a3s_store.core.redaction.blanking",
    "a3s_store.models.message",
    "a3s_store.wire._generated",
    "importlib.resources",
    "shutil",
    "sqlite3",
    "tempfile",
)
FIRST_SAVE = """
import asyncio, sys
from a3s_store import SqliteSessionStore
from a3s_store.models import Message, SessionData

async def main():
    session = SessionData(id="s", messages=[Message.user("a")], created_at=1, updated_at=1)
    async with SqliteSessionStore.open(sys.argv[1]) as store:
        await store.save(session)

asyncio.run(main())
"""


def own(modules: list[str]) -> int:
    return sum(name.startswith("a3s_store") for name in modules)


def test_importing_a_store_leaves_out_what_opening_it_needs() -> None:
    program = "from a3s_store import SqliteSessionStore; import sys; print(*sys.modules)"
    loaded = output_of(program).split()
    assert {*SELDOM, *AT_OPENING}.isdisjoint(loaded)
    assert own(loaded) <= 100, "a new module is not free"


def test_a_first_save_imports_only_what_it_needs(tmp_path: Path) -> None:
    loaded = output_of(FIRST_SAVE + "print(*sys.modules)", str(tmp_path / "a.a3s")).split()
    assert set(SELDOM).isdisjoint(loaded)
    assert set(AT_OPENING) <= set(loaded), "the names here are those of modules"
    assert own(loaded) <= 213, "a new module is not free"


def test_importing_the_runtime_brings_in_no_telemetry() -> None:
    assert (
        output_of("import a3s_store.runtime, sys; print('opentelemetry' in sys.modules)")
        == "False\n"
    )


def test_the_runtime_asks_for_protocols_and_imports_no_backend() -> None:
    loaded = output_of("import a3s_store.runtime, sys; print(*sorted(sys.modules))").split()
    assert [name for name in loaded if name.startswith("a3s_store.backends.")] == []


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
        # One function or class after the other, none of which is long.
        if "_generated" not in path.parts
        and path.name != "_changes.py"
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}, f"split these by subject: {os.linesep.join(long)}"


def test_the_version_is_written_in_the_package_and_nowhere_else() -> None:
    """`.ci/run` compares it with the wheel's metadata: an editable install keeps an old one."""
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    settings = tomllib.loads(text)
    assert settings["project"]["dynamic"] == ["version"]
    assert "version" not in settings["project"]
    source = PACKAGE.parent / settings["tool"]["hatch"]["version"]["path"]
    found = re.findall(r'^__version__ = "(.+)"$', source.read_text(encoding="utf-8"), re.M)
    assert found == [a3s_store.__version__]
