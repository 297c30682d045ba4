"""Every changed name of release 0.1.0 works, warns once and is the new object."""

from __future__ import annotations

import asyncio
import importlib
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import a3s_store
from a3s_store import SessionSnapshot, SqliteSessionStore, _deprecated, errors
from a3s_store._deprecated import CACHE_COUNTS, MODULES, NAMES
from a3s_store.core import reports
from a3s_store.core.collections import COLLECTIONS, TRACE_EVENTS
from a3s_store.errors import CorruptionError
from a3s_store.models import SessionData
from tests.support import trace

# The names that 0.1.0 promised, by its modules.
PROMISED = {
    "a3s_store.session": ("Agent", "Session", "SessionManager", "SessionOptions"),
    "a3s_store.memories": ("AgentMemory", "InMemoryMemoryStore", "MemoryItem"),
    "a3s_store.sqlite": ("SqliteSessionStore",),
    "a3s_store.files": ("FileSessionStore",),
    "a3s_store.memory": ("MemorySessionStore",),
    "a3s_store.store": ("Capabilities", "SessionStore"),
    "a3s_store.base": ("FamilyStore",),
    "a3s_store.batch": ("Batch", "Found"),
    "a3s_store.testing.conformance.samples": ("session", "shelf"),
    "a3s_store.snapshot": ("SessionSnapshot",),
    "a3s_store.families": ("FAMILIES", "Family", "Rows"),
    "a3s_store.testing.machine": ("store_machine",),
}
EVERY = [
    *((module, name) for module, names in PROMISED.items() for name in names),
    *(
        (module, name)
        for module, names in NAMES.items()
        if module not in MODULES.values()
        for name in names
    ),
]


def new_of(module: str, name: str) -> Any:
    target = MODULES.get(module, module)
    return getattr(importlib.import_module(target), NAMES.get(target, {}).get(name, name))


def test_every_deprecated_module_has_a_promised_name_here() -> None:
    assert PROMISED.keys() == MODULES.keys()


@pytest.mark.parametrize(("module", "name"), EVERY, ids=lambda part: part)
def test_an_old_name_is_the_new_object_and_warns_once_naming_it(module: str, name: str) -> None:
    found = importlib.import_module(module)
    vars(found).pop(name, None)  # as at its first use
    with pytest.warns(DeprecationWarning, match=r"goes with a3s_store 1\.0; use a3s_store") as said:
        old = getattr(found, name)
    assert old is new_of(module, name)
    assert said[0].filename == __file__, "the warning names the line that uses it"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert getattr(found, name) is old
    vars(found).pop(name, None)


@pytest.mark.parametrize("module", [*MODULES, *NAMES])
def test_a_name_that_never_was_is_an_attribute_error(module: str) -> None:
    if module in MODULES.values():
        return
    with pytest.raises(AttributeError):
        _ = importlib.import_module(module).never_was


def output_and_warnings(program: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout, done.stderr


def test_an_import_statement_of_a_user_works_and_warns() -> None:
    output, warnings = output_and_warnings(
        "from a3s_store.session import SessionManager\n"
        "from a3s_store import FamilyStore\n"
        "print(SessionManager.__name__, FamilyStore.__name__)\n"
    )
    assert output == "SessionManager BaseStore\n"
    assert warnings.count("DeprecationWarning") == 2


def test_a_star_import_of_an_old_module_brings_all_its_names() -> None:
    output, warnings = output_and_warnings(
        "from a3s_store.session import *\n"
        "from a3s_store.families import *\n"
        "print(SessionManager.__name__, FAMILIES is not None)\n"
    )
    assert output == "SessionManager True\n"
    assert "DeprecationWarning" in warnings


OLD_BACKEND = """
from a3s_store import FamilyStore
from a3s_store.batch import Batch, Found
from a3s_store.families import FAMILIES
from a3s_store.models import Message, SessionData, TraceEvent
import asyncio

class Mine(FamilyStore):
    backend_name = "mine"
    kept: dict = {}

    async def _commit(self, batch):
        session, shelves = self.kept.get(batch.session_id, (None, {}))
        self.kept[batch.session_id] = (batch.session or session, {**shelves, **batch.shelves})

    async def _fetch(self, op, session_id, families, *, session):
        found, shelves = self.kept.get(session_id, (None, {}))
        wanted = {family: shelves.get(family) for family in families}
        return Found(session=found if session else None, shelves=wanted)

Mine.__abstractmethods__ = frozenset()  # the other methods are not used here

async def main():
    store = Mine()
    await store.save(SessionData(id="s", created_at=1, updated_at=1, messages=[Message.user("a")]))
    await store.save_trace_events("s", [])
    print((await store.load("s")).messages[0].text, await store.load_trace_events("s"))
    print(len(FAMILIES))

asyncio.run(main())
"""


def test_a_backend_written_for_the_older_names_works() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", OLD_BACKEND],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"a ()\n{len(COLLECTIONS)}\n"
    assert "Batch.shelves" in done.stderr
    assert "shelves=" in done.stderr


def test_a_damage_error_pickled_by_the_older_release_is_read() -> None:
    state = {**vars(CorruptionError("damaged", session_id="s")), "family": "run_records"}
    del state["part"]
    read = errors._rebuild(CorruptionError, state, ("damaged",))
    assert isinstance(read, CorruptionError)
    assert read.part == "run_records"


@pytest.mark.parametrize("number", [0, 1, 100_000])
@pytest.mark.parametrize("name", CACHE_COUNTS)
def test_of_the_former_bounds_of_the_cache_only_0_has_a_meaning(
    tmp_path: Path, name: str, number: int
) -> None:
    given: dict[str, Any] = {name: number}

    async def main() -> None:
        with pytest.warns(DeprecationWarning, match=f"{name}= is .* use cache_bytes="):
            opening = SqliteSessionStore.open(tmp_path / "agent.a3s", **given)
        async with opening as store:
            assert store._engine.settings.cache_bytes == (0 if number == 0 else 64 << 20)

    asyncio.run(main())


def test_both_spellings_of_a_keyword_at_once_are_refused() -> None:
    function = _deprecated.renamed(old="new")(lambda **given: given)
    with pytest.raises(TypeError, match="old is the old name of new"):
        function(old=1, new=1)


def test_the_part_of_damage_has_its_older_name_too() -> None:
    old: dict[str, Any] = {"family": "run_records"}
    with pytest.warns(DeprecationWarning, match="part="):
        error = CorruptionError("damaged", **old)
    damage = reports.Damage.of(error)
    for found in (error, pickle.loads(pickle.dumps(error)), damage):
        assert found.part == "run_records"
        with pytest.warns(DeprecationWarning, match=r"\.part"):
            assert getattr(found, next(iter(old))) == "run_records"


def test_the_collections_of_a_snapshot_have_their_older_name_too() -> None:
    session = SessionData(id="s", created_at=1, updated_at=1)
    old: dict[str, Any] = {"shelves": {TRACE_EVENTS: (trace(1),)}}
    with pytest.warns(DeprecationWarning, match="collections="):
        snapshot = SessionSnapshot.of(session, **old)
    with pytest.warns(DeprecationWarning, match=r"collections\(\)"):
        assert snapshot.shelves() == snapshot.collections()


def test_interop_is_promised_and_does_not_warn() -> None:
    program = "from a3s_store.interop import import_directory, export_directory"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


def test_importing_the_package_loads_no_deprecated_module() -> None:
    program = "import a3s_store, sys; print(*sys.modules)"
    output, _ = output_and_warnings(program)
    assert not MODULES.keys() & set(output.split())
    assert a3s_store.__all__ == sorted(a3s_store.__all__, key=lambda n: (n[0].islower(), n))
    assert _deprecated.__doc__
