"""From the rows of a session to its values: JSON objects are fetched, then decoded.

Fetching needs the read transaction, decoding does not, so that a long decode pins no log.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from a3s_store.batch import Found
from a3s_store.errors import CorruptionError, DecodeError, StoreError
from a3s_store.families import Family
from a3s_store.models import SessionData
from a3s_store.sqlite import sessions
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


def to_session(tree: dict[str, Any] | None) -> SessionData | None:
    """The session of a JSON object. Raises DecodeError."""
    return None if tree is None else decode(SessionData, tree)


FetchedTrees: TypeAlias = tuple[
    dict[str, Any] | None, dict[Family, list[dict[str, Any]] | None], tuple[str, ...]
]


def fetch_trees(
    conn: sqlite3.Connection,
    session_id: str,
    families: Sequence[Family],
    *,
    session: bool,
    messages: bool = True,
) -> FetchedTrees:
    """The JSON objects of a session, if it is asked for, and of these shelves."""
    tree = sessions.fetch_session(conn, session_id, messages=messages) if session else None
    shelves, uris = sessions.fetch_shelves(conn, session_id, families)
    return tree, shelves, uris


def to_found(fetched: FetchedTrees) -> Found:
    """The values of what `fetch_trees` answered. Raises DecodeError."""
    tree, shelves, uris = fetched
    return Found(
        session=to_session(tree),
        shelves={
            family: None if trees is None else to_values(family, trees)
            for family, trees in shelves.items()
        },
        retained_artifact_uris=uris,
    )


def to_values(family: Family, trees: list[dict[str, Any]]) -> tuple[Any, ...]:
    """The values of a shelf. Raises DecodeError, with the family's name for a model."""
    try:
        return decode_many(family.model, trees)
    except DecodeError as error:
        error.model = family.name
        raise


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
        return to_found(fetch_trees(conn, session_id, families, session=session, messages=messages))
