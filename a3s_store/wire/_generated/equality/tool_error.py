"""The `__eq__` of the models in `models/tool_error.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def unknown_tool_error_kind(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a UnknownToolErrorKind."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.type == other.type
        and ((x := self.body) is (y := other.body) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def version_conflict(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a VersionConflict."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.path == other.path
        and self.expected == other.expected
        and self.actual == other.actual
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def remote_git_conflict(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a RemoteGitConflict."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.code == other.code
        and self.message == other.message
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def not_found(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a NotFound."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.path == other.path and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def invalid_argument(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a InvalidArgument."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.message == other.message and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def unsupported(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a Unsupported."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.message == other.message and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def tool_timeout(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolTimeout."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.op == other.op
        and ((x := self.duration_ms) is (y := other.duration_ms) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def hook_denied(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a HookDenied."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.reason == other.reason
        and ((x := self.retryable) is (y := other.retryable) or (x == y and type(x) is type(y)))
        and (
            (x := self.retry_after_ms) is (y := other.retry_after_ms)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def transport_error(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a TransportError."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.op == other.op and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def tool_cancelled(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolCancelled."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.op == other.op and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def partial_failure(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PartialFailure."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.failed) is (y := other.failed) or (x == y and type(x) is type(y)))
        and ((x := self.total) is (y := other.total) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def rate_limited(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a RateLimited."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        (x := self.retry_after_ms) is (y := other.retry_after_ms) or (x == y and type(x) is type(y))
    ) and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
