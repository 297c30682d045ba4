"""Our three stores keep every rule of the suite, and what the suite says of itself is true."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.protocol import Capabilities, SessionStore
from a3s_store.errors import StoreError
from a3s_store.testing import conformance
from tests import sync_adapter


async def open_memory(place: Path) -> SessionStore:
    return MemorySessionStore()


async def open_sqlite(place: Path) -> SessionStore:
    return await SqliteSessionStore.open(place / "store.a3s")


async def open_files(place: Path) -> SessionStore:
    return await FileSessionStore.open(place / "store")


async def open_sync(place: Path) -> SessionStore:
    return await sync_adapter.open_sync(place / "store.a3s")


async def open_in_memory(place: Path) -> SessionStore:
    return await SqliteSessionStore.open(":memory:")


STORES = {
    "memory": open_memory,
    "sqlite": open_sqlite,
    "file": open_files,
    "in_memory": open_in_memory,
    "sync": open_sync,
}
# What stores call themselves, where that is another name.
NAMES = {"in_memory": "sqlite", "sync": "sqlite"}


@pytest.fixture(params=STORES)
def maker(request: pytest.FixtureRequest, tmp_path: Path) -> conformance.StoreMaker:
    """Opens each of our stores in turn, always at the same place."""
    return conformance.StoreMaker(STORES[request.param], tmp_path)


@pytest.mark.parametrize("check", conformance.checks(), ids=str)
def test_conformance(check: conformance.Check, maker: conformance.StoreMaker) -> None:
    asyncio.run(check.run(maker))


def test_every_capability_of_ours_has_a_check() -> None:
    for name, open_store in STORES.items():
        report = asyncio.run(conformance.run_conformance(open_store, only=()))
        assert report.backend == NAMES.get(name, name)
        assert report.untested == ()


def test_names_are_unique_and_rules_are_sentences() -> None:
    checks = conformance.checks()
    assert len({check.name for check in checks}) == len(checks)
    assert [c.name for c in checks if not c.rule.endswith((".", ":"))] == []
    assert len(checks) > 300


def test_the_suite_needs_neither_pytest_nor_hypothesis() -> None:
    """It is imported in a fresh interpreter, where no other module has imported them."""
    code = (
        "import sys; from a3s_store.testing import conformance; "
        "print(len(conformance.checks()), {'pytest', 'hypothesis'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [str(len(conformance.checks())), "set()"]


def test_the_recipe_of_the_docstring_runs(tmp_path: Path) -> None:
    """The example for pytest, on a third party's store, in a pytest of its own."""
    (tmp_path / "my_project.py").write_text(
        "from a3s_store import MemorySessionStore\n"
        "class MyStore(MemorySessionStore):\n"
        "    backend_name = 'mine'\n"
        "    @classmethod\n"
        "    async def open(cls, place):\n"
        "        return cls()\n"
    )
    recipe = _example("With pytest")
    (tmp_path / "test_mine.py").write_text(recipe)
    (tmp_path / "report.py").write_text(f"from test_mine import *\n{_example('Without pytest')}\n")
    for command in (
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_mine.py"],
        ["report.py"],
    ):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={"PYTHONPATH": str(Path(conformance.__file__).parents[3]), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "passed" in done.stdout


def _example(heading: str) -> str:
    text = (conformance.__doc__ or "").partition(heading)[2]
    block: list[str] = []
    for line in text.splitlines()[1:]:
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    return "\n".join(block)


class _Boastful(MemorySessionStore):
    """Promises a capability that cannot be checked here, and one that it does not keep."""

    def capabilities(self) -> Capabilities:
        return Capabilities(lease_fencing=True, durable=True)


def test_a_report_says_what_failed_and_what_nobody_checked() -> None:
    async def open_store(place: Path) -> SessionStore:
        return _Boastful()

    report = asyncio.run(conformance.run_conformance(open_store))
    assert not report.ok
    assert {one.check.capability for one in report.failed} == {"durable"}
    assert report.untested == ("lease_fencing",)
    text = str(report)
    assert "lease_fencing: promised, and not checked here" in text
    assert "everything_is_there_after_reopening" in text
    assert "not promised" in text


class _Refusing(MemorySessionStore):
    """Cannot be used at all; the report says so instead of raising."""

    async def save(self, session: object, **given: object) -> None:
        raise StoreError("no")


def test_a_store_that_only_raises_is_a_report() -> None:
    async def open_store(place: Path) -> SessionStore:
        return _Refusing()

    report = asyncio.run(conformance.run_conformance(open_store))
    assert len(report.failed) > 50
