"""Reasons why a tool failed, as far as the engine knows them (wire-format 10.3 and 16.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from a3s_store.wire import U64, Model, USize, Value, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


@model(opaque=True)
class UnknownToolErrorKind(Model):
    """A kind that this release does not know: its tag, and its other keys in their order."""

    type: str
    body: Value

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.UnknownToolErrorKindChanges]) -> Self: ...


@model(tag="version_conflict")
class VersionConflict(Model):
    """The file did not have the expected version. Upstream: `ToolErrorKind::VersionConflict`."""

    path: str
    expected: str
    actual: str | None = field(default=None, write="null")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.VersionConflictChanges]) -> Self: ...


@model(tag="remote_git_conflict")
class RemoteGitConflict(Model):
    """Upstream: `ToolErrorKind::RemoteGitConflict`."""

    code: str
    message: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.RemoteGitConflictChanges]) -> Self: ...


@model(tag="not_found")
class NotFound(Model):
    """Upstream: `ToolErrorKind::NotFound`."""

    path: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.NotFoundChanges]) -> Self: ...


@model(tag="invalid_argument")
class InvalidArgument(Model):
    """Upstream: `ToolErrorKind::InvalidArgument`."""

    message: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.InvalidArgumentChanges]) -> Self: ...


@model(tag="unsupported")
class Unsupported(Model):
    """Upstream: `ToolErrorKind::Unsupported`."""

    message: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.UnsupportedChanges]) -> Self: ...


@model(tag="timeout")
class ToolTimeout(Model):
    """Upstream: `ToolErrorKind::Timeout`."""

    op: str
    duration_ms: U64

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolTimeoutChanges]) -> Self: ...


@model(tag="hook_denied")
class HookDenied(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::HookDenied`."""

    reason: str
    retryable: bool
    retry_after_ms: U64 | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.HookDeniedChanges]) -> Self: ...


@model(tag="transport")
class TransportError(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::Transport`."""

    op: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TransportErrorChanges]) -> Self: ...


@model(tag="cancelled")
class ToolCancelled(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::Cancelled`."""

    op: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolCancelledChanges]) -> Self: ...


@model(tag="partial_failure")
class PartialFailure(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::PartialFailure`."""

    failed: USize
    total: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PartialFailureChanges]) -> Self: ...


@model(tag="rate_limited")
class RateLimited(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::RateLimited`."""

    retry_after_ms: U64 | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.RateLimitedChanges]) -> Self: ...


ToolErrorKind: TypeAlias = (
    VersionConflict
    | RemoteGitConflict
    | NotFound
    | InvalidArgument
    | Unsupported
    | ToolTimeout
    | HookDenied
    | TransportError
    | ToolCancelled
    | PartialFailure
    | RateLimited
    | UnknownToolErrorKind
)
