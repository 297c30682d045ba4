"""The fields of a live session that are stored as they are, and its state.

Each refuses a value that could not be saved as it is set, since one such value would keep the whole
session from being saved; of a list only items that are new are looked at.
"""

from __future__ import annotations

from a3s_store.core.clock import Clock
from a3s_store.core.merging.sessions import MADE
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


class _CheckedConfig(Checked[SessionConfig]):
    """As `Checked`; with another name in it, `name_source` becomes None."""

    def __set__(self, instance: object, value: SessionConfig) -> None:
        before = instance.__dict__.get(self._name)
        super().__set__(instance, value)
        if before is None or before.name != value.name:
            instance.__dict__["name_source"] = None


class SessionFields:
    """The checked attributes of `Session`: setting one to what is refused raises EncodeError.

    `name_source` says who gave the session its name: `made` where a model or a fork did, None for a
    person or unknown. Setting a `config` with another name makes it None.
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
        """Give the session a name, which a person chose unless it was `made`.

        Raises EncodeError for one that could not be saved; then the old one stays.
        """
        self.config = self.config.evolve(name=name)
        self.name_source = MADE if made else None

    @property
    def may_be_titled(self) -> bool:
        """Whether a made name may replace the name: it is empty, or was made itself."""
        return not self.config.name or self.name_source == MADE

    def touch(self) -> None:
        """Say that something changed just now: whole seconds."""
        # Unchecked, since this is called with every change: the clock is clamped.
        self.__dict__["updated_at"] = self.clock() // 1000

    def pause(self) -> bool:
        """Pause an active session; False for any other, which stays what it is."""
        return self._go(SessionState.ACTIVE, SessionState.PAUSED)

    def resume(self) -> bool:
        """Make a paused session active again; False for any other."""
        return self._go(SessionState.PAUSED, SessionState.ACTIVE)

    def _go(self, before: SessionState, after: SessionState) -> bool:
        if self.state is not before:
            return False
        self.state = after
        self.touch()
        return True

    def set_error(self) -> None:
        """It failed for good, whatever it was before; the queue goes on."""
        self.state = SessionState.ERROR
        self.touch()

    def set_completed(self) -> None:
        """It is done, whatever it was before; the queue goes on."""
        self.state = SessionState.COMPLETED
        self.touch()

    @property
    def is_child_session(self) -> bool:
        """Whether another session made this one."""
        return self.parent_id is not None
