"""File names near the longest that a file system permits: SQLite appends suffixes to them."""

from __future__ import annotations

import asyncio
import gzip
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from a3s_store import resolve, restore, salvage
from a3s_store.backends.sqlite.format import file_copy, files_beside
from a3s_store.core.new_files import longest_name
from a3s_store.errors import StoreUnavailableError
from tests.support import session, with_store

FILES = Path(__file__).parents[3] / "compat" / "files"


def longest(folder: Path) -> int:
    """How many bytes a store's name may have."""
    return longest_name(folder) - len("-journal")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.a3s"
    with_store(path, lambda opened: opened.save(session()))
    return path


def _restored(source: Path, target: Path) -> None:
    restore(source, target)


def _salvaged(source: Path, target: Path) -> None:
    asyncio.run(salvage(source, target))


def _backed_up(source: Path, target: Path) -> None:
    with_store(source, lambda opened: opened.backup(target))


def _opened(source: Path, target: Path) -> None:
    with_store(target, lambda opened: opened.save(session()))


WAYS = [_opened, _backed_up, _salvaged, _restored]


@pytest.mark.parametrize("make", WAYS, ids=lambda way: way.__name__[1:])
def test_a_name_that_sqlites_files_cannot_add_to_is_refused_by_its_length(
    store: Path, make: Callable[[Path, Path], None]
) -> None:
    most = longest(store.parent)
    for length in (most + 1, most + 4, most + len("-journal"), most + 50):
        target = store.with_name("x" * length)
        with pytest.raises(StoreUnavailableError, match=rf"{length} bytes.* may have {most}"):
            make(store, target)
        assert list(store.parent.iterdir()) == [store]


@pytest.mark.parametrize("make", WAYS, ids=lambda way: way.__name__[1:])
def test_the_longest_name_works(store: Path, make: Callable[[Path, Path], None]) -> None:
    target = store.with_name("\u00fc" * (longest(store.parent) // 2) + "x")
    make(store, target)
    assert with_store(target, lambda opened: opened.list()) == ["fix-login"]


def test_names_set_aside_are_shortened_and_stay_apart(tmp_path: Path) -> None:
    most = longest(tmp_path)
    names = [tmp_path / (("x" * (most - 1)) + last) for last in "ab"]
    for suffix in (".replaced", ".schema-1.backup", ".rescued-1779100000000"):
        made = [files_beside.aside(name, suffix) for name in names]
        assert len(set(made)) == 2
        for one in made:
            assert one.name.endswith(suffix)
            file_copy.refuse_long(one.with_name(one.name + ".9999"))
    assert files_beside.aside(tmp_path / "agent.a3s", ".replaced").name == "agent.a3s.replaced"


def test_a_store_with_the_longest_name_is_replaced_and_migrated(tmp_path: Path) -> None:
    path = tmp_path / ("y" * longest(tmp_path))
    path.write_bytes(gzip.decompress(sorted(FILES.glob("schema-1-*.a3s.gz"))[0].read_bytes()))
    before = with_store(path, lambda opened: opened.list())
    (backup,) = [p for p in tmp_path.iterdir() if p.name.endswith(".backup")]
    source = tmp_path / "source.a3s"
    with_store(source, lambda opened: opened.save(session()))
    report = restore(source, path, replace=True)
    (kept,) = map(Path, report.replaced)
    assert kept.name.endswith(".replaced")
    assert with_store(path, lambda opened: opened.list()) == ["fix-login"]
    for copy in (kept, backup):
        assert with_store(copy, lambda opened: opened.list()) == before


KILLED = """
import asyncio, os, signal, sys
from a3s_store import SqliteSessionStore
from tests.support import session

async def main():
    store = await SqliteSessionStore.open(sys.argv[1])
    await store.save(session())
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_the_log_of_a_store_with_the_longest_name_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / ("z" * longest(tmp_path))
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    (kept,) = map(Path, resolve(path, "set-aside-wal").set_aside)
    assert kept.is_file()
    assert with_store(path, lambda opened: opened.list()) in ([], ["fix-login"])
