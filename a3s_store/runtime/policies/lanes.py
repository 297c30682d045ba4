"""Says in which lane a tool's calls go, and which lane goes before which.

Invariants: 1. every name has a lane, and one that is not known is among those that change things;
2. names are compared exactly: `Read` is not `read`. Upstream: `SessionLane`, `TimeoutAction`
(runtime 6.1, 6.2).
"""

from __future__ import annotations

from typing import Final

from a3s_store.models import SessionLane, TimeoutAction

_QUERIES: Final = frozenset(
    {"read", "glob", "ls", "grep", "list_files", "search", "web_fetch", "web_search"}
)
_PRIORITIES: Final = {
    SessionLane.CONTROL: 0,
    SessionLane.QUERY: 1,
    SessionLane.EXECUTE: 2,
    SessionLane.GENERATE: 3,
}
_NUMBERS: Final = {TimeoutAction.REJECT: 1, TimeoutAction.AUTO_APPROVE: 2}


def lane_of(tool: str) -> SessionLane:
    """The lane of a tool's calls; Execute for every name that is not known to only look.

    Pausing and calling the model have lanes of their own, Control and Generate, which no tool is
    in. Upstream: `SessionLane::from_tool_name` (runtime 6.2).
    """
    return SessionLane.QUERY if tool in _QUERIES else SessionLane.EXECUTE


def priority(lane: SessionLane) -> int:
    """0 for the lane that goes first, up to 3. Upstream: `SessionLane::priority` (runtime 6.2)."""
    return _PRIORITIES[lane]


def number_of(action: TimeoutAction) -> int:
    """The number that stands for it in remote calls, that of Reject if unknown (runtime 6.1)."""
    return _NUMBERS.get(action, _NUMBERS[TimeoutAction.REJECT])


def action_of(number: int) -> TimeoutAction:
    """What a number from a remote call stands for; Reject for an unknown one (runtime 6.1)."""
    return TimeoutAction.AUTO_APPROVE if number == 2 else TimeoutAction.REJECT
