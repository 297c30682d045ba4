"""Images of a disk after a power cut, at any moment of a recording.

A `Disk` follows the operations of a recording (`shim`). At any moment it knows which changes are
durable and which are not synced; `images` draws from the possible images:

* changes before a sync of their file are on the disk; of those after it any part may be: each
  write whole, missing, or torn at sectors of 512 bytes, each truncation done or not, in any
  combination and in any order;
* a name that was made, moved or removed counts once its folder was synced; until then names may
  have got as far as any moment since, each folder for itself. With `names="file"` the sync of a
  file makes its own name durable too, as ext4 does;
* the changes of a failed sync never arrive, not even with a later sync (Linux marks their pages
  clean).

Not modelled: damage to sectors without a write (SQLite assumes power-safe overwrite), devices that
acknowledge a flush they did not do, and the wal-index: it is rebuilt, see `garbage_index`.
"""

from __future__ import annotations

import itertools
import posixpath
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import attrs

from tests.faults.harness.shim import Kind, Operation

SECTOR: Final = 512
# Their content is rebuilt, or there is none.
_WITHOUT_CONTENT: Final = ("-shm", "-queue")

# The content of each file by its name, relative to the folder.
Image = dict[str, bytes]
# A name that appeared (with its file) or was removed (None).
_Naming = tuple[str, "_File | None"]


@attrs.frozen(slots=True)
class Change:
    """A change of a file: bytes at an offset, or (None) a new size of `offset`."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        """Apply the change to the content."""
        if self.data is None:
            del content[self.offset :]
        if self.offset > len(content):
            content.extend(bytes(self.offset - len(content)))
        if self.data is not None:
            content[self.offset : self.offset + len(self.data)] = self.data


@attrs.define(eq=False, slots=True)
class _File:
    durable: bytearray = attrs.field(factory=bytearray)
    pending: list[Change] = attrs.field(factory=list)

    def sync(self) -> None:
        for change in self.pending:
            change.apply(self.durable)
        self.pending.clear()


# Which of the pending changes arrived: True, False, or the pieces that did.
_Arrived = Callable[[_File, int], bool | Sequence[Change]]


class Disk:
    """The durable content of a folder's files, and the changes that were not synced yet.

    `start` is the content of the folder when the recording began, all of it durable.
    """

    def __init__(
        self,
        folder: Path,
        start: Mapping[str, bytes] | None = None,
        *,
        names: Literal["folder", "file"] = "folder",
    ) -> None:
        self._folder = str(folder)
        self._with_file = names == "file"
        self._files: dict[int, _File] = {}  # by inode
        self._now = {name: _File(bytearray(raw)) for name, raw in (start or {}).items()}
        self._named: dict[str, _File] = dict(self._now)  # durably
        self._namings: list[Sequence[_Naming]] = []  # since the folder was synced

    def apply(self, operation: Operation) -> bool:
        """Follow one operation; return whether a power cut may leave other images than before."""
        name = self._name(operation.path)
        if name is None or name.endswith(_WITHOUT_CONTENT) or operation.is_marks:
            return False
        kind = operation.kind
        if kind in (Kind.UNLINK, Kind.RENAME, Kind.LINK):
            return self._rename(kind, name, self._name(operation.to))
        if operation.is_folder:
            return kind is Kind.SYNC and self._sync_folder(name)
        if kind is Kind.OPEN:
            if name in self._now:
                self._files[operation.file] = self._now[name]
            return False
        if kind is Kind.CREATE:
            self._files[operation.file] = self._now[name] = _File()
            self._namings.append([(name, self._now[name])])
            return True
        file = self._files.get(operation.file)
        if file is None:
            return False  # MKDIR and RMDIR: an image has the folders that its files are in
        if kind is Kind.WRITE:
            file.pending.append(Change(operation.offset, operation.data))
        elif kind is Kind.CUT:
            file.pending.append(Change(operation.offset, None))
        elif kind is Kind.SYNC_FAILED:
            file.pending.clear()
        elif kind is Kind.SYNC:
            self._sync(file)
        return True

    def images(self, chance: random.Random, want: int) -> Iterator[Image]:
        """Up to `want` of the possible images; the extremes are among the first.

        Some may be equal. The choice depends on `chance` alone.
        """
        return itertools.islice(self._drawn(chance), want)

    def _drawn(self, chance: random.Random) -> Iterator[Image]:
        last = len(self._namings)
        current, durable = self._names(last), self._names(0)
        yield _image(current, _all)
        if not last and not any(file.pending for file in current.values()):
            return  # all is durable: there is one image
        yield _image(current, _none)
        extremes = self._extremes(current, durable)
        while True:
            yield from itertools.islice(extremes, 1)
            names = current
            if last and chance.random() < 0.4:
                names = self._names(chance.randrange(last + 1))
            yield _image(names, _random(names, chance))

    def _extremes(
        self, current: Mapping[str, _File], durable: Mapping[str, _File]
    ) -> Iterator[Image]:
        if self._namings:
            yield _image(durable, _none)
            yield _image(durable, _all)
        changed = [file for file in current.values() if file.pending]
        if len(changed) > 1:
            for only in changed:
                yield _image(current, _of(only))
                yield _image(current, _but(only))
        for count in range(1, len(self._namings)):
            yield _image(self._names(count), _all)

    def _names(self, count: int) -> dict[str, _File]:
        """The names of files if so many of the changes since the folder's sync are durable."""
        names = dict(self._named)
        for naming in self._namings[:count]:
            _give(names, naming)
        return names

    def _rename(self, kind: Kind, name: str, to: str | None) -> bool:
        naming: list[_Naming] = []
        if kind is not Kind.LINK:
            naming.append((name, None))
        if kind is not Kind.UNLINK and to is not None and name in self._now:
            naming.append((to, self._now[name]))
        _give(self._now, naming)
        self._namings.append(naming)
        return True

    def _sync(self, file: _File) -> None:
        file.sync()
        if not self._with_file:
            return
        for naming in [each for each in self._namings if each[-1][1] is file]:
            _give(self._named, naming)
            # Earlier changes of this name are superseded: they must not be applied later.
            names = {name for name, _ in naming}
            until = self._namings.index(naming)
            self._namings[: until + 1] = [
                each
                for each in self._namings[:until]
                if not names.issuperset(name for name, _ in each)
            ]

    def _sync_folder(self, folder: str) -> bool:
        # For a file that moves between folders, the new folder decides.
        here = [
            each for each in self._namings if posixpath.dirname(each[-1][0]) == folder.strip(".")
        ]
        for naming in here:
            _give(self._named, naming)
            self._namings.remove(naming)
        return bool(here)

    def _name(self, path: str) -> str | None:
        if path == self._folder:
            return "."
        inside = path.removeprefix(self._folder + "/")
        return None if inside == path else inside


def write(image: Image, folder: Path) -> None:
    """Write an image to an empty folder."""
    for name, content in image.items():
        target = folder / name
        if "/" in name:
            target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o600)


def garbage_index(chance: random.Random) -> bytes:
    """Random bytes for a wal-index."""
    return chance.randbytes(32768)


def torn(change: Change, chance: random.Random) -> list[Change] | None:
    """Some of the sectors of a write, not all and perhaps none; None where there is only one."""
    if change.data is None:
        return None
    end = change.offset + len(change.data)
    inner = range((change.offset // SECTOR + 1) * SECTOR, end, SECTOR)
    if not inner:
        return None
    edges = [change.offset, *inner, end]
    pieces = [
        Change(first, change.data[first - change.offset : second - change.offset])
        for first, second in itertools.pairwise(edges)
    ]
    way = chance.random()
    if way < 0.4:
        return pieces[: chance.randrange(1, len(pieces))]
    if way < 0.6:
        return pieces[chance.randrange(1, len(pieces)) :]
    some = [piece for piece in pieces if chance.random() < 0.5]
    return some if len(some) < len(pieces) else some[1:]


def _give(names: dict[str, _File], naming: Sequence[_Naming]) -> None:
    for name, file in naming:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def _image(names: Mapping[str, _File], arrived: _Arrived) -> Image:
    image: Image = {}
    for name, file in names.items():
        if not file.pending:
            image[name] = bytes(file.durable)
            continue
        content = bytearray(file.durable)
        for index, change in enumerate(file.pending):
            part = arrived(file, index)
            if part is True:
                change.apply(content)
            elif part:
                for piece in part:
                    piece.apply(content)
        image[name] = bytes(content)
    return image


def _all(file: _File, index: int) -> bool:
    return True


def _none(file: _File, index: int) -> bool:
    return False


def _of(only: _File) -> _Arrived:
    return lambda file, index: file is only


def _but(other: _File) -> _Arrived:
    return lambda file, index: file is not other


def _random(names: Mapping[str, _File], chance: random.Random) -> _Arrived:
    """One of the ways in which some pending changes arrive."""
    pending = [
        (file, index)
        for file in dict.fromkeys(names.values())
        for index in range(len(file.pending))
    ]
    if not pending:
        return _all
    way = chance.random()
    position = chance.randrange(len(pending))
    victim = pending[position]
    pieces = torn(victim[0].pending[victim[1]], chance)
    if way < 0.2:  # one is missing
        return lambda file, index: (file, index) != victim
    if way < 0.3:  # one alone
        return lambda file, index: (file, index) == victim
    if way < 0.5:  # one is torn
        return lambda file, index: (pieces or False) if (file, index) == victim else True
    if way < 0.65:  # all up to one, which is torn
        before = set(pending[:position])
        return lambda file, index: (
            (pieces or False) if (file, index) == victim else (file, index) in before
        )
    most = chance.choice((0.15, 0.5, 0.85))  # any of them, some torn

    def some(file: _File, index: int) -> bool | Sequence[Change]:
        drawn = chance.random()
        if drawn < most:
            return True
        return (torn(file.pending[index], chance) or False) if drawn < most + 0.07 else False

    return some
