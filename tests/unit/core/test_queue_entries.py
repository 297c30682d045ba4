"""Queue entries in stores: written under a claim, claimed once, deleted with their session."""

from __future__ import annotations

import asyncio
import gzip
import random
import string
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.maintenance.restore import restore
from a3s_store.backends.sqlite.salvage import salvage
from a3s_store.core.base.queue_entries import (
    WORKFLOW_PREFIX,
    EntryKey,
    QueueEntry,
    QueueEntryMethods,
    QueueEntryStore,
)
from a3s_store.core.reports import Depth
from a3s_store.errors import (
    CorruptionError,
    DecodeError,
    EncodeError,
    InvalidIdError,
    SessionNotFoundError,
    StoreClosedError,
)
from a3s_store.models import StepOutcome, WorkflowCheckpoint, WorkflowStepRecord
from tests.everything import entry, everything, fill
from tests.support import all_rows, changes, database, session, with_store

KINDS = ["memory", "sqlite", "file"]
SESSION = "fix-login"
_ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def opened(
    kind: str, redact: Callable[[str], str] | None = None
) -> AsyncIterator[QueueEntryMethods]:
    """A store of this kind with one stored session."""
    with TemporaryDirectory() as folder:
        async with (
            MemorySessionStore(redact=redact)
            if kind == "memory"
            else FileSessionStore.open(folder, redact=redact)
            if kind == "file"
            else SqliteSessionStore.open(Path(folder) / "agent.a3s", redact=redact)
        ) as store:
            assert isinstance(store, QueueEntryMethods)
            await store.save(session(SESSION))
            yield store


def gone(claim: str | None) -> bool:
    """Treat every live session as closed."""
    return True


def unclaimed(claim: str | None) -> bool:
    """Treat every live session as open."""
    return claim is None


def checkpoint_of(*entries: QueueEntry, session_id: str = SESSION) -> WorkflowCheckpoint:
    """The workflow checkpoint in which older releases kept a queue."""
    return WorkflowCheckpoint(
        workflow_id=WORKFLOW_PREFIX + session_id,
        steps=tuple(
            WorkflowStepRecord(
                task_id=one.command_id,
                outcome=StepOutcome(
                    task_id=one.command_id,
                    session_id=session_id,
                    agent=one.kind,
                    output="",
                    success=False,
                    structured=one.value,
                ),
            )
            for one in entries
        ),
        checkpoint_ms=7,
    )


# -- What a store does with them ------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_entries_come_back_oldest_first_whatever_was_replaced(kind: str) -> None:
    async def main() -> None:
        async with opened(kind) as store:
            await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(2), entry(1)])
            newer = entry(2, attempts=3)
            await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(3), newer])
            await store.save_queue_entries(SESSION, claimed_by="a", remove=[entry(1).key])
            await store.save_queue_entries(SESSION, claimed_by="a", remove=[entry(1).key])
            found = await store.claim_queue_entries(SESSION, by="a", may_take=unclaimed)
            assert found == (newer, entry(3))

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_claimant_writes_and_removes_an_entry(kind: str) -> None:
    async def main() -> None:
        async with opened(kind) as store:
            await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(1)])
            await store.save_queue_entries(
                SESSION, claimed_by="b", put=[entry(1, other=True)], remove=[entry(1).key]
            )
            await store.save_queue_entries(SESSION, claimed_by=None, remove=[entry(1).key])
            assert await store.claim_queue_entries(SESSION, by="b", may_take=unclaimed) == ()
            assert await store.claim_queue_entries(SESSION, by="b", may_take=gone) == (entry(1),)
            await store.save_queue_entries(SESSION, claimed_by="a", remove=[entry(1).key])
            assert await store.claim_queue_entries(SESSION, by="b", may_take=gone) == (entry(1),)

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_entries_without_a_claim_are_for_the_first_to_ask(kind: str) -> None:
    async def main() -> None:
        async with opened(kind) as store:
            await store.save_queue_entries(SESSION, claimed_by=None, put=[entry(1)])
            first, second = await asyncio.gather(
                store.claim_queue_entries(SESSION, by="a", may_take=unclaimed),
                store.claim_queue_entries(SESSION, by="b", may_take=unclaimed),
            )
            assert sorted([first, second], key=len) == [(), (entry(1),)]

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_that_is_not_stored_has_no_entries(kind: str) -> None:
    """A collection alone is no session; removing an absent entry succeeds."""

    async def main() -> None:
        async with opened(kind) as store:
            await store.save_trace_events("another", ())
            for name in ("another", "never saved"):
                with pytest.raises(SessionNotFoundError) as caught:
                    await store.save_queue_entries(name, claimed_by="a", put=[entry(1)])
                assert caught.value.op == "save_queue_entries"
                assert name in caught.value.where
                await store.save_queue_entries(name, claimed_by="a", remove=[entry(1).key])
                assert await store.claim_queue_entries(name, by="a", may_take=gone) == ()

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_entries_stay_with_their_session_and_go_with_it(kind: str) -> None:
    """A session that is made again under the id has none of them."""

    async def main() -> None:
        async with opened(kind) as store:
            await store.save(session("another"))
            for name in (SESSION, "another"):
                await store.save_queue_entries(name, claimed_by="a", put=[entry(1)])
            await store.save(session(SESSION, 9))
            await store.save_snapshot(everything())
            assert await store.claim_queue_entries(SESSION, by="b", may_take=gone) == (entry(1),)
            await store.delete(SESSION)
            await store.save(session(SESSION))
            assert await store.claim_queue_entries(SESSION, by="b", may_take=gone) == ()
            assert await store.claim_queue_entries("another", by="b", may_take=gone) == (entry(1),)

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_written_is_refused(kind: str) -> None:
    """By the entry's constructor, or by the store before it writes."""
    with pytest.raises(InvalidIdError):
        QueueEntry(kind="", command_id="c", value={})
    with pytest.raises(InvalidIdError):
        QueueEntry(kind="k", command_id="\ud800", value={})
    with pytest.raises(EncodeError):
        QueueEntry(kind="k", command_id="c", value=[])
    with pytest.raises(EncodeError):
        QueueEntry(kind="k", command_id="c", value={"a": float("nan")})

    async def main() -> None:
        async with opened(kind) as store:
            bad: Any
            for bad in ({"session_id": ""}, {"claimed_by": ""}, {"remove": [("k", "")]}):
                given = {"session_id": SESSION, "claimed_by": "a", "put": [entry(1)], **bad}
                with pytest.raises(InvalidIdError):
                    await store.save_queue_entries(**given)
            bad = everything()
            with pytest.raises(EncodeError):
                await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(1), bad])
            assert await store.claim_queue_entries(SESSION, by="a", may_take=gone) == ()
            with pytest.raises(InvalidIdError):
                await store.claim_queue_entries(SESSION, by="\0", may_take=gone)
        with pytest.raises(StoreClosedError):
            await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(1)])
        with pytest.raises(StoreClosedError):
            await store.claim_queue_entries(SESSION, by="a", may_take=gone)

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_redacted(kind: str) -> None:
    async def main() -> None:
        async with opened(kind, lambda text: text.replace("make", "***")) as store:
            await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(1)])
            (found,) = await store.claim_queue_entries(SESSION, by="a", may_take=gone)
            assert found.value["payload"] == {"command": "*** 1"}
            assert found.key == entry(1).key

        def broken(text: str) -> str:
            if "make" in text:
                raise OSError(text)
            return text

        async with opened(kind, broken) as store:
            with pytest.raises(EncodeError) as caught:
                await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(1)])
            assert "make" not in str(caught.value)

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_the_checkpoint_of_an_older_release_becomes_entries_once(kind: str) -> None:
    """An entry that a live session has claimed stays with that session."""

    async def main() -> None:
        async with opened(kind) as store:
            checkpoint = checkpoint_of(entry(1, "dead_letter"), entry(2))
            first, second = checkpoint.steps
            second = second.evolve(extra={"claimed_by": "alive"})
            await store.save_workflow_checkpoint(
                checkpoint.workflow_id, checkpoint.evolve(steps=(first, second))
            )
            found = await store.claim_queue_entries(SESSION, by="a", may_take=unclaimed)
            assert found == (entry(1, "dead_letter"),)
            if kind != "file":  # where entries are the steps of such a checkpoint
                assert await store.load_workflow_checkpoint(checkpoint.workflow_id) is None
            await store.save_queue_entries(SESSION, claimed_by="a", remove=[found[0].key])
            assert await store.claim_queue_entries(SESSION, by="b", may_take=gone) == (entry(2),)

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_the_checkpoint_of_a_queue_goes_with_its_session(kind: str) -> None:
    """It is that of an older release, or holds the entries."""

    async def main() -> None:
        async with opened(kind) as store:
            await store.save(session(SESSION))
            for name in (SESSION, "another"):
                checkpoint = checkpoint_of(entry(1), session_id=name)
                await store.save_workflow_checkpoint(checkpoint.workflow_id, checkpoint)
            await store.delete(SESSION)
            assert (await store.inventory()).workflow_checkpoints == (WORKFLOW_PREFIX + "another",)

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_session_made_anew_under_an_id_has_another_life(kind: str) -> None:
    """Entries of the life before are not put into its queue, and its own are not claimed."""

    async def main() -> None:
        async with opened(kind) as store:
            conditional: Any = store
            before = (await conditional.revision(SESSION)).life
            await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(1)], life=before)
            await store.delete(SESSION)
            await store.save(session(SESSION))
            with pytest.raises(SessionNotFoundError):
                await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(2)], life=before)
            life = (await conditional.revision(SESSION)).life
            await store.save_queue_entries(SESSION, claimed_by="b", put=[entry(3)], life=life)
            await store.save_queue_entries(
                SESSION, claimed_by="b", remove=[entry(3).key], life=before
            )
            claimed = store.claim_queue_entries
            assert await claimed(SESSION, by="a", may_take=gone, life=before) == ()
            assert await claimed(SESSION, by="c", may_take=gone, life=life) == (entry(3),)

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_changes_of_one_queue_are_made_in_order_whoever_is_cancelled(kind: str) -> None:
    async def main() -> None:
        async with opened(kind) as store:
            for number in range(30):
                one = entry(number)
                given: list[dict[str, Any]] = [{"put": [one]}, {"remove": [one.key]}]
                for change in given:
                    asked = asyncio.create_task(
                        store.save_queue_entries(SESSION, claimed_by="a", **change)
                    )
                    await asyncio.sleep(0)
                    asked.cancel()
                    await asyncio.gather(asked, return_exceptions=True)
            assert await store.claim_queue_entries(SESSION, by="a", may_take=gone) == ()

    asyncio.run(main())


def test_a_damaged_file_of_a_queue_is_named_and_never_written_over(tmp_path: Path) -> None:
    async def main() -> None:
        async with FileSessionStore.open(tmp_path) as store:
            await store.save(session(SESSION))
            await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(1)])
            (path,) = (tmp_path / "workflow_checkpoints").iterdir()
            bad = path.read_bytes()[:-20]
            path.write_bytes(bad)
            for call in (
                store.save_queue_entries(SESSION, claimed_by="a", put=[entry(2)]),
                store.claim_queue_entries(SESSION, by="b", may_take=gone),
            ):
                with pytest.raises(DecodeError) as caught:
                    await call
                assert str(path) in str(caught.value)
                assert "make 1" not in str(caught.value)
            assert path.read_bytes() == bad

    asyncio.run(main())


def test_of_processes_that_put_entries_at_once_none_loses_any(tmp_path: Path) -> None:
    """Into the file of one queue, which each reads and writes whole."""
    program = (
        "import asyncio, sys\n"
        "from a3s_store.backends.jsonfiles import FileSessionStore\n"
        "from tests.everything import entry\n"
        "async def main(where, first):\n"
        "    async with FileSessionStore.open(where) as store:\n"
        "        for number in range(first, first + 20):\n"
        f"            await store.save_queue_entries({SESSION!r}, claimed_by=str(first),\n"
        "                put=[entry(number)])\n"
        "asyncio.run(main(sys.argv[1], int(sys.argv[2])))\n"
    )

    async def save() -> None:
        async with FileSessionStore.open(tmp_path) as store:
            await store.save(session(SESSION))

    async def claim() -> tuple[QueueEntry, ...]:
        async with FileSessionStore.open(tmp_path) as store:
            return await store.claim_queue_entries(SESSION, by="b", may_take=gone)

    asyncio.run(save())
    given = [sys.executable, "-c", program, str(tmp_path)]
    writers = [subprocess.Popen([*given, str(first)], cwd=_ROOT) for first in (0, 20, 40)]
    assert [one.wait() for one in writers] == [0, 0, 0]
    assert {one.key for one in asyncio.run(claim())} == {entry(n).key for n in range(60)}


def test_stores_say_whether_they_keep_entries(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            FileSessionStore.open(tmp_path / "files") as files,
            SqliteSessionStore.open(tmp_path / "agent.a3s") as file,
            MemorySessionStore() as memory,
        ):
            found = [isinstance(one, QueueEntryStore) for one in (files, file, memory)]
            assert found == [True, True, True]

    asyncio.run(main())


# -- Two live sessions on one stored session ------------------------------------------------------


@attrs.define
class Window:
    """The claim of a live session, and the entries that it takes to be its own."""

    claim: str
    entries: dict[EntryKey, QueueEntry] = attrs.field(factory=dict)


STEPS = st.tuples(
    st.sampled_from(["put", "put", "remove", "crash", "recover", "recover"]),
    st.integers(0, 1),
    st.integers(0, 5),
)


@pytest.mark.parametrize("kind", KINDS)
@given(steps=st.lists(STEPS, max_size=30))
@settings(deadline=None, max_examples=50)
def test_no_entry_is_lost_or_given_to_two_live_sessions(
    kind: str, steps: list[tuple[str, int, int]]
) -> None:
    """Random puts and removals by two live sessions, each of which may crash at any moment."""

    async def main() -> None:
        async with opened(kind) as store:
            windows = [Window("0"), Window("1")]
            stored: dict[EntryKey, QueueEntry] = {}
            alive = {"0", "1"}
            for number, (step, which, pick) in enumerate(steps):
                window = windows[which]
                if step == "put":
                    one = entry(number)
                    await store.save_queue_entries(SESSION, claimed_by=window.claim, put=[one])
                    window.entries[one.key] = stored[one.key] = one
                elif step == "remove" and stored:
                    # Any entry, also one of the other live session: then it stays.
                    key = [*stored][pick % len(stored)]
                    await store.save_queue_entries(SESSION, claimed_by=window.claim, remove=[key])
                    if window.entries.pop(key, None) is not None:
                        del stored[key]
                elif step == "crash":
                    alive.discard(window.claim)
                    windows[which] = Window(f"{which} after step {number}")
                    alive.add(windows[which].claim)
                elif step == "recover":
                    found = await store.claim_queue_entries(
                        SESSION, by=window.claim, may_take=lambda claim: claim not in alive
                    )
                    other = windows[1 - which].entries
                    window.entries = {one.key: one for one in found}
                    assert window.entries.keys().isdisjoint(other)
                    assert found == tuple(one for k, one in stored.items() if k not in other)
            found = await store.claim_queue_entries(SESSION, by="last", may_take=gone)
            assert found == tuple(stored.values())

    asyncio.run(main())


# -- In the file ----------------------------------------------------------------------------------


def test_a_change_writes_the_rows_that_changed(tmp_path: Path) -> None:
    """However many others the session has; claiming nothing writes nothing."""
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(SESSION))
        await store.save_queue_entries(
            SESSION, claimed_by="a", put=[entry(number) for number in range(50)]
        )
        before = all_rows(path)
        await store.save_queue_entries(
            SESSION, claimed_by="a", put=[entry(50)], remove=[entry(7).key]
        )
        after = all_rows(path)
        assert changes(before, after) == {"queue_entry": (1, 0, 1)}
        assert await store.claim_queue_entries(SESSION, by="b", may_take=unclaimed) == ()
        assert all_rows(path) == after

    with_store(path, use)


@pytest.mark.parametrize("older", [False, True])
def test_erasing_a_session_leaves_nothing_of_its_queue(tmp_path: Path, older: bool) -> None:
    """No byte of it is in the file, also of a queue written by an older release."""
    path = tmp_path / "agent.a3s"
    letters = random.Random(4).choices(string.ascii_letters, k=3_000)
    secret = "".join(letters)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("another"))
        await store.save(session(SESSION))
        one = entry(1, token=secret)
        if older:
            checkpoint = checkpoint_of(one)
            await store.save_workflow_checkpoint(checkpoint.workflow_id, checkpoint)
        else:
            await store.save_queue_entries(SESSION, claimed_by="a", put=[one])
        report = await store.erase(SESSION)
        assert report.found == (SESSION,)
        await store.save(session(SESSION))
        assert await store.claim_queue_entries(SESSION, by="b", may_take=gone) == ()

    with_store(path, use)
    data = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    pieces = {secret[start : start + 12].encode() for start in range(len(secret) - 12)}
    assert [piece for piece in pieces if piece in data] == []


def test_erasing_an_id_whose_session_is_gone_removes_the_checkpoint_of_its_queue(
    tmp_path: Path,
) -> None:
    """Older releases left it when they deleted or erased a session."""

    async def use(store: SqliteSessionStore) -> None:
        checkpoint = checkpoint_of(entry(1))
        await store.save_workflow_checkpoint(checkpoint.workflow_id, checkpoint)
        assert (await store.erase(SESSION)).found == (SESSION,)
        assert (await store.inventory()).workflow_checkpoints == ()
        assert (await store.erase(SESSION)).found == ()

    with_store(tmp_path / "agent.a3s", use)


def test_a_damaged_entry_is_named_and_never_returned(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, fill)
    with database(path) as conn:
        conn.execute("UPDATE queue_entry SET value = replace(value, 'make 2', 'make 9')")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(CorruptionError) as caught:
            await store.claim_queue_entries(SESSION, by="b", may_take=gone)
        assert (caught.value.session_id, caught.value.part) == (SESSION, "queue_entries")
        assert caught.value.position == 1
        assert "make" not in str(caught.value)
        depths: tuple[Depth, ...] = ("quick", "deep")
        for depth in depths:
            report = await store.verify(depth=depth)
            found = [(one.part, one.position, one.session_id) for one in report.damage]
            assert found == [("queue_entries", 1, SESSION)]

    with_store(path, use)


def test_salvage_brings_the_whole_entries_over_without_their_claims(tmp_path: Path) -> None:
    source, target = tmp_path / "agent.a3s", tmp_path / "salvaged.a3s"
    with_store(source, fill)
    with database(source) as conn:
        conn.execute("UPDATE queue_entry SET value = replace(value, 'make 2', 'make 9')")
        conn.commit()
    report = asyncio.run(salvage(source, target))
    assert [(one.part, one.position) for one in report.damage] == [("queue_entries", 1)]
    assert SESSION in report.partial

    async def use(store: SqliteSessionStore) -> None:
        found = await store.claim_queue_entries(SESSION, by="b", may_take=unclaimed)
        assert found == (entry(1), entry(1, "dead_letter"))

    with_store(target, use)


def test_salvage_names_the_entries_of_a_session_that_is_lost(tmp_path: Path) -> None:
    source, target = tmp_path / "agent.a3s", tmp_path / "salvaged.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(SESSION))
        await store.save_queue_entries(SESSION, claimed_by="a", put=[entry(1)])

    with_store(source, use)
    with database(source) as conn:
        for table in ("session", "session_config", "generation", "message"):
            conn.execute(f"DELETE FROM {table}")
        conn.commit()
    report = asyncio.run(salvage(source, target))
    assert "queue_entries" in {one.part for one in report.damage}


def test_a_backup_and_what_is_restored_of_it_have_the_entries(tmp_path: Path) -> None:
    path, copy, third = (tmp_path / name for name in ("agent.a3s", "copy.a3s", "third.a3s"))

    async def use(store: SqliteSessionStore) -> None:
        await fill(store)
        await store.backup(copy)

    async def look(store: SqliteSessionStore) -> int:
        assert (await store.verify(depth="deep")).ok
        return len(await store.claim_queue_entries(SESSION, by="b", may_take=gone))

    with_store(path, use)
    restore(copy, third)
    assert with_store(third, look) == 3


def test_a_fork_has_no_queue(tmp_path: Path) -> None:
    """The commands are those of the session it was made of."""

    async def use(store: SqliteSessionStore) -> None:
        await fill(store)
        await store.fork(SESSION, "later")
        assert await store.claim_queue_entries("later", by="b", may_take=gone) == ()
        await store.rewind(SESSION, 1)
        assert len(await store.claim_queue_entries(SESSION, by="b", may_take=gone)) == 3

    with_store(tmp_path / "agent.a3s", use)


def test_a_file_of_schema_3_gets_the_table(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    released = Path(__file__).parents[2] / "compat" / "files" / "schema-3-0.1.0.a3s.gz"
    path.write_bytes(gzip.decompress(released.read_bytes()))

    async def use(store: SqliteSessionStore) -> None:
        name = (await store.list())[0]
        await store.save_queue_entries(name, claimed_by="a", put=[entry(1)])
        assert await store.claim_queue_entries(name, by="b", may_take=gone) == (entry(1),)

    with_store(path, use)
