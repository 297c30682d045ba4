"""`salvage` recovers everything outside damaged pages, and nothing that was never saved."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_store import SqliteSessionStore, salvage
from a3s_store.backends.sqlite.format import wal_file
from a3s_store.core.reports import SalvageReport
from a3s_store.errors import CorruptionError, NotAStoreError, StoreUnavailableError
from a3s_store.testing import samples
from tests.support import session
from tests.unit.backends.sqlite.damaged_stores import (
    PAGE,
    Truth,
    contents,
    flipped,
    leftovers,
    make,
    rows_of,
    salvaged,
    swapped,
    talk,
    zeroed,
)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return Truth(make(tmp_path_factory.mktemp("whole") / "agent.a3s"))


_SOME = settings(
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def run(source: Path, target: Path) -> SalvageReport:
    return asyncio.run(salvage(source, target))


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


# -- Whatever is damaged --------------------------------------------------------------------------


def test_a_whole_store_comes_back_as_it_was(tmp_path: Path) -> None:
    (old := tmp_path / "old").mkdir()
    source = make(old / "agent.a3s")
    before = files(old)
    report = run(source, tmp_path / "new.a3s")
    assert files(old) == before
    assert (report.ok, report.damage, report.partial, report.checkpoints) == (True, (), (), 2)
    assert set(report.sessions) == {
        "rich", "long", "fork", "compacted", "pictures", "many", "collections only",
    }  # fmt: skip
    assert contents(tmp_path / "new.a3s") == contents(source)
    assert leftovers(tmp_path) == {"old", "new.a3s"}
    assert (tmp_path / "new.a3s").stat().st_mode & 0o777 == 0o600


def test_no_page_is_missed_by_what_had_nothing_in_it(truth: Truth, tmp_path: Path) -> None:
    file = tmp_path / "agent.a3s"
    for page in range(1, truth.pages + 1):
        file.write_bytes(zeroed(truth.data, page))
        truth.check(salvaged(file), page)


def test_pages_in_the_wrong_place_are_found_again(truth: Truth, tmp_path: Path) -> None:
    """An overflow page alone does not show its table."""
    file = tmp_path / "agent.a3s"
    for page in range(1, truth.pages):
        file.write_bytes(swapped(truth.data, page, page + 1))
        pieces = [p for p in (page, page + 1) if truth.layout.table.get(p) == "overflow"]
        truth.check(salvaged(file), *pieces)


def test_a_file_that_was_cut_keeps_what_stood_before(truth: Truth, tmp_path: Path) -> None:
    file = tmp_path / "agent.a3s"
    for pages in range(0, truth.pages, 3):
        file.write_bytes(truth.data[: pages * PAGE + 100])
        try:
            found = salvaged(file)
        except NotAStoreError:
            assert pages < 5
        else:
            truth.check(found, *range(pages + 1, truth.pages + 1))


def test_without_a_header_nothing_is_lost(truth: Truth, tmp_path: Path) -> None:
    file = tmp_path / "agent.a3s"
    for lost in (100, PAGE):
        file.write_bytes(bytes(lost) + truth.data[lost:])
        found = salvaged(file)
        truth.check(found)
        assert found.damage


@given(data=st.data())
@_SOME
def test_any_flipped_bit_costs_at_most_what_is_in_its_page(
    truth: Truth, tmp_path: Path, data: st.DataObject
) -> None:
    byte = data.draw(st.integers(0, len(truth.data) - 1))
    (tmp_path / "agent.a3s").write_bytes(flipped(truth.data, byte, data.draw(st.integers(0, 7))))
    truth.check(salvaged(tmp_path / "agent.a3s"), byte // PAGE + 1)


@given(data=st.data())
@settings(_SOME, derandomize=True)  # a random search still finds cases: see docs/trust.md
def test_much_damage_at_once_invents_nothing(
    truth: Truth, tmp_path: Path, data: st.DataObject
) -> None:
    bytes_left = truth.data
    page = st.integers(1, truth.pages)
    damage: list[Callable[[bytes], bytes]] = [
        lambda b: zeroed(b, data.draw(page)),
        lambda b: swapped(b, data.draw(page), data.draw(page)),
        lambda b: flipped(b, data.draw(st.integers(0, len(b) - 1)), data.draw(st.integers(0, 7))),
    ]
    for hurt in data.draw(st.lists(st.sampled_from(damage), min_size=2, max_size=12)):
        bytes_left = hurt(bytes_left)
    (tmp_path / "agent.a3s").write_bytes(bytes_left)
    truth.check_nothing_invented(salvaged(tmp_path / "agent.a3s"))


def test_what_comes_back_is_a_store_like_any_other(truth: Truth, tmp_path: Path) -> None:
    saved = truth.whole
    for page in range(2, truth.pages, truth.pages // 6):
        (folder := tmp_path / str(page)).mkdir()
        (folder / "old.a3s").write_bytes(zeroed(truth.data, page))
        report = run(folder / "old.a3s", folder / "new.a3s")
        found = contents(folder / "new.a3s")
        assert {*report.sessions, *report.partial} == {name for name in found if "of a" not in name}
        for name in report.sessions:
            kept = saved.owners[name]
            if kept.snapshot is not None:
                assert found[name].digest() == kept.snapshot.digest()


# -- What follows from the rest -------------------------------------------------------------------


def test_earlier_conversations_come_back_before_the_present_one(tmp_path: Path) -> None:
    source = make(tmp_path / "old.a3s")
    run(source, tmp_path / "new.a3s")

    async def histories(path: Path) -> list[Any]:
        async with SqliteSessionStore.open(path) as store:
            found = []
            for generation in await store.generations("compacted"):
                loaded = await store.load("compacted", generation=generation.number)
                assert loaded is not None
                found.append((generation.saved_at_ms, loaded.messages))
            return found

    assert asyncio.run(histories(tmp_path / "new.a3s")) == asyncio.run(histories(source))


def test_ids_come_back_from_the_index_when_their_table_is_lost(
    truth: Truth, tmp_path: Path
) -> None:
    (page,) = truth.layout.pages("owner")
    (tmp_path / "agent.a3s").write_bytes(zeroed(truth.data, page))
    truth.check(salvaged(tmp_path / "agent.a3s"))


def test_a_wrong_key_beside_an_id_is_put_right(truth: Truth, tmp_path: Path) -> None:
    (page,) = truth.layout.pages("owner")
    (count,) = struct.unpack_from(">H", truth.data, (page - 1) * PAGE + 3)
    for at in struct.unpack_from(f">{count}H", truth.data, (page - 1) * PAGE + 8):
        for bit in range(7):
            key = (page - 1) * PAGE + at + 1
            (tmp_path / "agent.a3s").write_bytes(flipped(truth.data, key, bit))
            found = salvaged(tmp_path / "agent.a3s")
            truth.check_nothing_invented(found)
            assert set(found.owners) == set(truth.whole.owners)


def test_lost_ids_are_proven_or_made_up_and_named(truth: Truth, tmp_path: Path) -> None:
    """The digest of a session shows whether an id in other tables is its own."""
    (page,) = truth.layout.pages("owner")
    (index,) = truth.layout.pages("sqlite_autoindex_owner_1")
    file = tmp_path / "agent.a3s"
    file.write_bytes(zeroed(zeroed(truth.data, page), index))
    found = salvaged(file)
    # The checkpoint of its run has the id.
    assert found.owners["long"] == truth.whole.owners["long"]
    made_up = {name for name in found.owners if name.startswith("recovered-owner-")}
    assert made_up == {one.session_id for one in found.damage if "id is lost" in one.what}
    histories = [kept.snapshot.session.messages for kept in found.owners.values() if kept.snapshot]
    for kept in truth.whole.owners.values():
        assert kept.snapshot is None or kept.snapshot.session.messages in histories


@pytest.mark.parametrize(
    "tables",
    [
        ("generation",),
        ("session",),
        ("branch_segment", "branch_segment_by_source"),
        ("branch", "branch_owner", "branch_segment", "branch_segment_by_source", "message_blob"),
        ("collection",),
    ],
    ids="+".join,
)
def test_conversations_need_none_of_the_rows_that_say_where_they_are(
    truth: Truth, tmp_path: Path, tables: tuple[str, ...]
) -> None:
    data = truth.data
    for table in tables:
        for page in truth.layout.pages(table):
            data = zeroed(data, page)
    (tmp_path / "agent.a3s").write_bytes(data)
    found = salvaged(tmp_path / "agent.a3s")
    for name, kept in truth.whole.owners.items():
        if kept.snapshot is not None:
            again = found.owners[name].snapshot
            assert again is not None
            assert again.session.messages == kept.snapshot.session.messages, name
    truth.check_nothing_invented(found)


def test_messages_that_nothing_leads_to_make_sessions_of_their_own(
    truth: Truth, tmp_path: Path
) -> None:
    data = truth.data
    lost = ("session", "session_config", "generation", "branch_segment", "branch_owner", "owner")
    for table in (*lost, "loop_checkpoint", "sqlite_autoindex_owner_1"):
        for page in truth.layout.pages(table):
            data = zeroed(data, page)
    (tmp_path / "agent.a3s").write_bytes(data)
    report = run(tmp_path / "agent.a3s", tmp_path / "new.a3s")
    found = contents(tmp_path / "new.a3s")
    histories = [one.session.messages for one in found.values() if hasattr(one, "session")]
    for kept in truth.whole.owners.values():
        if kept.snapshot is not None and kept.snapshot.session.messages:
            assert kept.snapshot.session.messages in histories
    assert all(name.startswith("recovered-") for name in report.partial)
    assert not report.sessions


# -- What was deleted stays so --------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["nothing", "the header", "the list of free pages", "a message"])
def test_what_was_deleted_does_not_come_back(tmp_path: Path, lost: str) -> None:
    source = tmp_path / "old.a3s"

    async def save() -> None:
        async with SqliteSessionStore.open(source) as store:
            await store.save(session("stays", messages=talk("stays", 40)))
            await store.save(session("goes", messages=talk("goes", 200)))
            await store.delete("goes")

    asyncio.run(save())
    data = source.read_bytes()
    left = sum(b"goes %d" % number in data for number in range(200))
    assert left > 50, "most of its pages are free, and not yet used again"
    trunk = int.from_bytes(data[32:36], "big")
    if lost == "the header":
        data = bytes(PAGE) + data[PAGE:]
    elif lost == "the list of free pages":
        data = zeroed(data, trunk)
    elif lost == "a message":
        kept = next(p for p in range(2, trunk) if b"stays 20" in data[(p - 1) * PAGE : p * PAGE])
        data = zeroed(data, kept)
    source.write_bytes(data)
    report = run(source, tmp_path / "new.a3s")
    assert {*report.sessions, *report.partial} == {"stays"}
    assert b"goes" not in (tmp_path / "new.a3s").read_bytes()


def test_messages_of_another_conversation_do_not_fill_a_gap(tmp_path: Path) -> None:
    """Keys of branches are reused; only the chain hash shows the branch of a message."""
    files = []
    for name in ("stays", "other"):
        path = tmp_path / f"{name}.a3s"

        async def save(path: Path = path, name: str = name) -> None:
            async with SqliteSessionStore.open(path) as store:
                await store.save(session(name, messages=talk(name, 40)))

        asyncio.run(save())
        files.append(path.read_bytes())
    data, other = files
    page = data.index(b"stays 20") // PAGE + 1
    stray = other[(page - 1) * PAGE : page * PAGE]
    assert b"other 20" in stray
    (tmp_path / "stays.a3s").write_bytes(zeroed(data, page) + stray)
    found = salvaged(tmp_path / "stays.a3s").owners
    assert set(found) == {"stays"}
    snapshot = found["stays"].snapshot
    assert snapshot is not None
    assert 20 < len(snapshot.session.messages) < 40
    assert all(message.text.startswith("stays") for message in snapshot.session.messages)


def test_a_session_whose_own_row_is_gone_is_damaged_not_absent(tmp_path: Path) -> None:
    """Its collections are stored, as if the session had never been saved."""
    path = make(tmp_path / "agent.a3s")
    conn = sqlite3.connect(path)
    conn.execute("DELETE FROM session")
    conn.commit()
    conn.close()

    async def load() -> None:
        async with SqliteSessionStore.open(path) as store:
            with pytest.raises(CorruptionError, match="session: it is missing"):
                await store.load("many")

    asyncio.run(load())


def test_of_a_session_without_its_saves_the_messages_are_salvaged(tmp_path: Path) -> None:
    path = make(tmp_path / "agent.a3s")
    whole = salvaged(path).owners["many"].snapshot
    conn = sqlite3.connect(path)
    conn.execute("DELETE FROM generation")
    conn.commit()
    conn.close()
    found = salvaged(path).owners["many"]
    assert whole is not None
    assert found.snapshot is not None
    assert found.snapshot.session.messages == whole.session.messages


# -- The log --------------------------------------------------------------------------------------

_WRITER = """
import asyncio, os, sys
from a3s_store import SqliteSessionStore
from a3s_store.testing import samples

async def main():
    store = await SqliteSessionStore.open(sys.argv[1])
    for turn in range(1, 11):
        for name in ("one", "two"):
            texts = [f"{name} {number}" for number in range(2 * turn)]
            await store.save(samples.session(name, tuple(texts)))
    os._exit(0)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose writer was killed: nearly all its data is in the WAL."""
    path = tmp_path_factory.mktemp("killed") / "agent.a3s"
    subprocess.run([sys.executable, "-c", _WRITER, str(path)], check=True, timeout=60)
    assert path.with_name("agent.a3s-wal").stat().st_size > 20 * PAGE
    return path


@pytest.fixture
def logged(left_behind: Path, tmp_path: Path) -> Path:
    shutil.copytree(left_behind.parent, tmp_path / "old")
    return tmp_path / "old" / "agent.a3s"


def test_a_log_is_read_and_left_alone(logged: Path, tmp_path: Path) -> None:
    before = files(logged.parent)
    report = run(logged, tmp_path / "new.a3s")
    assert files(logged.parent) == before
    assert (report.sessions, report.damage, report.messages) == (("one", "two"), (), 40)


@pytest.mark.parametrize("damage", ["a frame", "the header", "a frame's header"])
def test_commits_behind_a_damaged_one_in_the_log_come_back(
    logged: Path, tmp_path: Path, damage: str
) -> None:
    """SQLite itself would ignore all of them silently."""
    log = logged.with_name("agent.a3s-wal")
    data = bytearray(log.read_bytes())
    step = PAGE + 24
    at = {"the header": 0, "a frame": 32 + 14 * step + 24, "a frame's header": 32 + 14 * step}[
        damage
    ]
    size = {"the header": 32, "a frame": PAGE, "a frame's header": 24}[damage]
    data[at : at + size] = random.Random(3).randbytes(size)
    log.write_bytes(data)
    report = run(logged, tmp_path / "new.a3s")
    found = contents(tmp_path / "new.a3s")
    assert [one.part for one in report.damage][:1] == ["wal"]
    for name in ("one", "two"):
        texts = tuple(f"{name} {number}" for number in range(20))
        assert found[name].session.messages == samples.talk(*texts)


def test_flipped_bits_in_the_log_cost_nothing(logged: Path) -> None:
    """The bit is found by the checksum, or an earlier image of the page is used."""
    log = logged.with_name("agent.a3s-wal")
    data = log.read_bytes()
    chance = random.Random(4)
    for _ in range(40):
        at = chance.randrange(len(data) - PAGE - 24)
        hurt = flipped(data, at, chance.randrange(8))
        if len(wal_file.audit(hurt).suspects) > 1:
            continue  # two bits may explain the same checksum: see the next test
        log.write_bytes(hurt)
        found = salvaged(logged)
        for name in ("one", "two"):
            texts = tuple(f"{name} {number}" for number in range(20))
            snapshot = found.owners[name].snapshot
            assert snapshot is not None
            assert snapshot.session.messages == samples.talk(*texts)


def test_a_flipped_bit_in_the_last_frame_costs_one_commit_at_most_and_is_reported(
    logged: Path, tmp_path: Path
) -> None:
    """Two bits may give the same checksum there, and no later frame shows which was flipped."""
    log = logged.with_name("agent.a3s-wal")
    data = log.read_bytes()
    for number in range(8):
        log.write_bytes(flipped(data, len(data) - 1 - 100 * number, number))
        report = run(logged, tmp_path / f"new-{number}.a3s")
        assert [one.part for one in report.damage] == ["wal"]
        found = contents(tmp_path / f"new-{number}.a3s")
        texts = [f"two {number}" for number in range(20)]
        assert found["one"].session.messages == samples.talk(*(f"one {n}" for n in range(20)))
        assert found["two"].session.messages in (samples.talk(*texts), samples.talk(*texts[:-2]))


def test_a_commit_that_a_crash_cut_off_is_no_damage(logged: Path, tmp_path: Path) -> None:
    log = logged.with_name("agent.a3s-wal")
    data = log.read_bytes()
    log.write_bytes(data[: len(data) - PAGE // 2])
    report = run(logged, tmp_path / "new.a3s")
    assert (report.damage, report.messages) == ((), 38)


# -- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", random.Random(1).randbytes(50_000)])
def test_what_is_no_store_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "old").write_bytes(content)
    with pytest.raises(NotAStoreError):
        run(tmp_path / "old", tmp_path / "new.a3s")
    assert leftovers(tmp_path) == {"old"}


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / "old")
    conn.execute("CREATE TABLE owner_of_a_cat (id INTEGER PRIMARY KEY, name TEXT)")
    conn.executemany("INSERT INTO owner_of_a_cat (name) VALUES (?)", [("Ann",), ("Bob",)])
    conn.commit()
    conn.close()
    with pytest.raises(NotAStoreError):
        run(tmp_path / "old", tmp_path / "new.a3s")


def test_an_empty_store_is_no_damage(tmp_path: Path) -> None:
    async def save() -> None:
        async with SqliteSessionStore.open(tmp_path / "old.a3s"):
            pass

    asyncio.run(save())
    assert run(tmp_path / "old.a3s", tmp_path / "new.a3s").ok
    assert rows_of(tmp_path / "new.a3s", "SELECT id FROM owner") == []


@pytest.mark.parametrize("taken", ["new.a3s", "new.a3s-wal", "new.a3s-journal"])
def test_nothing_is_replaced(truth: Truth, tmp_path: Path, taken: str) -> None:
    (tmp_path / "old.a3s").write_bytes(truth.data)
    (tmp_path / taken).write_bytes(b"mine")
    with pytest.raises(StoreUnavailableError):
        run(tmp_path / "old.a3s", tmp_path / "new.a3s")
    assert (tmp_path / taken).read_bytes() == b"mine"
    assert leftovers(tmp_path) == {"old.a3s", taken}


def test_a_store_that_is_open_here_is_refused(truth: Truth, tmp_path: Path) -> None:
    """Closing a descriptor of an open database drops its locks in this process."""
    path = tmp_path / "old.a3s"
    path.write_bytes(truth.data)
    (tmp_path / "link.a3s").symlink_to(path)

    async def main() -> None:
        async with SqliteSessionStore.open(path):
            for name in ("old.a3s", "link.a3s"):
                with pytest.raises(StoreUnavailableError, match="open in this process"):
                    await salvage(tmp_path / name, tmp_path / "new.a3s")
        await salvage(path, tmp_path / "new.a3s")

    asyncio.run(main())


def test_a_salvage_that_is_stopped_leaves_nothing(truth: Truth, tmp_path: Path) -> None:
    (tmp_path / "old.a3s").write_bytes(truth.data)

    class EnoughError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done * 2 > total:
            raise EnoughError

    with pytest.raises(EnoughError):
        asyncio.run(salvage(tmp_path / "old.a3s", tmp_path / "new.a3s", on_progress=stop))
    assert leftovers(tmp_path) == {"old.a3s"}


def test_a_salvage_that_is_cancelled_leaves_nothing(truth: Truth, tmp_path: Path) -> None:
    (tmp_path / "old.a3s").write_bytes(truth.data)

    async def main(after: int) -> None:
        def cancel(done: int, total: int) -> None:
            if done >= min(after, total):
                task.cancel()

        task = asyncio.create_task(
            salvage(tmp_path / "old.a3s", tmp_path / "new.a3s", on_progress=cancel)
        )
        if after < 0:
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for after in (-1, 0, 3, 1_000):  # while it is read, written, and looked through
        asyncio.run(main(after))
        assert leftovers(tmp_path) == {"old.a3s"}


_KILLED = """
import asyncio, os, signal, sys
from a3s_store import salvage

def kill(done, total):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(salvage(sys.argv[1], sys.argv[2], on_progress=kill))
"""


def test_a_killed_salvage_leaves_only_what_says_so(truth: Truth, tmp_path: Path) -> None:
    (tmp_path / "old.a3s").write_bytes(truth.data)
    arguments = [str(tmp_path / "old.a3s"), str(tmp_path / "new.a3s")]
    done = subprocess.run([sys.executable, "-c", _KILLED, *arguments], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert all(".partial" in name for name in leftovers(tmp_path) - {"old.a3s"})
    assert run(tmp_path / "old.a3s", tmp_path / "new.a3s").ok
