"""Reports of maintenance, to be printed, compared or sent as JSON.

None of them has message text. The command line prints their `as_json` with `--json`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

import attrs

from a3s_store._deprecated import DAMAGED_PART_KEY, old_attributes
from a3s_store.errors import CorruptionError
from a3s_store.printable import Printable, one_line, short_repr

T = TypeVar("T")

# "quick" verifies the structure and the header of each session, "deep" every value.
Depth = Literal["quick", "deep"]


@old_attributes
@attrs.frozen(kw_only=True)
class Damage:
    """One damaged value: the place and the reason.

    `part` is the name of a collection, "messages", the kind of a checkpoint, or "file", "wal",
    "schema", "session", "config", "generation", "blob". `position` is the index in it from 0, None
    for all of it. `key` is the run or workflow id of a checkpoint. `session_id` is None for damage
    outside of sessions.
    """

    part: str
    what: str
    session_id: str | None = None
    key: str | None = None
    position: int | None = None

    def __str__(self) -> str:
        place = self.part if self.position is None else f"{self.part}[{self.position}]"
        owner = self.session_id if self.session_id is not None else self.key
        named = f"{place} of {short_repr(owner)}" if owner is not None else place
        return one_line(f"{named}: {self.what}")

    @classmethod
    def of(cls, error: CorruptionError, **where: Any) -> Damage:
        """Return the damage that an error reports; `where` fills its missing fields."""
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
    """The readable part of a damaged value, and the damage.

    `value` is None when nothing was saved under the id, or when the damage hides whether anything
    was; without `damage` it is the value that an ordinary load returns. Messages and other values
    that fail verification are left out; fields of a damaged session row have their defaults.
    """

    value: T | None
    damage: tuple[Damage, ...] = ()


class _Report(Printable):
    """The methods of every report."""

    __slots__ = ()

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints; its keys do not change before 1.0."""
        tree = attrs.asdict(self)  # type: ignore[arg-type]
        if "damage" in tree:
            tree["damage"] = [{DAMAGED_PART_KEY: one.pop("part"), **one} for one in tree["damage"]]
        return tree


class _Finding(_Report, ABC):
    """A report with a result: success or not."""

    __slots__ = ()

    @property
    @abstractmethod
    def ok(self) -> bool:
        """Whether no fault was found."""

    def as_json(self) -> dict[str, Any]:
        """Return the object of `_Report.as_json` with `ok` as its first key."""
        return {"ok": self.ok, **super().as_json()}


@attrs.frozen(kw_only=True)
class VerifyReport(_Finding):
    """The result of `verify`: counts of verified values, the damage, and the time in seconds."""

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
    skipped: tuple[str, ...] = ()  # parts that could not be verified, and why
    finished: bool = True  # False: the time limit ended it before everything was verified

    @property
    def ok(self) -> bool:
        """Whether it was finished and found no damage."""
        return self.finished and not self.damage


@attrs.frozen(kw_only=True)
class RemainingCopy:
    """A copy that the store made beside its file and that has, or may have, an erased session.

    `kind` is "replaced", "migration backup", "rescued", "set aside", "partial" or "rescue file".
    `why` is the reason why it was not erased there; None if erasing copies was not requested.
    """

    path: str
    kind: str
    why: str | None = None


@attrs.frozen(kw_only=True)
class EraseReport(_Report):
    """The result of `erase`. `seconds` is the time it took.

    `found` are the ids under which something was stored, with `tree` including descendants.
    `pages` is the number of pages of the file, all of which were rewritten. `copies` are files that
    the store made beside its own and that have, or may have, one of the sessions; `erased_copies`
    are such files in which the sessions were erased.
    """

    session_ids: tuple[str, ...]
    found: tuple[str, ...]
    pages: int
    seconds: float
    copies: tuple[RemainingCopy, ...] = ()
    erased_copies: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class PruneReport(_Report):
    """The result of `prune`, or of a dry run. `seconds` is the time it took.

    `sessions` counts the sessions that lost generations. `deleted` are the ids of the sessions that
    were deleted. `bytes_logical` is the size of the removed messages and blobs, and of the lists of
    deleted sessions; `bytes_free_pages` is the size of all free pages of the file afterwards, None
    in a dry run and without a file. `commits` counts the removed entries of the commit log.
    `skipped` lists what is old enough and was kept, and why.
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
    deleted: tuple[str, ...] = ()
    commits: int = 0

    def __str__(self) -> str:
        what = "would be removed" if self.dry_run else "removed"
        text = (
            f"{len(self.deleted)} sessions, {self.generations} generations of {self.sessions} "
            f"others, {self.messages} messages and {self.blobs} blobs ({self.bytes_logical} "
            f"bytes), {self.commits} entries of the commit log {what}"
        )
        return one_line("; ".join([text, *self.skipped]))


@attrs.frozen(kw_only=True)
class SessionSize(Printable):
    """The bytes of a session: its present conversation with images, its lists, and its streams.

    Its streams are those that are tied to it, byte artifacts among them.

    Messages that several sessions share count for each.
    """

    session_id: str
    bytes: int
    messages: int


@attrs.frozen(kw_only=True)
class StoreStats(_Report):
    """The result of `stats`: what is stored, and how many bytes it takes.

    `bytes_by` has the bytes of each part: `sessions`, `messages` (all stored ones, those of earlier
    generations too), `generations`, each collection and list of sessions by name, `checkpoints`,
    `blobs` (large texts and images), `agent_memory`, `search`, `commit_log`, `indexes` and `other`.
    With `is_measured` they are those of whole pages, and together with `bytes_free_pages` the whole
    file; otherwise the sum of the lengths of all values. `largest` are the largest sessions, at
    most 20. `bytes_wal` is the size of the write-ahead log. `seconds` is the time it took.
    """

    location: str
    sessions: int
    generations: int
    messages: int
    blobs: int
    commits: int
    bytes_database: int
    bytes_wal: int
    bytes_free_pages: int
    bytes_by: Mapping[str, int]
    is_measured: bool
    largest: tuple[SessionSize, ...]
    seconds: float


@attrs.frozen(kw_only=True)
class TrashReport(_Report):
    """The result of `empty_trash`, or of a dry run, by ids.

    `changed` are sessions that stay in the trash, since they were changed after they were put
    there. `without_parent` are sessions whose parent is among the deleted ones; they are kept.
    """

    dry_run: bool
    deleted: tuple[str, ...]
    changed: tuple[str, ...] = ()
    without_parent: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class CompactReport(_Report):
    """The result of `compact`: the size of the file before and after, and of its free pages now.

    `full` is whether the file was rewritten. `advice` is how to free more space; None without
    such a way.
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
    """The result of `backup`: one file of `bytes` bytes, with the number of its sessions."""

    source: str
    target: str
    bytes: int
    pages: int
    sessions: int
    seconds: float


@attrs.frozen(kw_only=True)
class RestoreReport(_Report):
    """The result of `restore`. `replaced` are the new paths of the files that were in its place."""

    source: str
    target: str
    replaced: tuple[str, ...]
    bytes: int
    pages: int
    sessions: int
    seconds: float


@attrs.frozen(kw_only=True)
class ResolveReport(_Report):
    """The result of `resolve`: `set_aside` are the new paths of the files that it renamed.

    `sessions` and `last_saved_at_ms` (Unix milliseconds, None if nothing was ever saved) are those
    of the file as it is opened now.
    """

    location: str
    action: str
    set_aside: tuple[str, ...]
    sessions: int
    last_saved_at_ms: int | None
    seconds: float


@attrs.frozen(kw_only=True)
class MigrationReport(_Finding):
    """The result of migrating a file to this release's schema, or of a dry run.

    `steps` are the numbers of the steps applied, in a dry run to a copy. `backup` is the copy made
    before, None if there was nothing to change. `failure` is the error of a step in a dry run;
    otherwise such an error is raised.
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
        """Whether the file has this release's schema, or a real run would succeed."""
        return self.failure is None


@attrs.frozen(kw_only=True)
class SalvageReport(_Finding):
    """The result of `salvage`: the recovered sessions, and the damage.

    `sessions` are the ids that were recovered completely; `partial` are the ids with something
    missing, including ids with collections only. `messages` counts the messages of the recovered
    sessions, `memories` the items of agent memory, `streams` the streams with their items.
    `seconds` is the time it took. `damage` is in the order of sessions; damage outside of sessions
    is last.
    """

    source: str
    target: str
    sessions: tuple[str, ...]
    partial: tuple[str, ...]
    checkpoints: int
    messages: int
    seconds: float
    memories: int = 0
    streams: int = 0
    damage: tuple[Damage, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was damaged."""
        return not self.damage

    @property
    def lost(self) -> tuple[str, ...]:
        """The ids of sessions that were stored and could not be recovered, sorted."""
        back = {*self.sessions, *self.partial}
        named = {one.session_id for one in self.damage if one.session_id is not None}
        return tuple(sorted(named - back))


@attrs.frozen(kw_only=True)
class ImportReport(_Report):
    """The result of `import_many`: sessions that were saved, in so many commits.

    `bytes_estimated` is about the size of their JSON, by which they were put into batches.
    """

    sessions: int
    batches: int
    bytes_estimated: int
