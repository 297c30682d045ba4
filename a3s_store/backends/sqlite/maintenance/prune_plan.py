"""Decide which generations to prune, one session at a time. Nothing is written.

A generation is *covered* by a kept one whose conversation begins with its own: pruning it loses no
message. A generation that none covers is the tip of an earlier history (rewound, edited,
compacted); only `tips_before_ms` prunes it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.rows import message_log, session_header
from a3s_store.backends.sqlite.rows.session_header import StoredGeneration
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.retention import Kept
from a3s_store.core.segments import Segment
from a3s_store.printable import short_repr

# How many generations are read before the plans made of them are carried out.
_MOST: Final = 20_000
_OWNERS: Final = 256


@attrs.frozen
class Wanted:
    """The generations to prune: those that `kept` does not keep, of `only`; None: of all sessions.

    `without` are sessions that count as deleted, as in a dry run.
    """

    kept: Kept
    only: str | None = None
    without: frozenset[str] = frozenset()


class Doomed(NamedTuple):
    """A generation to prune, and the number of one that covers it; None for a tip."""

    number: int
    covered_by: int | None


@attrs.frozen(kw_only=True)
class SessionPlan:
    """The generations to prune of one session, which `owner_key` and `life` identify.

    `tips` is how many generations stay because none covers them; `heads` has the longest head on
    each branch among the generations that stay. `damage` says why nothing could be decided; None
    where the session could be read.
    """

    owner_key: int
    session_id: str
    life: int
    doomed: tuple[Doomed, ...] = ()
    tips: int = 0
    heads: Mapping[int, int] = attrs.field(factory=dict)
    damage: str | None = None


def count(conn: sqlite3.Connection) -> int:
    """Return the number of owners."""
    (found,) = conn.execute("SELECT count(*) FROM owner").fetchone()
    return int(found)


def read(
    conn: sqlite3.Connection, after: int, wanted: Wanted
) -> tuple[list[SessionPlan], int | None]:
    """Decide for sessions with a key above `after`, each in a read transaction of its own.

    Returns their plans and the key to continue after; None at the end.
    """
    plans: list[SessionPlan] = []
    count = 0
    while count < _MOST:
        owners = conn.execute(
            "SELECT owner_key, id, life FROM owner WHERE owner_key > ? ORDER BY owner_key LIMIT ?",
            (after, _OWNERS),
        ).fetchall()
        if not owners:
            return plans, None
        for after, session_id, life in owners:
            if session_id in wanted.without:
                continue
            kept = wanted.kept
            if wanted.only is not None and wanted.only != session_id:
                kept = attrs.evolve(kept, newest=None)
            plan, rows = _of_session(conn, after, session_id, life, kept)
            plans.append(plan)
            count += rows
            if count >= _MOST:
                break
    return plans, after


def _of_session(
    conn: sqlite3.Connection, key: int, session_id: str, life: int, kept: Kept
) -> tuple[SessionPlan, int]:
    with transaction.read(conn):
        try:
            session_header.generation_of(conn, session_id)
            saves = session_header.all_saves(conn, key)
            doomed, tips, heads = choose(
                saves, kept, lambda head: message_log.segments_of(conn, head.branch, head.length)
            )
        except CorruptRowError as error:
            damage = f"session {short_repr(session_id)}: {error}"
            return SessionPlan(owner_key=key, session_id=session_id, life=life, damage=damage), 0
    plan = SessionPlan(
        owner_key=key, session_id=session_id, life=life, doomed=doomed, tips=tips, heads=heads
    )
    return plan, len(saves)


def choose(
    saves: Sequence[StoredGeneration], rule: Kept, segments_of: Callable[[Head], list[Segment]]
) -> tuple[tuple[Doomed, ...], int, dict[int, int]]:
    """Return which of these generations to prune, how many tips stay, and the heads that stay.

    `saves` are all generations of a session, oldest first; `segments_of` reads the segments of a
    head.
    """
    if not saves:
        return (), 0, {}
    kept = _Conversations(segments_of)
    doomed: list[Doomed] = []
    old: list[StoredGeneration] = []
    newest = len(saves) if rule.newest is None else rule.newest
    for index, save in enumerate(saves):
        if index >= len(saves) - newest or save.saved_at_ms > rule.since_ms:
            kept.put(save)
        elif rule.tips_before_ms is not None and save.saved_at_ms < rule.tips_before_ms:
            doomed.append(Doomed(save.number, None))
        else:
            old.append(save)
    tips = 0
    # The longest first: none is covered by a shorter one. Of equal ones the newest stays.
    for save in sorted(old, key=_by_length, reverse=True):
        if save.head is None or not save.head.length:
            number: int | None = saves[-1].number  # an empty conversation begins every other
        else:
            number = kept.covering(save.head)
        if number is None:
            tips += 1
            kept.put(save)
        else:
            doomed.append(Doomed(save.number, number))
    return tuple(sorted(doomed)), tips, kept.heads


def _by_length(save: StoredGeneration) -> tuple[int, int]:
    return (0 if save.head is None else save.head.length), save.number


class _Conversations:
    """The conversations that stay, searched for one that begins with a given conversation.

    A conversation begins with another if the same rows lie at the same positions. The segments of
    each are a path in a tree, so the search takes one step for each segment, however many
    conversations there are.
    """

    def __init__(self, segments_of: Callable[[Head], list[Segment]]) -> None:
        self._segments_of = segments_of
        self._paths: dict[tuple[int, Segment], int] = {}
        # After a path: up to which position rows of a segment are used, and by which generation.
        self._reached: dict[tuple[int, Segment], tuple[int, int]] = {}
        self._longest: dict[int, tuple[int, int]] = {}
        self.heads: dict[int, int] = {}

    def put(self, save: StoredGeneration) -> None:
        """Add the conversation of a generation that stays."""
        head = save.head
        if head is None or head.length <= self._longest.get(head.branch, (-1, 0))[0]:
            return
        self._longest[head.branch] = head.length, save.number
        self.heads[head.branch] = head.length
        path = 0
        for part in self._rows_of(head):
            at = path, attrs.evolve(part, end=None)
            if self._reached.get(at, (-1, 0))[0] < _end(part):
                self._reached[at] = _end(part), save.number
            path = self._paths.setdefault((path, part), len(self._paths) + 1)

    def covering(self, head: Head) -> int | None:
        """Return the number of a generation whose conversation begins with this one, or None."""
        length, number = self._longest.get(head.branch, (-1, 0))
        if head.length <= length:
            return number
        *before, last = self._rows_of(head)
        path: int | None = 0
        for part in before:
            path = self._paths.get((path, part)) if path is not None else None
        if path is None:
            return None
        reached, number = self._reached.get((path, attrs.evolve(last, end=None)), (-1, 0))
        if reached < head.length:
            return None
        # All that is shorter on its branch is covered as well.
        self._longest[head.branch] = head.length, number
        return number

    def _rows_of(self, head: Head) -> list[Segment]:
        """The segments with the messages of a head, without the branch the head is on."""
        return [attrs.evolve(part, branch=None) for part in self._segments_of(head)]


def _end(part: Segment) -> int:
    assert part.end is not None, "it was cut at the end of the head"
    return part.end


_CHECKPOINTS: Final = """
SELECT head_branch, max(head_length) FROM loop_checkpoint
WHERE session_id NOT IN (SELECT value FROM json_each(?)) GROUP BY head_branch
"""
_HEADS: Final = """
SELECT head_branch, max(head_length) FROM (
    SELECT owner_key, head_branch, head_length FROM generation
    UNION ALL SELECT owner_key, head_branch, head_length FROM session
)
WHERE head_branch IS NOT NULL AND owner_key NOT IN (
    SELECT owner_key FROM owner WHERE id IN (SELECT value FROM json_each(?))
) GROUP BY head_branch
"""


def checkpoint_heads(
    conn: sqlite3.Connection, without: Iterable[str] = ()
) -> list[tuple[int, int]]:
    """Return the longest head on each branch among the run checkpoints of the other sessions."""
    return conn.execute(_CHECKPOINTS, (json.dumps(sorted(without)),)).fetchall()


def all_heads(conn: sqlite3.Connection, without: Iterable[str] = ()) -> dict[int, int]:
    """Return the longest head on each branch, of all generations of the other sessions."""
    found = dict(conn.execute(_HEADS, (json.dumps(sorted(without)),)).fetchall())
    for branch, length in checkpoint_heads(conn, without):
        found[branch] = max(length, found.get(branch, 0))
    return found
