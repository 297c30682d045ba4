"""Common mistakes at opening a store: the error says what to write instead."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from a3s_store import FileSessionStore, SessionSnapshot, SqliteSessionStore
from a3s_store.errors import NoEventLoopError, NotOpenedError, StoreError, UnknownFieldError
from a3s_store.models import Message, SessionConfig, SessionData
from tests.support import session

STORES: list[Any] = [SqliteSessionStore, FileSessionStore]


@pytest.mark.parametrize("cls", STORES)
def test_a_store_that_is_constructed_of_a_path_says_open(cls: Any, tmp_path: Path) -> None:
    for given in (str(tmp_path / "x"), tmp_path / "x"):
        with pytest.raises(NotOpenedError, match=rf"async with {cls.__name__}\.open\(path\)"):
            cls(given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cls", STORES)
def test_an_opening_that_is_used_says_await_and_async_with(cls: Any, tmp_path: Path) -> None:
    opening = cls.open(tmp_path / "x")
    with pytest.raises(NotOpenedError, match=r"has no 'list'.*await .*async with"):
        opening.list  # noqa: B018
    with pytest.raises(NotOpenedError, match="plain `with`"), opening:
        pass
    assert not hasattr(opening, "save")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cls", STORES)
def test_without_an_asyncio_loop_opening_says_so(cls: Any, tmp_path: Path) -> None:
    async def enter() -> None:
        async with cls.open(tmp_path / "x"):
            pass

    async def wait() -> None:
        await cls.open(tmp_path / "x")

    for use in (enter, wait):
        coroutine = use()
        with pytest.raises(NoEventLoopError, match=r"asyncio\.run") as caught:
            coroutine.send(None)  # as another library's loop would
        assert isinstance(caught.value, StoreError)
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.__context__ is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(importlib.util.find_spec("trio") is None, reason="trio is not installed")
def test_under_trio_opening_says_so(tmp_path: Path) -> None:
    program = f"""
import trio
from a3s_store import SqliteSessionStore, errors

async def main():
    try:
        await SqliteSessionStore.open({str(tmp_path / "x")!r})
    except errors.NoEventLoopError as error:
        print(error)

trio.run(main)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "trio" in done.stdout, done.stderr


def test_opening_in_a_loop_is_as_ever(tmp_path: Path) -> None:
    async def main() -> list[str]:
        opening = SqliteSessionStore.open(tmp_path / "x")
        store = await opening
        await store.save(session())
        await store.close()
        async with SqliteSessionStore.open(tmp_path / "x") as store:
            return await store.list()

    assert asyncio.run(main()) == ["fix-login"]


def test_evolve_names_the_fields_that_are_like_an_unknown_one() -> None:
    given = SessionData(id="s", created_at=0, updated_at=0)
    cases: list[tuple[Any, str, str]] = [
        (given, "mesages", "'messages'"),
        (given, "update_at", "'updated_at'"),
        (SessionConfig(), "Name", "'name'"),
        (SessionSnapshot(session=given), "artefacts", "'artifacts'"),
        (Message.user("x"), "qqq", "role"),
    ]
    for value, name, near in cases:
        with pytest.raises(UnknownFieldError, match=near) as caught:
            value.evolve(**{name: None})
        assert caught.value.fields == (name,)
        assert isinstance(caught.value, TypeError)
        assert f"{type(value).__name__} has no field '{name}'" in str(caught.value)
    with pytest.raises(UnknownFieldError) as caught:
        given.evolve(titel="x", state=None, nmae="y")  # type: ignore[arg-type, call-arg]
    assert caught.value.fields == ("titel", "nmae")
