"""Reasons why a tool failed, as far as the engine knows them (wire-format 10.3 and 16.1)."""

from __future__ import annotations

from typing import TypeAlias

from a3s_store.wire import U64, Model, USize, Value, field, model


@model(opaque=True)
class UnknownToolErrorKind(Model):
    """A kind that this release does not know: its tag, and its other keys in their order."""

    type: str
    body: Value


@model(tag="version_conflict")
class VersionConflict(Model):
    """The file did not have the expected version. Upstream: `ToolErrorKind::VersionConflict`."""

    path: str
    expected: str
    actual: str | None = field(default=None, write="null")


@model(tag="remote_git_conflict")
class RemoteGitConflict(Model):
    """Upstream: `ToolErrorKind::RemoteGitConflict`."""

    code: str
    message: str


@model(tag="not_found")
class NotFound(Model):
    """Upstream: `ToolErrorKind::NotFound`."""

    path: str


@model(tag="invalid_argument")
class InvalidArgument(Model):
    """Upstream: `ToolErrorKind::InvalidArgument`."""

    message: str


@model(tag="unsupported")
class Unsupported(Model):
    """Upstream: `ToolErrorKind::Unsupported`."""

    message: str


@model(tag="timeout")
class ToolTimeout(Model):
    """Upstream: `ToolErrorKind::Timeout`."""

    op: str
    duration_ms: U64


@model(tag="hook_denied")
class HookDenied(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::HookDenied`."""

    reason: str
    retryable: bool
    retry_after_ms: U64 | None = field(default=None, write="omit")


@model(tag="transport")
class TransportError(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::Transport`."""

    op: str


@model(tag="cancelled")
class ToolCancelled(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::Cancelled`."""

    op: str


@model(tag="partial_failure")
class PartialFailure(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::PartialFailure`."""

    failed: USize
    total: USize


@model(tag="rate_limited")
class RateLimited(Model):
    """Written by releases after 3.3.0. Upstream: `ToolErrorKind::RateLimited`."""

    retry_after_ms: U64 | None = field(default=None, write="omit")


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
