"""What may come into a live session: limits that can be, and values that can be saved.

One value that cannot be saved, a text with a lone surrogate say, would keep everything else of the
session from being saved from then on. So it is refused where it comes in, where whoever made it
hears of it.
"""

from __future__ import annotations

from typing import Any

from a3s_store.errors import SessionConfigError
from a3s_store.wire import compact, encode


def check_writable(*values: Any) -> None:
    """Raise EncodeError unless each of these values of a model can be saved."""
    for value in values:
        compact(encode(value))


def check_limit(limit: int | None, name: str) -> int | None:
    """The limit, if it can be one. Raises SessionConfigError, which names it."""
    if limit is not None and (type(limit) is not int or limit < 0):
        raise SessionConfigError(
            f"{name} must be None or an integer from 0 on", field=name, hint="None is no limit"
        )
    return limit
