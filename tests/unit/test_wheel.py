"""The wheel has the package, its schema and its demonstration, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.unit.cli.cli_runs import environment
from tests.unit.distributions import build

ROOT = Path(__file__).parents[2]
# Where the wheel has folders that lie elsewhere in a checkout.
MOVED = {"a3s_store/_demo/": "examples/demo/", "a3s_store/schema/": "schema/"}


def _sources(folder: str, *suffixes: str) -> set[str]:
    """Return the files of a folder of the checkout, relative to it, without caches."""
    return {
        path.relative_to(ROOT / folder).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The names of the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def _below(names: set[str], folder: str) -> set[str]:
    return {name.removeprefix(folder) for name in names if name.startswith(folder)}


def test_the_wheel_has_one_package_and_its_metadata(names: set[str]) -> None:
    package, metadata = sorted({name.split("/")[0] for name in names})
    assert package == "a3s_store"
    assert re.fullmatch(r"a3s_store-[\d.]+\.dist-info", metadata)


def test_the_wheel_has_every_module_and_the_typing_marker(names: set[str]) -> None:
    assert "a3s_store/py.typed" in names
    assert _sources("a3s_store", ".py") <= _below(names, "a3s_store/")


def test_the_wheel_has_the_schema(names: set[str]) -> None:
    found = _below(names, "a3s_store/schema/")
    assert {name for name in found if name.endswith(".sql")} == _sources("schema", ".sql")
    last = {name.split("/")[-1] for name in found}
    assert "current.sql" in last
    assert any(re.fullmatch(r"0001_\w+\.sql", name) for name in last)


def test_the_wheel_has_the_demonstration(names: set[str]) -> None:
    found = _below(names, "a3s_store/_demo/")
    assert "__init__.py" in found
    assert found == _sources("examples/demo", ".py")


def test_the_wheel_has_no_tests_tools_or_fault_campaigns(names: set[str]) -> None:
    unwanted = {"tests", "benchmarks", "tools", "examples", "docs", "__pycache__"}
    for name in names:
        assert unwanted.isdisjoint(name.split("/")), name
        assert "faults" not in name
        assert name.endswith((".py", ".sql", ".md", "/py.typed")) or ".dist-info/" in name


def test_every_module_in_the_wheel_compiles_without_a_warning(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        modules = [name for name in archive.namelist() if name.endswith(".py")]
        for name in modules:
            compile(archive.read(name), name, "exec", dont_inherit=True)
    assert len(modules) > 100


def test_the_demonstration_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    plain = environment(PYTHONPATH=str(tmp_path / "unpacked"))
    place = (
        "import sys, a3s_store.cli.demo as d; print(d.demonstration().__code__.co_filename);"
        "assert 'examples' not in sys.modules, 'the demonstration needs the checkout'"
    )
    commands = ["-c", place], ["-m", "a3s_store", "demo", "--keep", "kept.a3s", "--json"]
    where, shown = [
        subprocess.run(
            [sys.executable, *arguments],
            env=plain,
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=60,
        ).stdout
        for arguments in commands
    ]
    assert Path(where.strip()).parent == tmp_path / "unpacked" / "a3s_store" / "_demo"
    assert json.loads(shown)["crash"]["integrity"] == "ok"
    assert (tmp_path / "kept.a3s").is_file()


def test_the_sdist_has_every_file_that_the_wheel_is_built_from(
    names: set[str], tmp_path: Path
) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    for name in names:
        if ".dist-info/" in name:
            continue
        for there, here in MOVED.items():
            if name.startswith(there):
                name = here + name.removeprefix(there)
        assert name in packed
    assert {"LICENSE", "README.md", "pyproject.toml"} <= packed
