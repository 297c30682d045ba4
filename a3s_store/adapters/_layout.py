"""Names and ids of what adapters store, and the number of the layout that each item carries.

The metadata of an item is a list. Its first value is the layout of the item, from 1; so a release
reads items of all older layouts in one stream with its own, and refuses those of a newer one.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store import Item
from a3s_store.errors import DecodeError, SchemaTooNewError
from a3s_store.printable import short_repr

SEPARATOR: Final = "\x1f"
# Names and ids have no NUL, and a part must not be taken for two.
_ESCAPES: Final = {"\x1e": "\x1e0", SEPARATOR: "\x1e1", "\0": "\x1e2"}


def joined(*parts: str) -> str:
    """Return texts as one, in which each ends with a separator: `parted` returns them again.

    What begins with the same parts begins with the same text, and no other does.
    """
    return "".join(_escaped(part) + SEPARATOR for part in parts)


def parted(text: str) -> tuple[str, ...]:
    """Return the parts of a text that `joined` made."""
    return tuple(_plain(part) for part in text.split(SEPARATOR)[:-1])


def fields(item: Item, newest: int, stream: str) -> list[Any]:
    """Return the values of an item's metadata after its layout.

    Raises:
        SchemaTooNewError: the layout is newer than `newest`.
        DecodeError: the item was not stored by an adapter.
    """
    found = item.metadata
    if not isinstance(found, list) or not found or type(found[0]) is not int:
        raise DecodeError(
            f"item {short_repr(item.id)} was not stored by an adapter: its metadata has no layout",
            path="metadata",
            where=f"stream {short_repr(stream)}",
            hint="Keep items of your own in streams of other names",
        )
    if found[0] > newest:
        raise SchemaTooNewError(
            f"item {short_repr(item.id)} has layout {found[0]}, this release reads up to {newest}",
            where=f"stream {short_repr(stream)}",
            hint="Install the release of a3s-store that wrote it; nothing was changed",
        )
    return found[1:]


def _escaped(text: str) -> str:
    for char, escape in _ESCAPES.items():
        text = text.replace(char, escape)
    return text


def _plain(text: str) -> str:
    for char, escape in reversed(_ESCAPES.items()):
        text = text.replace(escape, char)
    return text
