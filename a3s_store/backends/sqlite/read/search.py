"""Search: find messages by their words, and the sessions in which they are.

The index gives candidates, and messages that are not in it yet are all candidates. Each is compared
with the query by `core.search`, and verified against its row checksum: a damaged index may hide
hits, and shows no wrong ones. A hit is shown where the current head of a session includes it.
Plain functions of a connection, each inside a read transaction of the caller.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.format import file_link, row_salt
from a3s_store.backends.sqlite.read import messages, session_lists
from a3s_store.backends.sqlite.rows import search_index, session_texts, word_index
from a3s_store.backends.sqlite.rows.search_index import INDEX
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.listing.conditions import Conditions, conditions
from a3s_store.core.listing.cursors import Place
from a3s_store.core.listing.values import Page, SessionFilter
from a3s_store.core.search.paging import Found, PageOfHits, is_behind
from a3s_store.core.search.values import SearchHit
from a3s_store.errors import DecodeError

# The most messages that one call looks at, or ranks.
MOST: Final = 20_000
# The most candidates that are looked at together. The first are one more than a page has.
_PIECE: Final = 64
# The most branches that are named in a query of the index; of more, each hit is tested.
_MOST_BRANCHES: Final = 250
# Above all keys.
_ABOVE: Final = 2**63 - 1

# Where rows are in conversations, the current ones or those of all generations: message, session,
# name, generation, position.
_POSITIONS: Final = """
SELECT m.message_key, o.id, coalesce(c.name, ''), {generation},
    m.seq - coalesce(p.source_start, p.start_seq) + p.start_seq AS position
FROM json_each(?) AS wanted
JOIN message AS m ON m.message_key = wanted.value
JOIN branch_segment AS p ON p.source_branch = m.branch_key
JOIN branch_owner AS w ON w.branch_key = p.branch_key
JOIN session AS s ON s.owner_key = w.owner_key
JOIN {heads} AS g ON g.owner_key = s.owner_key AND g.head_branch = p.branch_key
JOIN owner AS o ON o.owner_key = s.owner_key
LEFT JOIN session_config AS c ON c.owner_key = s.owner_key
LEFT JOIN session_host AS h ON h.owner_key = s.owner_key
WHERE position >= p.start_seq AND position < min(coalesce(p.end_seq, g.head_length), g.head_length)
    AND {where}
"""
_CURRENT: Final = {"generation": "NULL", "heads": "session"}
# Of the newest generation that has the message: SQLite takes the position from that row.
_OLDER: Final = {"generation": "max(g.generation)", "heads": "generation"}


def page(conn: sqlite3.Connection, wanted: PageOfHits) -> tuple[Page[SearchHit], bool]:
    """Return a page of hits, and whether the index is damaged and was not used.

    Raises:
        SearchUnavailableError: this SQLite has no full-text search.
        InvalidCursorError: as `PageOfHits.start`.
    """
    word_index.require(conn)
    store_id = file_link.read(conn).file_id.hex()
    after = wanted.start(store_id)
    try:
        return _Search(conn, wanted, after, INDEX.watermark(conn)).page(store_id), False
    except sqlite3.Error as error:
        if not word_index.is_broken(error):
            raise
    return _Search(conn, wanted, after, None).page(store_id), True


class _Search:
    """One call, with the index up to `watermark`; None: without an index."""

    def __init__(
        self,
        conn: sqlite3.Connection,
        wanted: PageOfHits,
        after: Place | None,
        watermark: int | None,
    ) -> None:
        self._conn = conn
        self._wanted = wanted
        self._after = after
        self._watermark = watermark or 0
        self._next = min(wanted.limit + 1, _PIECE)
        self._salt = row_salt.read(conn)
        self._where = session_lists.where_sql(wanted.sessions)
        self._partial = wanted.sessions.text is not None and session_texts.are_lacking(conn)

    def page(self, store_id: str) -> Page[SearchHit]:
        found: list[Found] = []
        rest: Place | None = None
        looked_at = 0
        for keys, scores in self._candidates():
            found += self._hits(keys, scores)
            looked_at += len(keys)
            if len(found) > self._wanted.limit:
                break
            if looked_at >= MOST and self._wanted.order == "newest":
                rest = float(keys[-1]), [keys[-1], "", -1]
                break
        cut = self._wanted.cut(found, store_id, rest=rest)
        return attrs.evolve(cut, partial=self._partial)

    # -- Candidates ---------------------------------------------------------------------------

    def _candidates(self) -> Iterator[tuple[list[int], Sequence[float]]]:
        """Yield keys of messages in the order of hits, with their scores."""
        asked = self._asked()
        if asked is None:
            return
        if self._wanted.order == "newest":
            below = _ABOVE if self._after is None else self._after[1][0] + 1
            pieces = itertools.chain(
                self._not_indexed(below), self._newest(asked, min(below, self._watermark + 1))
            )
            yield from ((keys, [float(key) for key in keys]) for keys in pieces)
            return
        yield from self._ranked(asked)
        left = MOST
        for keys in self._not_indexed(_ABOVE):
            yield keys, [0.0] * len(keys)
            left -= len(keys)
            if left <= 0:
                self._partial = True
                return

    def _asked(self) -> str | None:
        """Return the query of the index; None when no session fulfils the conditions."""
        branches = self._branches()
        roles = self._wanted.messages.roles
        if branches == [] or roles == ():
            return None
        return search_index.expression(self._wanted.messages.query.expression, branches, roles)

    def _branches(self) -> list[int] | None:
        """Return the branches with the rows of the sessions that are searched; None: of many."""
        if _is_open(self._wanted.sessions):
            return None
        branches = session_lists.branches(
            self._conn,
            self._wanted.sessions,
            _MOST_BRANCHES + 1,
            heads=not self._wanted.messages.in_all_branches,
        )
        found = self._conn.execute(
            "SELECT DISTINCT source_branch FROM branch_segment "
            "WHERE branch_key IN (SELECT value FROM json_each(?)) LIMIT ?",
            (json.dumps(branches), _MOST_BRANCHES + 1),
        ).fetchall()
        is_many = max(len(branches), len(found)) > _MOST_BRANCHES
        return None if is_many else [branch for (branch,) in found]

    def _not_indexed(self, below: int) -> Iterator[list[int]]:
        while keys := [
            key
            for (key,) in self._conn.execute(
                "SELECT message_key FROM message WHERE message_key > ? AND message_key < ? "
                "ORDER BY message_key DESC LIMIT ?",
                (self._watermark, below, self._piece()),
            ).fetchall()
        ]:
            yield keys
            below = keys[-1]

    def _newest(self, asked: str, below: int) -> Iterator[list[int]]:
        while self._watermark and (keys := INDEX.newest(self._conn, asked, below, self._piece())):
            yield keys
            below = keys[-1]

    def _ranked(self, asked: str) -> Iterator[tuple[list[int], Sequence[float]]]:
        found = INDEX.ranked(self._conn, asked, MOST) if self._watermark else []
        self._partial |= len(found) == MOST
        if self._after is not None:
            score, (key, *_) = self._after
            found = [one for one in found if one <= (score, key)]
        while piece := found[: self._piece()]:
            yield [key for _, key in piece], [score for score, _ in piece]
            found = found[len(piece) :]

    def _piece(self) -> int:
        """Return how many candidates are looked at next: twice as many each time."""
        size = self._next
        self._next = min(2 * size, _PIECE)
        return size

    # -- Hits ---------------------------------------------------------------------------------

    def _hits(self, keys: Sequence[int], scores: Sequence[float]) -> list[Found]:
        """Return the hits among these messages, in order."""
        places = self._places(keys)
        rows = {
            row[0]: row
            for row in self._conn.execute(
                "SELECT message_key, branch_key, seq, added_at_ms, CAST(role AS BLOB), "
                "CAST(content AS BLOB) FROM message "
                "WHERE message_key IN (SELECT value FROM json_each(?))",
                (json.dumps(sorted({key for key, *_ in places})),),
            ).fetchall()
        }
        score_of = dict(zip(keys, scores, strict=True))
        matches = {key: self._match(row) for key, row in rows.items()}
        found = []
        for key, session_id, name, generation, position in places:
            match = matches.get(key)
            if match is not None:
                one = attrs.evolve(
                    match,
                    value=score_of[key],
                    tie=(key, session_id, position),
                    session_name=name,
                    generation=generation,
                )
                if is_behind(one.place, self._after):
                    found.append(one)
        return sorted(found, key=lambda one: one.place, reverse=True)

    def _places(self, keys: Sequence[int]) -> list[Any]:
        """Return message, session, name, generation and position of each of these messages."""
        given = json.dumps(keys), *self._where.given
        sql = _POSITIONS.format(**_CURRENT, where=self._where.text)
        found = self._conn.execute(sql, given).fetchall()
        if self._wanted.messages.in_all_branches:
            sql = _POSITIONS.format(**_OLDER, where=self._where.text)
            sql += "GROUP BY m.message_key, s.owner_key"
            current = {(key, session_id) for key, session_id, *_ in found}
            older = self._conn.execute(sql, given).fetchall()
            found += [place for place in older if (place[0], place[1]) not in current]
        return found

    def _match(self, row: tuple[Any, ...]) -> Found | None:
        """Return a message as a hit without its place, if it matches and is intact; else None."""
        _, branch, seq, at_ms, role, content = row
        role = role.decode(errors="replace")
        if not self._wanted.messages.is_at(role, at_ms):
            return None
        text = self._wanted.messages.text_of(search_index.content_of(content))
        if text is None:
            return None
        try:
            is_intact = messages.read_one(self._conn, branch, seq, self._salt).has_checksum
        except (CorruptRowError, DecodeError):
            is_intact = False
        if not is_intact:
            self._partial = True
            return None
        return Found(0.0, (0, "", 0), "", role, at_ms, text, None)


def _is_open(where: Conditions) -> bool:
    """Return whether the conditions hold for most sessions."""
    if True in (where.pinned, where.archived, where.trashed):
        return False
    every = conditions(SessionFilter(pinned=None, archived=None, trashed=None))
    return attrs.evolve(where, pinned=None, archived=None, trashed=None) == every
