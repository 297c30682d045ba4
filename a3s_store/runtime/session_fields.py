"""The attributes of a live session that are stored, and its state.

An attribute refuses a value that could not be saved when it is set, since one such value would keep
the whole session from being saved. Of a list only new items are checked.
"""

from __future__ import annotations

from typing import Final

from a3s_store.core.batch import MADE
from a3s_store.core.clock import Clock
from a3s_store.models import (
    ContextUsage,
    LlmConfigData,
    LlmCostRecord,
    PermissionPolicy,
    SessionConfig,
    SessionState,
    Task,
    TokenUsage,
    VerificationReport,
)
from a3s_store.runtime.state.limits import Checked, CheckedItems, CheckedSetting

# The attributes of `Session` that are fields of `SessionData` under their own names, apart from the
# configuration, the messages, and those that a restore does not take over.
STORED: Final = (
    "state",
    "context_usage",
    "total_usage",
    "total_cost",
    "model_name",
    "cost_records",
    "thinking_enabled",
    "thinking_budget",
    "created_at",
    "updated_at",
    "tasks",
    "parent_id",
)


class _CheckedConfig(Checked[SessionConfig]):
    """A `Checked` configuration; one with another name resets `name_source` to None."""

    def __set__(self, instance: object, value: SessionConfig) -> None:
        before = instance.__dict__.get(self._name)
        super().__set__(instance, value)
        if before is None or before.name != value.name:
            instance.__dict__["name_source"] = None


class SessionFields:
    """The checked attributes of `Session`: setting one to an invalid value raises EncodeError.

    `name_source` is `made` for a name that a model or a fork gave the session, None for a person's
    or an unknown one.
    """

    clock: Clock
    name_source: str | None
    config = _CheckedConfig()
    context_usage = Checked[ContextUsage]()
    total_usage = Checked[TokenUsage]()
    total_cost = Checked[float]()
    model_name = Checked[str | None]()
    llm_config = Checked[LlmConfigData | None]()
    thinking_enabled = Checked[bool]()
    thinking_budget = Checked[int | None]()
    state = Checked[SessionState]()
    created_at = Checked[int]()
    updated_at = Checked[int]()
    parent_id = Checked[str | None]()
    tool_names = Checked[tuple[str, ...]]()
    permission_policy = CheckedSetting[PermissionPolicy]()
    tasks = CheckedItems(Task)
    cost_records = CheckedItems(LlmCostRecord)
    verification_reports = CheckedItems(VerificationReport)

    def set_name(self, name: str, *, made: bool = False) -> None:
        """Name the session. `made` says that no person chose the name.

        Raises EncodeError for a name that could not be saved; then the old one stays.
        """
        self.config = self.config.evolve(name=name)
        self.name_source = MADE if made else None

    @property
    def may_be_titled(self) -> bool:
        """Whether a generated name may replace this one: it is empty or was generated itself."""
        return not self.config.name or self.name_source == MADE

    def touch(self) -> None:
        """Set `updated_at` to now, in whole seconds."""
        # Unchecked, since every change does this: the clock is clamped.
        self.__dict__["updated_at"] = self.clock() // 1000

    def pause(self) -> bool:
        """Pause an active session; return False, and change nothing, in any other state."""
        return self._move(SessionState.ACTIVE, SessionState.PAUSED)

    def resume(self) -> bool:
        """Make a paused session active again; return False, and change nothing, in other states."""
        return self._move(SessionState.PAUSED, SessionState.ACTIVE)

    def _move(self, before: SessionState, after: SessionState) -> bool:
        if self.state is not before:
            return False
        self.state = after
        self.touch()
        return True

    def set_error(self) -> None:
        """Set the state to error, from any state; the queue goes on."""
        self.state = SessionState.ERROR
        self.touch()

    def set_completed(self) -> None:
        """Set the state to completed, from any state; the queue goes on."""
        self.state = SessionState.COMPLETED
        self.touch()

    @property
    def is_child_session(self) -> bool:
        """Whether another session made this one."""
        return self.parent_id is not None
