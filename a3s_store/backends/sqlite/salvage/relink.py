"""Restore lost rows that follow from other rows, in a database of recovered rows.

A message row has its branch, its position, and a chain hash over all messages before it. So
conversations are found without the rows that locate them, and most of those are stored twice.
Restored rows that are a guess are reported as damage; those that a hash verifies are not.

Plain functions of a connection to the database that `row_recovery.scratch` made.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from a3s_store.backends.sqlite.errors import corruption_named
from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.maintenance import row_checks
from a3s_store.backends.sqlite.rows import agent_memory, message_log, session_header, statements
from a3s_store.backends.sqlite.salvage.row_recovery import RecoveredRows
from a3s_store.core.collections import COLLECTIONS, CONFIG_ROWS, SESSION_ROWS
from a3s_store.core.columns import columns_of_session_ids
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import chain, session_parts
from a3s_store.core.reports import Damage
from a3s_store.core.segments import Segment, cut
from a3s_store.errors import CorruptionError
from a3s_store.models import SessionData
from a3s_store.wire import decode, encode_without

# The JSON by which a message refers to the blob of an image. In a user's text quotation marks are
# escaped, so that it never matches.
_BLOB: Final = re.compile(rb'\{"\$blob":"([0-9a-f]{64})"\}')
# Tables with a column `owner_key`.
_OWNED: Final = (
    "session",
    "session_config",
    "generation",
    "collection",
    "branch_owner",
    "retained_artifact_uri",
    "queue_entry",
    "session_host",
    "session_label",
    *(one.rows.table for one in COLLECTIONS if not statements.is_packed(one.rows)),
)
# Columns of other tables with ids of sessions.
_NAMED: Final = tuple(f"SELECT {column} FROM {table}" for table, column in columns_of_session_ids())


def relink(conn: sqlite3.Connection, recovered: RecoveredRows) -> list[Damage]:
    """Restore lost rows that follow from others; return a damage for each guess."""
    damage: list[Damage] = []
    conn.execute("BEGIN")
    _link_blobs(conn)
    if recovered.loose:
        _drop_stray_messages(conn, recovered.loose)
    if recovered.loose_memories:
        _drop_deleted_memories(conn, recovered.loose_memories)
    _name_owners(conn, damage)
    _join_branches(conn)
    _add_last(conn, recovered)
    _find_heads(conn, damage)
    conn.execute("COMMIT")
    return damage


def _column(conn: sqlite3.Connection, sql: str, *values: object) -> list[Any]:
    return [row[0] for row in conn.execute(sql, values).fetchall()]


def _link_blobs(conn: sqlite3.Connection) -> None:
    """Restore references from messages to blobs, which the content of a message repeats."""
    keys = dict(conn.execute("SELECT hash, blob_key FROM blob").fetchall())
    found = conn.execute(
        "SELECT message_key, CAST(content AS BLOB) FROM message WHERE instr(content, '\"$blob\"')"
    )
    links = [
        (message_key, keys.get(bytes.fromhex(name.decode())))
        for message_key, content in found
        for name in _BLOB.findall(content)
    ]
    conn.executemany(
        "INSERT OR IGNORE INTO message_blob (message_key, blob_key) VALUES (?, ?)",
        [link for link in links if link[1] is not None],
    )


def _drop_deleted_memories(conn: sqlite3.Connection, loose: set[int]) -> None:
    """Remove agent memory from stray pages where its owner's other rows match the stored total.

    Such rows were deleted, and the list of free pages that showed it is lost.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for key, owner, prefix in conn.execute(
        "SELECT memory_key, owner, digest_prefix FROM agent_memory"
    ).fetchall():
        found.setdefault(owner, []).append((key, prefix))
    for owner, rows_found in found.items():
        others = [prefix for key, prefix in rows_found if key not in loose]
        if agent_memory.adds_up(conn, owner, others):
            conn.executemany(
                "DELETE FROM agent_memory WHERE memory_key = ?",
                [(key,) for key, _ in rows_found if key in loose],
            )


def _drop_stray_messages(conn: sqlite3.Connection, loose: set[int]) -> None:
    """Remove messages from stray pages that do not fit their branch, by their chain hashes.

    They belong to a deleted conversation on a branch with the same key.
    """
    branches = sorted(
        {
            branch
            for key in loose
            for branch in _column(conn, "SELECT branch_key FROM message WHERE message_key = ?", key)
        }
    )
    for branch in branches:
        runs = _runs(conn, branch)
        while (wrong := _contradicting_run(runs, loose)) is not None:
            conn.executemany(
                "DELETE FROM message WHERE message_key = ?", [(key,) for _, key in runs[wrong]]
            )
            del runs[wrong]


def _runs(conn: sqlite3.Connection, branch: int) -> list[list[tuple[int, int]]]:
    """Return the messages of a branch, position and key, in runs of consecutive ones."""
    runs: list[list[tuple[int, int]]] = []
    before: tuple[int, bytes] | None = None
    for seq, key in conn.execute(
        "SELECT seq, message_key FROM message WHERE branch_key = ? ORDER BY seq", (branch,)
    ).fetchall():
        found = _digest_and_chain_hash(conn, branch, seq)
        if found is None:
            before = None
            continue  # the messages on either side cannot be compared
        digest, link = found
        if before is not None and before[0] == seq - 1 and chain([digest], before[1]) == [link]:
            runs[-1].append((seq, key))
        else:
            runs.append([(seq, key)])
        before = (seq, link)
    return runs


def _contradicting_run(runs: list[list[tuple[int, int]]], loose: set[int]) -> int | None:
    """Return the index of a run to remove, since it contradicts the run beside it; else None."""
    for index in range(1, len(runs)):
        if runs[index - 1][-1][0] != runs[index][0][0] - 1:
            continue  # messages between them are missing: they cannot be compared
        about = [one for one in (index - 1, index) if all(key in loose for _, key in runs[one])]
        if about:
            return min(about, key=lambda one: len(runs[one]))
    return None


def _digest_and_chain_hash(
    conn: sqlite3.Connection, branch: int, seq: int
) -> tuple[bytes, bytes] | None:
    """Return the digest and chain hash of a message; None when it is damaged."""
    salt = row_salt.find(conn)
    try:
        with corruption_named():
            found, digest = row_checks.read_message(conn, branch, seq, salt)
    except CorruptionError:
        return None
    if not found.has_checksum and salt is not None:
        return None
    return digest, found.chain_hash


# -- Owners ---------------------------------------------------------------------------------------


def _name_owners(conn: sqlite3.Connection, damage: list[Damage]) -> None:
    """Give each owner its stored id, or where ids contradict or are lost, one its digest verifies.

    The id of an owner is stored twice, in its table and in the unique index.
    """
    given = dict(conn.execute("SELECT owner_key, id FROM owner").fetchall())
    union = " UNION ".join(f"SELECT owner_key FROM {table}" for table in _OWNED)
    owned = _column(conn, f"{union} ORDER BY 1")
    waiting = [*owned, *(key for key in given if key not in owned)]
    lost_id: set[int] = set()
    for key in waiting:  # grows in the loop
        indexed = _column(conn, "SELECT id FROM owner_by_id WHERE owner_key = ?", key)
        names = [*dict.fromkeys([given[key], *indexed] if key in given else indexed)]
        if (key in given and len(names) == 1) or (key not in owned and key not in given):
            continue
        others = (name for sql in _NAMED for name in dict.fromkeys(_column(conn, sql)) if name)
        proven = next((n for n in itertools.chain(names, others) if _is_id_of(conn, key, n)), None)
        name = proven or (names[0] if names else f"recovered-owner-{key}")
        conn.execute("DELETE FROM owner WHERE owner_key = ?", (key,))
        for other in _column(conn, "SELECT owner_key FROM owner WHERE id = ?", name):
            # The other owner loses the id, once at most, and gets one in a later turn.
            if (proven or other not in owned) and other not in lost_id:
                lost_id.add(other)
                conn.execute("DELETE FROM owner WHERE owner_key = ?", (other,))
                given.pop(other, None)
                waiting += [other] if other in owned else []
        name = _add_owner(conn, name, key)
        if proven is None and len(names) != 1:
            what = "two different ids are stored" if names else "its id is lost"
            damage.append(Damage(part="session", what=what, session_id=name))


def _is_id_of(conn: sqlite3.Connection, key: int, session_id: str) -> bool:
    """Return whether the stored digest of a session matches with this id."""
    try:
        with corruption_named():
            row = statements.fetch_one(conn, SESSION_ROWS, "owner_key", key, ("digest",))
            config = statements.fetch_one(conn, CONFIG_ROWS, "owner_key", key)
            if row is None or config is None:
                return False
            lists: dict[str, Any] = {name: [] for name in ("messages", *SESSION_ROWS.lists)}
            session = decode(SessionData, {**config[0], **row[0], **lists, "id": session_id})
    except CorruptionError:
        return False
    parts = session_parts(encode_without(session, frozenset({"messages"})))
    return bool(parts["session"].digest == row[1][0])


def _add_owner(conn: sqlite3.Connection, name: str, key: int | None = None) -> str:
    """Add an owner; return its id, with a number appended where another owner has the name."""
    taken = "SELECT 1 FROM owner WHERE id = ?"
    given, number = name, 1
    while conn.execute(taken, (given,)).fetchone() is not None:
        number += 1
        given = f"{name}.{number}"
    conn.execute("INSERT INTO owner (owner_key, id) VALUES (?, ?)", (key, given))
    return given


# -- Branches and heads ---------------------------------------------------------------------------


def _join_branches(conn: sqlite3.Connection) -> None:
    """Restore the segments of branches that have none."""
    keys = _column(
        conn,
        "SELECT branch_key FROM message UNION SELECT head_branch FROM session "
        "UNION SELECT head_branch FROM generation UNION SELECT head_branch FROM loop_checkpoint "
        "ORDER BY 1",
    )
    for key in keys:
        if key is not None and not _segments(conn, key):
            parts = _joined(conn, key, set())
            conn.execute("DELETE FROM branch_segment WHERE branch_key = ?", (key,))
            message_log.put_segments(conn, key, parts or ())


def _segments(conn: sqlite3.Connection, key: int) -> list[Segment]:
    """Return the stored segments of a branch; none where they do not verify."""
    try:
        return message_log.segments_of(conn, key, None)
    except CorruptRowError:
        return []


def _joined(conn: sqlite3.Connection, key: int, been: set[int]) -> list[Segment] | None:
    """Return the segments of a branch, restored; None when it has no messages of its own.

    The chain hash of its first own message finds the message before that, on whichever branch.
    """
    if parts := _segments(conn, key) or _segments_at_head(conn, key):
        return parts
    first = _column(conn, "SELECT min(seq) FROM message WHERE branch_key = ?", key)[0]
    if first is None:
        return None
    if first == 0 or key in been:
        return [Segment(0, None, key)]
    before = _before(conn, key, first)
    front = None if before is None else _joined(conn, before, {*been, key})
    if front is None:
        return [Segment(0, None, key)]  # the messages before are lost
    return [*cut(front, first), Segment(first, None, key)]


def _segments_at_head(conn: sqlite3.Connection, key: int) -> list[Segment]:
    """Return the segments stored with the chain hash of a branch's longest head; else none."""
    texts = _column(
        conn, "SELECT segments FROM branch_chain WHERE branch_key = ? ORDER BY length DESC", key
    )
    for text in texts:
        with contextlib.suppress(ValueError, TypeError):
            fields = [[*one, key] for one in json.loads(text)]
            if all(type(number) is int for one in fields for number in one[:3]):
                return [Segment(*one) for one in fields]
    return []


def _before(conn: sqlite3.Connection, key: int, first: int) -> int | None:
    """Return the branch with the message that the first own message of a branch follows."""
    found = _digest_and_chain_hash(conn, key, first)
    if found is None:
        return None
    for branch, before in conn.execute(
        "SELECT branch_key, chain_hash FROM message WHERE seq = ? AND branch_key <> ?",
        (first - 1, key),
    ).fetchall():
        if chain([found[0]], before) == [found[1]]:
            return int(branch)
    return None


def _add_last(conn: sqlite3.Connection, recovered: RecoveredRows) -> None:
    """Add a generation with the head in the session's row, where its last generations are lost.

    Where they are not, they are used: they have a digest of the whole session.
    """
    last = dict(
        conn.execute("SELECT owner_key, max(generation) FROM generation GROUP BY 1").fetchall()
    )
    for key, branch, length in conn.execute(
        "SELECT owner_key, head_branch, head_length FROM session EXCEPT "
        "SELECT owner_key, head_branch, head_length FROM (SELECT owner_key, head_branch, "
        "head_length, max(generation) FROM generation GROUP BY owner_key)"
    ).fetchall():
        if key not in last or recovered.is_broken("generation"):
            _add_generation(conn, key, last.get(key, 0) + 1, branch, length)


def _add_generation(
    conn: sqlite3.Connection, owner_key: int, generation: int, branch: int, length: int
) -> None:
    session_header.add_generation(conn, owner_key, generation, Head(branch, length), None, 0)


def _find_heads(conn: sqlite3.Connection, damage: list[Damage]) -> None:
    """Add a head to every conversation that no stored head reaches."""
    heads = conn.execute(
        "SELECT head_branch, head_length FROM session UNION "
        "SELECT head_branch, head_length FROM generation WHERE head_branch IS NOT NULL UNION "
        "SELECT head_branch, head_length FROM loop_checkpoint"
    ).fetchall()
    # Rows that an interrupted deletion left are not lost.
    ends = conn.execute(
        "SELECT branch_key, max(seq) + 1 FROM message WHERE branch_key IN (SELECT branch_key "
        "FROM branch_owner) OR branch_key NOT IN (SELECT branch_key FROM unfinished) GROUP BY 1"
    ).fetchall()
    # A branch may continue after its own rows, with rows of other branches.
    lengths = dict(conn.execute("SELECT branch_key, max(length) FROM branch_chain GROUP BY 1"))
    reach = _reach(conn, heads)
    lost = [
        (key, end, max(end, lengths.get(key, 0))) for key, end in ends if end > reach.get(key, 0)
    ]
    # Where one conversation begins another, the longer one is enough. Newest first: the first one
    # that an owner without other rows gets becomes its conversation.
    for key, end, length in reversed(lost):
        others = [(other, far) for other, _, far in lost if other != key]
        if end <= _reach(conn, others).get(key, 0):
            continue
        owners = _column(
            conn,
            "SELECT id FROM branch_owner JOIN owner USING (owner_key) WHERE branch_key = ?",
            key,
        )
        if not owners:
            owners = [_add_owner(conn, f"recovered-{key}")]
            what = f"the owner of the messages of branch {key} is lost"
            damage.append(Damage(part="messages", what=what, session_id=owners[0]))
        for owner in owners:
            _add_head(conn, owner, key, length, damage)


def _reach(conn: sqlite3.Connection, heads: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return by branch the end of its own messages that any of these heads reaches.

    No store keeps messages beyond that.
    """
    reach: dict[int, int] = {}
    for branch, length in heads:
        parts = message_log.segments_of(conn, branch, length) or [Segment(0, length, branch)]
        for part in parts:
            end = 0 if part.end is None else part.seq(part.end)
            reach[part.source] = max(reach.get(part.source, 0), end)
    return reach


def _add_head(
    conn: sqlite3.Connection, owner: str, branch: int, length: int, damage: list[Damage]
) -> None:
    """Add a conversation as a generation before the stored ones of its owner."""
    (owner_key,) = _column(conn, "SELECT owner_key FROM owner WHERE id = ?", owner)
    first = _column(
        conn, "SELECT coalesce(min(generation), 1) FROM generation WHERE owner_key = ?", owner_key
    )[0]
    if _column(conn, "SELECT count(*) FROM branch_segment WHERE branch_key = ?", branch)[0] == 0:
        message_log.put_segments(conn, branch, [Segment(0, None, branch)])
    _add_generation(conn, owner_key, first - 1, branch, length)
    what = f"the generations with the conversation of {length} messages on branch {branch} are lost"
    damage.append(Damage(part="generation", what=what, session_id=owner))
