"""Contenders take turns fairly; syncs and bytes are counted where they can be, else not at all."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from benchmarks import counting, measuring
from benchmarks.counting import Counted
from benchmarks.engines import OWN
from benchmarks.measuring import Contender, Pace, take_turns
from tests.unit.benchmarks import tiny

TRACE = """\
7 fsync(3) = 0
7 access("benchmark-counting-begins", F_OK) = -1 ENOENT (No such file or directory)
8 pwrite64(5, "abc"..., 4096, 0) = 4096
8 fdatasync(5 <unfinished ...>
7 write(6, "\\1", 1) = 1
7 write(5, "x"..., 100 <unfinished ...>
8 <... fdatasync resumed>) = 0
7 <... write resumed>) = 100
7 faccessat2(AT_FDCWD, "benchmark-counting-ends", F_OK, 0) = -1 ENOENT (No such file)
8 fsync(5) = 0
"""


def contender(name: str, log: list[str], error: Exception | None = None) -> Contender:
    async def prepare() -> str:
        return name

    async def run(prepared: str) -> None:
        log.append(prepared)
        if error is not None:
            raise error

    return Contender(name, prepare, run)


def test_everybody_has_a_turn_in_each_round_and_the_order_rotates() -> None:
    log: list[str] = []
    samples = asyncio.run(
        take_turns([contender(n, log) for n in "abc"], Pace(3, warmups=1, seconds=60))
    )
    assert [len(samples[name].seconds) for name in "abc"] == [3, 3, 3]
    rounds = ["".join(log[i : i + 3]) for i in range(0, 12, 3)]
    assert {"".join(sorted(one)) for one in rounds} == {"abc"}
    assert rounds[1:] == ["abc", "bca", "cab"]


def test_who_fails_leaves_and_the_rest_go_on() -> None:
    log: list[str] = []
    players = [contender("a", log, ValueError("/home/someone")), contender("b", log)]
    samples = asyncio.run(take_turns(players, Pace(2, warmups=1, seconds=60)))
    assert samples["a"].figures() == {"error": "ValueError"}
    assert samples["b"].figures()["rounds"] == 2
    assert log.count("a") == 1


def test_who_is_slow_sits_rounds_out_but_not_all() -> None:
    assert measuring._stride(0.001, Pace(50, 1, 4)) == 1
    assert measuring._stride(0.4, Pace(50, 1, 4)) == 5
    assert measuring._stride(2.0, Pace(50, 1, 4)) == 17, "three turns at least"
    assert measuring._stride(100.0, Pace(50, 1, 4)) == 25, "two, if one takes all its time"
    assert measuring._stride(100.0, Pace(1, 1, 4)) == 1


def test_percentiles_are_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert measuring.nearest_rank(values, 0.99) == 99
    assert measuring.nearest_rank(values, 0.5) == 50
    assert measuring.nearest_rank([3.0], 0.99) == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_bytes_of_a_save_are_what_the_process_wrote(scratch: Path) -> None:
    before = measuring.bytes_written()
    (scratch / "file").write_bytes(bytes(5000))
    after = measuring.bytes_written()
    assert before is not None
    assert after is not None
    assert 5000 <= after[0] - before[0] < 6000


def test_only_what_lies_between_the_marks_is_counted() -> None:
    assert counting.parse(TRACE, 1) == Counted(syncs=1, written=4196)
    assert counting.parse(TRACE, 2) == Counted(syncs=0.5, written=2098)


@pytest.mark.skipif(counting.strace() is None, reason="strace is missing or not allowed")
def test_a_floor_of_one_sync_is_counted_as_one(scratch: Path) -> None:
    plan = tiny.plan(scratch, {"write-fsync": OWN["write-fsync"]}, count_syncs=True)
    found = counting.count(plan, "write-fsync", "messages", 4, savers=1, turns=3)
    assert found is not None
    assert found.syncs == 1
    assert found.written > 1000


def test_without_strace_nothing_is_guessed(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "strace", lambda: None)
    plan = tiny.plan(scratch, count_syncs=True)
    assert counting.count(plan, "sqlite", "everything", 4, savers=1, turns=3) is None
