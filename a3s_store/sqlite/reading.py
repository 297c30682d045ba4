"""From the rows of a session to its values: JSON objects are fetched, then decoded.

Fetching needs the read transaction, decoding does not, so that a long decode pins no log.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from a3s_store.batch import Found
from a3s_store.errors import CorruptionError, DecodeError, StoreError
from a3s_store.families import CheckpointKind, Family
from a3s_store.models import SessionData
from a3s_store.sqlite import sessions
from a3s_store.sqlite.seals import (
    StoredCheckpoint,
    StoredSession,
    StoredShelf,
    check_checkpoint,
    check_session,
    check_shelf,
)
from a3s_store.wire import decode, decode_many

R = TypeVar("R")


@contextlib.contextmanager
def damage_named() -> Iterator[None]:
    """What was written well and cannot be read is damage, whatever the reader stumbled over."""
    try:
        yield
    except DecodeError as error:
        place = ".".join(part for part in (error.model, error.path) if part)
        raise CorruptionError(f"{place}: {error.what}", hint=_KEEP) from error
    except StoreError:
        raise
    except UnicodeDecodeError:
        raise CorruptionError("a text is not UTF-8", hint=_KEEP) from None
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        # A column holds a value of another kind than was written there.
        raise CorruptionError(str(error), hint=_KEEP) from error
    except sqlite3.OperationalError as error:
        if hasattr(error, "sqlite_errorcode"):
            raise
        # sqlite3 itself could not decode a text; its own message repeats that text.
        raise CorruptionError("a text is not UTF-8", hint=_KEEP) from None


_KEEP = "Keep the file as it is and restore a backup beside it"


def as_is(fetched: R) -> R:
    """What was fetched is the answer."""
    return fetched


def to_session(stored: StoredSession | None) -> SessionData | None:
    """The session that was fetched. Raises DecodeError, or ValueError when it is damaged."""
    if stored is None:
        return None
    session = decode(SessionData, stored.tree)
    check_session(session, stored)
    return session


Fetched: TypeAlias = tuple[
    StoredSession | None, Mapping[Family, StoredShelf | None], tuple[str, ...]
]


def fetch_all(
    conn: sqlite3.Connection,
    session_id: str,
    families: Sequence[Family],
    *,
    session: bool,
    messages: bool = True,
) -> Fetched:
    """A session, if it is asked for, these shelves, and the retained URIs."""
    stored = None
    if session:
        stored = sessions.fetch_session(conn, session_id, messages=messages)
    else:
        sessions.check_record(conn, session_id)
    return stored, *sessions.fetch_shelves(conn, session_id, families)


def to_found(fetched: Fetched) -> Found:
    """The values of what was fetched. Raises as `to_session`."""
    stored, shelves, uris = fetched
    return Found(
        session=to_session(stored),
        shelves={
            family: None if shelf is None else to_values(family, shelf)
            for family, shelf in shelves.items()
        },
        retained_artifact_uris=uris,
    )


def to_values(family: Family, stored: StoredShelf) -> tuple[Any, ...]:
    """The values of a shelf. Raises DecodeError with the family's name, or ValueError."""
    try:
        values: tuple[Any, ...] = decode_many(family.model, stored.trees)
    except DecodeError as error:
        error.model = family.name
        raise
    check_shelf(family, values, stored)
    return values


def to_checkpoint(kind: CheckpointKind, stored: StoredCheckpoint | None) -> Any | None:
    """The checkpoint that was fetched. Raises as `to_session`."""
    if stored is None:
        return None
    value: Any = decode(kind.model, stored.tree)
    check_checkpoint(kind, value, stored)
    return value


def fetch(
    conn: sqlite3.Connection,
    session_id: str,
    families: Sequence[Family],
    *,
    session: bool,
    messages: bool,
) -> Found:
    """Both steps at once, for those inside a write transaction."""
    with damage_named():
        return to_found(fetch_all(conn, session_id, families, session=session, messages=messages))
