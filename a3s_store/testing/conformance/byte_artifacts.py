"""Stores with `streams`: byte artifacts of sessions, whole or not at all, in versions."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from a3s_store.errors import InvalidArgumentError, SessionNotFoundError, StaleItemError
from a3s_store.testing.conformance.expect import holds, keeps, raises, same
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import session

_GROUP = "byte artifacts"
_CHUNK = 256 * 1024
_TYPE = "application/octet-stream"


def _data(size: int) -> bytes:
    """Return bytes whose chunks all differ."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


async def _pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def _read(store: Any, session_id: str, name: str, version: int | None = None) -> Any:
    async with store.open_bytes(session_id, name, version=version) as reader:
        return None if reader is None else await reader.read()


@required_by(_GROUP, capability="streams")
async def byte_artifacts_come_back_as_they_were(store: Any) -> None:
    """put_bytes() keeps every size around the edges of chunks, from bytes and from iterables."""
    await store.save(session("s"))
    sizes = (0, 1, _CHUNK - 1, _CHUNK, _CHUNK + 1, 4 * _CHUNK, 6 * _CHUNK + 5)
    for number, size in enumerate(sizes):
        data = _data(size)
        name = f"f{number}"
        first = await store.put_bytes("s", name, data, media_type=_TYPE)
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        same((1, size, digest, _TYPE), _of(first), f"{size} bytes")
        again = await store.put_bytes("s", name, _pieces(data, 100_003), media_type="text/x")
        same((2, size, digest, "text/x"), _of(again), "from an iterable")
        for version in (None, 1, 2):
            holds(await _read(store, "s", name, version) == data, f"{size} bytes, {version}")
    async with store.open_bytes("s", "f6") as reader:
        data = _data(sizes[-1])
        same(len(data), reader.size, "the size")
        parts = [part async for part in reader]
        holds(b"".join(parts) == data and max(map(len, parts)) <= _CHUNK, "iteration")
        same(b"", await reader.read(5), "the end")
        for at, size in ((0, 3), (_CHUNK - 2, 4), (3 * _CHUNK, _CHUNK + 1), (len(data) - 1, 9)):
            reader.seek(at)
            holds(await reader.read(size) == data[at : at + size], f"{size} from {at}")
        reader.seek(len(data) + 5)
        same(b"", await reader.read(), "behind the end")


def _of(artifact: Any) -> tuple[Any, ...]:
    return artifact.version, artifact.size, artifact.digest, artifact.media_type


@required_by(_GROUP, capability="streams")
async def byte_artifacts_have_versions(store: Any) -> None:
    """Versions are listed and deleted one by one; expected_version names the newest."""
    await store.save(session("s"))
    same(None, await _read(store, "s", "a"), "there is none")
    same((), await store.list_bytes("s"), "none is listed")
    same(0, await store.delete_bytes("s", "a"), "none is deleted")
    for text in (b"one", b"two", b"three"):
        await store.put_bytes("s", "a", text, media_type="text/plain")
    await store.put_bytes("s", "ab", b"other", media_type="text/plain", expected_version=0)
    for expected in (0, 2, 4):
        error: Any = await raises(
            StaleItemError,
            f"{expected}",
            store.put_bytes,
            "s",
            "a",
            b"x",
            media_type="text/plain",
            expected_version=expected,
        )
        same((expected, 3), (error.expected, error.current), "the version found")
    listed = [(one.name, one.version) for one in await store.list_bytes("s")]
    same([("a", 1), ("a", 2), ("a", 3), ("ab", 1)], listed, "all")
    same(3, len(await store.list_bytes("s", "a")), "of a name")
    same(1, await store.delete_bytes("s", "a", 2), "one version")
    same(None, await _read(store, "s", "a", 2), "it is gone")
    same(
        (b"one", b"three"), (await _read(store, "s", "a", 1), await _read(store, "s", "a")), "rest"
    )
    same(2, await store.delete_bytes("s", "a"), "the others")
    same([("ab", 1)], [(one.name, one.version) for one in await store.list_bytes("s")], "left")
    same(b"other", await _read(store, "s", "ab"), "of another name")


@required_by(_GROUP, capability="streams")
async def a_byte_artifact_that_is_not_complete_is_not_there(store: Any) -> None:
    """Where the data raises, no version is made, and the ones before are unchanged."""
    await store.save(session("s"))
    await store.put_bytes("s", "a", b"before", media_type=_TYPE)

    async def failing() -> AsyncIterator[bytes]:
        yield _data(5 * _CHUNK)
        raise LookupError("no more")

    await raises(LookupError, "failing", store.put_bytes, "s", "a", failing(), media_type=_TYPE)
    same(1, len(await store.list_bytes("s")), "the versions")
    same(b"before", await _read(store, "s", "a"), "the newest")
    same((0, 0), (len(await store.streams()), await store.delete_streams("")), "no stream is seen")
    same(b"before", await _read(store, "s", "a"), "not deleted as a stream")


@required_by(_GROUP, capability="streams")
async def byte_artifacts_belong_to_their_session(store: Any) -> None:
    """They need a stored session, are deleted with it, and have commits of the kind `bytes`."""
    put = store.put_bytes
    await raises(SessionNotFoundError, "no session", put, "s", "a", b"x", media_type=_TYPE)
    for name in ("s", "t"):
        await store.save(session(name))
        await store.put_bytes(name, "a", _data(_CHUNK + 1), media_type=_TYPE)
    before = await store.load_snapshot("t")
    await store.delete_bytes("t", "a")
    same(before, await store.load_snapshot("t"), "the session")
    await store.put_bytes("t", "a", b"new", media_type=_TYPE)
    await store.delete("s")
    same((), await store.list_bytes("s"), "of the deleted one")
    await store.save(session("s"))
    same(None, await _read(store, "s", "a"), "of a new one")
    same(b"new", await _read(store, "t", "a"), "of another one")
    if keeps(store, "commit_log"):
        found = [(o.subject, o.op) for o in (await store.commits()).entries if o.kind == "bytes"]
        same([("s", "append"), ("t", "append"), ("t", "delete"), ("t", "append")], found, "the log")


@required_by(_GROUP, capability="streams")
async def wrong_arguments_of_byte_artifacts_are_refused(store: Any) -> None:
    """They raise before anything is written."""
    await store.save(session("s"))
    data: Any
    for name, data, media_type in (
        ("", b"x", _TYPE),
        ("a\0", b"x", _TYPE),
        ("a", "text", _TYPE),
        ("a", 5, _TYPE),
        ("a", _texts(), _TYPE),
        ("a", b"x", ""),
        ("a", b"x", "x" * 256),
        ("a", b"x", None),
        ("a", b"x", "text/plain\r\nSet-Cookie: a=b"),
        ("a", b"x", "text/plain\x7f"),
        ("a", b"x", "text/plain\u2028"),
        ("a", b"x", "text/\u00e9"),
    ):
        await raises(
            InvalidArgumentError, name, store.put_bytes, "s", name, data, media_type=media_type
        )
    same((), await store.list_bytes("s"), "nothing was written")


async def _texts() -> AsyncIterator[Any]:
    yield "text"


@required_by(_GROUP, capability="streams", reopens=True)
async def byte_artifacts_are_there_after_reopening(store: Any, maker: Any) -> None:
    """A durable store has its byte artifacts after it was closed."""
    if not keeps(store, "durable"):
        return
    await store.save(session("s"))
    made = await store.put_bytes("s", "a", _data(5 * _CHUNK + 7), media_type=_TYPE)
    again = await maker.reopen()
    same((made,), await again.list_bytes("s"), "the list")
    holds(await _read(again, "s", "a") == _data(5 * _CHUNK + 7), "the bytes")
