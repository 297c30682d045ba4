"""A copy of the sources that a test changes as a page of `docs/` says, and runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_COPIED: Final = ("a3s_store", "docs", "schema", "tools", "tests", "README.md", "pyproject.toml")
# Tests of test_migrate.py that compare numbered files, current.sql, models and registry; the others
# there are about opening files.
SCHEMA: Final = "numbered or current_sql or registry or attribute or whole_schema or migrated"


class SourceCopy:
    """A copy of the package, its schema, tools, tests and documents in another folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "files", "upstream", "*.so")
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy(source, folder / name)

    def run(self, *command: str) -> str:
        """Run Python with these arguments in the copy; return its output.

        Raises: AssertionError with the end of the output when it fails.
        """
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env={"PYTHONPATH": str(self.folder), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def run_tests(self, chosen: dict[str, str]) -> None:
        """Run tests of the copy in one process: of each file those that pytest's `-k` selects."""
        which = " or ".join(f"({Path(file).name} and ({some}))" for file, some in chosen.items())
        self.run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *chosen, "-k", which)

    def write(self, path: str, text: str) -> None:
        """Write a new file."""
        assert not (self.folder / path).exists(), path
        (self.folder / path).write_text(text, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text that occurs once in a file."""
        text = (self.folder / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path}: {old}"
        (self.folder / path).write_text(text.replace(old, new), encoding="utf-8")

    def apply(self, difference: str) -> None:
        """Apply a diff: a line with the path, then lines that begin with " ", "-" or "+"."""
        head, *lines = difference.splitlines()
        assert head.startswith("--- "), head
        assert all(line[:1] in " -+" for line in lines)
        old = "".join(line[1:] + "\n" for line in lines if line[:1] != "+")
        new = "".join(line[1:] + "\n" for line in lines if line[:1] != "-")
        self.replace(head.removeprefix("--- "), old, new)


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of one language on a page of `docs/`."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)
