"""Python programs that tests run in processes of their own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="the start of a process is not known without /proc"
)


def output_of(program: str, *arguments: object) -> str:
    """Run a program in the checkout and return its standard output.

    Raises: AssertionError when it fails or writes to standard error, TimeoutExpired after a minute.
    """
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@contextlib.contextmanager
def running(program: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a program in the checkout; yield its process and the first line of its output."""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
