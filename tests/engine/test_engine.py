"""The genuine engine resumes what we exported, with every message; see resume_session.py.

`A3S_ENGINE_PYTHONS` names interpreters, separated as in PATH, that have a version of the engine's
wheel. Nothing is installed by the tests.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from a3s_store import FileSessionStore, SqliteSessionStore, interop

HERE = Path(__file__).parent
UPSTREAM = HERE.parent / "data" / "upstream"
EXAMPLE = HERE.parents[1] / "examples" / "small_agent.py"
PYTHONS = [p for p in os.environ.get("A3S_ENGINE_PYTHONS", "").split(os.pathsep) if p]

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not PYTHONS, reason="A3S_ENGINE_PYTHONS names no interpreter"),
]


def resume(python: str, directory: Path, session_id: str) -> dict[str, Any]:
    """What the engine made of a session; it saves into the directory."""
    done = subprocess.run(
        [python, str(HERE / "resume_session.py"), str(directory), session_id],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("python", PYTHONS or ["none"])
@pytest.mark.parametrize("version", ["2.6.0", "3.1.0"])
def test_the_engine_goes_on_with_every_session_we_export(
    tmp_path: Path, python: str, version: str
) -> None:
    store_path, out = tmp_path / "agent.a3s", tmp_path / "out"

    async def through_the_store() -> dict[str, int]:
        async with SqliteSessionStore.open(store_path) as store:
            assert (await interop.import_directory(store, UPSTREAM / version)).ok
            assert (await interop.export_directory(store, out)).ok
            return {row.id: row.messages for row in await store.summaries()}

    lengths = asyncio.run(through_the_store())
    assert set(lengths) == {"fix-login", "add_search.v2", "Review-2026", "x"}
    for session_id, length in lengths.items():
        found = resume(python, out, session_id)
        assert found["history_messages"] == length + 1
        assert found["saved"]
        assert found["kept"]
        assert found["model"] != "fallback"

    async def back_again() -> None:
        """What the engine saved is a directory like any other: two messages longer each."""
        async with FileSessionStore.open(out) as files:
            for session_id, length in lengths.items():
                session = await files.load(session_id)
                assert session is not None
                assert len(session.messages) == length + 2
        async with SqliteSessionStore.open(store_path) as store:
            report = await interop.import_directory(store, out, on_conflict="replace")
            assert report.ok
            assert {row.id: row.messages for row in await store.summaries()} == {
                session_id: length + 2 for session_id, length in lengths.items()
            }

    asyncio.run(back_again())


@pytest.mark.parametrize("python", PYTHONS or ["none"])
def test_the_engine_goes_on_with_the_session_of_the_worked_example(
    tmp_path: Path, python: str
) -> None:
    """Killed on the way, resumed, exported: with every message, call and result."""
    store_path, out, files = tmp_path / "agent.a3s", tmp_path / "out", tmp_path / "files"
    files.mkdir()
    command = [sys.executable, str(EXAMPLE), str(store_path), str(files)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [*command, "--pause", "60"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("round 1")
        process.kill()
    subprocess.run(command, check=True, timeout=60, capture_output=True, env=environment)

    async def export() -> int:
        async with SqliteSessionStore.open(store_path) as store:
            assert (await interop.export_directory(store, out)).ok
            session = await store.load("word-count")
            assert session is not None
            return len(session.messages)

    length = asyncio.run(export())
    found = resume(python, out, "word-count")
    assert found["saved"]
    assert found["kept"]
    # Each of the 7 rounds is a call and its result; the engine sends results as messages too.
    assert length == 1 + 2 * 7 + 1
    assert found["history_messages"] == length + 1
