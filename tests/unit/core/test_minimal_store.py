"""A store of five methods: upstream's defaults and texts, with all our checks of arguments."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from a3s_store import Capabilities, MinimalStore, SessionSnapshot, SessionStore
from a3s_store.core.collections import COLLECTIONS
from a3s_store.errors import (
    CorruptionError,
    EncodeError,
    InvalidIdError,
    PersistenceError,
    StoreError,
    StoreUnavailableError,
    UnsupportedError,
)
from a3s_store.models import LlmConfigData, SessionData
from a3s_store.runtime import SessionManager
from a3s_store.testing import samples
from a3s_store.wire import evolved
from tests.unit.runtime.live import Echo

BARE = SessionSnapshot(session=samples.session("s", ("hello",)))


class Five:
    """The five methods on a dict; counts the calls."""

    def __init__(self) -> None:
        self.sessions: dict[str, SessionData] = {}
        self.calls: list[str] = []

    async def save(self, session: SessionData) -> None:
        self.calls.append("save")
        self.sessions[session.id] = session

    async def load(self, session_id: str) -> SessionData | None:
        self.calls.append("load")
        return self.sessions.get(session_id)

    async def delete(self, session_id: str) -> None:
        self.calls.append("delete")
        self.sessions.pop(session_id, None)

    async def list(self) -> set[str]:
        self.calls.append("list")
        return set(self.sessions)

    async def exists(self, session_id: str) -> bool:
        self.calls.append("exists")
        return session_id in self.sessions


async def refused(act: Any) -> UnsupportedError:
    with pytest.raises(UnsupportedError) as caught:
        await act
    return caught.value


def test_it_is_a_session_store_named_unknown_that_promises_nothing() -> None:
    store = MinimalStore(Five())
    assert isinstance(store, SessionStore)
    assert store.backend_name == "unknown"
    assert store.capabilities() == Capabilities()


@pytest.mark.parametrize("collection", [one.name for one in COLLECTIONS])
def test_a_collection_with_values_is_refused_in_upstreams_words(collection: str) -> None:
    five = Five()
    said = f"session store 'unknown' does not support {collection.replace('_', ' ')}"
    values = samples.items(collection, "1")

    async def main() -> None:
        store = MinimalStore(five)
        save, load = (getattr(store, f"{verb}_{collection}") for verb in ("save", "load"))
        await save("s", ())
        assert await load("s") is None
        for act in (
            save("s", values),
            store.save_snapshot(evolved(BARE, {collection: values})),
            store.save_snapshot_cas(evolved(BARE, {collection: values}), None),
        ):
            error = await refused(act)
            assert (error.what, error.capability) == (said, "collections")
            assert error.where == "session 's'"

    asyncio.run(main())
    assert five.calls == []


def test_a_snapshot_whose_collections_are_empty_is_its_session() -> None:
    async def main() -> None:
        store = MinimalStore(Five())
        empty: dict[str, Any] = {one.name: () for one in COLLECTIONS}
        await store.save_snapshot(BARE.evolve(**empty))
        assert await store.load_snapshot("s") == BARE
        assert await store.save_snapshot_cas(BARE, None)

    asyncio.run(main())


def test_what_a_snapshot_has_beside_is_refused_and_nothing_is_written() -> None:
    five = Five()

    async def main() -> None:
        store = MinimalStore(five)
        error = await refused(store.save_snapshot_cas(BARE, BARE.digest()))
        assert error.what == "session store 'unknown' does not support aggregate snapshot CAS"
        assert error.capability == "aggregate_cas"
        uris = BARE.evolve(artifacts=(), retained_artifact_uris=("a",))
        assert (await refused(store.save_snapshot(uris))).capability == "collections"

    asyncio.run(main())
    assert five.calls == []


@pytest.mark.parametrize("kind", samples.CHECKPOINT_MAKERS)
def test_a_checkpoint_is_refused_by_its_capability_and_none_is_there(kind: str) -> None:
    async def main() -> None:
        store = MinimalStore(Five())
        save, load, delete = (getattr(store, f"{v}_{kind}") for v in ("save", "load", "delete"))
        error = await refused(save("k", samples.CHECKPOINT_MAKERS[kind]("k")))
        assert error.capability == "checkpoints"
        assert error.what.endswith(f"does not support {kind.replace('_', ' ')}s")
        assert await load("k") is None
        await delete("k")

    asyncio.run(main())


def test_bad_ids_and_values_never_reach_the_backend() -> None:
    five = Five()

    async def main() -> None:
        store = MinimalStore(five)
        bad = samples.session("s", ("half \ud83d of a pair",))
        for kinds, act in (
            (InvalidIdError, store.load("")),
            (InvalidIdError, store.delete("a\0b")),
            (EncodeError, store.save(bad)),
            (EncodeError, store.save_trace_events("s", (samples.artifact(),))),  # type: ignore[arg-type]
        ):
            with pytest.raises(kinds):
                await act

    asyncio.run(main())
    assert five.calls == []


def test_credentials_never_reach_the_backend() -> None:
    five = Five()
    llm = LlmConfigData(provider="p", model="m", extra={"apiKey": "do-not-keep"})
    asyncio.run(MinimalStore(five).save(samples.session("s", llm_config=llm)))
    kept = five.sessions["s"].llm_config
    assert kept is not None
    assert kept.extra["apiKey"] == ""


def test_a_tree_is_deleted_by_the_five_methods() -> None:
    five = Five()

    async def main() -> None:
        store = MinimalStore(five)
        for one, parent in (("a", None), ("b", "a"), ("c", "b"), ("other", None)):
            await store.save(samples.session(one, parent_id=parent))
        await store.delete("a", tree=True)
        assert await store.list() == ["other"]

    asyncio.run(main())


def test_an_error_of_the_system_is_one_of_ours_and_another_session_is_damage() -> None:
    class Broken(Five):
        async def save(self, session: SessionData) -> None:
            raise OSError(errno.EIO, "Input/output error")

        async def load(self, session_id: str) -> SessionData | None:
            return samples.session("another")

    async def main() -> None:
        store = MinimalStore(Broken())
        with pytest.raises(StoreUnavailableError, match=r"save: .*EIO.*\(session 's'\)"):
            await store.save(BARE.session)
        with pytest.raises(CorruptionError) as caught:
            await store.load("s")
        assert caught.value.session_id == "s"

    asyncio.run(main())


def test_health_and_closing_are_the_backends_if_it_has_them() -> None:
    class Careful(Five):
        backend_name = "careful"

        async def health_check(self) -> None:
            self.calls.append("health_check")

        async def close(self) -> None:
            self.calls.append("close")

    async def main(five: Five) -> list[str]:
        async with MinimalStore(five) as store:
            assert (await store.health_check()).backend == store.backend_name
        return five.calls

    assert asyncio.run(main(Careful())) == ["health_check", "close"]
    assert asyncio.run(main(Five())) == ["exists"]


def test_a_live_session_keeps_its_conversation_and_says_what_was_not_saved() -> None:
    five = Five()

    async def main() -> None:
        manager = SessionManager(agent=Echo()).with_store(MinimalStore(five))
        live = await manager.open_session("x")
        await manager.generate("x", "hello")
        assert [message.text for message in five.sessions["x"].messages] == [
            "hello",
            "you said: hello",
        ]
        with pytest.raises(StoreError) as caught:
            await live.save()
        named = caught.value.__cause__ if isinstance(caught.value, PersistenceError) else None
        assert isinstance(named or caught.value, UnsupportedError)
        with pytest.raises(ExceptionGroup):
            await manager.shutdown()
        async with SessionManager(agent=Echo()).with_store(MinimalStore(five)) as again:
            assert len((await again.open_session("x")).session.messages) == 2

    asyncio.run(main())
