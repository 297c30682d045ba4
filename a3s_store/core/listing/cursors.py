"""Cursors: texts that say where the next page of a list begins.

A cursor has the values of the last row, so deleting that row does not break it. It belongs to one
list (its kind, order, direction, conditions) of one store. A checksum finds accidents. It gives no
rights, so it is not signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Final, TypeAlias

import attrs
import orjson

from a3s_store.errors import InvalidCursorError

_VERSION: Final = 1
_CHECKSUM_BYTES: Final = 8
# The values of the row that a page ended with: that of the order, then one that no two rows share.
Place: TypeAlias = tuple[Any, Any]


@attrs.frozen
class PagedList:
    """Which list a cursor belongs to: its kind, and everything else that chooses and orders rows.

    `asked` and `store_id` are only hashed: no conditions and no names are in a cursor.
    """

    kind: str
    order: str
    descending: bool
    asked: Any
    store_id: str

    def _head(self) -> list[Any]:
        asked = orjson.dumps([self.store_id, self.asked], option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(asked).hexdigest()[:12]
        return [_VERSION, self.kind, self.order, self.descending, digest]

    def cursor(self, place: Place) -> str:
        """Return the cursor of the page that begins after a row."""
        body = orjson.dumps([*self._head(), *place])
        return base64.urlsafe_b64encode(_checksum(body) + body).rstrip(b"=").decode()

    def place(self, cursor: str) -> Place:
        """Return the values of the row that a page begins after.

        Raises:
            InvalidCursorError: the cursor is damaged, or of another list, store or release.
        """
        found = _parsed(cursor)
        if found is None:
            raise InvalidCursorError(
                "the cursor is damaged", argument="after", hint="Begin with the first page"
            )
        *head, value, tie = found
        if head != self._head():
            raise InvalidCursorError(
                "the cursor belongs to another list: of another filter, order or store",
                argument="after",
                hint="Pass the arguments of the page that it came from",
            )
        return value, tie


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECKSUM_BYTES]


def _parsed(cursor: str) -> list[Any] | None:
    """Return the values in a cursor; None when a character of it was changed."""
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        exact = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
    except (TypeError, ValueError, binascii.Error):
        return None
    body = sealed[_CHECKSUM_BYTES:]
    # The last character has spare bits.
    if exact != cursor or _checksum(body) != sealed[:_CHECKSUM_BYTES]:
        return None
    values = orjson.loads(body)
    return values if isinstance(values, list) and len(values) > 1 else None
