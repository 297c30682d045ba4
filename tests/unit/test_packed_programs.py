"""The package inside programs frozen by PyInstaller, and in archives."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipapp
import zipfile
from pathlib import Path

import pytest

from tests.unit.cli.cli_runs import environment
from tests.unit.distributions import build

# Saves and loads a session, prints the path of the package, and lists the session by the command.
PROGRAM = """
import asyncio
import json
import sys

import a3s_store
from a3s_store import cli, models

async def main(path):
    async with a3s_store.SqliteSessionStore.open(path) as store:
        await store.save(models.SessionData(id="p", created_at=1, updated_at=1))
        await store.save_trace_events("p", ())
        assert (await store.verify(depth="deep")).ok
    async with a3s_store.SqliteSessionStore.open(path) as store:
        assert (await store.load("p")).id == "p"

asyncio.run(main(sys.argv[1]))
print(json.dumps(a3s_store.__file__), flush=True)
sys.argv[1:] = ["list", sys.argv[1], "--json"]
cli.main()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def _run(*command: str | Path, cwd: Path, path: str = "") -> str:
    env = environment(PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1")
    if not path:
        del env["PYTHONPATH"]
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _where(said: str) -> str:
    """Check that the program listed its session; return the path of its package."""
    where, _, listed = said.partition("\n")
    assert [one["id"] for one in json.loads(listed)] == ["p"]
    found: str = json.loads(where)
    return found


@pytest.mark.skipif(
    importlib.util.find_spec("PyInstaller") is None, reason="PyInstaller is not installed"
)
def test_a_program_frozen_by_pyinstaller_without_options_has_all_it_needs(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    build = [sys.executable, "-m", "PyInstaller", "--log-level", "ERROR", "program.py"]
    _run(*build, cwd=tmp_path, path=str(tmp_path / "site"))
    (tmp_path / "site").rename(tmp_path / "gone")
    frozen = tmp_path / "dist" / "program"
    where = _where(_run(frozen / "program", "p.a3s", cwd=tmp_path))
    assert Path(where).is_relative_to(frozen)


def test_the_package_works_from_an_archive_with_its_command_line_and_its_demonstration(
    wheel: Path, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    program = [sys.executable, "-P", "program.py", "p.a3s"]
    assert _where(_run(*program, cwd=tmp_path, path=str(wheel))).startswith(f"{wheel}{os.sep}")
    demo = [sys.executable, "-P", "-m", "a3s_store", "demo", "--json"]
    shown = json.loads(_run(*demo, cwd=tmp_path, path=str(wheel)))
    assert shown["crash"]["integrity"] == "ok"


def test_a_zipapp_carries_the_package(wheel: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(source)
    (source / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    zipapp.create_archive(source, tmp_path / "app.pyz", compressed=True)
    where = _where(_run(sys.executable, "-P", "app.pyz", "p.a3s", cwd=tmp_path))
    assert where.startswith(str(tmp_path / "app.pyz"))


def test_an_installation_without_the_sql_files_is_refused_by_name(
    wheel: Path, tmp_path: Path
) -> None:
    lacking = tmp_path / "lacking.whl"
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(lacking, "w") as made:
        for name in whole.namelist():
            if not name.endswith(".sql"):
                made.writestr(name, whole.read(name))
    program = """
import asyncio
from a3s_store import SqliteSessionStore, errors
async def main():
    await SqliteSessionStore.open("p.a3s")
try:
    asyncio.run(main())
except errors.MigrationError as error:
    print(error)
"""
    said = _run(sys.executable, "-P", "-c", program, cwd=tmp_path, path=str(lacking))
    assert "SQL files of the schema are missing" in said
    assert "--collect-data a3s_store" in said
    assert not (tmp_path / "p.a3s").exists()
