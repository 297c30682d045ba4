"""Measurements of a store's health, and recommendations made of them.

`facts` measures what costs little; `recommendations` is a pure function of measurements, which
`health_check` and the command `doctor` share.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from a3s_store.backends.sqlite.connection import network_mounts
from a3s_store.printable import one_line

_WEEK: Final = 7 * 86_400
# From when on something is worth a sentence.
_LONG_LOG: Final = 64 * 1024 * 1024
_FREE_PAGES: Final = 1_000
# How many copies are named.
_NAMED: Final = 5
_STALE: Final = 4 * _WEEK


class Recommendation(NamedTuple):
    """One sentence on what could be better; whether it needs attention, or is for information."""

    text: str
    attention: bool


def damage(facts: Mapping[str, Any]) -> int:
    """How many things the last verification found damaged; 0 when there was none."""
    last = facts.get("last_verify")
    return int(last.get("damage") or 0) if last else 0


def recommendations(
    facts: Mapping[str, Any], now: float, *, is_damaged: bool = False
) -> Iterator[Recommendation]:
    """What could be better, the most urgent first. `now` is Unix seconds.

    Where the structure `is_damaged`, nothing is said of verifications: one advice is enough.
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
            f"The last verification found {count} damaged. See what `verify` says, and restore a "
            "backup or salvage what is whole.",
            attention=True,
        )
    elif last is None:
        yield Recommendation("It was never verified: run `verify` now and then.", attention=False)
    elif now - last["at"] > _STALE:
        days = int((now - last["at"]) // 86_400)
        yield Recommendation(
            f"It was last verified {days} days ago: run `verify`.", attention=False
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
            f"The last checkpoint failed: {error}. Check the disk.", attention=True
        )


def _about_access(facts: Mapping[str, Any]) -> Iterator[Recommendation]:
    permissions = facts.get("permissions")
    if permissions is not None and int(permissions, 8) & 0o077:
        yield Recommendation(
            f"Others may open the file (permissions {permissions}): opening the store narrows "
            "that where the file system can, else `chmod 600`.",
            attention=True,
        )
    before = facts.get("permissions_before")
    if before is not None:
        yield Recommendation(
            f"Others could open the file (permissions {before}) until it was opened here; that was "
            "taken from them. See whether somebody has a copy.",
            attention=True,
        )
    if facts.get("hard_links", 1) > 1:
        yield Recommendation(
            f"The file has {facts['hard_links']} names (hard links). Remove the others: under each "
            "it would get a log of its own.",
            attention=True,
        )
    folder = facts.get("folder_permissions")
    if folder is not None and int(folder, 8) & 0o022:
        sticky = bool(int(folder, 8) & 0o1000)
        yield Recommendation(
            f"Others may write to its folder (permissions {folder}): keep it in one of your own.",
            attention=not sticky,
        )


def _about_place(facts: Mapping[str, Any]) -> Iterator[Recommendation]:
    kind = facts.get("file_system")
    if kind is None:
        return
    mount = network_mounts.Mount("", kind)
    if mount.is_network:
        yield Recommendation(
            f"It is on a network file system ({kind}): only one machine may ever use it.",
            attention=True,
        )
    elif mount.is_unsure:
        yield Recommendation(
            f"It is on a {kind} file system: only one machine, real or virtual, may use it at a "
            "time.",
            attention=False,
        )


def _about_copies(facts: Mapping[str, Any]) -> Iterator[Recommendation]:
    copies = facts.get("copies")
    if copies:
        named = ", ".join(map(one_line, copies[:_NAMED])) + (" ..." if len(copies) > _NAMED else "")
        yield Recommendation(
            f"The store made copies beside its file: {named}. They keep sessions that were erased "
            "since, unless `erase` is told to erase there as well. Remove those you do not need.",
            attention=False,
        )


def _about_size(facts: Mapping[str, Any]) -> Iterator[Recommendation]:
    log, free, pages = (facts.get(n, 0) for n in ("log_bytes", "freelist_count", "page_count"))
    if log >= _LONG_LOG:
        yield Recommendation(
            f"The log has {log // 2**20} MiB: somebody reads in it for long, or it could not be "
            "copied. End what reads, or close all who have it open.",
            attention=True,
        )
    if free >= _FREE_PAGES and free * 2 > pages:
        how = "`compact` gives" if facts.get("auto_vacuum") else "`compact --full` gives"
        yield Recommendation(
            f"{free} of {pages} pages are free and will be used again; {how} them back.",
            attention=False,
        )
