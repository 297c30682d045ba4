"""Recommendations on a store, made of measurements of it.

`health_check` and the command `doctor` share them; each measures for itself (`catalog.facts`,
`Engine.facts`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from a3s_store.backends.sqlite.connection import network_mounts
from a3s_store.printable import one_line

_WEEK: Final = 7 * 86_400
# The bytes of a WAL, the number of free pages and the age of a verification from which on they are
# mentioned.
_LONG_WAL: Final = 64 * 1024 * 1024
_FREE_PAGES: Final = 1_000
_STALE: Final = 4 * _WEEK
# How many copies are named.
_NAMED: Final = 5


class Recommendation(NamedTuple):
    """A recommendation in one or two sentences; `attention` is False for mere information."""

    text: str
    attention: bool


def damage(facts: Mapping[str, Any]) -> int:
    """Return how many damages the last verification found; 0 when there was no verification."""
    last = facts.get("last_verify")
    return int(last.get("damage") or 0) if last else 0


def recommendations(
    facts: Mapping[str, Any], now: float, *, is_damaged: bool = False
) -> Iterator[Recommendation]:
    """Yield recommendations, the most urgent first. `now` is in Unix seconds.

    `facts` are the measurements by name; absent ones are skipped. With `is_damaged` the caller
    reports damage itself, and the last verification is not mentioned.
    """
    if not is_damaged:
        yield from _about_verification(facts, now)
    yield from _about_disk(facts)
    yield from _about_access(facts)
    yield from _about_place(facts)
    yield from _about_size(facts)
    yield from _about_copies(facts)
    if facts.get("wal_reset_bug") == "affected":
        yield Recommendation(
            f"SQLite {sqlite3.sqlite_version} has the WAL-reset bug. This store's own checkpoints "
            "avoid it; do not let other programs checkpoint the open file.",
            attention=False,
        )


def _about_verification(facts: Mapping[str, Any], now: float) -> Iterator[Recommendation]:
    count, last = damage(facts), facts.get("last_verify")
    if count:
        yield Recommendation(
            f"The last verification found {count} damaged. Run `verify` for details, then restore "
            "a backup, or salvage the readable data.",
            attention=True,
        )
    elif last is None:
        yield Recommendation("The store was never verified: run `verify`.", attention=False)
    elif now - last["at"] > _STALE:
        days = int((now - last["at"]) // 86_400)
        yield Recommendation(
            f"The store was last verified {days} days ago: run `verify`.", attention=False
        )


def _about_disk(facts: Mapping[str, Any]) -> Iterator[Recommendation]:
    refused = facts.get("saves_refused")
    if refused is not None:
        yield Recommendation(
            f"Saves are refused: {refused}. Check the disk, then close the store and open it "
            "again.",
            attention=True,
        )
    error = facts.get("checkpoint_error")
    if error is not None:
        yield Recommendation(
            f"The last WAL checkpoint failed: {error}. Check the disk.", attention=True
        )


def _about_access(facts: Mapping[str, Any]) -> Iterator[Recommendation]:
    permissions = facts.get("permissions")
    if permissions is not None and int(permissions, 8) & 0o077:
        yield Recommendation(
            f"Other users may open the file (permissions {permissions}): opening the store sets "
            "0600 where the file system can, else run `chmod 600`.",
            attention=True,
        )
    before = facts.get("permissions_before")
    if before is not None:
        yield Recommendation(
            f"Other users could open the file (permissions {before}) until it was opened here and "
            "got 0600. Check whether anyone has a copy.",
            attention=True,
        )
    if facts.get("hard_links", 1) > 1:
        yield Recommendation(
            f"The file has {facts['hard_links']} names (hard links). Remove the others: under each "
            "name it would get a WAL of its own.",
            attention=True,
        )
    folder = facts.get("folder_permissions")
    if folder is not None and int(folder, 8) & 0o022:
        sticky = bool(int(folder, 8) & 0o1000)
        yield Recommendation(
            f"Other users may write to the folder of the file (permissions {folder}): keep the "
            "file in a folder of your own.",
            attention=not sticky,
        )


def _about_place(facts: Mapping[str, Any]) -> Iterator[Recommendation]:
    kind = facts.get("file_system")
    if kind is None:
        return
    mount = network_mounts.Mount("", kind)
    if mount.is_network:
        yield Recommendation(
            f"The file is on a network file system ({kind}): only one machine may ever use it.",
            attention=True,
        )
    elif mount.is_unsure:
        yield Recommendation(
            f"The file is on a {kind} file system: only one machine, real or virtual, may use it "
            "at a time.",
            attention=False,
        )


def _about_copies(facts: Mapping[str, Any]) -> Iterator[Recommendation]:
    copies = facts.get("copies")
    if copies:
        named = ", ".join(map(one_line, copies[:_NAMED])) + (" ..." if len(copies) > _NAMED else "")
        yield Recommendation(
            f"The store made copies beside its file: {named}. They keep sessions that were erased "
            "since, unless `erase` is run with `copies`. Remove those you do not need.",
            attention=False,
        )


def _about_size(facts: Mapping[str, Any]) -> Iterator[Recommendation]:
    wal, free, pages = (facts.get(n, 0) for n in ("log_bytes", "freelist_count", "page_count"))
    if wal >= _LONG_WAL:
        yield Recommendation(
            f"The WAL has {wal // 2**20} MiB: a process has a long read transaction open, or WAL "
            "checkpoints fail. End that process, or close the store everywhere.",
            attention=True,
        )
    if free >= _FREE_PAGES and free * 2 > pages:
        how = "`compact` gives" if facts.get("auto_vacuum") else "`compact --full` gives"
        yield Recommendation(
            f"{free} of {pages} pages are free and will be used again; {how} them back.",
            attention=False,
        )
