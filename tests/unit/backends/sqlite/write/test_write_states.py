"""The writer knows ten thousand sessions in a bounded amount of memory."""

from __future__ import annotations

import sqlite3
import tracemalloc
from pathlib import Path

import attrs

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.write import write_states
from a3s_store.backends.sqlite.write.write_states import Place, WriteStates
from a3s_store.core.conversation import Head
from a3s_store.core.session_header import SessionHeader
from tests.support import artifact, messages, run, session, trace, with_store


def _header(path: Path) -> SessionHeader:
    """Return what the writer knows of a session with most collections."""

    async def use(store: SqliteSessionStore) -> SessionHeader:
        await store.save_artifacts("s", [artifact(1)])
        await store.save_trace_events("s", [trace(1)])
        await store.save_run_records("s", [run(1, 3)])
        await store.save(session("s", count=3))
        await store.append("s", messages(1, tag="more"))
        header = store._engine.writing.states.known("s")
        assert header is not None
        assert header.fields is not None
        return header

    return with_store(path, use)


def _copied(header: SessionHeader, number: int) -> SessionHeader:
    """Return a header of another session, which shares no object with it."""
    assert header.digest is not None
    assert header.fields is not None
    return attrs.evolve(
        header,
        key=1_000_000 + number,
        generation=1_000_000 + number,
        digest=f"{number:08}{header.digest[8:]}",
        head=Head(1_000_000 + number, 1_000_000 + number),
        parts={name: part._replace(count=number) for name, part in header.parts.items()},
        changed_at_ms=1_700_000_000_000 + number,
        fields=b"%08d" % number + header.fields[8:],
    )


def _learned(states: WriteStates, header: SessionHeader, count: int) -> None:
    conn = sqlite3.connect(":memory:")
    for number in range(count):
        one = _copied(header, number)
        assert one.head is not None
        ends: dict[Place, int] = {one.head.branch: one.head.length}
        states.committed(conn, 1, {f"session-{number:024}": one}, ends, None, None)
    conn.close()


def test_a_known_session_takes_less_than_two_kilobytes(tmp_path: Path) -> None:
    header = _header(tmp_path / "agent.a3s")
    states, count = WriteStates(), 1_000
    tracemalloc.start()
    try:
        _learned(states, header, count)
        each = tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()
    assert each < 2_000
    assert abs(write_states.weight(header) - each) < 500, "as it is weighed"


def test_those_used_last_are_known_within_both_bounds(tmp_path: Path) -> None:
    header = _header(tmp_path / "agent.a3s")
    few = WriteStates(most=10)
    _learned(few, header, 30)
    known = [number for number in range(30) if few.known(f"session-{number:024}")]
    assert known == [*range(20, 30)]
    large = attrs.evolve(header, fields=b"x" * 10_000)
    light = WriteStates(most_bytes=3 * write_states.weight(large))
    _learned(light, large, 30)
    known = [number for number in range(30) if light.known(f"session-{number:024}")]
    assert known == [27, 28, 29]
    assert write_states.MOST * 2_000 <= write_states.MOST_BYTES
