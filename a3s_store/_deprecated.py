"""Names of release 0.1.0 that changed: each still works, warns, and goes with release 1.0.

Everything that is deprecated is listed here or made by `renamed`; a test walks through it all. Deep
modules of 0.1.0 were never promised and have no alias.
"""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# New module by old module.
MODULES: Final[Mapping[str, str]] = {
    "a3s_store.base": "a3s_store.core.base_store",
    "a3s_store.families": "a3s_store.core.collections",
    "a3s_store.files": "a3s_store.backends.jsonfiles",
    "a3s_store.memories": "a3s_store.agent_memory",
    "a3s_store.memory": "a3s_store.backends.memory",
    "a3s_store.session": "a3s_store.runtime",
    "a3s_store.snapshot": "a3s_store.core.snapshot",
    "a3s_store.sqlite": "a3s_store.backends.sqlite",
    "a3s_store.store": "a3s_store.core.protocol",
    "a3s_store.testing.machine": "a3s_store.testing.state_machine",
}

# New name by old name, by the module that has the new name.
NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "a3s_store": {"FamilyStore": "BaseStore"},
    "a3s_store.core.base_store": {"FamilyStore": "BaseStore"},
    "a3s_store.core.collections": {
        "FAMILIES": "COLLECTIONS",
        "Family": "Collection",
        "Rows": "TableLayout",
    },
    "a3s_store.testing.conformance": {"NotPromised": "NotSupported"},
    "a3s_store.testing.strategies": {"shelves": "collections"},
}


def warn(old: str, new: str, *, stacklevel: int) -> None:
    """Issue the warning; `stacklevel` 1 is the caller of this function."""
    warnings.warn(
        f"{old} is deprecated and goes with a3s_store 1.0; use {new}",
        DeprecationWarning,
        stacklevel=stacklevel + 1,
    )


def names_of(module: str) -> Callable[..., Any]:
    """A module's `__getattr__`: its deprecated names, or those of the module that replaced it."""
    target = MODULES.get(module, module)
    renames = NAMES.get(target, {})

    def find(name: str, stacklevel: int = 2) -> Any:
        new = renames.get(name, name if target != module else None)
        if new is None or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(target), new)
        warn(f"{module}.{name}", f"{target}.{new}", stacklevel=stacklevel)
        setattr(sys.modules[module], name, value)
        return value

    return find


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take keywords by their old names too: `renamed(old="new")`."""

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old, new in names.items():
                if old in kwargs:
                    if new in kwargs:
                        raise TypeError(f"{function.__qualname__}: {old} is the old name of {new}")
                    warn(f"{old}=", f"{new}=", stacklevel=2)
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return wrap
