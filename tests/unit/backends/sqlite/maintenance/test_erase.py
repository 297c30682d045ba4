"""`erase` leaves no piece of a text in the bytes of the files."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import string
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.maintenance import erase
from a3s_store.core.reports import EraseReport
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import ErasureIncompleteError, SessionNotFoundError, SharedMessagesError
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    Message,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionConfig,
    SessionData,
    SubagentProgressEntry,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskStatus,
    TextBlock,
    TextDelta,
    ToolArtifact,
    ToolUseBlock,
    TraceEvent,
    TraceEventKind,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.models.checkpoint import LoopCheckpoint
from tests.support import checkpoint, database, session, with_store

PIECE = 8
PACKED_PIECE = 32
SIZES = (12, 60, 300, 1_500, 6_000, 20_000)
LETTERS = string.ascii_letters + string.digits


class Talk:
    """A session with random texts in every collection; it keeps a list of all its texts."""

    def __init__(self, rng: random.Random, session_id: str) -> None:
        self.rng = rng
        self.said: list[str] = []
        self.snapshot = SessionSnapshot(
            session=SessionData(id=session_id, created_at=1, updated_at=1),
            artifacts=(),
            trace_events=(),
            run_records=(),
            verification_reports=(),
            subagent_tasks=(),
        )
        self.go_on()

    @property
    def id(self) -> str:
        return self.snapshot.session.id

    def say(self, size: int | None = None) -> str:
        text = "".join(self.rng.choices(LETTERS, k=size or self.rng.choice(SIZES)))
        self.said.append(text)
        return text

    def message(self) -> Message:
        image = ImageSource(media_type="image/png", data=self.say())
        blocks: list[Any] = [
            TextBlock(text=self.say()),
            ToolUseBlock(id="t", name="bash", input={"command": self.say(60)}),
            ImageBlock(source=image),
        ]
        content = tuple(self.rng.sample(blocks, self.rng.randint(1, 3)))
        return Message(role="user", content=content, reasoning_content=self.say(60))

    def go_on(self) -> None:
        """Add to every collection; some lists lose their oldest values, and the prompt changes."""
        old, rng = self.snapshot, self.rng
        more = tuple(self.message() for _ in range(rng.randint(1, 6)))
        self.snapshot = old.evolve(
            session=old.session.evolve(
                messages=old.session.messages + more,
                config=SessionConfig(system_prompt=self.say(), name=self.say(60)),
                tasks=(Task(id="1", content=self.say(300), status=TaskStatus.PENDING),),
            ),
            artifacts=self.list_of(old.artifacts, self.artifact),
            trace_events=self.list_of(old.trace_events, self.trace),
            run_records=self.list_of(old.run_records, self.run),
            verification_reports=self.list_of(old.verification_reports, self.report),
            subagent_tasks=self.list_of(old.subagent_tasks, self.task),
        )

    def compact(self) -> None:
        """Replace the conversation by a summary and its last messages."""
        session = self.snapshot.session
        messages = (Message.user(self.say()), *session.messages[-2:])
        self.snapshot = self.snapshot.evolve(session=session.evolve(messages=messages))

    def list_of(self, old: Any, make: Any) -> Any:
        more = tuple(make() for _ in range(self.rng.randint(1, 4)))
        return (*old, *more)[-6:]

    def artifact(self) -> ToolArtifact:
        name = self.say(60)
        return ToolArtifact(
            artifact_id=name,
            artifact_uri=name,
            tool_name="bash",
            content=self.say(),
            original_bytes=1,
            shown_bytes=1,
        )

    def trace(self) -> TraceEvent:
        return TraceEvent(
            kind=TraceEventKind.TOOL_EXECUTION,
            name=self.say(60),
            success=True,
            exit_code=0,
            duration_ms=1,
            output_bytes=1,
            details={"said": self.say(300)},
        )

    def run(self) -> RunRecord:
        return RunRecord(
            snapshot=RunSnapshot(
                id="r",
                session_id=self.id,
                status=RunStatus.EXECUTING,
                prompt=self.say(),
                created_at_ms=1,
                updated_at_ms=1,
            ),
            events=tuple(
                RunEventRecord(sequence=n, timestamp_ms=n, event=TextDelta(text=self.say(300)))
                for n in range(self.rng.randint(0, 5))
            ),
        )

    def report(self) -> VerificationReport:
        check = VerificationCheck(
            id="c", kind="k", description=self.say(300), status=VerificationStatus.PASSED
        )
        return VerificationReport(
            subject=self.say(60), status=VerificationStatus.PASSED, checks=(check,)
        )

    def task(self) -> SubagentTaskSnapshot:
        return SubagentTaskSnapshot(
            task_id="t",
            parent_session_id=self.id,
            child_session_id="c",
            agent="a",
            description=self.say(300),
            status=SubagentStatus.COMPLETED,
            started_ms=1,
            updated_ms=1,
            output=self.say(),
            progress=(SubagentProgressEntry(timestamp_ms=1, status="s", metadata=[self.say(60)]),),
        )

    def checkpoint(self, run_id: str) -> LoopCheckpoint:
        messages = (*self.snapshot.session.messages, self.message())
        return LoopCheckpoint(
            run_id=run_id, session_id=self.id, turn=1, messages=messages, checkpoint_ms=1
        )


@attrs.frozen
class Pieces:
    """Every piece of the texts, and of their compressed forms, that could be left.

    Of those longer pieces, since of random texts zlib's tables of letters are much alike.
    """

    plain: set[bytes]
    packed: set[bytes]

    @classmethod
    def of(cls, talks: list[Talk]) -> Pieces:
        texts = [text.encode() for talk in talks for text in talk.said]
        packed = [zlib.compress(text, 1) for text in texts]
        return cls(_windows(texts, PIECE), _windows(packed, PACKED_PIECE))

    def count(self, data: bytes) -> int:
        plain = sum(data[at : at + PIECE] in self.plain for at in range(len(data)))
        return plain + sum(data[at : at + PACKED_PIECE] in self.packed for at in range(len(data)))


def _windows(texts: list[bytes], size: int) -> set[bytes]:
    return {text[at : at + size] for text in texts for at in range(len(text) - size + 1)}


def left(path: Path, wanted: Pieces) -> dict[str, int]:
    """The number of pieces in each of the store's files, read by another process."""
    found = {}
    for end in ("", "-wal", "-shm"):
        file = path.with_name(path.name + end)
        if file.exists():
            read = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
            data = subprocess.run(
                [sys.executable, "-c", read, str(file)], capture_output=True, check=True
            ).stdout
            found[end] = wanted.count(data)
    return found


async def live(store: SqliteSessionStore, rng: random.Random) -> list[Talk]:
    """Sessions that take turns, are compacted, have checkpoints; one is deleted."""
    talks = [Talk(rng, f"s{number}") for number in range(5)]
    for step in range(25):
        talk = rng.choice(talks)
        what = rng.randrange(6)
        if what == 0:
            talk.compact()
        elif what == 1:
            run = f"run-{talk.id}-{step % 2}"
            await store.save_loop_checkpoint(run, talk.checkpoint(run))
        else:
            talk.go_on()
        await store.save_snapshot(talk.snapshot)
    gone = talks.pop()
    await store.delete(gone.id)
    talks[0].said += gone.said  # to be looked for as well
    return talks


@pytest.mark.parametrize("seed", range(4))
def test_no_piece_of_an_erased_session_is_left_in_any_file(tmp_path: Path, seed: int) -> None:
    """With the store open and after closing it; all texts of other sessions are stored."""
    path = tmp_path / "s.db"
    rng = random.Random(seed)

    async def use(store: SqliteSessionStore) -> tuple[Pieces, list[SessionSnapshot]]:
        talks = await live(store, rng)
        erased, kept = talks[:1], talks[1:]
        fork = talks[1]
        if seed % 2:
            await store.fork(fork.id, "fork", at=1)
            erased, kept = talks[:2], talks[2:]
        kept_before = [await store.load_snapshot(talk.id) for talk in kept]
        wanted = Pieces.of(erased)
        assert sum(left(path, wanted).values()) > 10_000, "they are found where they are"
        ids = [talk.id for talk in erased] + ["fork"] * (seed % 2)
        report = await erase.erase(store._engine, ids, lambda: 1_779_100_000.5)
        assert set(left(path, wanted).values()) == {0}
        assert report.found == tuple(ids)
        for session_id in ids:
            assert await store.load_snapshot(session_id) is None
        assert [await store.load_snapshot(talk.id) for talk in kept] == kept_before
        return wanted, [snapshot for snapshot in kept_before if snapshot is not None]

    wanted, kept = with_store(path, use)
    assert left(path, wanted) == {"": 0}
    with database(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
        row = conn.execute("SELECT value FROM meta WHERE name = 'last_erase'").fetchone()
    assert row == ('{"at": 1779100000}',)

    async def look(store: SqliteSessionStore) -> list[SessionSnapshot | None]:
        return [await store.load_snapshot(snapshot.session.id) for snapshot in kept]

    assert with_store(path, look) == kept


async def erased(store: SqliteSessionStore, *session_ids: str) -> EraseReport:
    return await erase.erase(store._engine, session_ids, lambda: 5.0)


def test_deleting_first_and_erasing_then_leaves_nothing_either(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def use(store: SqliteSessionStore) -> None:
        talks = [Talk(random.Random(1), "a"), Talk(random.Random(2), "b")]
        for talk in talks:
            await store.save_snapshot(talk.snapshot)
        await store.delete("a")
        wanted = Pieces.of(talks[:1])
        assert sum(left(path, wanted).values()) > 0
        assert (await erased(store, "a")).found == ()
        assert set(left(path, wanted).values()) == {0}
        assert await store.load_snapshot("b") == talks[1].snapshot

    with_store(path, use)


def test_checkpoints_of_a_session_that_was_never_saved_are_erased(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def use(store: SqliteSessionStore) -> None:
        talk = Talk(random.Random(3), "a")
        await store.save_loop_checkpoint("r", talk.checkpoint("r"))
        assert (await erased(store, "a")).found == ("a",)
        assert await store.load_loop_checkpoint("r") is None
        assert set(left(path, Pieces.of([talk])).values()) == {0}

    with_store(path, use)


@attrs.frozen
class Stop:
    """Ends the reading process."""

    pid: int
    end: Callable[[], None]

    def __call__(self) -> None:
        self.end()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Stop]:
    """Another process keeps a read transaction open until it is ended."""
    code = (
        "import sqlite3, sys\n"
        "conn = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "conn.execute('BEGIN'); conn.execute('SELECT * FROM owner').fetchall()\n"
        "print(flush=True); sys.stdin.read(1); conn.close()\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:

        def stop() -> None:
            reader.communicate(b"x", timeout=10)
            assert reader.returncode == 0

        assert reader.stdout is not None
        reader.stdout.readline()
        yield Stop(reader.pid, stop)


def test_somebody_who_reads_in_the_log_is_waited_for_and_then_said(tmp_path: Path) -> None:
    """Pieces may be left in the WAL then; erasing again removes them."""
    path = tmp_path / "s.db"

    async def use(store: SqliteSessionStore) -> None:
        talk = Talk(random.Random(4), "a")
        await store.save_snapshot(talk.snapshot)
        with reading(path) as stop:
            with pytest.raises(ErasureIncompleteError, match="still reading") as caught:
                await erased(store, "a")
            assert "'a'" in str(caught.value)
            assert "Replicas and backups keep the texts" in str(caught.value)
            assert await store.load("a") is None
            wanted = Pieces.of([talk])
            assert sum(left(path, wanted).values()) > 0
            # Other sessions can be saved meanwhile.
            await store.save(session("b"))
            stop()
        assert (await erased(store, "a")).found == ()
        assert set(left(path, wanted).values()) == {0}
        assert await store.load("b") == session("b")

    with_store(path, use, busy_timeout_ms=200)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the system lists no locks")
def test_a_replicator_is_named_and_each_attempt_leaves_the_log_as_long_as_it_was(
    tmp_path: Path,
) -> None:
    """The file is not rewritten while a process keeps its read transaction open."""
    path = tmp_path / "s.db"
    wal = tmp_path / "s.db-wal"

    async def use(store: SqliteSessionStore) -> None:
        talks = [Talk(random.Random(seed), f"s{seed}") for seed in range(4)]
        for talk in talks:
            await store.save_snapshot(talk.snapshot)
        with reading(path) as stop:
            sizes = []
            for _ in range(4):
                with pytest.raises(ErasureIncompleteError) as caught:
                    await erased(store, "s0")
                ((pid, command),) = caught.value.readers
                assert pid == stop.pid
                assert command == Path(sys.executable).name, "no argument: it may be a secret"
                assert f"process {pid} ({command})" in str(caught.value)
                sizes.append(wal.stat().st_size)
            assert sizes[-1] - sizes[0] < path.stat().st_size
            assert sizes[-1] - sizes[1] <= 3 * 40 * 4096
            stop()
        await erased(store, "s0")
        assert set(left(path, Pieces.of(talks[:1])).values()) == {0}

    with_store(path, use, busy_timeout_ms=100)


def test_under_an_id_that_never_was_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("a"))
        moment = MemoryItem(id="1", content="x", timestamp="2026-01-01T00:00:00Z")
        await store.memories("m").store(moment)
        await store.memories("m").delete("1")
        await store.save_loop_checkpoint("r", checkpoint((), "r", "c"))
        await store.delete("c")
        wal = tmp_path / "s.db-wal"
        before = path.read_bytes(), wal.read_bytes()
        for ids in (("wrong",), ("a", "wrong"), ("wrong", "m")):
            with pytest.raises(SessionNotFoundError, match="'wrong'"):
                await store.erase(*ids)
        assert (path.read_bytes(), wal.read_bytes()) == before
        assert await store.list() == ["a"]
        for gone in ("m", "c"):
            assert (await store.erase(gone)).found == (), "its text may still be in the file"
        assert (await store.erase("a")).found == ("a",)
        assert (await store.erase("a")).found == ()
        assert (await store.erase()).found == ()
        assert await store.generation("m") == 0
        await store.save(session("m"))
        assert await store.generation("m") == 1
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_another_programs_write_lock_is_said(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("a"))
        other = sqlite3.connect(path, isolation_level=None)
        try:
            assert store._engine.writer is not None
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(ErasureIncompleteError, match="SQLITE_BUSY"):
                await store._engine.writer.run(
                    lambda conn: erase.scrub(conn, store._engine.settings.path, 0.1, 5.0)
                )
            other.execute("ROLLBACK")
        finally:
            other.close()
        await erased(store, "a")

    with_store(path, use, busy_timeout_ms=50)


@pytest.mark.parametrize("at", [None, 2])
def test_a_fork_and_what_it_was_made_of_are_erased_together_only(
    tmp_path: Path, at: int | None
) -> None:
    path = tmp_path / "s.db"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("a"))
        await store.fork("a", "b", at)
        generation = await store.generation("a")
        for one, other in (("a", "b"), ("b", "a")):
            with pytest.raises(SharedMessagesError) as caught:
                await erased(store, one)
            assert caught.value.session_ids == (other,)
            assert f"'{other}'" in str(caught.value)
        assert await store.list() == ["a", "b"]
        assert await store.generation("a") == generation
        assert (await erased(store, "b", "a")).found == ("b", "a")
        assert await store.list() == []

    with_store(path, use)


def test_a_fork_of_no_messages_shares_none(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("a"))
        await store.fork("a", "b", 0)
        await erased(store, "a")
        assert await store.list() == ["b"]

    with_store(tmp_path / "s.db", use)


def test_a_fork_that_was_rewound_past_what_it_shared_still_shares_it(tmp_path: Path) -> None:
    """Its earlier generations have the messages."""

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("a"))
        await store.fork("a", "b")
        await store.rewind("b", 0)
        with pytest.raises(SharedMessagesError):
            await erased(store, "a")
        await store.delete("b")
        await erased(store, "a")

    with_store(tmp_path / "s.db", use)


def test_a_checkpoint_of_a_fork_shares_too(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("a"))
        await store.fork("a", "b")
        forked = await store.load("b")
        assert forked is not None
        point = LoopCheckpoint(
            run_id="r", session_id="b", turn=1, messages=forked.messages, checkpoint_ms=1
        )
        await store.save_loop_checkpoint("r", point)
        assert store._engine.writer is not None
        # Only the checkpoint of the session is left.
        await store._engine.writer.run(lambda conn: conn.execute("DELETE FROM owner WHERE id='b'"))
        with pytest.raises(SharedMessagesError) as caught:
            await erased(store, "a")
        assert caught.value.session_ids == ("b",)
        assert await store.load_loop_checkpoint("r") == point

    with_store(tmp_path / "s.db", use)


def test_what_another_session_saved_itself_stays_its_own(tmp_path: Path) -> None:
    """Equal messages have rows of their own; an equal large text is stored once."""
    large = ToolArtifact(
        artifact_id="a",
        artifact_uri="a",
        tool_name="t",
        content="".join(random.Random(5).choices(LETTERS, k=40_000)),
        original_bytes=1,
        shown_bytes=1,
    )

    async def use(store: SqliteSessionStore) -> None:
        for session_id in ("a", "b"):
            await store.save(session(session_id))
            await store.save_artifacts(session_id, [large])
        await erased(store, "a")
        assert await store.load("b") == session("b")
        assert await store.load_artifacts("b") == (large,)

    with_store(tmp_path / "s.db", use)


def test_the_log_keeps_its_size_again_afterwards(tmp_path: Path) -> None:
    """Settings that erasing changes are restored."""
    path = tmp_path / "s.db"

    async def use(store: SqliteSessionStore) -> tuple[int, int]:
        await store.save(session("a"))
        await erased(store, "a")
        assert store._engine.writer is not None
        return await store._engine.writer.run(
            lambda conn: (
                conn.execute("PRAGMA journal_size_limit").fetchone()[0],
                conn.getlimit(sqlite3.SQLITE_LIMIT_ATTACHED),
            )
        )

    assert with_store(path, use) == (4 * 1024 * 1024, 0)
