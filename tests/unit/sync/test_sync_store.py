"""`SyncSessionStore`: threads, interrupts, exits and forks of the programs that use it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore, SyncSessionStore, connect
from a3s_store.agent_memory import MemoryItem
from a3s_store.errors import (
    EncodeError,
    EventLoopRunningError,
    InvalidArgumentError,
    NotOpenedError,
    StoreClosedError,
    StoreUnavailableError,
    UnsupportedError,
)
from a3s_store.models import Message, SessionData
from a3s_store.testing.samples import session
from tests.programs import ROOT, output_of, running


def talk(session_id: str, count: int) -> SessionData:
    messages = tuple(Message.user(f"message {number}") for number in range(count))
    return session(session_id).evolve(messages=messages)


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("a3s-store")]


def test_a_store_is_used_without_a_loop(tmp_path: Path) -> None:
    with SyncSessionStore.open(tmp_path / "a.a3s", durability="normal") as store:
        store.save(talk("s", 3))
        found = store.load("s")
        assert found is not None
        assert len(found.messages) == 3
        assert store.list() == ["s"]
        assert [one.seq for one in store.iter_messages("s", page=2)] == [0, 1, 2]
        assert store.path == tmp_path / "a.a3s"
        assert not store.capabilities().durable
        memories = store.memories("s")
        memories.store(MemoryItem.new("indent with tabs"))
        assert memories.of_session().count() == 1
        assert [one.content for one in memories.search("tabs", 5)] == ["indent with tabs"]
    with pytest.raises(StoreClosedError):
        store.load("s")
    with pytest.raises(StoreClosedError), store:
        pass
    store.close()


def test_the_reader_of_a_byte_artifact_is_iterated(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1025
    with SyncSessionStore.open(tmp_path / "a.a3s") as store:
        store.save(session("s"))
        made = store.put_bytes("s", "f", data, media_type="text/plain")
        with store.open_bytes("s", "f") as reader:
            assert reader is not None
            assert reader.artifact == made
            assert [len(part) for part in reader] == [256 * 1024, 256]


def test_the_thread_ends_with_the_last_store(tmp_path: Path) -> None:
    assert threads() == []
    first = SyncSessionStore.open(tmp_path / "a.a3s")
    second = SyncSessionStore.open(tmp_path / "b.a3s")
    assert threads().count("a3s-store-sync") == 1
    first.close()
    assert "a3s-store-sync" in threads()
    assert second.list() == []
    with pytest.raises(StoreClosedError):
        first.list()
    second.close()
    assert threads() == []


def test_an_opening_that_fails_leaves_no_thread(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        SyncSessionStore.open(tmp_path / "missing" / "a.a3s")
    for wrong in ({"durability": "no"}, {"log_rows": 0}):
        with pytest.raises(InvalidArgumentError):
            SyncSessionStore.open(tmp_path / "a.a3s", **wrong)
    assert threads() == []


def test_a_dropped_store_ends_its_thread(tmp_path: Path) -> None:
    stores = [SyncSessionStore.open(tmp_path / "a.a3s")]
    stores[0].save(talk("s", 1))

    def drop() -> None:
        stores.clear()
        gc.collect()

    with pytest.warns(ResourceWarning):
        drop()
    until = time.monotonic() + 20
    while threads() and time.monotonic() < until:
        time.sleep(0.01)
    assert threads() == []


def test_the_class_is_not_called() -> None:
    with pytest.raises(NotOpenedError):
        SyncSessionStore("a.a3s", None)  # type: ignore[arg-type]


def test_inside_a_running_loop_every_call_names_the_async_store(tmp_path: Path) -> None:
    store = SyncSessionStore.open(tmp_path / "a.a3s")

    async def inside() -> None:
        for call in (
            lambda: store.save(talk("s", 1)),
            lambda: next(store.iter_messages("s")),
            lambda: next(store.watch()),
            store.close,
            lambda: SyncSessionStore.open(tmp_path / "b.a3s"),
        ):
            with pytest.raises(EventLoopRunningError, match="SqliteSessionStore"):
                call()
        await asyncio.to_thread(store.save, talk("t", 1))

    asyncio.run(inside())
    assert store.list() == ["t"]
    assert not (tmp_path / "b.a3s").exists()
    store.close()


def test_a_hook_that_calls_the_store_is_refused(tmp_path: Path) -> None:
    stores: list[SyncSessionStore] = []

    def redact(text: str) -> str:
        stores[0].list()
        return text

    with SyncSessionStore.open(tmp_path / "a.a3s", redact=redact) as store:
        stores.append(store)
        with pytest.raises(EncodeError, match="EventLoopRunningError"):
            store.save(talk("s", 1))
        assert store.list() == []


def test_many_threads_share_a_store(tmp_path: Path) -> None:
    """Like a WSGI server: a thread for each request, sessions of their own and one in common."""
    with SyncSessionStore.open(tmp_path / "a.a3s") as store:
        store.save(talk("common", 0))

        def request(number: int) -> int:
            store.save(talk(f"s{number}", 2))
            store.append("common", [Message.user(f"from {number}")])
            found = store.load(f"s{number}")
            assert found is not None
            return len(found.messages)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert list(pool.map(request, range(40))) == [2] * 40
        said = {one.message.text for one in store.iter_messages("common")}
        assert said == {f"from {number}" for number in range(40)}
        assert len(store.list()) == 41


def test_closing_in_one_thread_ends_a_watch_in_another(tmp_path: Path) -> None:
    store = SyncSessionStore.open(tmp_path / "a.a3s")
    seen: list[Any] = []
    watching = threading.Thread(target=lambda: seen.extend(store.watch(after=0)))
    watching.start()
    store.save(talk("s", 1))
    until = time.monotonic() + 20
    while not seen and time.monotonic() < until:
        time.sleep(0.01)
    store.close()
    watching.join(20)
    assert not watching.is_alive()
    assert [one.subject for one in seen] == ["s"]


def test_an_iteration_is_left_early_and_collected_anywhere(tmp_path: Path) -> None:
    with SyncSessionStore.open(tmp_path / "a.a3s") as store:
        store.save(talk("s", 5))
        for one in store.iter_messages("s", page=2):
            if one.seq == 2:
                break
        left = store.iter_messages("s", page=2)
        next(left)

        async def collect() -> None:
            nonlocal left
            del left
            gc.collect()

        asyncio.run(collect())
        assert store.list() == ["s"]
        unfinished = store.iter_messages("s", page=1)
        next(unfinished)
    unfinished.close()  # type: ignore[attr-defined]


def test_a_hook_that_exits_ends_its_call_and_no_other(tmp_path: Path) -> None:
    def redact(text: str) -> str:
        if text == "exit":
            raise SystemExit(3)
        return text

    with SyncSessionStore.open(tmp_path / "a.a3s", redact=redact) as store:
        with pytest.raises(SystemExit):
            store.save(session("s").evolve(messages=(Message.user("exit"),)))
        store.save(talk("t", 1))
        assert store.list() == ["t"]


def test_context_variables_reach_the_hooks(tmp_path: Path) -> None:
    import contextvars

    user = contextvars.ContextVar("user", default="no one")

    def redact(text: str) -> str:
        return text.replace("me", user.get())

    with SyncSessionStore.open(tmp_path / "a.a3s", redact=redact) as store:
        user.set("alice")
        store.save(session("s").evolve(messages=(Message.user("it is me"),)))
        found = store.load("s")
        assert found is not None
        assert found.messages[0].text == "it is alice"


def test_an_accepted_write_that_is_interrupted_has_ended_before_the_exception(
    tmp_path: Path,
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with SyncSessionStore.open(tmp_path / "a.a3s") as store:
        stream = store.stream("log")
        stream.append(0)
        writer: Any = store._async._engine.writer
        goes_on, is_held = threading.Event(), threading.Event()

        def hold(_: Any) -> None:
            is_held.set()
            assert goes_on.wait(20)

        store._loop._loop.call_soon_threadsafe(writer.run_later, hold)
        assert is_held.wait(20)

        def disturb() -> None:
            while not (calls := tuple(store._loop._calls)) or writer._queue._arrived.empty():
                time.sleep(0.001)
            calls[0].inbox.put(interrupt)
            time.sleep(0.3)  # a caller that does not wait goes on meanwhile
            goes_on.set()

        other = threading.Thread(target=disturb)
        other.start()
        with pytest.raises(KeyboardInterrupt):
            stream.append(1)
        had_gone_on = goes_on.is_set()
        other.join(20)
        assert had_gone_on
        assert [item.value for item in stream.items()] == [0, 1]


# -- Real processes -------------------------------------------------------------------------------

INTERRUPTED = """
import random, signal, sys, time
from a3s_store import SyncSessionStore
from a3s_store.models import Message, SessionData

rounds, path = int(sys.argv[1]), sys.argv[2]
messages = [Message.user("text " * 50)] * 20
store = SyncSessionStore.open(path, durability="normal")
signal.signal(signal.SIGALRM, signal.default_int_handler)
sys.unraisablehook = lambda _: None  # an interrupt inside a callback is dropped
saved, interrupted = [], 0
for number in range(rounds):
    session = SessionData(id=f"s{number}", messages=messages, created_at=1, updated_at=1)
    wait = random.uniform(0, 0.004)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(wait, 1e-5))
        store.save(session)
        saved.append(session.id)
        time.sleep(0.05)
    except KeyboardInterrupt:
        interrupted += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    found = store.load(session.id)
    assert found is None or len(found.messages) == 20, number
store.close()
with SyncSessionStore.open(path) as store:
    lengths = {len(store.load(name).messages) for name in store.list()}
    assert {*saved} <= {*store.list()}, "an acknowledged save is there"
print(lengths == {20}, interrupted > 0, saved != [])
"""


def test_saves_that_ctrl_c_interrupts_are_whole_or_not_made(tmp_path: Path) -> None:
    """The signal is a timer's, with the handler of SIGINT: it comes at random moments of a save."""
    path = tmp_path / "a.a3s"
    assert output_of(INTERRUPTED, 150, path) == "True True True\n"
    with SyncSessionStore.open(path) as store:
        report = store.verify(depth="deep")
        assert report.ok, report


WAITS = """
import sys
from a3s_store import SyncSessionStore
from a3s_store.models import Message, SessionData

store = SyncSessionStore.open(sys.argv[1])
store.save(SessionData(id="s", messages=[Message.user("a")], created_at=1, updated_at=1))
print("ready", flush=True)
try:
    for commit in store.watch():
        pass
except KeyboardInterrupt:
    print("interrupted", store.list(), flush=True)
"""


def test_ctrl_c_ends_a_wait_and_the_store_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    with running(WAITS.replace("sys.argv[1]", repr(str(path)))) as (process, said):
        assert said == "ready"
        time.sleep(0.2)  # until the watch waits; earlier it is interrupted at its beginning
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "interrupted ['s']\n")
    assert [one.name for one in tmp_path.iterdir()] == ["a.a3s"], "closed at exit"


ENDS = """
import sys, threading
from a3s_store import SyncSessionStore
from a3s_store.models import Message, SessionData

stores = [SyncSessionStore.open(f"{sys.argv[1]}/{name}.a3s") for name in "ab"]
for store in stores:
    store.save(SessionData(id="s", messages=[Message.user("a")], created_at=1, updated_at=1))
watch = stores[0].watch()
watching = threading.Thread(target=lambda: list(watch), daemon=True)
watching.start()
ENDING
"""


@pytest.mark.parametrize(
    ("ending", "code"),
    [("", 0), ("sys.exit(3)", 3), ("raise SystemExit(4)", 4), ("import os; os._exit(5)", 5)],
)
def test_a_process_that_ends_without_closing_loses_nothing(
    tmp_path: Path, ending: str, code: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ENDS.replace("ENDING", ending), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
    if code != 5:  # it ended before anything could be closed
        assert sorted(one.name for one in tmp_path.iterdir()) == ["a.a3s", "b.a3s"]
    for name in "ab":
        with SyncSessionStore.open(tmp_path / f"{name}.a3s") as store:
            assert store.list() == ["s"]


FORKS = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, from 3.12 on
from a3s_store import SyncSessionStore
from a3s_store.errors import StoreForkedError
from a3s_store.models import Message, SessionData

store = SyncSessionStore.open(sys.argv[1])
made = SessionData(id="parent", messages=[Message.user("a")], created_at=1, updated_at=1)
store.save(made)
rows = store.iter_messages("parent")
child = os.fork()
if child == 0:
    code = 1
    try:
        for call in (store.list, lambda: store.save(made), lambda: next(rows), store.__enter__):
            try:
                call()
            except StoreForkedError:
                continue
            raise AssertionError("no error")
        store.close()  # nothing happens: it is the parent's
        with SyncSessionStore.open(sys.argv[1]) as own:
            own.save(made.evolve(id="child"))
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
print(store.list())
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_opens_a_store_of_its_own(tmp_path: Path) -> None:
    assert output_of(FORKS, tmp_path / "a.a3s") == "['child', 'parent']\n"


# -- connect --------------------------------------------------------------------------------------


def test_connect_opens_the_store_of_a_path(tmp_path: Path) -> None:
    async def use() -> None:
        async with connect(tmp_path / "a.a3s", durability="normal") as store:
            assert isinstance(store, SqliteSessionStore)
            assert not store.capabilities().durable

    asyncio.run(use())


@pytest.mark.parametrize("open_store", [connect, SyncSessionStore.open])
def test_urls_of_stores_that_do_not_exist_are_named_without_their_secrets(open_store: Any) -> None:
    for url in ("postgresql://me:secret@host/db", "postgres://host"):
        with pytest.raises(UnsupportedError, match="PostgreSQL") as found:
            open_store(url)
        assert "secret" not in str(found.value)
    with pytest.raises(InvalidArgumentError, match="mysql"):
        open_store("mysql://me:secret@host/db")
    with pytest.raises(InvalidArgumentError):
        open_store(3)
    assert threads() == []
