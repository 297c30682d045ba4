"""The commit link: what is packed is found again, and nothing else is taken for one."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection import file_look, wal_checkpoint
from a3s_store.backends.sqlite.format import commit_link, wal_file
from a3s_store.backends.sqlite.format.commit_link import CommitLink
from tests.support import session, with_store

PAGE = 4096
links = st.builds(
    CommitLink,
    file_id=st.binary(min_size=16, max_size=16),
    number=st.integers(1, 2**64 - 1),
    nonce=st.binary(min_size=8, max_size=8),
    previous=st.binary(min_size=8, max_size=8),
    salt=st.integers(0, 2**32 - 1),
    cookie=st.integers(0, 2**32 - 1),
    previous_cookie=st.integers(0, 2**32 - 1),
    at_ms=st.integers(0, 2**63),
    open_mark=st.booleans(),
)


@given(links, st.integers(0, PAGE - 76))
def test_a_link_is_found_wherever_on_the_page_it_lies(link: CommitLink, at: int) -> None:
    packed = link.pack()
    assert len(packed) == 76
    page = bytearray(PAGE)
    page[at : at + len(packed)] = packed
    assert commit_link.find(bytes(page)) == link


@given(links, st.integers(0, 75), st.integers(0, 7))
def test_a_link_with_a_flipped_bit_is_none(link: CommitLink, byte: int, bit: int) -> None:
    packed = bytearray(link.pack())
    packed[byte] ^= 1 << bit
    assert commit_link.unpack(bytes(packed)) is None


@given(links)
def test_the_next_link_names_this_one(link: CommitLink) -> None:
    after = link._replace(number=1).next(salt=1, cookie=2)
    assert (after.file_id, after.number, after.previous) == (link.file_id, 2, link.nonce)
    assert after.nonce != link.nonce
    assert not after.open_mark


@pytest.mark.parametrize("auto_vacuum", [False, True])
def test_each_commit_of_a_store_follows_the_one_before(tmp_path: Path, auto_vacuum: bool) -> None:
    path = tmp_path / "agent.a3s"
    found = []
    for count in (3, 4):
        value = session(count=count)
        with_store(path, lambda store: store.save(value), auto_vacuum=auto_vacuum)  # noqa: B023
        content = path.read_bytes()
        page = commit_link.page_number(content[:100])
        assert page == (3 if auto_vacuum else 2)
        found.append(commit_link.find(content[(page - 1) * PAGE : page * PAGE]))
    first, second = found
    assert first is not None
    assert second is not None
    assert first.file_id == second.file_id
    assert first.number < second.number
    assert not second.open_mark


def test_it_stays_on_its_page_when_another_program_writes_the_file_anew(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session()))
    for mode, page in (("NONE", 2), ("FULL", 3)):
        with sqlite3.connect(path, isolation_level=None) as conn:
            conn.execute(f"PRAGMA auto_vacuum = {mode}")
            conn.execute("VACUUM")
        conn.close()
        content = path.read_bytes()
        assert commit_link.page_number(content[:100]) == page
        assert commit_link.find(content[(page - 1) * PAGE : page * PAGE]) is not None
        assert with_store(path, lambda store: store.load("fix-login")) == session()


def marked_log(tmp_path: Path) -> Path:
    """A store as a power cut leaves it after the marked commit that begins a checkpoint."""
    path, copy = tmp_path / "agent.a3s", tmp_path / "copy.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session())
        writer = store._engine.writer
        assert writer is not None
        await writer.run(lambda conn: wal_checkpoint._commit_link(conn, open_mark=True))
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{copy}{end}")

    with_store(path, use)
    return copy


def flipped(path: Path, offset: int) -> None:
    """Turn bit 0 of a byte of the link in the last commit of the log."""
    log = path.with_name(path.name + "-wal")
    content = bytearray(log.read_bytes())
    end = wal_file.HEADER + wal_file.audit(bytes(content)).good_frames * (wal_file.FRAME + PAGE)
    content[content.rindex(b"a3sLINK1", 0, end) + offset] ^= 1
    log.write_bytes(content)


def test_a_mark_that_was_written_in_part_is_no_damage_and_loses_nothing(tmp_path: Path) -> None:
    path = marked_log(tmp_path)
    assert file_look.look(path).is_fine
    flipped(path, 8)
    assert file_look.look(path).is_fine
    assert with_store(path, lambda store: store.load("fix-login")) == session()


@pytest.mark.parametrize("offset", [12, 30, 70])
def test_another_wrong_bit_of_the_last_link_is_damage(tmp_path: Path, offset: int) -> None:
    path = marked_log(tmp_path)
    flipped(path, offset)
    assert file_look.look(path).audit.is_damaged
