"""Reports of maintenance: values to print, to compare, to send as JSON.

None of them holds message text. `as_json` of each is what the command line prints with `--json`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Literal, TypeVar

import attrs

from a3s_store._deprecated import warn
from a3s_store.errors import CorruptionError
from a3s_store.printable import Printable, one_line, short_repr

T = TypeVar("T")

# "quick" looks at the structure and at what is on record of each session, "deep" at every value.
Depth = Literal["quick", "deep"]


@attrs.frozen(kw_only=True)
class Damage:
    """One thing that is not what was written.

    `part` is the name of a collection, "messages", the kind of a checkpoint, or "file", "wal",
    "schema", "session", "config", "generation", "blob". `position` is the index in it from 0, None
    for all of it. `key` is the run or workflow id of a checkpoint. What
    concerns no session has `session_id` None.
    """

    part: str
    what: str
    session_id: str | None = None
    key: str | None = None
    position: int | None = None

    @property
    def family(self) -> str:
        """Deprecated: `part`."""
        warn("Damage.family", "Damage.part", stacklevel=2)
        return self.part

    def __str__(self) -> str:
        place = self.part if self.position is None else f"{self.part}[{self.position}]"
        owner = self.session_id if self.session_id is not None else self.key
        named = f"{place} of {short_repr(owner)}" if owner is not None else place
        return one_line(f"{named}: {self.what}")

    @classmethod
    def of(cls, error: CorruptionError, **where: Any) -> Damage:
        """The same as an error said it; `where` fills in what that does not know."""
        known = {
            "part": error.part or "file",
            "session_id": error.session_id,
            "position": error.position,
        }
        return cls(
            what=error.what, **{**where, **{k: v for k, v in known.items() if v is not None}}
        )


@attrs.frozen(kw_only=True)
class Recovered(Generic[T]):
    """What could be read of something damaged: `value` with what is whole, and what is not.

    `value` is None when nothing was saved under the id, or when not even that is certain; without
    `damage` it is the value that an ordinary load returns. Messages and other values that cannot be
    proven are left out; a session whose own row is damaged has the defaults in its place.
    """

    value: T | None
    damage: tuple[Damage, ...] = ()


class _Report(Printable):
    """The methods of every report."""

    __slots__ = ()

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints; the keys stay what they are until 1.0."""
        tree = attrs.asdict(self)  # type: ignore[arg-type]
        if "damage" in tree:
            tree["damage"] = [{"family": one.pop("part"), **one} for one in tree["damage"]]
        return tree


class _Finding(_Report, ABC):
    """A report that says whether all is well."""

    __slots__ = ()

    @property
    @abstractmethod
    def ok(self) -> bool:
        """Whether all is well."""

    def as_json(self) -> dict[str, Any]:
        """See `_Report.as_json`; first of all whether it is well."""
        return {"ok": self.ok, **super().as_json()}


@attrs.frozen(kw_only=True)
class VerifyReport(_Finding):
    """The result of `verify`. `seconds` is how long it took; counts are of what was looked at."""

    location: str
    depth: Depth
    sessions: int
    generations: int
    messages: int
    values: int  # of collections, checkpoints included
    blobs: int
    log_frames: int  # pages in the write-ahead log whose checksums were verified
    seconds: float
    damage: tuple[Damage, ...] = ()
    skipped: tuple[str, ...] = ()  # what could not be looked at, and why
    finished: bool = True  # False: its time was over before all was looked at

    @property
    def ok(self) -> bool:
        """Whether it was finished, and nothing of what was looked at is damaged."""
        return self.finished and not self.damage


@attrs.frozen(kw_only=True)
class RemainingCopy:
    """A copy that the store made beside its file, and that has an erased session or may have it.

    `kind` is "replaced", "migration backup", "rescued", "set aside", "partial" or "rescue file".
    `why` is why nothing was erased there, None where that was not asked for.
    """

    path: str
    kind: str
    why: str | None = None


@attrs.frozen(kw_only=True)
class EraseReport(_Report):
    """The result of `erase`. `seconds` is how long it took.

    `found` are the ids under which there was something, with `tree` those of sessions below them
    too; `pages` is how many the file has, all of them written anew. `copies` are files that the
    store made beside its own and that still have one of the sessions, or may have; `erased_copies`
    are those in which they were erased.
    """

    session_ids: tuple[str, ...]
    found: tuple[str, ...]
    pages: int
    seconds: float
    copies: tuple[RemainingCopy, ...] = ()
    erased_copies: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class PruneReport(_Report):
    """How much `prune` removed, or would remove if `dry_run`; `seconds` is how long it took.

    `sessions` counts those of which generations were removed. `bytes_logical` are the bytes of the
    messages and blobs, `bytes_free_pages` those of all pages of the file that are free afterwards;
    None in a dry run, which frees none. `skipped` says what stayed that is old enough, and why.
    """

    location: str
    dry_run: bool
    sessions: int
    generations: int
    branches: int
    messages: int
    blobs: int
    bytes_logical: int
    bytes_free_pages: int | None
    seconds: float
    skipped: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = "would be removed" if self.dry_run else "removed"
        text = (
            f"{self.generations} generations of {self.sessions} sessions, {self.messages} messages "
            f"and {self.blobs} blobs ({self.bytes_logical} bytes) {what}"
        )
        return one_line("; ".join([text, *self.skipped]))


@attrs.frozen(kw_only=True)
class CompactReport(_Report):
    """The result of `compact`: the size of the file before and after, and of its free pages now.

    `full` says that it was written anew. `advice` says what has to be asked for to give more back,
    None where nothing has.
    """

    location: str
    full: bool
    bytes_before: int
    bytes_after: int
    bytes_free_pages: int
    seconds: float
    advice: str | None = None

    def __str__(self) -> str:
        text = f"{self.bytes_before} bytes before, {self.bytes_after} now"
        return one_line(text if self.advice is None else f"{text}; {self.advice}")


@attrs.frozen(kw_only=True)
class BackupReport(_Report):
    """The result of `backup`: one file, `bytes` long, with so many sessions as they are now."""

    source: str
    target: str
    bytes: int
    pages: int
    sessions: int
    seconds: float


@attrs.frozen(kw_only=True)
class RestoreReport(_Report):
    """The result of `restore`. `replaced` are the files that what was there is called now."""

    source: str
    target: str
    replaced: tuple[str, ...]
    bytes: int
    pages: int
    sessions: int
    seconds: float


@attrs.frozen(kw_only=True)
class ResolveReport(_Report):
    """The result of `resolve`: `set_aside` are the files it renamed, by their names now.

    `sessions` and `last_saved_at_ms` (Unix milliseconds, None where nothing was ever saved) are
    those of the file as it opens now.
    """

    location: str
    action: str
    set_aside: tuple[str, ...]
    sessions: int
    last_saved_at_ms: int | None
    seconds: float


@attrs.frozen(kw_only=True)
class MigrationReport(_Finding):
    """What bringing a file to this release's schema did, or would do.

    `steps` are the numbers that were applied, or tried on a copy if `dry_run`. `backup` is the copy
    made beforehand, None where nothing had to be changed. `failure` is what a step failed with on
    the copy; for real that is an exception.
    """

    location: str
    before: int
    after: int
    steps: tuple[int, ...]
    dry_run: bool
    backup: str | None
    failure: str | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the file has this release's schema, or would have it."""
        return self.failure is None


@attrs.frozen(kw_only=True)
class SalvageReport(_Finding):
    """What `salvage` brought into a new store, and what it could not.

    `sessions` are the ids that came back whole, `partial` those of which something is missing, and
    so are ids under which only families were saved. `messages` counts those of the sessions as they
    are now, `memories` items of agent memory. `seconds` is how long it took. `damage` is in
    the order of sessions; what concerns none is last.
    """

    source: str
    target: str
    sessions: tuple[str, ...]
    partial: tuple[str, ...]
    checkpoints: int
    messages: int
    seconds: float
    memories: int = 0
    damage: tuple[Damage, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was damaged."""
        return not self.damage

    @property
    def lost(self) -> tuple[str, ...]:
        """The ids of sessions that are known to have been there and did not come back, sorted."""
        back = {*self.sessions, *self.partial}
        named = {one.session_id for one in self.damage if one.session_id is not None}
        return tuple(sorted(named - back))
