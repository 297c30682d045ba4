"""A test run leaves no files in the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import conftest


@pytest.mark.parametrize("littering", [False, True])
def test_a_run_that_leaves_a_file_in_the_checkout_fails_and_names_it(
    tmp_path: Path, littering: bool
) -> None:
    target = "w/left.jsonl" if littering else ".ignored/left.jsonl"
    program = f"""
from pathlib import Path

def test_writes() -> None:
    path = Path(__file__).parents[1] / {target!r}
    path.parent.mkdir()
    path.touch()
"""
    (tmp_path / "tests").mkdir()
    shutil.copy(conftest.__file__, tmp_path / "tests" / "conftest.py")
    (tmp_path / "tests" / "test_writes.py").write_text(program, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / ".gitignore").write_text(".ignored/\n__pycache__/\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert "1 passed" in done.stdout
    assert ("left files in the checkout: w/left.jsonl" in done.stdout) == littering
    assert done.returncode == (pytest.ExitCode.TESTS_FAILED if littering else pytest.ExitCode.OK)
