"""Tokens of processes: whether the process of a token still runs."""

from __future__ import annotations

import os

import pytest

from a3s_store.core import processes
from a3s_store.core.new_files import Temporary, temporary_name
from a3s_store.core.processes import own_token, state_of
from tests.programs import needs_proc, running

_PROGRAM = """
import sys
from a3s_store.core.processes import own_token
print(own_token(), flush=True)
sys.stdin.readline()
"""


def test_this_process_runs_and_has_one_token() -> None:
    assert own_token() == own_token()
    assert state_of(own_token()) == "running"


def test_another_process_runs_until_it_ends() -> None:
    """It has ended also before its parent has waited for it."""
    with running(_PROGRAM) as (other, token):
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
