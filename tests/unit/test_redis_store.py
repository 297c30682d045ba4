"""The example store on Redis passes the conformance suite; each test starts its own server."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from a3s_store import SessionStore
from a3s_store.errors import StoreFullError, StoreReadOnlyError, StoreUnavailableError
from a3s_store.testing import conformance, samples

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "redis_store.py"
SERVER: Final = shutil.which("redis-server")

if SERVER is None:
    pytest.skip("redis-server is not installed", allow_module_level=True)
pytest.importorskip("redis", reason="redis-py is not installed")


class Server:
    """A Redis server on a socket, with its data in a folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.path = folder / "redis.sock"
        self.command = [
            *(str(SERVER), "--port", "0", "--unixsocket", str(self.path), "--save", ""),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always", *options),
        ]
        self.url = f"unix://{self.path}"
        self.start()

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self.listens():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.02)

    def listens(self) -> bool:
        """Return whether it has loaded its data and replies."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.path))
                client.sendall(b"PING\r\n")
                return client.recv(7) == b"+PONG\r\n"
            except OSError:
                return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(60)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="a3s-redis-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The example, imported as a module."""
    spec = importlib.util.spec_from_file_location("redis_store", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_has_less_than_200_lines() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 200


def test_it_conforms(example: ModuleType, server: Server) -> None:
    async def open_store(place: Path) -> SessionStore:
        store: SessionStore = await example.RedisStore.open(server.url, prefix=f"a3s:{place}")
        return store

    report = asyncio.run(conformance.run_conformance(open_store))
    assert report.ok, str(report)
    assert report.untested == ()
    passed = {one.check.capability for one in report.outcomes if one.status == "passed"}
    assert passed == {
        *(None, "atomic_session_snapshots", "aggregate_cas", "collections", "checkpoints"),
        *("durable", "shared_by_processes"),
    }


def test_what_was_acknowledged_is_there_after_the_server_was_killed(
    example: ModuleType, server: Server
) -> None:
    saved = samples.rich_snapshot("s")

    async def save() -> None:
        async with example.RedisStore.open(server.url) as store:
            assert store.capabilities().durable
            await store.save_snapshot(saved)

    async def look() -> Any:
        async with example.RedisStore.open(server.url) as store:
            return await store.load_snapshot("s")

    asyncio.run(save())
    server.stop(signal.SIGKILL)
    server.start()
    assert asyncio.run(look()) == saved


def test_a_server_that_may_lose_or_evict_is_not_durable(example: ModuleType, folder: Path) -> None:
    for number, options in enumerate(
        (("--appendfsync", "everysec"), ("--maxmemory-policy", "allkeys-lru"))
    ):
        place = folder / str(number)
        place.mkdir()
        made = Server(place, *options)

        async def promised(url: str = made.url) -> bool:
            async with example.RedisStore.open(url) as store:
                durable: bool = store.capabilities().durable
                return durable

        try:
            assert not asyncio.run(promised())
        finally:
            made.stop()


def test_failures_of_the_server_are_errors_of_ours(example: ModuleType, server: Server) -> None:
    async def main() -> None:
        async with example.RedisStore.open(server.url) as store:
            await store.save(samples.session("s"))
            for setting, value, kind in (
                ("maxmemory", "1", StoreFullError),
                ("replicaof", "127.0.0.1 1", StoreReadOnlyError),
            ):
                if setting == "replicaof":
                    await store._client.execute_command("REPLICAOF", *value.split())
                else:
                    await store._client.config_set(setting, value)
                with pytest.raises(kind) as caught:
                    await store.save(samples.session("s", ("more",)))
                assert caught.value.where == "session 's'"
                if setting == "maxmemory":
                    await store._client.config_set(setting, "0")
            server.stop(signal.SIGKILL)
            with pytest.raises(StoreUnavailableError):
                await store.load("s")
        with pytest.raises(StoreUnavailableError):
            await example.RedisStore.open(server.url)

    asyncio.run(main())


def test_a_tree_is_deleted_in_one_command(example: ModuleType, server: Server) -> None:
    async def main() -> None:
        async with example.RedisStore.open(server.url) as store:
            for one, parent in (("a", None), ("b", "a"), ("c", "b"), ("other", "x")):
                await store.save(samples.session(one, parent_id=parent))
                await store.save_loop_checkpoint(one, samples.loop_checkpoint(one, one))
            await store.delete("a", tree=True)
            assert await store.list() == ["other"]
            keys = sorted(await store._client.keys())
            assert keys == [
                *("a3s:loop_checkpoint", "a3s:loop_checkpoint:session"),
                *("a3s:owner:other", "a3s:owners", "a3s:sessions"),
            ]

    asyncio.run(main())
