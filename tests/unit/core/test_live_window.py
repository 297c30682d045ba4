"""Tokens of live sessions: whether the live session of a token may still be open."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from a3s_store.core import processes
from a3s_store.core.live_window import close_window, is_open, open_window
from tests.programs import needs_proc, running

_PROGRAM = """
import sys
from a3s_store.core.live_window import open_window
print(open_window(), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def token() -> Iterator[str]:
    made = open_window()
    yield made
    close_window(made)


def test_a_token_is_alive_until_it_is_closed(token: str) -> None:
    assert is_open(token)
    close_window(token)
    assert not is_open(token)
    close_window(token)


def test_tokens_are_all_different() -> None:
    made = {open_window() for _ in range(100)}
    assert len(made) == 100
    for one in made:
        close_window(one)


def test_a_token_of_another_process_is_alive_until_that_ends() -> None:
    with running(_PROGRAM) as (other, found):
        assert is_open(found)
        close_window(found)
        assert is_open(found), "it is not ours to close"
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        assert not is_open(found), "it ended, though its parent has not asked how"
    assert not is_open(found)


@needs_proc
def test_a_process_of_the_same_id_that_started_at_another_time_is_another(token: str) -> None:
    owner, _, random = token.rpartition(".")
    boot, pid, started = owner.split(".")
    parent, later = os.getppid(), int(started) + 1
    assert not is_open(f"{boot}.{parent}.{later}.{random}")
    assert not is_open(f"another boot.{pid}.{started}.{random}")


@pytest.mark.parametrize("pid", ["0", "-1", "x", "", "1" * 30])
def test_what_is_no_token_is_not_alive(token: str, pid: str) -> None:
    boot = token.partition(".")[0]
    for text in (f"{boot}.{pid}.5.00", f"{boot}.{pid}", pid, f".{pid}.", f"{boot}.{pid}.."):
        assert not is_open(text)
    assert not is_open(None)


def test_a_token_can_be_kept_by_any_store(token: str) -> None:
    assert token.isascii()
    assert 0 < len(token) < 200
    assert "\0" not in token


def test_where_nothing_is_told_of_processes_the_id_counts(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "started", lambda pid: "")
    parent = processes._token(processes.boot(), os.getppid())
    assert is_open(f"{parent}.00")
