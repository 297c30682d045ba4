"""The ratios: raw statements write what a save writes, and each part of a run has its lines."""

from __future__ import annotations

import asyncio
import functools
import itertools
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from benchmarks.ratios import blocks
from benchmarks.ratios.blocks import Call, Contender, Ratio, Row, in_turn, ratio
from benchmarks.ratios.conversations import messages, rebuilt, seeded, session, turns
from benchmarks.ratios.raw import Raw
from benchmarks.ratios.scale import Scale
from benchmarks.ratios.table import PARTS, measured, table
from tests.support import all_rows

TINY = Scale(
    blocks=1,
    rounds=2,
    length=12,
    sizes=(300,),
    lengths=(4, 9),
    long_rounds=2,
    rebuilt=(9,),
    sessions=(3,),
    each=4,
    imported=3,
    savers=2,
    saver_turns=2,
    big=60,
    processes=(2,),
    process_saves=2,
    loaded=60,
    starts=1,
)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_its_lines(part: str, scratch: Path) -> None:
    found = asyncio.run(measured([part], TINY, scratch))
    assert found
    for line in found:
        assert line.skipped or line.cpu or line.wall or line.figures, line
    assert not list(scratch.iterdir()), "the stores are removed"


def test_raw_statements_write_the_rows_of_a_save(scratch: Path) -> None:
    states = turns(session("s", messages(5)), 4)
    base = scratch / "base.a3s"

    async def use() -> Path:
        await seeded(base, lambda store: store.save(states[0]))
        calls = [functools.partial(SqliteSessionStore.save, session=one) for one in states[1:]]
        raw = Raw(base, "raw", calls, lambda store: store.load("s"))
        for statements in raw.turns:
            await raw.save(statements)
        raw.close()
        return raw.path

    path = asyncio.run(use())
    written = all_rows(path)
    assert written == all_rows(path.with_name("raw-recorded.a3s"))
    assert len(written["message"]) == 5 + 4 * 3


def test_a_batch_writes_the_commit_link_once(scratch: Path) -> None:
    states = turns(session("s", messages(5)), 4)
    base = scratch / "base.a3s"

    async def batches() -> list[list[str]]:
        await seeded(base, lambda store: store.save(states[0]))
        calls = [functools.partial(SqliteSessionStore.save, session=one) for one in states[1:]]
        raw = Raw(base, "raw", calls, lambda store: store.load("s"))
        found = [[one.sql for one in batch] for batch in raw.batch(2)]
        raw.close()
        return found

    for batch in asyncio.run(batches()):
        assert sum("file_link" in sql for sql in batch) == 1
        assert sum("INSERT INTO generation" in sql for sql in batch) == 2


def test_contenders_take_turns_with_a_pause_before_each_call() -> None:
    calls: list[tuple[str, float]] = []

    async def run(name: str) -> None:
        calls.append((name, asyncio.get_running_loop().time()))

    async def main() -> blocks.Blocks:
        pair = [Contender(name, run, functools.partial(str, name)) for name in ("a", "b")]
        return await in_turn(pair, blocks=2, rounds=2, warmups=0)

    found = asyncio.run(main())
    assert "".join(name for name, _ in calls) == "abba" * 2
    gaps = [after - before for (_, before), (_, after) in itertools.pairwise(calls)]
    assert min(gaps) >= blocks.PAUSE
    assert [len(block) for block in found["a"]] == [2, 2]


def test_a_ratio_is_the_median_of_those_of_the_blocks() -> None:
    made = {
        "ours": [[Call(wall=one, cpu=one)] for one in (2.0, 6.0, 3.0)],
        "raw": [[Call(wall=1.0, cpu=2.0)]] * 3,
    }
    assert ratio(made, "ours", "raw", "wall") == Ratio(median=3.0, low=2.0, high=6.0)
    assert str(ratio(made, "ours", "raw", "cpu")) == "1.50 (1.00..3.00)"


def test_a_line_that_was_not_measured_says_why() -> None:
    line = Row(what="append", against="add_items", skipped="this store has no append")
    assert "| append | add_items | skipped: this store has no append |" in table([line])


def test_a_rebuilt_session_is_equal_and_shares_no_message() -> None:
    one = session("s", messages(3))
    other = rebuilt(one)
    assert other == one
    assert not any(a is b for a, b in zip(one.messages, other.messages, strict=True))
