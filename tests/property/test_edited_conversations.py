"""Conversations whose messages are dropped, changed, put in and out of order, against a plain list.

Three stores on one file, with a session cache of the usual size, a tiny one and none: so messages
are recognised in the cache, by their origins, and by what is stored. Every generation is loaded
again, the file verifies at the end, and after the deletion of everything no message is left in it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from a3s_store import SqliteSessionStore
from a3s_store.models import Message
from a3s_store.testing import samples
from tests.support import policy

_IDS = ("one", "two")
_PLACE = st.integers(0, 30)


@st.composite
def _steps(draw: st.DrawFn) -> tuple[Any, ...]:
    kind = draw(
        st.sampled_from(
            [
                *("append", "slide", "system", "change", "insert", "cut", "swap", "back"),
                *("rewind", "fork", "delete", "checkpoint", "drop checkpoint"),
                *("prune", "prune tips", "load", "load back"),
            ]
        )
    )
    return (
        kind,
        draw(st.sampled_from(_IDS)),
        draw(_PLACE),
        draw(st.integers(1, 4)),
        draw(st.integers(0, 2)),
        draw(st.booleans()),
    )


class _Program:
    """The conversations saved under each id, by generation, and the stores that have them."""

    def __init__(self, stores: tuple[SqliteSessionStore, ...], clock: list[float]) -> None:
        self.stores = stores
        self.clock = clock
        self.constants = tuple(map(Message.user, ("ok", "go on")))
        self.saved: dict[str, dict[int, tuple[Message, ...]]] = {one: {} for one in _IDS}
        self.checkpoints: dict[str, tuple[Message, ...]] = {}  # by session, of one run
        self.number = 0

    def now(self, session_id: str) -> tuple[Message, ...]:
        saved = self.saved[session_id]
        return saved[max(saved)] if saved else ()

    def new(self, count: int) -> tuple[Message, ...]:
        self.number += count
        # A few texts occur again and again, as they do in life.
        return tuple(
            self.constants[n % 2] if n % 4 == 0 else Message.user(f"message {n}" if n % 5 else "ok")
            for n in range(self.number - count, self.number)
        )

    def edited(
        self, kind: str, old: tuple[Message, ...], at: int, count: int
    ) -> tuple[Message, ...]:
        at = at % (len(old) + 1)
        new = self.new(count)
        match kind:
            case "slide":
                return old[count:] + new
            case "system":
                return old[:1] + old[1 + count :] + new
            case "change":
                return old[:at] + new + old[at + count :]
            case "insert":
                return old[:at] + new + old[at:]
            case "cut":
                return old[:at] + old[at + count :]
            case "swap":
                return old[at:] + old[:at]
            case _:
                return old + new

    async def step(
        self, kind: str, session_id: str, at: int, count: int, which: int, rebuilt: bool
    ) -> None:
        store = self.stores[which]
        saved, old = self.saved[session_id], self.now(session_id)
        if kind == "delete":
            await store.delete(session_id)
            saved.clear()
            self.checkpoints.pop(session_id, None)
        elif kind.startswith("prune"):
            # Everything is old by then; what goes is looked up, which go is for the tests of prune.
            self.clock[0] += 86_400 * 3
            days = 1 if kind == "prune tips" else None
            await store.prune(policy(count, days))
            for one, generations in self.saved.items():
                kept = {entry.number for entry in await store.generations(one)}
                assert max(generations, default=None) == max(kept, default=None)
                self.saved[one] = {n: said for n, said in generations.items() if n in kept}
        elif kind == "drop checkpoint":
            await store.delete_loop_checkpoint("run-1")
            self.checkpoints = {}
        elif kind == "checkpoint":
            messages = self.edited("change", old, at, count)
            value = samples.loop_checkpoint("run-1", session_id).evolve(messages=messages)
            await store.save_loop_checkpoint("run-1", value)
            self.checkpoints = {session_id: messages}
        elif kind.startswith("load"):
            # The application goes on with the loaded messages.
            if saved:
                chosen = max(saved) if kind == "load" else sorted(saved)[at % len(saved)]
                given = None if kind == "load" else chosen
                found = await store.load(session_id, generation=given)
                assert found is not None
                assert found.messages == saved[chosen]
                saved[chosen] = found.messages
        elif kind == "rewind":
            if saved:
                length = at % (len(old) + 1)
                saved[await store.rewind(session_id, length)] = old[:length]
        elif kind == "fork":
            other = next(one for one in _IDS if one != session_id)
            if saved and not self.saved[other]:
                length = at % (len(old) + 1)
                await store.fork(session_id, other, length)
                self.saved[other][await store.generation(other)] = old[:length]
        else:
            if kind == "back" and saved:
                messages = saved[sorted(saved)[at % len(saved)]]
            else:
                messages = self.edited(kind, old, at, count)
            if rebuilt:
                messages = tuple(Message.user(one.text) for one in messages)
            await store.save(samples.session(session_id, ()).evolve(messages=messages))
            saved[await store.generation(session_id)] = messages

    async def check(self) -> None:
        for store in self.stores:
            for session_id, saved in self.saved.items():
                found = await store.load(session_id)
                assert (found is None) == (not saved)
                if found is not None:
                    assert found.messages == self.now(session_id)
                for generation, messages in saved.items():
                    then = await store.load(session_id, generation=generation)
                    assert then is not None
                    assert then.messages == messages
            found_checkpoint = await store.load_loop_checkpoint("run-1")
            expected = next(iter(self.checkpoints.values()), None)
            assert (found_checkpoint is None) == (expected is None)
            if found_checkpoint is not None:
                assert found_checkpoint.messages == expected


@given(st.lists(_steps(), max_size=14))
def test_a_conversation_edited_anywhere_is_loaded_as_saved_in_every_generation(
    steps: list[tuple[Any, ...]],
) -> None:
    async def main(path: Path) -> None:
        clock = [1_800_000_000.0]
        async with (
            SqliteSessionStore.open(path, clock=lambda: clock[0]) as warm,
            SqliteSessionStore.open(path, clock=lambda: clock[0], cache_bytes=9_000) as tiny,
            SqliteSessionStore.open(path, clock=lambda: clock[0], cache_bytes=0) as cold,
        ):
            program = _Program((warm, tiny, cold), clock)
            for step in steps:
                await program.step(*step)
                conversation = _conversations(path)
                for session_id, saved in program.saved.items():
                    if saved:
                        assert conversation.get(session_id, []) == [
                            one.text for one in program.now(session_id)
                        ]
            await program.check()
            report = await warm.verify(depth="deep")
            assert report.ok, report.damage
            await program.check()
            for session_id in _IDS:
                await warm.delete(session_id)
            await warm.delete_loop_checkpoint("run-1")
            assert _left(path) == {}

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "agent.a3s"))


def _conversations(path: Path) -> dict[str, list[str]]:
    """The texts of each session by the view for people."""
    conn = sqlite3.connect(path)
    try:
        rows = conn.execute(
            "SELECT session_id, seq, json_extract(content, '$[0].text') FROM conversation "
            "ORDER BY session_id, seq"
        ).fetchall()
    finally:
        conn.close()
    found: dict[str, list[str]] = {}
    for session_id, seq, text in rows:
        texts = found.setdefault(session_id, [])
        assert seq == len(texts)
        texts.append(text)
    return found


def _left(path: Path) -> dict[str, int]:
    conn = sqlite3.connect(path)
    try:
        counts = {
            table: conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("message", "branch", "branch_segment", "branch_chain", "branch_owner")
        }
    finally:
        conn.close()
    return {table: count for table, count in counts.items() if count}
