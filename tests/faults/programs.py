"""Small programs that tests run in processes of their own: `-m tests.faults.programs NAME ...`.

Each does one thing that may go wrong from outside: be killed, exit without closing, be forked.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from a3s_store import Commit, SessionSnapshot, SqliteSessionStore
from a3s_store.core.changes import SessionChanges, Stored
from a3s_store.errors import StaleGenerationError, StoreForkedError
from a3s_store.models import Message, TextDelta
from a3s_store.runtime import ActiveRun, AgentResult, SessionManager
from tests.support import messages, session, trace


def _snapshot(session_id: str, length: int) -> SessionSnapshot:
    """A snapshot with the length of the conversation in every part."""
    return SessionSnapshot(
        session=session(session_id, count=length, updated_at=length),
        trace_events=tuple(trace(n) for n in range(length)),
    )


def check_whole(snapshot: SessionSnapshot) -> int:
    """The length of a snapshot made by `_snapshot`; fails when its parts are of different saves."""
    length = len(snapshot.session.messages)
    assert snapshot == _snapshot(snapshot.session.id, length)
    return length


def save_on(path: str, session_id: str, start: str) -> None:
    """Save a growing session for ever, printing each length once it is acknowledged."""

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            length = int(start)
            while True:
                length += 1
                await store.save_snapshot(_snapshot(session_id, length))
                sys.stdout.write(f"{length}\n")
                sys.stdout.flush()

    asyncio.run(main())


def watch_on(path: str, after: str) -> None:
    """Watch the commits of a store for ever, printing the sequence of each."""

    async def main() -> None:
        async with SqliteSessionStore.open(path, read_only=True) as store:
            async for commit in store.watch(after=int(after)):
                assert isinstance(commit, Commit)
                sys.stdout.write(f"{commit.sequence}\n")
                sys.stdout.flush()

    asyncio.run(main())


def watch_and_forget(path: str) -> None:
    """Leave watches that wait, and a store that was never closed, on a loop that ends."""

    async def main() -> None:
        store = await SqliteSessionStore.open(path)
        waiting = [asyncio.ensure_future(anext(store.watch())) for _ in range(3)]
        await asyncio.wait(waiting, timeout=0.2)
        sys.stdout.write(f"{sum(one.done() for one in waiting)} done\n")

    asyncio.run(main())


def _wait_for_both(path: Path, name: str) -> None:
    """Create the file "left" or "right", and wait until the other exists."""
    path.with_name(name).touch()
    while not all(path.with_name(each).exists() for each in ("left", "right")):
        time.sleep(0.01)


def merge_turns(path: str, name: str, turns: str) -> None:
    """Save so many turns of a session, merged with the turns of the other process.

    The processes are named "left" and "right". Both load the session before either saves.
    """

    def behind(ours: SessionChanges, theirs: Stored) -> SessionChanges:
        assert ours.session is not None
        stored = theirs.value.session
        both = stored.messages + ours.session.messages[-2:]
        return attrs.evolve(ours, session=stored.evolve(messages=both))

    async def main() -> None:
        merged = 0
        async with SqliteSessionStore.open(path) as store:
            found = await store.load_versioned("shared")
            assert found is not None
            sent, on = found.value, found.revision
            await asyncio.to_thread(_wait_for_both, Path(path), name)
            for number in range(int(turns)):
                sent = sent.evolve(messages=sent.messages + messages(2, tag=f"{name} {number}"))
                changes = SessionChanges(
                    session_id="shared", save_id=secrets.token_bytes(16), session=sent
                )
                saved = await store.save_changes(changes, on=on, merge=behind)
                assert saved.changes.session is not None
                assert await store.landed("shared", changes.save_id) == saved.revision
                sent, on = saved.changes.session, saved.revision
                merged += saved.theirs is not None
        print(merged)

    asyncio.run(main())


def append(path: str, name: str, count: str) -> None:
    """Append so many messages to a session, beside the process of the other name."""

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await asyncio.to_thread(_wait_for_both, Path(path), name)
            for number in range(int(count)):
                await store.append("shared", [Message.user(f"{name} {number}")])

    asyncio.run(main())


def append_after(path: str, name: str, count: str) -> None:
    """Append as `append` does, each message after the last one read; print how often refused."""

    async def main() -> None:
        refused = 0
        async with SqliteSessionStore.open(path) as store:
            await asyncio.to_thread(_wait_for_both, Path(path), name)
            for number in range(int(count)):
                message = Message.user(f"{name} {number}")
                save_id = secrets.token_bytes(16)
                while True:
                    page = await store.messages("shared", last=0)
                    assert page is not None
                    try:
                        await store.append("shared", [message], after=page.end, save_id=save_id)
                        break
                    except StaleGenerationError:
                        refused += 1
        print(refused)

    asyncio.run(main())


def append_on(path: str, start: str) -> None:
    """Append one message after another, printing each number before its append and after it.

    The save id is made of the number, so that another process can repeat an append.
    """

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            page = await store.messages("shared", last=0)
            assert page is not None
            end = page.end
            for number in itertools.count(int(start)):
                print(f"{number} {end.length} {end.chain_hash.hex()}", flush=True)
                message = Message.user(str(number))
                done = await store.append("shared", [message], after=end, save_id=save_id(number))
                end = done.position

    asyncio.run(main())


def save_id(number: int) -> bytes:
    """Return the id of the append with this number."""
    return number.to_bytes(16, "big")


def compete(path: str, name: str, seconds: str) -> None:
    """Save an own session and a shared one for so long; print what was saved and refused.

    The shared session counts: each step loads it, adds one and saves it if it did not change.
    """

    async def main() -> None:
        deadline = time.monotonic() + float(seconds)
        own = added = refused = 0
        async with SqliteSessionStore.open(path) as store:
            while time.monotonic() < deadline:
                own += 1
                await store.save_snapshot(_snapshot(name, own % 40 + 1))
                found = await store.load_snapshot("shared")
                if found is None:
                    continue
                whole = found.session.total_cost + 1.0
                changed = found.evolve(session=found.session.evolve(total_cost=whole))
                if await store.save_snapshot_cas(changed, found.digest()):
                    added += 1
                else:
                    refused += 1
        sys.stdout.write(f"{own} {added} {refused}\n")

    asyncio.run(main())


def save_one(path: str, session_id: str) -> None:
    """Open a store that may not exist yet, save one session, close."""

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session(session_id))

    asyncio.run(main())


async def _begin(path: str) -> SqliteSessionStore:
    store = await SqliteSessionStore.open(path)
    await store.save(session("acknowledged"))
    return store


_KEPT: list[object] = []


def forget(path: str, way: str) -> None:
    """End without closing, in one of several ways, with a save accepted just before."""

    async def main() -> None:
        store = await _begin(path)
        if way != "dropped":
            _KEPT.append(store)
        if way in {"cycle", "dropped"}:
            store.itself = store  # type: ignore[attr-defined]
        if way == "task":
            for number in range(20):
                _KEPT.append(asyncio.create_task(store.save(session(f"accepted-{number}"))))
            await asyncio.sleep(0)
        if way == "raise":
            raise RuntimeError("on purpose")
        if way == "exit":
            sys.exit(7)

    if way == "closed loop":
        loop = asyncio.new_event_loop()
        store = loop.run_until_complete(_begin(path))
        _KEPT.append(store)
        for number in range(20):
            _KEPT.append(loop.create_task(store.save(session(f"accepted-{number}"))))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        return
    asyncio.run(main())


class _Streaming:
    """An agent whose reply never ends: a word every few milliseconds.

    It prints the number of words of the stored draft, each time that it grows.
    """

    def __init__(self, store: SqliteSessionStore) -> None:
        self._store = store

    async def run(self, run: ActiveRun) -> AgentResult:
        before = (*run.messages, Message.assistant("a call"), Message.user("its result"))
        await run.checkpoint(before)
        outcome = 0
        for number in itertools.count():
            run.record(TextDelta(text=f"word-{number} "))
            await asyncio.sleep(0.005)
            draft = await self._store.load_draft(run.id)
            count = 0 if draft is None else draft.text.count(" ")
            if count > outcome:
                outcome = count
                sys.stdout.write(f"{outcome}\n")
                sys.stdout.flush()
        raise AssertionError("a reply without end ended")


def stream(path: str, session_id: str) -> None:
    """Send a session a prompt with an endless streamed reply."""

    async def main() -> None:
        async with (
            SqliteSessionStore.open(path) as store,
            SessionManager(agent=_Streaming(store)).with_store(store) as sessions,
        ):
            await sessions.open_session(session_id)
            await sessions.generate(session_id, "go on")

    asyncio.run(main())


def fork(path: str) -> None:
    """Fork with a store open: the child gets StoreForkedError, the parent goes on."""

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session("before"))
            child = os.fork()
            if child == 0:
                os._exit(_in_child(store))
            _, status = await asyncio.to_thread(os.waitpid, child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
            await store.save(session("after"))
            assert await store.list() == ["after", "before"]

    asyncio.run(main())


def _in_child(store: SqliteSessionStore) -> int:
    # The forked child has the parent's running loop; a coroutine is stepped by hand instead.
    for attempt in (store.save(session("child")), store.list()):
        try:
            attempt.send(None)
        except StoreForkedError:
            continue
        return 1
    return 0


PROGRAMS: dict[str, Callable[..., None]] = {
    "append": append,
    "append_after": append_after,
    "append_on": append_on,
    "save_on": save_on,
    "save_one": save_one,
    "compete": compete,
    "merge_turns": merge_turns,
    "forget": forget,
    "stream": stream,
    "watch_on": watch_on,
    "watch_and_forget": watch_and_forget,
    "fork": fork,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
