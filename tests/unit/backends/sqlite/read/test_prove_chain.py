"""`prove_chain`, and when a load verifies chain hashes without being asked."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore, salvage
from a3s_store.backends.sqlite.connection import integrity_check
from a3s_store.errors import CorruptionError
from a3s_store.models import Message
from a3s_store.testing.conformance.expect import bits
from tests.compat import make_file
from tests.support import database, messages, session, with_store
from tests.unit.backends.sqlite.forged_messages import forged


def damaged(path: Path) -> None:
    """Change a message of the second branch; its checksum is wrong then."""
    with database(path) as conn:
        conn.execute("UPDATE message SET content = '[]' WHERE branch_key = 2 AND seq = 0")
        conn.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two sessions; a message of the first was edited, and its checksum recomputed."""
    path = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session("talk", messages=messages(9, tag="pay 10 to alice")))
        await store.save(session("other", messages=messages(3)))

    with_store(path, fill)
    forged(path, "pay 10 to alice", "pay 99 to carol", 4)
    return path


async def refuse(store: SqliteSessionStore) -> None:
    """The forged message is refused and named."""
    with pytest.raises(CorruptionError) as caught:
        await store.load("talk")
    assert (caught.value.part, caught.value.position) == ("messages", 4)


def test_a_message_edited_with_its_checksum_is_refused_where_the_chain_is_proven(
    path: Path,
) -> None:
    assert with_store(path, lambda store: store.load("talk"))
    with_store(path, refuse, prove_chain=True)


def test_once_a_load_was_refused_the_next_ones_prove_the_chain(path: Path) -> None:
    damaged(path)

    async def use(store: SqliteSessionStore) -> None:
        assert await store.load("talk")  # and is in the cache
        with pytest.raises(CorruptionError):
            await store.load("other")
        await refuse(store)

    with_store(path, use)


@pytest.mark.parametrize("look", ["verify", "report"])
def test_once_damage_was_reported_the_next_loads_prove_the_chain(path: Path, look: str) -> None:
    damaged(path)

    async def use(store: SqliteSessionStore) -> None:
        if look == "verify":
            assert not (await store.verify(depth="deep")).ok
        else:
            assert (await store.load("other", on_damage="report")).damage
        await refuse(store)

    with_store(path, use)


def test_a_file_that_was_marked_for_checking_has_its_chains_proven(path: Path) -> None:
    integrity_check.require(path)
    with_store(path, refuse)
    assert with_store(path, lambda store: store.load("talk"))


def test_a_conversation_that_goes_on_is_proven_from_the_cached_part_on(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    longer = messages(700)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("talk", messages=longer[:300]))
        async with SqliteSessionStore.open(path) as other:
            await other.save(session("talk", messages=longer))
        found = await store.load("talk")
        assert found is not None
        assert found.messages == longer

    with_store(path, use, prove_chain=True)


@pytest.mark.parametrize(
    "released", sorted(make_file.FILES.glob("*.a3s.gz")), ids=lambda path: path.name
)
def test_whatever_was_saved_is_proven(released: Path, tmp_path: Path) -> None:
    """Odd floats and integers too: a proof encodes the decoded messages again."""
    path = tmp_path / "agent.a3s"
    path.write_bytes(gzip.decompress(released.read_bytes()))
    found = with_store(path, make_file.describe, prove_chain=True)
    assert found == with_store(path, make_file.describe)


def test_salvage_proves_the_chain_of_rows_without_salt_and_says_what_is_partial(
    tmp_path: Path,
) -> None:
    """A page in another page's place, in a file of an older schema; all checksums match."""

    def old(name: str) -> Path:
        path = tmp_path / name
        source = make_file.FILES / "schema-5-0.1.0.a3s.gz"
        path.write_bytes(gzip.decompress(source.read_bytes()))
        return path

    path = old("a.a3s")
    with database(path) as conn:
        (branch,) = conn.execute(
            "SELECT head_branch FROM session JOIN owner USING (owner_key) WHERE id = 'live'"
        ).fetchone()
        rows: list[Any] = conn.execute(
            "SELECT chain_hash, row_checksum, role, content FROM message "
            "WHERE branch_key = 1 AND seq = 0"
        ).fetchall()
        conn.execute(
            "UPDATE message SET (chain_hash, row_checksum, role, content) = (?, ?, ?, ?) "
            "WHERE branch_key = ? AND seq = 0",
            (*rows[0], branch),
        )
        conn.commit()
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert "live" in report.partial


def foreign(found: tuple[Message, ...]) -> bool:
    """Whether a text of the forger is among these messages."""
    return "carol" in str(bits(found))


def test_what_is_salvaged_of_a_forged_conversation_lacks_the_forged_message(
    path: Path, tmp_path: Path
) -> None:
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert (report.sessions, report.partial) == (("other",), ("talk",))
    saved = with_store(tmp_path / "new.a3s", lambda store: store.load("talk"))
    assert saved is not None
    assert len(saved.messages) == 8
    assert not foreign(saved.messages)
