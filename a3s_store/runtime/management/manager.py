"""The manager of many sessions, which most applications use.

A method changes one live session and saves it. A failed save is an event and a warning, never an
error of the caller. `registry` knows which sessions are live and where they are stored. Upstream:
`SessionManager` (runtime 10).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Final, Literal

from a3s_store.core.clock import Clock, system_clock
from a3s_store.errors import (
    CompactionError,
    SessionBusyError,
    SessionClosedError,
    SessionConfigError,
    SessionError,
    SessionPausedError,
)
from a3s_store.models import (
    ConfirmationPolicy,
    ContextCompacted,
    LlmConfigData,
    PermissionPolicy,
    SessionConfig,
    SessionState,
    Task,
)
from a3s_store.printable import short_repr
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.live_session import SecurityGuard
from a3s_store.runtime.management.registry import SessionRegistry
from a3s_store.runtime.management.titles import make_title
from a3s_store.runtime.observation.hooks import Hook
from a3s_store.runtime.observation.telemetry import Telemetry
from a3s_store.runtime.options import OnConflict, OnInterrupted, OnMissingGuard
from a3s_store.runtime.runs.active_run import Agent, AgentResult
from a3s_store.runtime.state.compaction import Summarizer, should_auto_compact
from a3s_store.runtime.state.limits import check_fields
from a3s_store.runtime.state.usage import DEFAULT_PRICES, ModelPricing

_log = logging.getLogger("a3s_store.session")

# What a fork takes over from its source, besides the configuration.
_FORKED: Final = (
    "messages",
    "total_usage",
    "total_cost",
    "model_name",
    "llm_config",
    "thinking_enabled",
    "thinking_budget",
    "tasks",
    "context_usage",
)


class SessionManager(SessionRegistry):
    """Creates, restores and runs sessions.

    `agent` runs in sessions without an agent of their own (`set_agent`); `summarizer` makes
    summaries and titles. Both are the application's, or None. `compaction` "rounds" keeps a tool
    call and its results together; "upstream" cuts exactly where upstream's first releases cut, and
    may separate them. Raises SessionConfigError for any other text.
    """

    def __init__(
        self,
        *,
        agent: Agent | None = None,
        summarizer: Summarizer | None = None,
        prices: Mapping[str, ModelPricing] = DEFAULT_PRICES,
        keep_queues: bool = False,
        compaction: Literal["rounds", "upstream"] = "rounds",
        on_conflict: OnConflict = "merge",
        on_interrupted: OnInterrupted = "keep",
        require_conditions: bool = False,
        security: Callable[[SessionConfig], SecurityGuard] | None = None,
        on_missing_guard: OnMissingGuard = "refuse",
        hooks: Sequence[Hook] = (),
        telemetry: Telemetry | None = None,
        rescue_dir: str | PathLike[str] | None = None,
        clock: Clock = system_clock,
    ) -> None:
        _check_compaction(compaction)
        super().__init__(
            prices=prices,
            keep_queues=keep_queues,
            on_conflict=on_conflict,
            on_interrupted=on_interrupted,
            require_conditions=require_conditions,
            security=security,
            on_missing_guard=on_missing_guard,
            hooks=hooks,
            telemetry=telemetry,
            rescue_dir=rescue_dir,
            clock=clock,
        )
        self._agent = agent
        self._agents: dict[str, Agent] = {}
        self._summarizer = summarizer
        self._keep_pairs = compaction == "rounds"

    # -- Runs ---------------------------------------------------------------------------------

    def set_agent(self, session_id: str, agent: Agent) -> None:
        """Set the agent of one session. Raises SessionError when the session is not live."""
        self._agents[self.get_session(session_id).id] = agent

    async def generate(self, session_id: str, prompt: str) -> AgentResult:
        """Run the session's agent on a prompt, save, and compact when the context is full.

        Raises:
            SessionPausedError: the session is paused; nothing was begun.
            SessionConfigError: there is no agent.
            SessionError: the session is not live; and as `AgentSession.send`.
        """
        live = self.get_session(session_id)
        where = f"session {session_id}"
        if live.session.state is SessionState.PAUSED:
            raise SessionPausedError(
                f"Session {session_id} is paused. Call Resume before generating.",
                op="generate",
                where=where,
            )
        agent = self._agents.get(session_id, self._agent)
        if agent is None:
            raise SessionConfigError(
                f"LLM client not configured for session {session_id}. "
                "Please call Configure RPC with model configuration first.",
                field="agent",
                op="generate",
                where=where,
                hint="Give SessionManager an agent, or call set_agent",
            )
        result = await live.send(prompt, agent)
        await self._compact_if_full(live)
        return result

    async def cancel_operation(self, session_id: str) -> bool:
        """Cancel the run and all confirmations of a session; return whether there was a run."""
        return await self.get_session(session_id).cancel()

    async def maybe_auto_compact(self, session_id: str) -> bool:
        """Compact if the session is set to and its context is full enough; return whether it did.

        The measured size of the context stays as it is until the next reply, so this may compact
        again before it. A failed summary is a warning and leaves the conversation as it was.
        """
        return await self._compact_if_full(self.get_session(session_id))

    async def _compact_if_full(self, live: AgentSession) -> bool:
        # Not by id: another session may have the id by now.
        session_id = live.id
        config, context = live.session.config, live.session.context_usage
        threshold = config.auto_compact_threshold
        full = should_auto_compact(context.used_tokens, context.max_tokens, threshold)
        if not config.auto_compact or not full:
            return False
        before = len(live.session.messages)
        try:
            changed = await live.compact(self._summarizer, keep_pairs=self._keep_pairs)
        except (CompactionError, SessionBusyError, SessionClosedError) as error:
            _log.warning("session %s not compacted: %s", session_id, error)
            return False
        if changed:
            live.session.events.send(
                ContextCompacted(
                    session_id=session_id,
                    before_messages=before,
                    after_messages=len(live.session.messages),
                    percent_before=context.percent,
                )
            )
        return changed

    async def compact(self, session_id: str) -> bool:
        """Compact now; False when the conversation is short. Raises as `AgentSession.compact`."""
        live = self.get_session(session_id)
        return await live.compact(self._summarizer, keep_pairs=self._keep_pairs)

    async def clear(self, session_id: str) -> None:
        """Empty the conversation; the store's older generations keep it.

        Raises as `AgentSession.clear`.
        """
        await self.get_session(session_id).clear()

    def _forget(self, session_id: str) -> None:
        # The next session of this id may be another, with another agent.
        self._agents.pop(session_id, None)

    # -- Settings -----------------------------------------------------------------------------

    async def configure(
        self,
        session_id: str,
        *,
        thinking: bool | None = None,
        budget: int | None = None,
        model: LlmConfigData | None = None,
    ) -> None:
        """Set the given settings: thinking, its budget in tokens, the model. Keys are never stored.

        Raises EncodeError for a value that could not be saved; then nothing is set.
        """
        live = self.get_session(session_id)
        session = live.session
        given = {"thinking_enabled": thinking, "thinking_budget": budget, "llm_config": model}
        check_fields(**{name: value for name, value in given.items() if value is not None})
        if thinking is not None:
            session.thinking_enabled = thinking
        if budget is not None:
            session.thinking_budget = budget
        if model is not None:
            session.llm_config = model
            session.model_name = model.model
        session.touch()
        await live.persistence.auto_save_if_enabled("configure")

    async def rename(self, session_id: str, name: str) -> None:
        """Name the session, live and stored; `generate_title` replaces only an empty name then.

        Raises EncodeError for a name that could not be saved; then the old one stays.
        """
        live = self.get_session(session_id)
        live.session.set_name(name)
        live.session.touch()
        await live.persistence.auto_save_if_enabled("rename")

    async def pause(self, session_id: str) -> bool:
        """Pause an active session; return False, and change nothing, in any other state."""
        live = self.get_session(session_id)
        done = live.session.pause()
        await live.persistence.auto_save_if_enabled("pause")
        return done

    async def resume(self, session_id: str) -> bool:
        """Make a paused session active again; return False, and change nothing, in other states."""
        live = self.get_session(session_id)
        done = live.session.resume()
        await live.persistence.auto_save_if_enabled("resume")
        return done

    async def set_permission_policy(self, session_id: str, policy: PermissionPolicy) -> None:
        """Replace the permission policy, live and stored. Raises EncodeError."""
        live = self.get_session(session_id)
        live.session.config = live.session.config.evolve(permission_policy=policy)
        live.session.set_permission_policy(policy)
        await live.persistence.auto_save_if_enabled("set_permission_policy")

    async def set_confirmation_policy(self, session_id: str, policy: ConfirmationPolicy) -> None:
        """Replace the confirmation policy, live and stored; pending ones keep their timeout."""
        live = self.get_session(session_id)
        live.session.config = live.session.config.evolve(confirmation_policy=policy)
        live.session.set_confirmation_policy(policy)
        await live.persistence.auto_save_if_enabled("set_confirmation_policy")

    def add_permission_rule(self, session_id: str, kind: str, rule: str) -> None:
        """Append a rule to the live policy only: `kind` is `allow`, `deny` or `ask`.

        The rule is not stored; `set_permission_policy` stores one. Raises SessionConfigError for
        another kind.
        """
        session = self.get_session(session_id).session
        if kind not in ("allow", "deny", "ask"):
            raise SessionConfigError(
                f"Unknown rule type: {kind}",
                field="kind",
                op="add_permission_rule",
                where=f"session {session_id}",
                hint="Use allow, deny or ask",
            )
        session.permission_policy = session.permission_policy.with_rules(**{kind: (rule,)})

    async def set_tasks(self, session_id: str, tasks: Sequence[Task]) -> None:
        """Replace the task list, live and stored. Raises EncodeError."""
        live = self.get_session(session_id)
        live.session.set_tasks(tasks)
        await live.persistence.auto_save_if_enabled("task update")

    # -- Child sessions, forks and titles -----------------------------------------------------

    async def create_child_session(
        self, parent_id: str, session_id: str, config: SessionConfig | None = None, **given: Any
    ) -> AgentSession:
        """Create a session under a live one, in the store of its own storage type.

        It has its parent's agent, and its parent's confirmation policy unless one is given. Raises
        as `create_session`, and SessionError when the parent is not live.
        """
        parent = self.get_session(parent_id).session
        config = (config or SessionConfig()).evolve(parent_id=parent_id)
        if config.confirmation_policy is None:
            config = config.evolve(confirmation_policy=parent.confirmation.policy)
        child = await self._create(session_id, config, "create_child", **given)
        if parent_id in self._agents:
            self._agents[session_id] = self._agents[parent_id]
        return child

    def get_child_sessions(self, parent_id: str) -> tuple[AgentSession, ...]:
        """Return the live children of a session, sorted by id."""
        return tuple(
            live for live in self.get_all_sessions() if live.session.parent_id == parent_id
        )

    def is_child_session(self, session_id: str) -> bool:
        """Whether another session made this one. Raises SessionError when it is not live."""
        return self.get_session(session_id).session.is_child_session

    async def fork_session(
        self, source_id: str, new_id: str, name: str | None = None
    ) -> AgentSession:
        """Create a session that goes on from a live one, as its child.

        It has the conversation, usage, total cost, tasks and settings of its source, but not the
        single cost records. `name` None makes a name of the source's, which a title may replace.
        Raises as `create_session`.
        """
        if source_id not in self._live:
            raise SessionError(
                f"Source session '{source_id}' not found for fork",
                op="fork",
                where=f"session {source_id}",
                hint="Restore it first",
            )
        source = self._live[source_id]
        config = source.session.config
        named = name if name is not None else f"{config.name} (fork)"
        config = config.evolve(name=named, parent_id=source_id)

        def take_over(live: AgentSession) -> None:
            fork, original = live.session, source.session
            fork.set_name(named, made=name is None)
            for field in _FORKED:
                setattr(fork, field, getattr(original, field))
            live.persistence.state.record_usage(source.persistence.state.total_usage)

        fork = await self._create(
            new_id, config, "fork", before_saving=take_over, tools=source.session.tools
        )
        if source_id in self._agents:
            self._agents[new_id] = self._agents[source_id]
        return fork

    async def generate_title(self, session_id: str, *, replace: bool = False) -> str | None:
        """Name the session by a title of its first messages, and return the title.

        A person's name stays unless `replace`: then None is returned, and the model is not asked.
        None is also returned without messages or a summarizer, for an empty title, and where a
        person named the session while the title was made. Raises what the summarizer raises.
        """
        live = self.get_session(session_id)
        if self._summarizer is None or not live.session.messages:
            return None
        if not (replace or live.session.may_be_titled):
            return None
        title = await make_title(live.session, self._summarizer)
        if not title or not (replace or live.session.may_be_titled):
            return None
        live.session.set_name(title, made=True)
        await live.persistence.auto_save_if_enabled("title_generation")
        # The merge of this save may have taken over a person's name.
        return title if live.session.config.name == title else None


def _check_compaction(value: object) -> None:
    if value not in ("rounds", "upstream"):
        raise SessionConfigError(
            f"compaction is 'rounds' or 'upstream', not {short_repr(value)}", field="compaction"
        )
