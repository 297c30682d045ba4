"""Data files of the package: SQL files, in a wheel, an archive, a frozen program or a checkout.

A wheel has them inside the package, and so have archives and frozen programs made of it. A checkout
has them beside the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_PACKAGE = "a3s_store"


def texts(*folder: str) -> dict[str, str]:
    """Return the texts of the SQL files of a data folder by name, sorted; empty without it."""
    found = _folder(*folder)
    if not found.is_dir():
        return {}
    entries = {entry.name: entry for entry in found.iterdir() if entry.name.endswith(".sql")}
    return {name: entries[name].read_text(encoding="utf-8") for name in sorted(entries)}


def _folder(*names: str) -> Traversable:
    import importlib.resources

    package = importlib.resources.files(_PACKAGE)
    packed = package.joinpath(*names)
    if not packed.is_dir() and isinstance(package, Path):
        return package.parent.joinpath(*names)
    return packed
