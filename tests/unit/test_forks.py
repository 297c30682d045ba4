"""A fork waits for an import that another thread has begun: the child could never make it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from a3s_store import _forks

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
_SLOW = """
import tests.unit.test_forks as test, time
test.BEGUN.set()
time.sleep(0.2)
"""
BEGUN = threading.Event()


def test_a_child_imports_what_another_thread_was_importing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package_imported_late"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "slow.py").write_text(_SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    find = _forks.submodules("package_imported_late", ["slow"])
    monkeypatch.setitem(sys.modules, "tests.unit.test_forks", sys.modules[__name__])
    thread = threading.Thread(target=find, args=("slow",))
    thread.start()
    assert BEGUN.wait(20)
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        find("slow")
        os._exit(0)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
