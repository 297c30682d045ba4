"""Open the store of a path or a URL: `connect`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from os import PathLike
from typing import Concatenate, Final, ParamSpec

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.base.opening import Opening
from a3s_store.errors import InvalidArgumentError, UnsupportedError

P = ParamSpec("P")

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# Schemes of stores that this release does not have.
_PLANNED: Final = {"postgres": "PostgreSQL", "postgresql": "PostgreSQL"}


def path_of(path_or_url: str | PathLike[str]) -> str | PathLike[str]:
    """Return the path. Raises what `connect` raises for anything else."""
    if not isinstance(path_or_url, str | os.PathLike):
        raise InvalidArgumentError(
            f"path_or_url is a path or a URL, not {type(path_or_url).__name__}",
            argument="path_or_url",
            op="open",
        )
    found = _URL.match(os.fsdecode(path_or_url))
    if found is None:
        return path_or_url
    scheme = found[1]  # the rest of a URL may have a password
    if scheme.lower() in _PLANNED:
        raise UnsupportedError(
            f"this release has no store for {scheme}:// URLs ({_PLANNED[scheme.lower()]})",
            op="open",
            hint="Give the path of a file, which SQLite stores",
        )
    raise InvalidArgumentError(
        f"{scheme}:// is no URL of a store",
        argument="path_or_url",
        op="open",
        hint=f"Give the path of a file; one that begins like this as ./{scheme}:",
    )


def _door(
    open_path: Callable[Concatenate[str | PathLike[str], P], Opening[SqliteSessionStore]],
) -> Callable[Concatenate[str | PathLike[str], P], Opening[SqliteSessionStore]]:
    """Return `connect`, with the parameters of `open_path`."""

    def connect(
        path_or_url: str | PathLike[str], /, *args: P.args, **options: P.kwargs
    ) -> Opening[SqliteSessionStore]:
        """Open the store of a path: `async with connect(path) as store`, or `await connect(path)`.

        Options and errors are those of `SqliteSessionStore.open`.

        Raises:
            UnsupportedError: a URL of PostgreSQL, which this release has no store for.
            InvalidArgumentError: another URL, or no path.
        """
        return open_path(path_of(path_or_url), *args, **options)

    connect.__qualname__ = connect.__name__
    connect.__dict__["__wrapped__"] = open_path  # where `inspect.signature` looks
    return connect


connect = _door(SqliteSessionStore.open)
