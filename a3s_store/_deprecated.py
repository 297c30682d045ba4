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
T = TypeVar("T")

# New module by old module.
MODULES: Final[Mapping[str, str]] = {
    "a3s_store.base": "a3s_store.core.base.store",
    "a3s_store.batch": "a3s_store.core.batch",
    "a3s_store.families": "a3s_store.core.collections",
    "a3s_store.files": "a3s_store.backends.jsonfiles",
    "a3s_store.memories": "a3s_store.agent_memory",
    "a3s_store.memory": "a3s_store.backends.memory",
    "a3s_store.session": "a3s_store.runtime",
    "a3s_store.snapshot": "a3s_store.core.snapshot",
    "a3s_store.sqlite": "a3s_store.backends.sqlite",
    "a3s_store.store": "a3s_store.core.protocol",
    "a3s_store.testing.conformance.samples": "a3s_store.testing.samples",
    "a3s_store.testing.machine": "a3s_store.testing.state_machine",
}

# New name by old name, by the module that has the new name.
NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "a3s_store": {"FamilyStore": "BaseStore"},
    "a3s_store.core.base.store": {"FamilyStore": "BaseStore"},
    "a3s_store.core.batch": {"Found": "LoadResult", "encode_shelf": "encode_collection"},
    "a3s_store.core.collections": {
        "FAMILIES": "COLLECTIONS",
        "Family": "Collection",
        "Rows": "TableLayout",
    },
    "a3s_store.testing.samples": {"shelf": "items"},
    "a3s_store.testing.conformance": {"NotPromised": "NotSupported"},
    "a3s_store.testing.strategies": {"shelves": "collections"},
}

# Parameters of `SqliteSessionStore.open` that bounded the session cache by numbers of sessions and
# of values. 0 still turns the cache off; another number has no effect.
CACHE_COUNTS: Final = (
    "cache_max_sessions",
    "cache_max_items",
    "remembered_sessions",
    "remembered_values",
)


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
        if name == "__all__" and target != module:  # of `from module import *`
            found = importlib.import_module(target)
            return [*getattr(found, "__all__", (n for n in vars(found) if n[0] != "_")), *renames]
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


def cache_by_counts(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function that takes `cache_bytes` take the keywords of `CACHE_COUNTS` too."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in CACHE_COUNTS:
            if name in kwargs:
                warn(f"{name}=", "cache_bytes=", stacklevel=2)
                count = kwargs.pop(name)
                if count == 0:
                    kwargs["cache_bytes"] = 0
        return function(*args, **kwargs)

    return call


# New attribute by old attribute of classes of 0.1.0.
ATTRIBUTES: Final[Mapping[str, Mapping[str, str]]] = {
    "Batch": {"shelves": "collections"},
    "CorruptionError": {"family": "part"},
    "Damage": {"family": "part"},
    "Inventory": {"families_only": "collections_only"},
    "LoadResult": {"shelves": "collections"},
}

# Keys that `--json` prints, which keep their names until 1.0.
DAMAGED_PART_KEY: Final = "family"
COLLECTIONS_ONLY_KEY: Final = "families_only"
# The older spelling of an option of `a3s-store show`.
OLD_COLLECTION_OPTION: Final = "--family"


def old_attributes(cls: type[T]) -> type[T]:
    """Give a class its attributes and keywords of `ATTRIBUTES` by their old names too."""
    names = ATTRIBUTES[cls.__name__]
    for old, new in names.items():
        setattr(cls, old, _alias(cls.__name__, old, new))
    setattr(cls, "__init__", renamed(**names)(cls.__init__))  # noqa: B010 - mypy: no method
    return cls


def _alias(owner: str, old: str, new: str) -> property:
    def get(self: object) -> Any:
        warn(f"{owner}.{old}", f"{owner}.{new}", stacklevel=2)
        return getattr(self, new)

    return property(get)


def today(state: dict[str, Any]) -> dict[str, Any]:
    """The attributes of an error as they are named today, pickled by 0.1.0 or now."""
    names = {"family": "part"}
    return {names.get(name, name): value for name, value in state.items()}
