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
    """The application's guard of a session. Nothing of it is stored.

    A guard with methods of `Hook` is the first hook of its session, and a strict one: where it
    fails, the call or the run is refused.
    """

    def teardown(self) -> None:
        """Release its resources: the session is closed."""


class SessionTools(SessionFields):
    """The part of `Session` about calls of tools. `Session` sets these attributes."""

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
        """Send the event `TextCleaned`."""
        self.events.send(TextCleaned(session_id=self.id, where=where, count=count))

    # -- Policies -----------------------------------------------------------------------------

    @property
    def permission_checker(self) -> permissions.PermissionChecker:
        """The application's checker, else one that decides by the live policy."""
        return self._checker or permissions.PolicyChecker(self.permission_policy)

    def set_permission_policy(self, policy: PermissionPolicy) -> None:
        """Replace the live policy; the stored configuration stays (the manager changes both).

        Raises EncodeError for a policy that could not be saved; then the old one stays.
        """
        self.permission_policy = policy

    def set_confirmation_policy(self, policy: ConfirmationPolicy) -> None:
        """Replace the policy of later confirmations; it is stored with the next save.

        Raises EncodeError for a policy that could not be saved; then the old one stays.
        """
        self.confirmation.set_policy(policy)

    def add_allow_rule(self, rule: str) -> None:
        """Append an allow rule to the live policy. Raises EncodeError unless it is a text."""
        self.permission_policy = self.permission_policy.with_rules(allow=(rule,))

    def add_deny_rule(self, rule: str) -> None:
        """Append a deny rule to the live policy. Raises EncodeError unless it is a text."""
        self.permission_policy = self.permission_policy.with_rules(deny=(rule,))

    def add_ask_rule(self, rule: str) -> None:
        """Append an ask rule to the live policy. Raises EncodeError unless it is a text."""
        self.permission_policy = self.permission_policy.with_rules(ask=(rule,))

    def check_permission(self, tool: str, args: Mapping[str, Any]) -> PermissionDecision:
        """Return the live policy's decision about a call."""
        return permissions.decide(self.permission_policy, tool, args)

    # -- Calls, hooks and the guard -----------------------------------------------------------

    @property
    def hook_runner(self) -> HookRunner:
        """The hooks as they are now, after the security guard."""
        return HookRunner(self.id, tuple(self.hooks), self.security)

    async def call_tool(
        self, call: ToolUseBlock, tools: Mapping[str, Tool], *, emit: Emit | None = None
    ) -> ToolOutput:
        """Make a call by `guarded_call`, with all skills, hooks and policies of the session.

        `emit` None sends the events of the call to the session's subscribers. `metrics` has how
        long the tool took. Raises as `guarded_call`.
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
            # The session is loaded without it, and runs nothing.
            _log.warning(
                "the security guard of session %s was not made: %s", self.id, type(error).__name__
            )
            return None

    @property
    def lacks_guard(self) -> bool:
        """Whether the configuration asks for a security guard and the session has none."""
        asked = self.config.security_config
        return asked is not None and asked.enabled and self.security is None
