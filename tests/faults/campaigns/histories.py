"""Several processes save the same sessions, some are killed: every history is linearizable.

Four processes share one store. Each has a session of its own, which it saves, rewinds and forks,
and all compete for shared ones: they save if the session did not change since they loaded it (by
digest, by generation), save unconditionally, load, delete, and save under a deleted id. Now and
then a save is cancelled, and after some hundred operations a process is killed and replaced. Each
operation is logged before it begins and when it has ended, with the system's monotonic clock.

Afterwards each session's operations must be explained by one order of them that agrees with their
results and with the clock: an operation that ended before another began comes before it. A killed
or cancelled operation happened once or not at all. `history_checker` looks for such an order.

Values are told apart by their digest, and no two saves save the same value. A busy error is a
broken promise: no process holds the lock for as long as a save waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.core.snapshot import SessionSnapshot, forked
from a3s_store.errors import StaleGenerationError
from a3s_store.models import Message, SessionData
from tests.faults.harness import forks, store_under_test
from tests.faults.harness.forks import Child, Send
from tests.faults.harness.history_checker import Kind, Operation, Outcome, explain
from tests.faults.harness.report import Report, Size

# How many rounds: each has a file of its own and is checked by itself. Kills of a round.
_ROUNDS: Final[Mapping[Size, int]] = {"short": 1, "long": 360}
_KILLS: Final = 14
_PROCESSES: Final = 4
_SHARED: Final = ("shared-0", "shared-1", "shared-2")
# How many operations are done between one process being killed and the next.
_BETWEEN_KILLS: Final = range(200)
# How often a save of a shared session is cancelled, and how many messages it copies.
_CANCELLED: Final = 0.03
_MESSAGES: Final = 20
# Seconds that an operation may take, and the last process.
_TIME_LIMIT: Final = 60.0


def run(report: Report, size: Size) -> None:
    """Let processes compete, in rounds."""
    for number in range(_ROUNDS[size]):
        _round(report, f"{report.seed}.{number}")
        if report.failures:
            break


def _round(report: Report, name: str) -> None:
    chance = random.Random(name)
    open_store = store_under_test.find(report.subject)
    with forks.scratch() as folder:
        path = folder / "shared.a3s"
        operations: list[Operation] = []
        running: dict[int, tuple[Child, Path]] = {}

        def start(place: int) -> None:
            log = folder / f"log-{place}-{report.counts['processes']}"
            report.add(processes=1)
            process = _Process(open_store, path, log, f"{name}/{log.name}")
            running[place] = Child(lambda send: process.run(f"own-{place}", send)), log

        def end(place: int) -> None:
            child, log = running.pop(place)
            status = child.kill()
            operations.extend(_read(log, time.monotonic()))
            report.add(kills=1)
            if status != -signal.SIGKILL:
                report.fail(f"round {name}: a process ended with {status}: {child.sent('error')}")

        for place in range(_PROCESSES):
            start(place)
        for _ in range(_KILLS):
            done = chance.choice(_BETWEEN_KILLS)
            children = [child for child, _ in running.values()]
            if not forks.wait_for(children, "done", done, chance, _TIME_LIMIT):
                report.fail(f"round {name}: no operation was done for {_TIME_LIMIT:.0f} s")
            place = chance.randrange(_PROCESSES)
            end(place)
            start(place)
            if report.failures:
                break
        for place in list(running):
            end(place)
        log = folder / "log-final"
        final = Child(lambda send: _Process(open_store, path, log, "").check(folder / "record"))
        if final.finish(_TIME_LIMIT) != 0:
            report.fail(f"round {name}: the file cannot be checked: {final.sent('error')}")
            return
        operations.extend(_read(log, time.monotonic()))
        _judge(report, name, operations, json.loads((folder / "record").read_text()))


def _judge(
    report: Report, name: str, operations: Sequence[Operation], record: Mapping[str, Any]
) -> None:
    """Look for an order of each session's operations, and compare its generations with it."""
    by_session: dict[str, list[Operation]] = {}
    for operation in operations:
        by_session.setdefault(operation.session, []).append(operation)
        report.add(operations=1)
        if operation.outcome == "unknown":
            report.add(unknown=1)
        elif operation.kind in {"cas", "expected", "fork"}:
            report.add(**{"races_won" if operation.outcome == "ok" else "races_lost": 1})
    for session, theirs in sorted(by_session.items()):
        report.add(histories=1)
        problem = explain(theirs) or _check_generations(theirs, record.get(session, []))
        if problem:
            report.fail(f"round {name}, {session}: {problem}")


def _check_generations(operations: Sequence[Operation], record: Sequence[tuple[int, str]]) -> str:
    """Compare the stored generations with the saves; return the fault, or ""."""
    numbers = [number for number, _ in record]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(record))):
        return f"its generations are numbered {numbers[:3]} to {numbers[-3:]}"
    saves = {one.after: one for one in operations if one.after and one.outcome != "refused"}
    before = None
    for number, digest in record:
        save = saves.get(digest)
        if save is None:
            return f"generation {number} was saved by no process"
        if save.kind in {"cas", "rewind"} and save.before != before:
            return f"LOST UPDATE: generation {number} was made of another than {number - 1}"
        if save.kind == "expected" and save.number != (0 if before is None else number - 1):
            return f"LOST UPDATE: generation {number} was made of {save.number}"
        before = digest
    return ""


def _read(log: Path, gone: float) -> list[Operation]:
    """The operations of a process. After `gone` an unfinished one has no effect any more."""
    found: dict[int, Operation] = {}
    for line in log.read_bytes().split(b"\n")[:-1] if log.exists() else []:
        number, facts = json.loads(line)
        if number in found:
            found[number] = attrs.evolve(found[number], **facts)
        else:
            found[number] = Operation(ended=gone, **facts)
    return list(found.values())


# -- In the children ------------------------------------------------------------------------------


class _Process:
    """A competing process. Its log is a file, which keeps every line when the process is killed."""

    def __init__(self, open_store: store_under_test.Open, path: Path, log: Path, name: str) -> None:
        self._open = open_store
        self._path = path
        self._log = log
        self._name = name
        self._chance = random.Random(name)
        self._made = 0
        self._lines = itertools.count()
        self._send: Send = _unsent

    def run(self, own: str, send: Send) -> None:
        """Save on until killed."""
        self._send = send

        async def main() -> None:
            async with self._open(self._path) as store:
                await asyncio.gather(
                    self._alone(store, own), self._compete(store), self._compete(store)
                )

        with self._writing():
            asyncio.run(main())

    def check(self, record: Path) -> None:
        """Log the final state of each session, and write its generations to a file."""

        async def main() -> None:
            async with self._open(self._path) as store:
                generations: dict[str, list[tuple[int, str]]] = {}
                for session in await store.list():
                    generations[session] = [
                        (one.number, one.digest) for one in await store.generations(session)
                    ]
                for session in {*_SHARED, *generations}:
                    await self._load(store, session)
                    await self._generation(store, session)
                await store_under_test.verified(store)
            record.write_text(json.dumps(generations))

        with self._writing():
            asyncio.run(main())

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self._file = os.open(self._log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            yield
        finally:
            os.close(self._file)

    async def _alone(self, store: Any, session: str) -> None:
        """Change a session that no other process changes, so that its value is known."""
        known = await self._load(store, session)
        while True:
            what = self._chance.random()
            if known is None or what < 0.55:
                known = await self._save(store, session, known)
            elif what < 0.75 and known.session.messages:
                length = self._chance.randrange(len(known.session.messages))
                shorter = known.session.evolve(messages=known.session.messages[:length])
                now = known.evolve(session=shorter)
                facts = _facts(now, before=known)
                await self._do("rewind", session, store.rewind(session, length), **facts)
                known = now
            elif what < 0.9:
                to = self._chance.choice(_SHARED)
                copy = forked(known, to)
                await self._do("fork", to, store.fork(session, to), **_facts(copy))
                # Saved again, so that no two forks are the same.
                known = await self._save(store, session, known)
            else:
                await self._generation(store, session)
                known = await self._load(store, session)

    async def _save(
        self, store: Any, session: str, known: SessionSnapshot | None
    ) -> SessionSnapshot:
        new = self._next(session, known)
        await self._do("save", session, store.save_snapshot(new), **_facts(new))
        return new

    async def _compete(self, store: Any) -> None:
        """Change sessions that other processes change, too."""
        while True:
            session = self._chance.choice(_SHARED)
            what = self._chance.random()
            cancel = self._chance.random() < _CANCELLED
            if what < 0.5:
                found = await self._load(store, session)
                if found is not None:
                    new = self._next(session, found)
                    cas = store.save_snapshot_cas(new, found.digest())
                    await self._do("cas", session, cas, cancel, **_facts(new, before=found))
            elif what < 0.75:
                number = await self._generation(store, session)
                new = self._next(session, None)
                save = store.save(new.session, expected_generation=number)
                await self._do("expected", session, save, cancel, **_facts(new, number=number))
            elif what < 0.85:
                new = self._next(session, None)
                await self._do("save", session, store.save(new.session), cancel, **_facts(new))
            elif what < 0.97:
                await self._load(store, session)
            else:
                await self._do("delete", session, store.delete(session), cancel)

    def _next(self, session: str, found: SessionSnapshot | None) -> SessionSnapshot:
        """A value that no other save has, made of the loaded one."""
        self._made += 1
        mark = f"{self._name}/{self._made}"
        before = found.session.messages[-_MESSAGES:] if found is not None else ()
        return SessionSnapshot(
            session=SessionData(
                id=session,
                created_at=1,
                updated_at=self._made,
                model_name=mark,
                messages=(*before, Message.user(mark)),
            )
        )

    # Each operation is logged before it begins and when it has ended.

    async def _load(self, store: Any, session: str) -> SessionSnapshot | None:
        line = self._begin("load", session)
        found: SessionSnapshot | None = await store.load_snapshot(session)
        ended = time.monotonic()
        self._end(line, ended, "ok", seen=found.digest() if found is not None else None)
        return found

    async def _generation(self, store: Any, session: str) -> int:
        line = self._begin("generation", session)
        number: int = await store.generation(session)
        self._end(line, time.monotonic(), "ok", number=number)
        return number

    async def _do(
        self,
        kind: Kind,
        session: str,
        change: Coroutine[Any, Any, Any],
        cancel: bool = False,
        **facts: Any,
    ) -> None:
        line = self._begin(kind, session, **facts)
        task = asyncio.ensure_future(change)
        try:
            if cancel:
                await asyncio.sleep(self._chance.random() * 0.003)
                task.cancel()
            result = await task
        except asyncio.CancelledError:
            return  # its outcome is unknown: it may still happen
        except StaleGenerationError as error:
            self._end(line, time.monotonic(), "refused", actual=error.actual)
            return
        number = {"number": result} if kind == "rewind" else {}
        self._end(line, time.monotonic(), "refused" if result is False else "ok", **number)

    def _begin(self, kind: Kind, session: str, **facts: Any) -> int:
        line = next(self._lines)
        began = time.monotonic()
        self._write(line, {"kind": kind, "session": session, "began": began, **facts})
        return line

    def _end(self, line: int, ended: float, outcome: Outcome, **facts: Any) -> None:
        self._write(line, {"ended": ended, "outcome": outcome, **facts})
        self._send("done")

    def _write(self, line: int, facts: dict[str, Any]) -> None:
        os.write(self._file, json.dumps([line, facts]).encode() + b"\n")


def _unsent(*values: Any) -> None:
    """Send nothing: only a process that is to be killed tells what it has done."""


def _facts(
    after: SessionSnapshot, *, before: SessionSnapshot | None = None, number: int | None = None
) -> dict[str, Any]:
    return {
        "after": after.digest(),
        "before": before.digest() if before is not None else None,
        "number": number,
    }
