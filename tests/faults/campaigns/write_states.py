"""Two writers of one file, with groups whose jobs fail and statements that raise.

Each writer knows sessions without reading their rows (`write_states`). In every step one of them
commits a group of saves: sessions that share branches as forks, jobs that fail before or after
their rows were written, other changes in between (rewind, a collection, a checkpoint, deletion),
an exception before or after any statement, also after COMMIT, and a full disk. Afterwards the file
has exactly the acknowledged saves; at the end it is verified and every conversation is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection import connect
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.write import (
    appends,
    group_commit,
    run_checkpoints,
    session_changes,
    session_writer,
)
from a3s_store.backends.sqlite.write.group_commit import Change, Outcome
from a3s_store.backends.sqlite.write.write_states import WriteStates, WriteTransaction
from a3s_store.core.base.appends import Append
from a3s_store.core.batch import Batch
from a3s_store.core.collections import LOOP_CHECKPOINTS, TRACE_EVENTS
from a3s_store.core.session_cache import SessionCache
from a3s_store.errors import StoreError
from a3s_store.testing import samples
from tests.faults.harness import store_under_test as subjects
from tests.faults.harness.report import Report, Size

GROUPS: Final = {"short": 1_500, "long": 200_000}
# Groups before the file is closed and checked.
_BLOCK: Final = 150
_SESSIONS: Final = ("s0", "s1", "s2", "s3")
_FORKS: Final = {"f0": "s0", "f1": "s1"}


# What a job may be, and how often. `bad` fails before it writes, `late` afterwards.
_KINDS: Final = {
    "save": 8,
    "append": 4,
    "change": 2,
    "same": 1,
    "rewind": 2,
    "collection": 2,
    "checkpoint": 2,
    "bad": 1,
    "late": 1,
}
# What a committed job makes of a conversation.
Effect = Callable[[tuple[str, ...]], tuple[str, ...]]


class PlantedError(Exception):
    """An exception where none is expected, as an interrupt may raise one."""


class _RefusedError(Exception):
    """The error of a job that fails."""


def run(report: Report, size: Size) -> None:
    """Run blocks of groups, each on a file of its own."""
    for number in range(GROUPS[size] // _BLOCK):
        with tempfile.TemporaryDirectory() as folder:
            _Block(report, number, Path(folder) / "agent.a3s").run()
        if report.is_enough:
            return


class _Writer:
    """A connection with its own write states, whose statements can be made to raise."""

    def __init__(self, path: Path, cached: int) -> None:
        self.conn: Any = connect.open_writer(
            Settings(path=path, durability="normal", busy_timeout_ms=2_000)
        )
        self.cache = SessionCache(cached)
        self.states = WriteStates(most=3 if cached == 2_000 else 1_000)
        self._left: int | None = None
        self._is_after = False
        for name in ("execute", "executemany"):
            setattr(self.conn, name, self._raising(getattr(self.conn, name)))

    def _raising(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(sql: str, *arguments: Any) -> Any:
            if self._left is None or sql.startswith(("ROLLBACK", "RELEASE")):
                return call(sql, *arguments)
            self._left -= 1
            if self._left > 0:
                return call(sql, *arguments)
            self._left = None
            if self._is_after:
                call(sql, *arguments)
            raise PlantedError

        return run

    def commit(self, changes: list[Change], aim: tuple[int, bool] | None) -> list[Outcome]:
        """Commit a group; with `aim`, the statement of that number raises, before or after it."""
        self._left, self._is_after = (None, False) if aim is None else aim
        try:
            return group_commit.commit(self.conn, self.cache, self.states, changes)
        finally:
            self._left = None

    @contextlib.contextmanager
    def full_disk(self, is_full: bool) -> Iterator[None]:
        """Let the file grow no more while the block runs."""
        if is_full:
            (pages,) = self.conn.execute("PRAGMA page_count").fetchone()
            self.conn.execute(f"PRAGMA max_page_count = {pages}").close()
        yield
        if is_full:
            self.conn.execute("PRAGMA max_page_count = 1073741823").close()


class _Block:
    """A file, the texts of each session as acknowledged, and two writers."""

    def __init__(self, report: Report, number: int, path: Path) -> None:
        self._report = report
        self._where = f"seed {report.seed}, block {number}"
        self._random = random.Random(f"{report.seed}/{number}")
        self._path = path
        self._open = subjects.find(report.subject)
        self._stored: dict[str, tuple[str, ...]] = {}
        self._count = 0

    def run(self) -> None:
        asyncio.run(self._make())
        writers = [
            _Writer(self._path, self._random.choice((0, 2_000, 1_000_000))) for _ in range(2)
        ]
        look = sqlite3.connect(self._path, isolation_level=None)
        with contextlib.closing(look):
            writer, names = writers[0], [*_SESSIONS]
            for _ in range(_BLOCK):
                # The same writer and sessions again, as often as not: what it knows is used.
                if self._random.random() < 0.5:
                    writer = self._random.choice(writers)
                    size = self._random.choice((1, 1, 1, 2, 3, 5))
                    names = self._random.choices([*_SESSIONS, *_FORKS], k=size)
                self._step(writer, names, look)
                if self._report.is_enough:
                    break
        for writer in writers:
            writer.conn.close()
        asyncio.run(self._check())

    async def _make(self) -> None:
        async with self._open(self._path) as store:
            for name in _SESSIONS:
                await store.save(samples.session(name, (f"{name} first", "second")))
                self._stored[name] = (f"{name} first", "second")
            for name, source in _FORKS.items():
                await store.fork(source, name)
                self._stored[name] = self._stored[source]

    # -- One group --------------------------------------------------------------------------------

    def _step(self, writer: _Writer, names: list[str], look: sqlite3.Connection) -> None:
        planned = dict(self._stored)
        changes, effects = [], []
        for name in names:
            change, effect = self._job(name, planned[name])
            changes.append(change)
            effects.append(effect)
            planned[name] = effect(planned[name])
        aim = None
        if self._random.random() < 0.3:
            aim = self._random.randint(1, 24), self._random.random() < 0.5
        with writer.full_disk(self._random.random() < 0.05):
            outcomes = writer.commit(changes, aim)
        self._report.add(groups=1)
        if writer.conn.in_transaction:
            self._report.fail(f"{self._where}: a transaction was left open")
        self._judge(names, outcomes, effects, look)

    def _judge(
        self,
        names: list[str],
        outcomes: list[Outcome],
        effects: list[Effect],
        look: sqlite3.Connection,
    ) -> None:
        """Compare what is stored with what was acknowledged."""
        acknowledged, at_most = dict(self._stored), dict(self._stored)
        for name, outcome, effect in zip(names, outcomes, effects, strict=True):
            cause = outcome.cause
            if cause is None:
                acknowledged[name] = effect(acknowledged[name])
            if cause is None or isinstance(cause, PlantedError):
                # It may have been raised after the commit.
                at_most[name] = effect(at_most[name])
            if isinstance(cause, sqlite3.IntegrityError) and "owner.id" not in str(cause):
                self._report.fail(f"{self._where}: {name}: {cause}")
            if cause is not None:
                self._report.add(**{type(cause).__name__.strip("_").lower(): 1})
        for name in {*names}:
            found = self._length(look, name)
            if found == len(acknowledged[name]):
                continue
            if found == len(at_most[name]):
                acknowledged[name] = at_most[name]
                self._report.add(unknown_committed=1)
                continue
            causes = [type(outcome.cause).__name__ for outcome in outcomes]
            self._report.fail(
                f"{self._where}: {name} has {found} messages, expected "
                f"{len(acknowledged[name])}; group {names}, {causes}"
            )
        self._stored = acknowledged

    def _length(self, look: sqlite3.Connection, name: str) -> int:
        (length,) = look.execute(
            "SELECT head_length FROM session JOIN owner USING (owner_key) WHERE id = ?", (name,)
        ).fetchone()
        return int(length)

    def _job(self, name: str, texts: tuple[str, ...]) -> tuple[Change, Effect]:
        """Return a change of a conversation, and its effect where it is committed."""
        self._count += 1
        kind = self._random.choices(
            (
                "save",
                "append",
                "change",
                "same",
                "rewind",
                "collection",
                "checkpoint",
                "bad",
                "late",
            ),
            (8, 4, 2, 1, 2, 2, 2, 1, 1),
        )[0]
        number, now = self._count, 1_700_000_000_000 + self._count
        added = tuple(f"{number} {part}" for part in range(self._random.randint(1, 3)))
        grown = texts + added
        if kind == "change":
            grown = (*texts[:-1], f"{number} changed")
        if kind == "same":
            grown = texts

        def apply(conn: WorkConnection, changes: WriteTransaction) -> None:
            match kind:
                case "bad":
                    raise _RefusedError
                case "append":
                    more = samples.session(name, added).messages
                    appends.append(conn, changes, Append(session_id=name, messages=more), now)
                case "rewind":
                    session_changes.rewind(conn, changes, name, max(1, len(texts) - 1), now)
                case "collection":
                    batch = Batch(
                        op="save_trace_events",
                        session_id=name,
                        collections={TRACE_EVENTS: (samples.trace_event(f"{number}"),)},
                    )
                    session_writer.commit(conn, changes, batch, now)
                case "checkpoint":
                    value = samples.loop_checkpoint(f"run-{name}", name)
                    run_checkpoints.put(conn, changes, LOOP_CHECKPOINTS, value.run_id, value, now)
                case _:
                    session = samples.session(name, grown).evolve(updated_at=number)
                    batch = Batch(op="save", session_id=name, session=session)
                    session_writer.commit(conn, changes, batch, now)
                    if kind == "late":
                        conn.execute("INSERT INTO owner (id) VALUES (NULL)")

        def effect(before: tuple[str, ...]) -> tuple[str, ...]:
            if kind == "append":
                return before + added
            if kind == "rewind":
                return before[: max(1, len(texts) - 1)]
            return before if kind in ("collection", "checkpoint", "bad", "late") else grown

        return Change("save", name, apply, name), effect

    # -- Afterwards -------------------------------------------------------------------------------

    async def _check(self) -> None:
        async with SqliteSessionStore.open(self._path) as store:
            report = await store.verify(depth="deep")
            if report.damage:
                self._report.fail(f"{self._where}: {report.damage[0]}")
            for name, texts in self._stored.items():
                try:
                    found = await store.load(name)
                except StoreError as error:
                    self._report.fail(f"{self._where}: {error}")
                    continue
                assert found is not None
                said = tuple(message.content[0].text for message in found.messages)  # type: ignore[union-attr]
                if said != texts:
                    self._report.fail(f"{self._where}: {name} has {said}, expected {texts}")
