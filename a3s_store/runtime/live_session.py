"""A live session: the state of one conversation in memory, apart from store and model provider.

It has all that is saved of a session except the collections (runs, trace, artifacts, subagent
tasks, findings), which have modules of their own. Its methods, other than `compact` and
`call_tool`, are plain functions: between two awaits of the application a session is consistent.

Invariants: 1. an id that could not be a file name is refused before anything else happens; 2.
every change that upstream counts as one moves `updated_at`, and `restore_from_data` does not; 3.
the code that saves reads the same collection objects, no copies.
Upstream: `Session` (runtime 3).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from a3s_store.agent_memory import InMemoryMemoryStore, MemoryStore
from a3s_store.core.clock import Clock, clamped, system_clock
from a3s_store.core.merging.history import History
from a3s_store.core.tool_pairs import results_of
from a3s_store.errors import CompactionError
from a3s_store.models import (
    ConfirmationPolicy,
    ContextUsage,
    ExecutionPlan,
    LlmConfigData,
    Message,
    PermissionPolicy,
    PlanningEnd,
    SessionConfig,
    SessionData,
    SessionQueueConfig,
    SessionState,
    Task,
    TaskStatus,
    TaskUpdated,
    TokenUsage,
    ToolDefinition,
    tool_names_from_definitions,
)
from a3s_store.runtime.context.memory import MemoryContextProvider
from a3s_store.runtime.context.providers import ContextProvider
from a3s_store.runtime.observation.events import Broadcast
from a3s_store.runtime.observation.hooks import Hook
from a3s_store.runtime.observation.session_events import CompactionSkipped
from a3s_store.runtime.observation.telemetry import ContainedTelemetry, NoTelemetry, Telemetry
from a3s_store.runtime.policies import permissions
from a3s_store.runtime.policies.confirmation import ConfirmationManager
from a3s_store.runtime.policies.tool_filter import ToolFilter
from a3s_store.runtime.queue import LaneQueue
from a3s_store.runtime.queue.journal import QueueJournal
from a3s_store.runtime.session_fields import STORED
from a3s_store.runtime.session_tools import SecurityGuard as SecurityGuard
from a3s_store.runtime.session_tools import SessionTools
from a3s_store.runtime.state import compaction, usage
from a3s_store.runtime.state.artifacts import ArtifactCollection
from a3s_store.runtime.state.cleaning import writable
from a3s_store.runtime.state.findings import FindingCollection
from a3s_store.runtime.state.limits import check_added, check_fields, check_session_id
from a3s_store.runtime.state.runs import RunStore
from a3s_store.runtime.state.subagents import SubagentTracker
from a3s_store.runtime.state.trace import TraceSink

_log = logging.getLogger("a3s_store.session")

_UNDER_WAY: Final = {TaskStatus.PENDING, TaskStatus.IN_PROGRESS}


class Session(SessionTools):
    """One conversation with its settings and its collections. Use it from one event loop.

    `tools` are the definitions that the model is offered. `memory` keeps the agent's memory, None
    keeps it for this process only. `context_providers` are asked after that memory. `security`
    makes the guard when the configuration asks for one: without a guard such a session runs
    nothing, see `SessionOptions.on_missing_guard`. `hooks` are called at the points of `Hook`,
    `telemetry` receives measurements, `prices` are those of models. `tool_filter` has the active
    skills and their tools. The queue is made and not started; `queue_journal` stores its dead
    letters and external tasks.

    Raises InvalidIdError for an id that a live session may not have (`check_session_id`), and
    EncodeError for a configuration that could not be saved. Setting one of the attributes below to
    such a value raises EncodeError too.
    """

    def __init__(
        self,
        session_id: str,
        config: SessionConfig | None = None,
        *,
        tools: Sequence[ToolDefinition] = (),
        memory: MemoryStore | None = None,
        context_providers: Sequence[ContextProvider] = (),
        confirmation: ConfirmationManager | None = None,
        permission_checker: permissions.PermissionChecker | None = None,
        security: Callable[[SessionConfig], SecurityGuard] | None = None,
        hooks: Sequence[Hook] = (),
        telemetry: Telemetry | None = None,
        prices: Mapping[str, usage.ModelPricing] = usage.DEFAULT_PRICES,
        runs: RunStore | None = None,
        trace: TraceSink | None = None,
        artifacts: ArtifactCollection | None = None,
        subagents: SubagentTracker | None = None,
        queue_journal: QueueJournal | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.id = check_session_id(session_id)
        self.config = config if config is not None else SessionConfig()
        self.tools = tuple(tools)
        self.tool_names = tool_names_from_definitions(tools)
        self.clock = clock = clamped(clock)
        self.prices = prices
        self.events = Broadcast()
        self.state = SessionState.ACTIVE
        self._history = History(())
        self._messages: tuple[Message, ...] = ()
        self.context_usage = ContextUsage()
        self.total_usage = TokenUsage()
        self.total_cost = 0.0
        self.cost_records = ()
        self.model_name = None
        self.llm_config = None
        self.thinking_enabled = False
        self.thinking_budget = None
        self.created_at = self.updated_at = clock() // 1000
        self.tasks = ()
        self.parent_id = self.config.parent_id
        self.metrics = usage.ToolMetrics(clock=clock)
        self.hooks = [*hooks]
        self.tool_filter = ToolFilter()
        self.telemetry = ContainedTelemetry(telemetry or NoTelemetry())
        self.verification_reports = ()
        # Collections that the runtime does not change, by name, as they were read.
        self.other_collections: dict[str, tuple[Any, ...]] = {}
        self.runs = runs if runs is not None else RunStore(clock=clock)
        self.trace = trace if trace is not None else TraceSink()
        self.artifacts = artifacts if artifacts is not None else ArtifactCollection()
        self.subagents = subagents if subagents is not None else SubagentTracker(clock=clock)
        self.findings = FindingCollection(self.id, clock=clock)
        for made in (self.runs, self.trace, self.artifacts, self.subagents, self.findings):
            made.on_cleaned = self.text_cleaned
        self.permission_policy = self.config.permission_policy or PermissionPolicy()
        if isinstance(permission_checker, permissions.PolicyChecker):
            # This policy becomes the live one, which may change; any other checker stays as it is.
            self.permission_policy, permission_checker = permission_checker.policy, None
        self._checker = permission_checker
        self.confirmation = confirmation or ConfirmationManager(
            # The policy type is off by default; a session asks (L5).
            self.config.confirmation_policy or ConfirmationPolicy.on(),
            emit=self.events.send,
            clock=clock,
        )
        self.queue_journal = queue_journal
        queue_config = self.config.queue_config or SessionQueueConfig()
        self.queue = LaneQueue(
            self.id, queue_config, emit=self.events.send, clock=clock, journal=queue_journal
        )
        self.memory = memory if memory is not None else InMemoryMemoryStore(clock=clock)
        self.context_providers: list[ContextProvider] = [
            MemoryContextProvider(self.memory, clock=clock),
            *context_providers,
        ]
        self.security = None
        self.security = self._guard(security)

    # -- Conversation and tasks ---------------------------------------------------------------

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation. A new value is compared with the old one: see `History.now`.

        Raises EncodeError when it is set, for a new message that could not be saved.
        """
        return self._messages

    @messages.setter
    def messages(self, messages: Sequence[Message]) -> None:
        messages = check_added(Message, "messages", self._messages, messages)
        self._history = self._history.now(messages)
        self._messages = messages

    @property
    def history(self) -> History:
        """The conversation since it was last read or stored."""
        return self._history

    def rebase(self, history: History) -> None:
        """Replace the history and with it the conversation, after a read or a save of the store."""
        self._history = history
        self._messages = history.view

    def add_message(self, message: Message) -> None:
        """Append a message, whether the session is paused or not.

        Texts of a message that no person wrote (its role is not `user`, or it has tool results) are
        cleaned. Like upstream, `context_usage.turns` counts messages. Raises EncodeError for a
        message that could not be saved; then nothing changed.
        """
        if isinstance(message, Message) and (message.role != "user" or results_of(message)):
            message = writable(message, "message", self.text_cleaned)
        self.messages += (message,)
        self.context_usage = self.context_usage.evolve(turns=len(self.messages))
        self.touch()

    def replace_messages(self, messages: Sequence[Message]) -> None:
        """Replace the conversation, as the result of a run does.

        Raises EncodeError for a message that could not be saved; then nothing changed.
        """
        self.messages = tuple(messages)
        self.touch()

    def clear(self) -> None:
        """Empty the conversation; totals, costs and tasks stay, and so do the store's generations.

        The size of the context goes back to the type's default of 200 000, as upstream's does.
        """
        self.messages = ()
        self.context_usage = ContextUsage()
        self.touch()

    def set_tasks(self, tasks: Sequence[Task]) -> None:
        """Replace the task list and send TaskUpdated.

        Raises EncodeError for a task that could not be saved; then nothing changed.
        """
        self.tasks = tuple(tasks)
        self.touch()
        self.events.send(TaskUpdated(session_id=self.id, tasks=self.tasks))

    @property
    def active_task_count(self) -> int:
        """The number of tasks that are pending or in progress."""
        return sum(task.status in _UNDER_WAY for task in self.tasks)

    async def compact(
        self, summarizer: compaction.Summarizer | None, *, keep_pairs: bool = True
    ) -> bool:
        """Replace the middle of a long conversation by a summary; return False if nothing was done.

        Without a summarizer the last 20 messages stay. A tool call and its results are kept or
        summarised together; with `keep_pairs` False the cut is exactly upstream's. Where all of it
        is one round, only old tool output is replaced by a notice; where that saves too little,
        nothing is done and the event CompactionSkipped is sent. Messages added while the summary
        is made are kept behind it. The store's generations keep the conversation before.

        Raises:
            CompactionError: no summary was made, or the conversation was replaced meanwhile; it is
                unchanged.
        """
        before = self.messages
        compacted = await compaction.compact(
            before, summarizer, keep_pairs=keep_pairs, cleaned=self.text_cleaned
        )
        if compacted is None:
            if keep_pairs and compaction.is_one_round(before, with_summary=summarizer is not None):
                tokens = compaction.estimated_tokens(before)
                self.events.send(
                    CompactionSkipped(session_id=self.id, reason="one_round", tokens=tokens)
                )
            return False
        now = self.messages
        if now[: len(before)] != before:
            raise CompactionError(
                "the conversation was replaced while its summary was made",
                op="compact",
                where=f"session {self.id}",
                hint="Compact it again",
            )
        self.replace_messages(compacted + now[len(before) :])
        return True

    @property
    def plan(self) -> ExecutionPlan | None:
        """The newest plan of the session's runs, from their PlanningEnd events; None without one.

        It is kept as long as these events. Upstream: `current_plan`, which is not kept.
        """
        for run in reversed(self.runs.records()):
            for record in reversed(run.events):
                if isinstance(record.event, PlanningEnd):
                    return record.event.plan
        return None

    # -- Context providers --------------------------------------------------------------------

    def add_context_provider(self, provider: ContextProvider) -> None:
        """Append a provider. Several may have the same name."""
        self.context_providers.append(provider)

    def remove_context_provider(self, name: str) -> bool:
        """Remove all providers of this name; return whether there were any."""
        kept = [provider for provider in self.context_providers if provider.name != name]
        found = len(kept) < len(self.context_providers)
        self.context_providers = kept
        return found

    @property
    def context_provider_names(self) -> tuple[str, ...]:
        """The names of the providers, in the order in which they are asked."""
        return tuple(provider.name for provider in self.context_providers)

    # -- Usage --------------------------------------------------------------------------------

    def update_usage(self, used: TokenUsage) -> None:
        """Count one call of the model: tokens, cost, and how full the context is.

        A cost record is always added, with cost None for a model without a price. A cost below 0,
        or a total beyond the range of a float, counts as None, with a warning. Cache counters are
        not added here but by `SessionPersistence.record_usage`. Raises EncodeError for counts that
        could not be saved; then nothing changed.
        """
        check_fields(total_usage=used)
        self.total_usage = usage.add_usage(self.total_usage, used)
        pricing = self.prices.get(self.model_name) if self.model_name is not None else None
        cost = None if pricing is None else usage.cost_of(used, pricing)
        if cost is not None and not 0 <= self.total_cost <= self.total_cost + cost < math.inf:
            _log.warning("session %s: the price of %s gives no cost", self.id, self.model_name)
            cost = None
        if cost is not None:
            self.total_cost += cost
        self.cost_records += (
            usage.cost_record(
                used, model=self.model_name or "", cost=cost, session_id=self.id, clock=self.clock
            ),
        )
        maximum = self.context_usage.max_tokens
        self.context_usage = self.context_usage.evolve(
            used_tokens=used.prompt_tokens,
            percent=usage.context_percent(used.prompt_tokens, maximum),
        )
        self.touch()
        self.telemetry.usage(
            session_id=self.id,
            model=self.model_name or usage.UNKNOWN_MODEL,
            usage=used,
            cost_usd=cost,
        )

    # -- To and from a stored session ---------------------------------------------------------

    def to_session_data(
        self, llm_config: LlmConfigData | None = None, *, onto: SessionData | None = None
    ) -> SessionData:
        """Return the session as it is stored, without its collections.

        `llm_config` is written as it is given. `onto` is the stored session: labels, and keys that
        this release does not know, are taken from it. Upstream: `to_session_data` (3.4).
        """
        before = onto or SessionData(
            id=self.id, created_at=self.created_at, updated_at=self.updated_at
        )
        return before.evolve(
            id=self.id,
            config=self.config,
            messages=self.messages,
            tool_names=self.tool_names,
            llm_config=llm_config,
            **{name: getattr(self, name) for name in STORED},
        )

    def restore_from_data(self, data: SessionData) -> None:
        """Take over a stored session; configuration, tools, policies and queue stay as they are.

        `updated_at` becomes the stored one, since a load changes nothing. Raises EncodeError for a
        value that could not be saved again. Upstream: `restore_from_data` (3.4).
        """
        self.rebase(History(check_added(Message, "messages", (), data.messages)))
        for name in STORED:
            setattr(self, name, getattr(data, name))
