"""The tools that the active skills of a session allow.

The application has the skills; it says which are active and the names that each allows. Nothing is
stored. Upstream: `allowed-tools` of instruction skills, checked in the agent's loop.
"""

from __future__ import annotations

from collections.abc import Iterable

from a3s_store.errors import InvalidArgumentError
from a3s_store.runtime.policies.permissions import same_name


class ToolFilter:
    """The tools that a session may call while skills are active.

    A tool is allowed when no active skill restricts tools, or when one that does allows it. The
    filter is asked before the permission rules, and allows nothing that a rule denies.
    """

    def __init__(self) -> None:
        self._allowed: dict[str, frozenset[str] | None] = {}

    def activate(self, skill: str, allowed: Iterable[str] | None = None) -> None:
        """Make a skill active, with the names of the tools it allows; None restricts nothing.

        An active skill of this name is replaced. Names have no patterns; upper and lower case are
        the same, as in permission rules. Raises InvalidArgumentError for a text as `allowed`.
        """
        if isinstance(allowed, str):
            raise InvalidArgumentError(
                "allowed is one text, not the names of tools", argument="allowed", op="activate"
            )
        names = None if allowed is None else frozenset(map(same_name, allowed))
        self._allowed[skill] = names

    def deactivate(self, skill: str) -> bool:
        """Make a skill inactive; return whether it was active."""
        return self._allowed.pop(skill, _NOT_ACTIVE) is not _NOT_ACTIVE

    @property
    def active(self) -> tuple[str, ...]:
        """The names of the active skills, in the order in which they were activated."""
        return tuple(self._allowed)

    def allows(self, tool: str) -> bool:
        """Whether the active skills allow a tool."""
        restricting = [names for names in self._allowed.values() if names is not None]
        return not restricting or any(same_name(tool) in names for names in restricting)


_NOT_ACTIVE: frozenset[str] = frozenset({"not active"})
