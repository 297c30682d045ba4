"""The import of a framework that may be missing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def needs(extra: str) -> Iterator[None]:
    """Name the extra to install where an import in the block finds no module."""
    try:
        yield
    except ModuleNotFoundError as error:
        what = f'{error.msg}. Run: pip install "a3s-store[{extra}]"'
        raise ModuleNotFoundError(what, name=error.name, path=error.path) from error
