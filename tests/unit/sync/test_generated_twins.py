"""Each shape of method of an async store gets a blocking twin that type checkers understand."""

from __future__ import annotations

import ast
import asyncio
import inspect
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore, SyncSessionStore
from a3s_store.errors import InvalidArgumentError
from a3s_store.sync.event_loop import LoopThread, lease
from tests.unit.sync.sample_store import SampleStore
from tools import sync_face

TEXT = sync_face.text(SampleStore, "SyncStore")


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    token = object()
    found = lease(token)
    yield found
    found.release(token)


@pytest.fixture
def store(loop: LoopThread) -> Any:
    names: dict[str, Any] = {"__name__": "twins"}
    exec(compile(TEXT, "twins", "exec"), names)
    return names["SyncSampleStore"](SampleStore(), loop)


def test_a_block_with_a_unit_applies_it_at_its_end(store: Any) -> None:
    with store.transaction() as unit:
        unit.write("a")
        assert unit.load() == ""
    assert store.list() == ["a"]


def test_an_error_in_a_block_applies_nothing(store: Any) -> None:
    def fail() -> None:
        with store.transaction() as unit:
            unit.write("b")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert store.list() == [""]


def test_a_function_is_called_on_the_callers_thread_and_may_call_the_unit(store: Any) -> None:
    def step(unit: Any) -> object:
        assert unit.load() == ""
        unit.write("x")
        return threading.get_ident()

    assert store.run_transaction(step, retries=1) == threading.get_ident()
    assert store.list() == ["x"]


@pytest.mark.parametrize("error", [KeyError, StopIteration, KeyboardInterrupt])
def test_an_error_of_a_function_applies_nothing(store: Any, error: type[BaseException]) -> None:
    def step(unit: Any) -> None:
        unit.write("x")
        raise error

    expected: Any = (error, Exception) if error is StopIteration else error
    with pytest.raises(expected):
        store.run_transaction(step)
    assert store.list() == [""]


def test_parts_are_taken_on_the_callers_thread(store: Any) -> None:
    threads: set[int] = set()

    def parts() -> Iterator[bytes]:
        for part in (b"ab", b"c"):
            threads.add(threading.get_ident())
            assert store.list() == [""], "the iterable may use the store"
            yield part

    assert store.put(parts()) == 3
    assert threads == {threading.get_ident()}
    assert store.put(b"four") == 4


def test_returned_objects_and_blocks_have_twins(store: Any) -> None:
    found = store.find("abc")
    assert (found.size, found.read(2), found.read(2)) == (3, b"ab", b"c")
    assert store.find("") is None
    with store.opened("abc") as reader:
        assert reader.read(1) == b"a"
    assert reader.read(9) == b"closed"
    with store.reading("abc") as reader:
        assert reader.read(1) == b"a"
    assert reader.read(9) == b"closed"


def test_an_object_for_async_for_is_one_for_for(store: Any) -> None:
    with store.opened("abc") as reader:
        assert next(iter(reader)) == b"a"
        assert list(reader) == [b"b", b"c"]
        assert list(reader) == []


def test_an_async_function_is_refused_and_applies_nothing(store: Any) -> None:
    async def step(unit: Any) -> None:
        unit.write("x")

    for given in (step, lambda unit: step(unit)):
        with pytest.raises(InvalidArgumentError, match="async"):
            store.run_transaction(given)
    assert store.list() == [""]


def test_an_iteration_returns_all_items_before_an_error(store: Any) -> None:
    for page in (1, 2, 3, 9):
        items = store.pages(page=page)
        assert [next(items), next(items), next(items)] == [0, 1, 2]
        with pytest.raises(LookupError):
            next(items)


def test_the_twins_of_the_sample_are_typed(tmp_path: Path) -> None:
    (tmp_path / "twins.py").write_text(TEXT, encoding="utf-8")
    checked = tmp_path / "uses_twins.py"
    checked.write_text(
        "from typing import assert_type\n"
        "from twins import SyncReader, SyncSampleStore, SyncUnit\n"
        "def step(unit: SyncUnit) -> int:\n"
        "    return len(unit.load())\n"
        "def use(store: SyncSampleStore) -> None:\n"
        "    assert_type(store.run_transaction(step), int)\n"
        "    assert_type(store.find('a'), SyncReader | None)\n"
        "    assert_type(store.put([b'a']), int)\n"
        "    assert_type(store.names(), list[str])\n"
        "    with store.opened('a') as one, store.reading('a') as two:\n"
        "        assert_type([part for part in one], list[bytes])\n"
        "        assert_type(one, SyncReader)\n"
        "        assert_type(two, SyncReader)\n"
        "    with store.transaction() as unit:\n"
        "        assert_type(unit, SyncUnit)\n",
        encoding="utf-8",
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "uses_twins.py"],
        cwd=tmp_path,
        env={"MYPYPATH": f"{root}:{tmp_path}", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_method_of_the_store_has_a_twin() -> None:
    missing = {n for n in dir(SqliteSessionStore) if n[0] != "_"} - {*dir(SyncSessionStore)}
    assert missing == set()
    left_async = [
        name
        for name in dir(SyncSessionStore)
        if name[0] != "_" and asyncio.iscoroutinefunction(getattr(SyncSessionStore, name))
    ]
    assert left_async == []


def test_twins_have_every_public_attribute_of_their_objects() -> None:
    """Also those that only `__init__` sets."""
    from a3s_store.core.streams.byte_artifacts import BytesReader
    from a3s_store.core.streams.handle import Stream
    from a3s_store.sync._generated import store as twins

    for source, twin in ((Stream, twins.SyncStream), (BytesReader, twins.SyncBytesReader)):
        tree = [ast.parse(textwrap.dedent(inspect.getsource(one))) for one in source.__mro__[:-1]]
        names = {
            one.attr
            for part in tree
            for one in ast.walk(part)
            if isinstance(one, ast.Attribute)
            and isinstance(one.ctx, ast.Store)
            and isinstance(one.value, ast.Name)
            and one.value.id == "self"
        }
        public = {one for one in names if not one.startswith("_")}
        assert public
        assert [one for one in public if not hasattr(twin, one)] == []
