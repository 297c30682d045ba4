"""Tokens of processes: whether the one of a token still runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from a3s_store.core import processes
from a3s_store.core.new_files import Temporary, temporary_name
from a3s_store.core.processes import own_token, state_of

_ROOT = Path(__file__).parents[3]
_PROGRAM = """
import sys
from a3s_store.core.processes import own_token
print(own_token(), flush=True)
sys.stdin.readline()
"""
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="when a process started is not told here"
)


def test_this_process_runs_and_has_one_token() -> None:
    assert own_token() == own_token()
    assert state_of(own_token()) == "running"


def test_another_process_runs_until_it_ends() -> None:
    """Also before its parent has asked how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        token = other.stdout.readline().strip()
        assert token != own_token()
        assert state_of(token) == "running"
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        assert state_of(token) == "ended"
    assert state_of(token) == "ended"


@needs_proc
def test_a_process_of_the_same_id_that_started_at_another_time_is_another() -> None:
    place, _, _ = own_token().split(".")
    parent = os.getppid()
    started = processes.started(parent)
    assert state_of(f"{place}.{parent}.{started}") == "running"
    assert state_of(f"{place}.{parent}.{int(started) + 1}") == "ended"


def test_of_another_machine_container_or_start_nothing_is_known() -> None:
    _, pid, started = own_token().split(".")
    assert state_of(f"0123456789ab.{pid}.{started}") == "elsewhere"


@pytest.mark.parametrize(
    "rest", ["", ".", ".0.1", ".-1.1", ".x.1", f".{'1' * 30}.1", f".{'1' * 9999}.1"]
)
def test_a_text_that_is_no_token_is_of_no_process_here(rest: str) -> None:
    place = own_token().partition(".")[0]
    assert state_of(place + rest) == "elsewhere"
    assert state_of(rest) == "elsewhere"


def test_where_a_start_cannot_be_seen_the_id_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary name says so too."""
    monkeypatch.setattr(processes, "started", lambda pid: "")
    assert state_of(own_token()) == "running"
    read = Temporary.of(temporary_name("x.json"))
    assert read is not None
    assert (read.head, read.writer) == ("x.json", own_token())
