"""`docs/adding-a-collection.md` is followed on a copy of the sources; its promises are tried."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from a3s_store.backends.sqlite.schema import migrate
from a3s_store.testing import samples

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "adding-a-collection.md").read_text(encoding="utf-8")
MODEL, EXPORT, ROW = re.findall(r"```python\n(.*?)```", PAGE, re.S)
COPIED: Final = ("a3s_store", "schema", "tools", "tests", "pyproject.toml")


def run(copy: Path, *command: str) -> str:
    """Run a Python command on the copy; return its output."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env={"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def changed(path: Path, old: str, new: str) -> None:
    """Replace a text that a file has once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name}: {old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def commented(sql: str) -> str:
    """The statements with comments, as a person would write them into current.sql."""
    sql = re.sub(r"^(CREATE TABLE)", r"-- Of the example.\n\1", sql, flags=re.M)
    return re.sub(r"^(    \w+ .*?)(,?)$", r"\1\2  -- of the example", sql, flags=re.M)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with the collection of the page."""
    made = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "files", "upstream", "*.so")
            shutil.copytree(source, made / name, ignore=ignored)
        else:
            shutil.copy(source, made / name)
    core, number = made / "a3s_store" / "core", migrate.newest() + 1
    (made / "a3s_store" / "models" / "rating.py").write_text(MODEL, encoding="utf-8")
    models = made / "a3s_store" / "models" / "__init__.py"
    changed(models, "\n__all__ = [", f"\n{EXPORT}\n__all__ = [\n    'Rating',\n    'RatingNote',")
    registry = core / "collections.py"
    row = ROW.replace("SINCE", str(number))
    changed(registry, "\n# In upstream's order of saving.\n", f"\n{row}\n")
    changed(registry, ", SUBAGENT_TASKS)", ", SUBAGENT_TASKS, RATINGS)")
    changed(registry, "    LlmCostRecord,\n", "    LlmCostRecord,\n    Rating,\n    RatingNote,\n")
    sql = run(made, "-m", "tools.collection_sql", "ratings")
    schema = made / "schema" / "sqlite"
    (schema / f"{number:04}_ratings.sql").write_text(sql, encoding="utf-8")
    with (schema / "current.sql").open("a", encoding="utf-8") as file:
        file.write("\n" + commented(sql))
    run(made, "-m", "tools.generate")
    return made


def test_the_new_collection_has_what_every_collection_has(copy: Path, tmp_path: Path) -> None:
    before = samples.rich_snapshot("s").digest()
    assert "every demand is met" in run(copy, "-m", "tests.added_collection", str(tmp_path), before)


@pytest.mark.slow
def test_the_copy_passes_the_tests_that_go_through_the_registry(copy: Path) -> None:
    run(copy, "-m", "tools.generate", "--check")
    pytest_there = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")
    sqlite = "tests/unit/backends/sqlite"
    run(copy, *pytest_there, f"{sqlite}/schema/test_migrate.py")
    run(copy, *pytest_there, f"{sqlite}/maintenance/test_verify.py")
    run(copy, *pytest_there, "tests/conformance/test_conformance.py", "-k", "sqlite")
