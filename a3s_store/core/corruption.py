"""Errors of damaged rows: which session, collection and position a stored value belongs to.

Readers raise `CorruptRowError` where they know the position; `corruption_named` makes a
`CorruptionError` of it, and of any other error that a damaged value causes in a reader.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Final

from a3s_store.errors import CorruptionError, DecodeError, StoreError

KEEP: Final = "Keep the file as it is; `salvage` recovers its readable data, or restore a backup"
# A collection's value at its beginning, as in "messages[3].content[0].type".
_PLACE: Final = re.compile(r"(?:SessionData\.)?([a-z_]+)?\.?(?:\[(\d+)\])?")


class CorruptRowError(ValueError):
    """A stored value is damaged: in this collection, at this position, where that is known.

    The text never quotes the value.
    """

    def __init__(
        self, what: str, collection: str | None = None, position: int | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.part = collection
        self.position = position

    def __str__(self) -> str:
        return f"{location_of(self.part, self.position)}: {self.what}" if self.part else self.what


class StaleReadError(CorruptRowError):
    """The messages are damaged, or were removed since their place was read."""


NOT_WRITTEN: Final = "the stored value does not match its checksum"


def location_of(collection: str | None, position: int | None) -> str:
    """Return the place of a value as text: `run_records[3]`, or the collection alone."""
    return collection or "" if position is None else f"{collection}[{position}]"


@contextlib.contextmanager
def corruption_named(session_id: str | None = None) -> Iterator[None]:
    """Raise CorruptionError in place of any error that reading a stored value causes.

    Other errors of this package pass unchanged; a CorruptionError gets the session id.

    Raises:
        CorruptionError: the block raised an error that damaged data causes.
    """
    try:
        yield
    except CorruptionError as error:
        error.session_id = error.session_id or session_id
        raise
    except DecodeError as error:
        raise _of_decoding(error, session_id) from error
    except StoreError:
        raise
    except CorruptRowError as error:
        raise CorruptionError(
            str(error),
            session_id=session_id,
            part=error.part,
            position=error.position,
            hint=KEEP,
        ) from error
    except UnicodeDecodeError:
        raise CorruptionError("a text is not UTF-8", session_id=session_id, hint=KEEP) from None
    except (ValueError, TypeError, AttributeError, OverflowError, LookupError) as error:
        # A column holds a value of a kind that is never written to it.
        raise CorruptionError(_said(error), session_id=session_id, hint=KEEP) from error


def _said(error: Exception) -> str:
    """Return the text of an error, without its quotes: they may be content of the file."""
    quotes = isinstance(error, LookupError) or not {"'", '"'}.isdisjoint(str(error))
    return f"a value of another kind ({type(error).__name__})" if quotes else str(error)


def _of_decoding(error: DecodeError, session_id: str | None) -> CorruptionError:
    place = ".".join(part for part in (error.model, error.path) if part)
    found = _PLACE.match(place)
    collection, position = found.groups() if found is not None else (None, None)
    return CorruptionError(
        f"{place}: {error.what}",
        session_id=session_id,
        part=collection,
        position=None if position is None else int(position),
        hint=KEEP,
    )
