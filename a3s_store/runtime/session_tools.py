"""Calls of tools in a live session: its policies, active skills, hooks and security guard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from a3s_store.models import (
    ConfirmationPolicy,
    PermissionDecision,
    PermissionPolicy,
    SessionConfig,
    ToolUseBlock,
)
from a3s_store.runtime.observation.events import Broadcast, Emit
from a3s_store.runtime.observation.hooks import Hook, HookRunner
from a3s_store.runtime.observation.results import ToolOutput
from a3s_store.runtime.observation.session_events import TextCleaned
from a3s_store.runtime.observation.telemetry import Telemetry
from a3s_store.runtime.policies import permissions
from a3s_store.runtime.policies.confirmation import ConfirmationManager
from a3s_store.runtime.policies.tool_calls import Tool, guarded_call
from a3s_store.runtime.policies.tool_filter import ToolFilter
from a3s_store.runtime.session_fields import SessionFields
from a3s_store.runtime.state.usage import ToolMetrics

_log = logging.getLogger("a3s_store.session")


class SecurityGuard(Protocol):
    """What an application puts between a session and the world; nothing of it is kept.

    One that has methods of `Hook` is the first hook of its session, and a strict one: where it
    fails, the call or the run is refused.
    """

    def teardown(self) -> None:
        """The session is closed."""


class SessionTools(SessionFields):
    """What `Session` has to say about calls of tools. `Session` makes the attributes."""

    id: str
    events: Broadcast
    metrics: ToolMetrics
    telemetry: Telemetry
    confirmation: ConfirmationManager
    hooks: list[Hook]
    tool_filter: ToolFilter
    security: SecurityGuard | None
    _checker: permissions.PermissionChecker | None

    def text_cleaned(self, where: str, count: int) -> None:
        """Tell the subscribers that texts were cleaned; see `TextCleaned`."""
        self.events.send(TextCleaned(session_id=self.id, where=where, count=count))

    # -- Policies -----------------------------------------------------------------------------

    @property
    def permission_checker(self) -> permissions.PermissionChecker:
        """The application's checker, else the live policy as one."""
        return self._checker or permissions.PolicyChecker(self.permission_policy)

    def set_permission_policy(self, policy: PermissionPolicy) -> None:
        """Replace the live policy; the stored configuration stays (the manager changes both).

        Raises EncodeError for one that could not be saved; then the old one stays.
        """
        self.permission_policy = policy

    def set_confirmation_policy(self, policy: ConfirmationPolicy) -> None:
        """Replace the live policy for requests to come; it is stored with the next save.

        Raises EncodeError for one that could not be saved; then the old one stays.
        """
        self.confirmation.set_policy(policy)

    def add_allow_rule(self, rule: str) -> None:
        """Append a rule to the live policy. Raises EncodeError for one that is no text."""
        self.permission_policy = self.permission_policy.with_rules(allow=(rule,))

    def add_deny_rule(self, rule: str) -> None:
        """Append a rule to the live policy. Raises EncodeError for one that is no text."""
        self.permission_policy = self.permission_policy.with_rules(deny=(rule,))

    def add_ask_rule(self, rule: str) -> None:
        """Append a rule to the live policy. Raises EncodeError for one that is no text."""
        self.permission_policy = self.permission_policy.with_rules(ask=(rule,))

    def check_permission(self, tool: str, args: Mapping[str, Any]) -> PermissionDecision:
        """What the live policy says of a call."""
        return permissions.decide(self.permission_policy, tool, args)

    # -- Calls, hooks and the guard -----------------------------------------------------------

    @property
    def hook_runner(self) -> HookRunner:
        """The hooks as they are now, the security guard first if it is one."""
        return HookRunner(self.id, tuple(self.hooks), self.security)

    async def call_tool(
        self, call: ToolUseBlock, tools: Mapping[str, Tool], *, emit: Emit | None = None
    ) -> ToolOutput:
        """Make a call as `guarded_call` does, by all that this session has to say about it.

        That is: active skills, hooks, permissions, confirmation. `emit` None sends its events to
        the subscribers. How long the tool took is in `metrics`.
        """
        return await guarded_call(
            call,
            tools,
            checker=self.permission_checker,
            confirmation=self.confirmation,
            emit=emit or self.events.send,
            cleaned=self.text_cleaned,
            hooks=self.hook_runner,
            tool_filter=self.tool_filter,
            on_ran=self._tool_ran,
        )

    def _tool_ran(self, tool: str, success: bool, duration_ms: int) -> None:
        self.metrics.record(tool, success, duration_ms)
        self.telemetry.tool_call(
            session_id=self.id, tool=tool, success=success, duration_ms=duration_ms
        )

    def _guard(self, make: Callable[[SessionConfig], SecurityGuard] | None) -> SecurityGuard | None:
        if not self.lacks_guard:
            return None
        if make is None:
            _log.warning("session %s asks for a security guard and was given none", self.id)
            return None
        try:
            return make(self.config)
        except Exception as error:
            # The session is loaded all the same, and runs nothing.
            _log.warning(
                "the security guard of session %s was not made: %s", self.id, type(error).__name__
            )
            return None

    @property
    def lacks_guard(self) -> bool:
        """Whether the configuration asks for a security guard and there is none."""
        asked = self.config.security_config
        return asked is not None and asked.enabled and self.security is None
