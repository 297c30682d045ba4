"""A folder that is read-only, for root as well."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only during the block; skip the test where that is not possible."""
    mount = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
    try:
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("nothing can be mounted here")
    except FileNotFoundError:
        pytest.skip("there is no program to mount with")
    try:
        if os.access(folder, os.W_OK):
            subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=False)
        if os.access(folder, os.W_OK):
            pytest.skip("nothing can be mounted read-only here")
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
