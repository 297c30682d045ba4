"""The modules of the package, for tests that import all of them."""

from __future__ import annotations

import importlib
import pkgutil

import a3s_store


def importable_modules() -> list[str]:
    """Return the names of all modules, without adapters whose framework is not installed."""
    names = [info.name for info in pkgutil.walk_packages(a3s_store.__path__, "a3s_store.")]
    return [
        name for name in names if not name.startswith("a3s_store.adapters.") or _has_framework(name)
    ]


def _has_framework(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
