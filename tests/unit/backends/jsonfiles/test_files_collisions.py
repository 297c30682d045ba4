"""Ids that share a file: the first one owns it, and no other id reads, writes or removes it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.errors import DecodeError, IdCollisionError
from a3s_store.wire import encode, pretty
from tests.unit.backends.jsonfiles.file_samples import (
    CHECKPOINT_NAMES,
    COLLECTION_NAMES,
    checkpoint,
    files_in,
    load_collection,
    run,
    save_collection,
    session,
    snapshot,
    values,
)

ALIKE = ("a/b", "a\\b", "a..b", "a_b")
PAIRS = [(first, second) for first in ALIKE for second in ALIKE if first != second]


async def _finds_nothing(store: FileSessionStore, session_id: str) -> None:
    assert await store.load(session_id) is None
    assert await store.load_snapshot(session_id) is None
    assert await store.exists(session_id) is False
    for collection in COLLECTION_NAMES:
        assert await load_collection(store, collection, session_id) is None


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_session_is_never_given_to_nor_taken_by_another_id(
    tmp_path: Path, first: str, second: str
) -> None:
    """Upstream: legacy_session_collision_never_returns_another_sessions_payload."""

    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot(first))
        before = files_in(tmp_path)
        with pytest.raises(IdCollisionError):
            await store.save(session(second))
        with pytest.raises(IdCollisionError):
            await store.save_snapshot(snapshot(second, "2"))
        with pytest.raises(IdCollisionError):
            await store.save_snapshot_cas(snapshot(second, "2"), None)
        for collection in COLLECTION_NAMES:
            with pytest.raises(IdCollisionError):
                await save_collection(store, collection, second, values(collection, "2"))
        await _finds_nothing(store, second)
        await store.delete(second)
        assert files_in(tmp_path) == before
        assert await store.load_snapshot(first) == snapshot(first)
        assert await store.list() == [first]

    run(tmp_path, work)


@pytest.mark.parametrize("collection", COLLECTION_NAMES)
@pytest.mark.parametrize(("first", "second"), [("a/b", "a_b"), ("a_b", "a/b"), ("a/b", "a..b")])
def test_a_collection_without_a_session_has_one_owner(
    tmp_path: Path, collection: str, first: str, second: str
) -> None:
    async def work(store: FileSessionStore) -> None:
        await save_collection(store, collection, first, values(collection))
        before = files_in(tmp_path)
        for other in COLLECTION_NAMES:
            with pytest.raises(IdCollisionError):
                await save_collection(store, other, second, values(other, "2"))
        with pytest.raises(IdCollisionError):
            await store.save(session(second))
        await _finds_nothing(store, second)
        await store.delete(second)
        assert files_in(tmp_path) == before
        assert await load_collection(store, collection, first) == values(collection)
        inventory = await store.inventory()
        assert (inventory.sessions, inventory.collections_only) == ((), (first,))
        await store.delete(first)
        assert files_in(tmp_path) == {}
        await save_collection(store, collection, second, values(collection, "2"))
        assert await load_collection(store, collection, second) == values(collection, "2")

    run(tmp_path, work)


@pytest.mark.parametrize("kind", CHECKPOINT_NAMES)
@pytest.mark.parametrize(("first", "second"), [("a/b", "a_b"), ("a_b", "a/b")])
def test_a_checkpoint_has_one_owner(tmp_path: Path, kind: str, first: str, second: str) -> None:
    async def work(store: FileSessionStore) -> None:
        save, load, delete = (
            getattr(store, f"{verb}_{kind}") for verb in ("save", "load", "delete")
        )
        await save(first, checkpoint(kind, first))
        before = files_in(tmp_path)
        with pytest.raises(IdCollisionError):
            await save(second, checkpoint(kind, second))
        assert await load(second) is None
        await delete(second)
        assert files_in(tmp_path) == before
        await save(first, checkpoint(kind, first, at=6))
        assert await load(first) == checkpoint(kind, first, at=6)
        await delete(first)
        await save(second, checkpoint(kind, second))
        assert await load(second) == checkpoint(kind, second)

    run(tmp_path, work)


def test_a_claim_stands_only_while_there_is_no_session(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_trace_events("a/b", values("trace_events"))
        assert files_in(tmp_path)[".owners/a_b"] == b'"a/b"'
        await store.save(session("a/b"))
        assert not (tmp_path / ".owners").exists()
        assert await store.load_trace_events("a/b") == values("trace_events")
        await store.save_snapshot(snapshot("c/d"))
        assert not (tmp_path / ".owners").exists()

    run(tmp_path, work)


def test_an_id_that_is_its_own_name_needs_no_claim(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save_trace_events("a_b", ()))
    assert list(files_in(tmp_path)) == ["traces/a_b.json"]


def test_collections_upstream_left_without_a_session_belong_to_the_id_of_that_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces/a_b.json").write_bytes(b"[]")

    async def work(store: FileSessionStore) -> None:
        assert await store.load_trace_events("a_b") == ()
        assert await store.load_trace_events("a/b") is None
        with pytest.raises(IdCollisionError):
            await store.save(session("a/b"))

    run(tmp_path, work)


def test_a_claim_nothing_is_kept_under_binds_nobody(tmp_path: Path) -> None:
    """A crash between the claim and the first collection must not lock the name for ever."""
    (tmp_path / ".owners").mkdir()
    (tmp_path / ".owners/a_b").write_bytes(b'"a/b"')

    async def work(store: FileSessionStore) -> None:
        assert await store.load_trace_events("a/b") is None
        assert (await store.inventory()).collections_only == ()
        await store.save_snapshot(snapshot("a..b"))
        assert await store.load_snapshot("a..b") == snapshot("a..b")

    run(tmp_path, work)
    assert not (tmp_path / ".owners").exists()


def test_a_damaged_claim_is_an_error(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save_trace_events("a/b", ()))
    (tmp_path / ".owners/a_b").write_bytes(b'"a/')

    async def work(store: FileSessionStore) -> None:
        with pytest.raises(DecodeError, match=r"\.owners"):
            await store.load_trace_events("a/b")

    run(tmp_path, work)


def test_a_copied_file_answers_for_nobody(tmp_path: Path) -> None:
    """Upstream returns the data of the other session, and saves it back under its id."""

    async def work(store: FileSessionStore) -> None:
        await store.save(session("one"))
        (tmp_path / "two.json").write_bytes((tmp_path / "one.json").read_bytes())
        assert await store.load("two") is None
        assert await store.list() == ["one"]
        with pytest.raises(IdCollisionError):
            await store.save(session("two"))

    run(tmp_path, work)


def test_a_file_system_that_folds_case_makes_a_collision(tmp_path: Path) -> None:
    """`a.json` found when `A.json` was asked for: as macOS and Windows do."""
    run(tmp_path, lambda store: store.save_snapshot(snapshot("a")))
    os.link(tmp_path / "a.json", tmp_path / "A.json")
    for folder in ("traces", "runs", "verification", "subagent_tasks"):
        os.link(tmp_path / folder / "a.json", tmp_path / folder / "A.json")

    async def work(store: FileSessionStore) -> None:
        before = files_in(tmp_path)
        await _finds_nothing(store, "A")
        with pytest.raises(IdCollisionError):
            await store.save(session("A"))
        await store.delete("A")
        assert files_in(tmp_path) == before

    run(tmp_path, work)


@pytest.mark.parametrize("text", [b"", b"{", b'{"id": 1}', b"[]", b'{"id": "a/b'])
def test_whose_a_damaged_session_is_may_not_be_guessed(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a_b.json").write_bytes(text)

    async def work(store: FileSessionStore) -> None:
        for call in (store.load, store.exists, store.delete, store.load_trace_events):
            with pytest.raises(DecodeError, match=r"a_b\.json"):
                await call("a/b")
        with pytest.raises(DecodeError):
            await store.save(session("a/b"))
        assert files_in(tmp_path) == {"a_b.json": text}
        with pytest.raises(DecodeError):
            await store.load("a_b")
        await store.delete("a_b")
        assert files_in(tmp_path) == {}

    run(tmp_path, work)


def test_a_damaged_checkpoint_is_an_error_and_its_own_id_may_remove_it(tmp_path: Path) -> None:
    (tmp_path / "loop_checkpoints").mkdir()
    path = tmp_path / "loop_checkpoints/a_b.json"
    path.write_bytes(b'{"run_id"')

    async def work(store: FileSessionStore) -> None:
        for run_id in ("a/b", "a_b"):
            with pytest.raises(DecodeError, match=r"a_b\.json"):
                await store.load_loop_checkpoint(run_id)
        with pytest.raises(DecodeError):
            await store.delete_loop_checkpoint("a/b")
        await store.delete("s")
        assert path.exists()
        await store.delete_loop_checkpoint("a_b")
        assert not path.exists()

    run(tmp_path, work)


def test_the_owner_is_read_wherever_the_id_stands(tmp_path: Path) -> None:
    """Order of keys is free; escapes and white space too."""
    tree = json.loads(pretty(encode(session("a/b", "x" * 20000))))
    last = {key: tree[key] for key in reversed(tree)}
    texts = [
        json.dumps(last),
        json.dumps(tree).replace('"a/b"', '"\\u0061\\/b"', 1),
        "\n\t " + json.dumps(tree, indent=8),
    ]

    async def work(store: FileSessionStore) -> None:
        for text in texts:
            (tmp_path / "a_b.json").write_text(text)
            assert await store.load("a_b") is None
            assert await store.load("a/b") == session("a/b", "x" * 20000)
            assert await store.list() == ["a/b"]

    run(tmp_path, work)


def test_an_id_that_stands_twice_is_damage(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save(session("x")))
    path = tmp_path / "x.json"
    path.write_bytes(path.read_bytes().replace(b"{", b'{"id": "x",', 1))

    async def work(store: FileSessionStore) -> None:
        with pytest.raises(DecodeError, match="twice"):
            await store.load("x")

    run(tmp_path, work)
