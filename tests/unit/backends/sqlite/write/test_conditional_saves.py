"""Saves on a condition: one transaction, the statements of other saves, two stores on a file."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store import SqliteSessionStore, salvage
from a3s_store.core.changes import RunCheckpoint, RunClaim, SessionChanges, Stored
from a3s_store.core.collections import TRACE_EVENTS
from a3s_store.core.revision import Revision
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import CorruptionError, StaleGenerationError
from a3s_store.models import Message
from tests.support import (
    all_rows,
    changes,
    checkpoint,
    database,
    executed,
    messages,
    session,
    trace,
)
from tests.support import statements_changed as rows_touched

Use = Callable[[SqliteSessionStore], Awaitable[None]]
ID = "fix-login"

# The row of the session, its generation, and its entry in the commit log.
SAVE = {"session": (0, 1, 0), "generation": (1, 0, 0), "commit_log": (1, 0, 0)}


def given(value: Any = None, **parts: Any) -> SessionChanges:
    return SessionChanges(session_id=ID, save_id=secrets.token_bytes(16), session=value, **parts)


def behind(ours: SessionChanges, theirs: Stored) -> SessionChanges:
    """Our last two messages behind theirs."""
    assert ours.session is not None
    stored = theirs.value.session
    longer = stored.evolve(messages=stored.messages + ours.session.messages[-2:])
    return attrs.evolve(ours, session=longer)


def in_store(path: Path, use: Use) -> None:
    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await use(store)

    asyncio.run(main())


# -- Costs -----------------------------------------------------------------------------------------


def _first_words(statements: list[str]) -> list[str]:
    return [" ".join(one.split()[:3]) for one in statements]


def test_a_save_reads_no_row_before_it_writes(tmp_path: Path) -> None:
    """Whether the history is short or long, and whichever session is saved in turn."""
    writes = ["INSERT INTO message"] * 3
    writes += ["INSERT INTO commit_log", "UPDATE session SET", "INSERT INTO generation"]
    expected = ["BEGIN IMMEDIATE", "PRAGMA data_version", *writes, "UPDATE file_link SET", "COMMIT"]

    async def use(store: SqliteSessionStore) -> None:
        for count in (10, 700):
            said = {name: messages(count, tag=name) for name in ("a", "b")}
            for name, history in said.items():
                await store.save(session(name, messages=history))
            for turn in range(3):
                for name in said:
                    said[name] += messages(3, tag=f"{turn}")
                    now = session(name, messages=said[name], updated_at=turn)
                    statements = await executed(store, store.save(now))
                    if turn:
                        assert _first_words(statements) == expected

    in_store(tmp_path / "agent.a3s", use)


def test_a_save_after_one_of_another_store_confirms_its_session_by_one_row(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        history = messages(10)
        await store.save(session(messages=history))
        async with SqliteSessionStore.open(path) as other:
            await other.save(session("another"))
            history += messages(3, tag="more")
            statements = await executed(store, store.save(session(messages=history)))
        read = [one for one in _first_words(statements) if one.startswith(("SELECT", "PRAGMA"))]
        # The header, the end of its branch, the newest entry of the log, and the commit link.
        assert read == [
            "PRAGMA data_version",
            "SELECT o.owner_key, o.life,",
            "SELECT seq, chain_hash",
            "SELECT max(sequence) FROM",
            "SELECT value FROM",
            "PRAGMA schema_version",
        ]

    in_store(path, use)


def test_a_save_that_changes_nothing_executes_no_statement_but_its_transaction(
    tmp_path: Path,
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        now = session(count=5)
        await store.save(now)
        await store.save(now.evolve(updated_at=9))
        statements = await executed(store, store.save(now.evolve(updated_at=9)))
        assert _first_words(statements) == ["BEGIN IMMEDIATE", "PRAGMA data_version", "COMMIT"]

    in_store(tmp_path / "agent.a3s", use)


def test_a_save_where_nothing_changed_elsewhere_executes_what_a_snapshot_does(
    tmp_path: Path,
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        counts: dict[str, list[int]] = {"snapshot": [], "changes": []}
        length, events = 20, tuple(map(trace, range(5)))
        await store.save_snapshot(
            SessionSnapshot(session=session(count=length), trace_events=events)
        )
        for _ in range(4):
            for way in counts:
                length, events = length + 2, (*events, trace(length))
                value = session(count=length)
                if way == "snapshot":
                    whole = SessionSnapshot(session=value, trace_events=events)
                    step: Awaitable[Any] = store.save_snapshot(whole)
                else:
                    on = await store.revision(ID)
                    parts = {TRACE_EVENTS: events}
                    step = store.save_changes(given(value, collections=parts), on=on)
                counts[way].append(len(await executed(store, step)))
        assert max(counts["changes"]) <= min(counts["snapshot"]) + 2, counts

    in_store(tmp_path / "agent.a3s", use)


def test_a_save_of_changes_writes_the_rows_of_what_changed(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=2000))
        before, touched = all_rows(path), await rows_touched(store)
        await store.save_changes(given(session(count=2002)), on=Revision(1, 1))
        expected = {"message": (2, 0, 0), **SAVE}
        assert changes(before, all_rows(path)) == expected
        assert await rows_touched(store) - touched == 6  # the commit link is one more
        before = all_rows(path)
        # Another store has saved: what it wrote is not written again.
        async with SqliteSessionStore.open(path) as other:
            theirs = session(count=2002)
            theirs = theirs.evolve(messages=theirs.messages + messages(2, tag="theirs"))
            await other.save(theirs)
        ours = session(count=2002)
        ours = ours.evolve(messages=ours.messages + messages(2, tag="ours"))
        before, touched = all_rows(path), await rows_touched(store)
        await store.save_changes(given(ours), on=Revision(2, 1), merge=behind)
        assert changes(before, all_rows(path)) == expected
        assert await rows_touched(store) - touched == 6  # the commit link is one more

    in_store(path, use)


def test_the_end_of_a_run_is_one_transaction_and_one_generation(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        history = messages(10)
        await store.save(session(count=10))
        grown = history + messages(2, tag="round")
        run = RunCheckpoint(checkpoint=checkpoint(grown), base_length=10, claimed_by="A")
        await store.save_changes(given(checkpoint=run, begins_run=True), on=Revision(1, 1))
        before = all_rows(path)
        ends = given(session(messages=grown), ended_runs=(RunClaim("run-1", "A"),))
        statements = await executed(store, store.save_changes(ends, on=Revision(1, 1)))
        first = [statement.split()[0] for statement in statements]
        assert (first[0], first[-1]) == ("BEGIN", "COMMIT")
        assert (first.count("BEGIN"), first.count("COMMIT")) == (1, 1)
        # The messages are the checkpoint's, and are not written again.
        assert changes(before, all_rows(path)) == {
            **SAVE,
            "loop_checkpoint": (0, 0, 1),
        }

    in_store(path, use)


def test_a_checkpoint_alone_writes_no_generation(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=10))
        run = RunCheckpoint(checkpoint=checkpoint(messages(12)), base_length=10, claimed_by="A")
        before = all_rows(path)
        await store.save_changes(given(checkpoint=run, begins_run=True), on=Revision(1, 1))
        expected = {
            "message": (2, 0, 0),
            "loop_checkpoint": (1, 0, 0),
            "session": (0, 1, 0),
            "commit_log": (1, 0, 0),
        }
        assert changes(before, all_rows(path)) == expected

    in_store(path, use)


# -- Group commit and several stores ---------------------------------------------------------------


def test_saves_that_are_committed_together_have_each_its_own_outcome(tmp_path: Path) -> None:
    """One is refused, one's merge raises, one is merged: each alone."""

    def broken(_: SessionChanges, __: Stored) -> SessionChanges:
        raise ValueError("the merge's own")

    async def use(store: SqliteSessionStore) -> None:
        on = Revision(1, 1)
        await store.save(session(count=2))
        found = await asyncio.gather(
            store.save_changes(given(session(count=4)), on=on),
            store.save_changes(given(session(count=6)), on=on),
            store.save_changes(given(session(count=6)), on=on, merge=broken),
            store.save_changes(given(session(count=6)), on=on, merge=behind),
            return_exceptions=True,
        )
        assert [type(one).__name__ for one in found] == [
            "Committed",
            "StaleGenerationError",
            "ValueError",
            "Committed",
        ]
        loaded = await store.load(ID)
        assert loaded is not None
        assert loaded.messages == messages(4) + messages(6)[-2:]
        assert await store.revision(ID) == Revision(3, 1)

    in_store(tmp_path / "agent.a3s", use)


@pytest.mark.parametrize("error", [KeyError, TypeError, UnicodeDecodeError, OSError])
def test_an_error_of_a_merge_is_not_taken_for_damage(
    tmp_path: Path, error: type[Exception]
) -> None:
    def broken(_: SessionChanges, __: Stored) -> SessionChanges:
        if error is UnicodeDecodeError:
            b"\xff".decode()
        raise error

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=2))
        await store.save(session(count=4))
        with pytest.raises(error):
            await store.save_changes(given(session(count=6)), on=Revision(1, 1), merge=broken)
        await store.save(session(count=8))

    in_store(tmp_path / "agent.a3s", use)


def test_a_save_whose_caller_went_away_is_found_by_its_id_or_was_not_made(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        on, landed = None, 0
        for number in range(20):
            changes = given(session(count=number))
            task = asyncio.create_task(store.save_changes(changes, on=on))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await store.list()
            await store.save_trace_events("another", ())  # behind whatever was accepted
            found = await store.landed(ID, changes.save_id)
            assert found == (await store.revision(ID) if found else None)
            loaded = await store.load(ID)
            assert (loaded == session(count=number)) == (found is not None)
            on, landed = await store.revision(ID), landed + (found is not None)
        assert 0 < landed < 20

    in_store(tmp_path / "agent.a3s", use)


def test_two_stores_on_one_file_merge_what_the_other_wrote(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with (
            SqliteSessionStore.open(path) as one,
            SqliteSessionStore.open(path) as other,
        ):
            first = await one.save_changes(given(session(count=2)), on=None)
            on = {one: first.revision, other: first.revision}
            for number in range(10):
                for store, tag in ((one, "one"), (other, "other")):
                    said = session().evolve(messages=messages(2, tag=f"{tag} {number}"))
                    saved = await store.save_changes(given(said), on=on[store], merge=behind)
                    assert (saved.theirs is None) == (store is one and number == 0)
                    on[store] = saved.revision
            loaded = await other.load(ID)
            assert loaded is not None
            expected = [messages(2, tag="one 0")]  # in place of the first two
            expected += [
                messages(2, tag=f"{tag} {number}")
                for number in range(10)
                for tag in ("one", "other")
                if (tag, number) != ("one", 0)
            ]
            assert loaded.messages == sum(expected, ())
            assert (await one.verify(depth="deep")).ok

    asyncio.run(main())


def test_a_session_that_another_store_deleted_is_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with (
            SqliteSessionStore.open(path) as one,
            SqliteSessionStore.open(path) as other,
        ):
            saved = await one.save_changes(given(session(count=2)), on=None)
            await other.delete(ID)
            with pytest.raises(StaleGenerationError, match="deleted after generation 1") as caught:
                await one.save_changes(given(session(count=4)), on=saved.revision, merge=behind)
            assert caught.value.actual_revision is None
            await other.save(session(count=2))
            with pytest.raises(StaleGenerationError, match="created again") as caught:
                await one.save_changes(given(session(count=4)), on=saved.revision, merge=behind)
            assert caught.value.actual_revision == Revision(3, 3)

    asyncio.run(main())


# -- The remainders of deleted sessions ------------------------------------------------------------


def _deleted(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("deleted", 2))
        await store.save(session("deleted", 4))
        await store.delete("deleted")
        await store.save(session("kept", 2))

    in_store(path, use)


def _next_revision(path: Path, session_id: str = "deleted") -> Revision | None:
    found: list[Revision | None] = []

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(session_id, 2))
        found.append(await store.revision(session_id))

    in_store(path, use)
    return found[0]


def test_a_backup_has_the_numbers_of_deleted_sessions(tmp_path: Path) -> None:
    _deleted(tmp_path / "agent.a3s")

    async def use(store: SqliteSessionStore) -> None:
        await store.backup(tmp_path / "copy.a3s")

    in_store(tmp_path / "agent.a3s", use)
    assert _next_revision(tmp_path / "copy.a3s") == Revision(4, 4)
    assert _next_revision(tmp_path / "agent.a3s") == Revision(4, 4)


def test_a_salvaged_file_has_numbers_of_its_own(tmp_path: Path) -> None:
    """Nothing of it is at a revision of the damaged one: live sessions of that one are gone."""
    path = tmp_path / "agent.a3s"
    _deleted(path)
    assert _next_revision(path) == Revision(4, 4)

    async def begin(store: SqliteSessionStore) -> None:
        value = checkpoint(messages(4), "r", "deleted")
        run = RunCheckpoint(checkpoint=value, base_length=2, claimed_by="A")
        begun = attrs.evolve(given(checkpoint=run, begins_run=True), session_id="deleted")
        await store.save_changes(begun, on=Revision(4, 4))

    in_store(path, begin)
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert (report.sessions, report.damage) == (("kept", "deleted"), ())
    with database(tmp_path / "new.a3s") as conn:
        assert conn.execute("SELECT count(*) FROM tombstone").fetchone() == (0,)

    async def use(store: SqliteSessionStore) -> None:
        for name in ("deleted", "kept"):
            assert await store.revision(name) == Revision(1, 1)
            assert await store.load(name) == session(name, 2)
        (run,) = await store.run_checkpoints("deleted")
        expected = checkpoint(messages(4), "r", "deleted")
        assert run == RunCheckpoint(checkpoint=expected, base_length=None, claimed_by=None)
        assert (await store.verify(depth="deep")).ok

    in_store(tmp_path / "new.a3s", use)


def test_a_damaged_number_of_a_deleted_session_does_not_stop_salvage(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    _deleted(path)
    with database(path) as conn:
        conn.execute("UPDATE tombstone SET last_generation = 9")
        conn.commit()
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert report.sessions == ("kept",)
    assert _next_revision(tmp_path / "new.a3s") == Revision(1, 1)


def test_erasing_leaves_a_hash_and_a_number(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    name = "a name that is found nowhere else"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(name, 2))
        await store.save(session("kept", 2))
        await store.erase(name)
        assert (await store.verify(depth="deep")).ok

    in_store(path, use)
    assert all(name.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    with database(path) as conn:
        ((id_hash, last),) = conn.execute("SELECT id_hash, last_generation FROM tombstone")
    assert (len(id_hash), last) == (32, 2)
    assert _next_revision(path, name) == Revision(3, 3)


def test_two_files_have_different_hashes_of_one_id(tmp_path: Path) -> None:
    hashes = set()
    for name in ("one.a3s", "other.a3s"):
        _deleted(tmp_path / name)
        with database(tmp_path / name) as conn:
            hashes.add(conn.execute("SELECT id_hash FROM tombstone").fetchone())
    assert len(hashes) == 2


@pytest.mark.parametrize("column", ["id_hash", "last_generation", "row_checksum"])
def test_a_changed_number_of_a_deleted_session_is_damage(tmp_path: Path, column: str) -> None:
    path = tmp_path / "agent.a3s"
    _deleted(path)
    with database(path) as conn:
        other = "zeroblob(32)" if column == "id_hash" else f"{column} + 1"
        conn.execute(f"UPDATE tombstone SET {column} = {other}")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        for depth in ("quick", "deep"):
            report = await store.verify(depth=depth)
            assert {damage.part for damage in report.damage} == {"generation"}
        if column != "id_hash":
            with pytest.raises(CorruptionError):
                await store.save(session("deleted", 2))
        await store.save(session("another", 2))

    in_store(path, use)


def test_a_life_that_does_not_fit_its_generations_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    _deleted(path)
    with database(path) as conn:
        conn.execute("UPDATE owner SET life = 2")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        assert not (await store.verify(depth="quick")).ok

    in_store(path, use)


def test_what_is_said_behind_the_last_message_is_written_once(tmp_path: Path) -> None:
    """A merge in a store that never read the conversation."""
    path = tmp_path / "agent.a3s"
    in_store(path, lambda store: store.save(session(count=600)))
    in_store(path, lambda store: store.save(session(count=602)))

    async def use(store: SqliteSessionStore) -> None:
        ours = session().evolve(messages=(*messages(600), Message.user("o"), Message.user("o2")))
        before = all_rows(path)
        await store.save_changes(given(ours), on=Revision(1, 1), merge=behind)
        written = changes(before, all_rows(path))
        assert written == {"message": (2, 0, 0), **SAVE}

    in_store(path, use)
