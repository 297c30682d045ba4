"""Agent memory in upstream's file: one item in JSON a line, rewritten by each change.

Invariants: 1. the file is never open for writing under its own name: a change is written and synced
to another file, which is then renamed, so that after a kill the file is old or new; 2. results are
those of the file: when a change fails, neither has changed; 3. a change that was started runs to
its end even if its caller is cancelled, and changes are made in the order of the calls; 4. no file
operation runs on the event loop. Upstream: `FileStore` (runtime 8).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from a3s_store.agent_memory.item import MemoryItem, check_item, redacted, unfit
from a3s_store.agent_memory.protocol import (
    InMemoryMemoryStore,
    Rank,
    RankedSearches,
    Searchable,
)
from a3s_store.core.clock import Clock, system_clock
from a3s_store.core.collections import check_id
from a3s_store.core.new_files import sweep, sync_folder, temporary_name, write_new
from a3s_store.core.redaction.redactor import Redact, Redactor
from a3s_store.errors import (
    DecodeError,
    InvalidIdError,
    NotAStoreError,
    StoreFullError,
    StoreUnavailableError,
    during,
)
from a3s_store.wire import compact, decode, encode, parse

# The largest file that is read, as in upstream's documents.
MAX_BYTES: Final = 256 * 1024 * 1024
_MODEL: Final = "MemoryItem"
# Both are 0 on systems without them.
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)


def from_lines(data: bytes) -> tuple[MemoryItem, ...]:
    """Return the items in the content of a file, in its order; blank lines are skipped.

    Of several items with one id the last counts, in the place of the first.

    Raises:
        DecodeError: a line is no item; `where` has its number, from 1.
    """
    found: dict[str, MemoryItem] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            item = _item(line, number)
            found[item.id] = item
    return tuple(found.values())


def _item(line: bytes, number: int) -> MemoryItem:
    where = f"line {number}"
    try:
        item = decode(MemoryItem, parse(line, model=_MODEL))
        check_id(item.id, "memory id")
    except DecodeError as error:
        raise error.locate("", where) from None
    except InvalidIdError as error:
        raise DecodeError(error.what, model=_MODEL, path="id", where=where) from None
    what = unfit(item)
    if what is not None:
        raise DecodeError(what, model=_MODEL, path="metadata", where=where)
    return item


def to_lines(items: Iterable[MemoryItem]) -> bytes:
    """Return the content of a file with these items, each followed by a line feed.

    Raises:
        InvalidIdError, EncodeError: an item cannot be stored (see `check_item`).
    """
    lines = []
    for item in items:
        check_item(item)
        lines.append(compact(encode(item)) + b"\n")
    return b"".join(lines)


def read_items(path: str | PathLike[str]) -> tuple[MemoryItem, ...]:
    """Return the items of a file; none without a file. This call blocks.

    Raises:
        DecodeError: a line is no item, or the file is larger than 256 MiB.
        NotAStoreError: the path is no regular file.
        StoreUnavailableError: it cannot be read.
    """
    with during("read memories", os.fspath(path)):
        data = _read(Path(path))
        try:
            return from_lines(data)
        except DecodeError as error:
            raise _in_file(error, path) from None


def write_items(path: str | PathLike[str], items: Iterable[MemoryItem]) -> None:
    """Replace the content of a file by these items; its mode is 0600. This call blocks.

    The folder must exist. When this raises, the file is unchanged. A killed process leaves a file
    that ends in `.tmp`; the next `JsonlMemoryStore` that is opened on the file removes it.

    Raises:
        InvalidIdError, EncodeError: an item cannot be stored.
        StoreFullError: the content is larger than 256 MiB, or the disk is full.
        StoreUnavailableError: the file cannot be written.
    """
    with during("write memories", os.fspath(path)):
        data = to_lines(items)
        if len(data) > MAX_BYTES:
            # The next reader would refuse the whole file.
            raise StoreFullError(
                f"exceeds the {MAX_BYTES} byte limit", hint="Delete memories, or use another store"
            )
        _replace(Path(path), data)


def _in_file(error: DecodeError, path: str | PathLike[str]) -> DecodeError:
    error.where = f"{error.where} of {os.fspath(path)}"
    return error


def _read(path: Path) -> bytes:
    try:
        # Non-blocking: opening a pipe in place of the file would block the thread for ever.
        descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | _BINARY)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise NotAStoreError("this is no regular file", hint="Name a file")
        if info.st_size > MAX_BYTES:
            raise DecodeError(f"exceeds the {MAX_BYTES} byte limit", model=_MODEL)
        return file.read(MAX_BYTES)


def _replace(path: Path, data: bytes) -> None:
    made = path.with_name(temporary_name(f".{path.name}"))
    try:
        write_new(made, data)
        made.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


class JsonlMemoryStore(RankedSearches):
    """A `MemoryStore` in one file, which is read when it is opened and rewritten by each change.

    Only one store may use the file: changes by another process are overwritten. For use from one
    event loop. Upstream: `FileStore`.
    """

    def __init__(
        self,
        path: Path,
        items: Sequence[MemoryItem],
        clock: Clock,
        redactor: Redactor | None = None,
    ) -> None:
        """Not for callers, who use `open`."""
        self._path = path
        self._redactor = redactor
        self._clock = clock
        self._kept = InMemoryMemoryStore(items, clock=clock)
        self._lock = asyncio.Lock()
        self._changes: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        path: str | PathLike[str],
        *,
        redact: Redact | None = None,
        clock: Clock = system_clock,
    ) -> JsonlMemoryStore:
        """Open the store in a file; the first change makes a missing file and its folders (0700).

        `redact` is applied to each text of a stored item, as in `SqliteSessionStore.open`. `clock`
        returns Unix milliseconds.

        Raises:
            DecodeError: a line is no item; the error has its number, and the file is unchanged.
            StoreUnavailableError: the file cannot be read, or a missing file cannot be made.
            NotAStoreError: the path is no regular file.
        """
        found = Path(path).absolute()
        redactor = None if redact is None else Redactor(redact)
        return cls(found, await asyncio.to_thread(_open, found), clock, redactor)

    def __repr__(self) -> str:
        return f"<JsonlMemoryStore {str(self._path)!r}>"

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    async def store(self, item: MemoryItem) -> None:
        """See `MemoryStore.store`. Also raises StoreFullError and StoreUnavailableError."""
        with during("store a memory", str(self._path)):
            made = redacted(item, self._redactor)
        await self._change(lambda items: items.update({made.id: made}))

    async def delete(self, item_id: str) -> None:
        """See `MemoryStore.delete`. Raises as `store`."""
        check_id(item_id, "memory id")
        await self._change(lambda items: items.pop(item_id, None))

    async def clear(self) -> None:
        """See `MemoryStore.clear`. Raises as `store`."""
        await self._change(lambda items: items.clear())

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """See `MemoryStore.retrieve`."""
        return await self._kept.retrieve(item_id)

    async def count(self) -> int:
        """See `MemoryStore.count`."""
        return await self._kept.count()

    async def _best(
        self, fits: Callable[[Searchable], bool], rank: Rank, limit: int
    ) -> tuple[MemoryItem, ...]:
        return await self._kept._best(fits, rank, limit)

    def _now_ms(self) -> int:
        return self._clock()

    async def _change(self, change: Callable[[dict[str, MemoryItem]], object]) -> None:
        """Make a change in a task of its own, so that a cancelled caller does not interrupt it."""
        task = asyncio.create_task(self._write(change))
        self._changes.add(task)
        task.add_done_callback(self._done)
        await asyncio.shield(task)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._changes.discard(task)
        if not task.cancelled():
            task.exception()  # the caller has it, unless the caller was cancelled

    async def _write(self, change: Callable[[dict[str, MemoryItem]], object]) -> None:
        async with self._lock:
            before = self._kept.items
            changed = {item.id: item for item in before}
            change(changed)
            after = tuple(changed.values())
            if after == before:
                return
            await asyncio.to_thread(_save, self._path, after)
            self._kept = InMemoryMemoryStore(after, clock=self._clock)


def _open(path: Path) -> tuple[MemoryItem, ...]:
    with during("open memories", str(path)):
        with contextlib.suppress(OSError):  # reading the file raises the error
            sweep(path.parent, alone=False, fits=lambda one: one.is_for(f".{path.name}"))
        found = read_items(path)
        if not found and not path.exists():
            folder = next(folder for folder in path.parents if folder.exists())
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                raise StoreUnavailableError(
                    "no file can be made there", hint="Choose a folder that you may write to"
                )
        return found


def _save(path: Path, items: tuple[MemoryItem, ...]) -> None:
    with during("write memories", str(path)):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_items(path, items)
