"""The error of methods that a directory of files does not have."""

from __future__ import annotations

from a3s_store.errors import UnsupportedError


def unsupported(op: str, capability: str, what: str) -> UnsupportedError:
    """Return the error of an operation that needs a capability which files do not have."""
    return UnsupportedError(what, capability=capability, op=op, hint="Use SqliteSessionStore")
