"""Many sessions at once: what an application with several conversations talks to.

Each call changes one live session and persists it; that it could not be persisted is an event and a
warning, never the caller's error. Where the sessions live and are kept is `registry`'s. Upstream:
`SessionManager` (runtime 10).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Final, Literal

from a3s_store.core.clean import Cleaner
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
from a3s_store.runtime.observation.hooks import Hook
from a3s_store.runtime.observation.telemetry import Telemetry
from a3s_store.runtime.options import OnConflict, OnInterrupted, OnMissingGuard, SessionOptions
from a3s_store.runtime.runs.active_run import Agent, AgentResult
from a3s_store.runtime.state.compaction import Summarizer, should_auto_compact
from a3s_store.runtime.state.limits import check_fields
from a3s_store.runtime.state.usage import DEFAULT_PRICES, ModelPricing

_log = logging.getLogger("a3s_store.session")

# What a title is made of, and how long it gets, in characters.
TITLE_MESSAGES: Final = 4
TITLE_EACH: Final = 200
TITLE_LENGTH: Final = 80
_TITLE_PROMPT: Final = (
    "Give the following conversation a title of at most eight words. "
    "Answer with the title alone.\n\n"
)


class SessionManager(SessionRegistry):
    """Creates, restores and runs sessions.

    `agent` answers prompts in sessions that were given none of their own by `set_agent`;
    `summarizer` makes summaries and titles. Both are the application's, and None for none.
    `compaction` "rounds" keeps a tool call and its results together; "upstream" cuts exactly where
    upstream's first releases cut, and may part them. Raises SessionConfigError for any other text.
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

    # -- Talking ------------------------------------------------------------------------------

    def set_agent(self, session_id: str, agent: Agent) -> None:
        """Have this agent answer in one session. Raises SessionError when it is not live."""
        self._agents[self.get_session(session_id).id] = agent

    async def generate(self, session_id: str, prompt: str) -> AgentResult:
        """Have the session's agent answer, persist, and compact if it is time.

        Raises:
            SessionPausedError: nothing was begun.
            SessionConfigError: there is no agent to answer.
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
        """Cancel the run of a session and all questions asked of a human; whether one ran."""
        return await self.get_session(session_id).cancel()

    async def maybe_auto_compact(self, session_id: str) -> bool:
        """Compact if the session wants it and its context is full enough; whether it did.

        How full it is stays as it was said last, so it may be time again after the next answer. A
        summary that could not be made is a warning: the conversation is as it was.
        """
        return await self._compact_if_full(self.get_session(session_id))

    async def _compact_if_full(self, live: AgentSession) -> bool:
        # Of the session that answered, whatever has become of its id meanwhile.
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
        """Forget the conversation; the store's older generations keep it.

        Raises as `AgentSession.clear`.
        """
        await self.get_session(session_id).clear()

    def _forget(self, session_id: str) -> None:
        # An agent is a live session's: the next of its id may be quite another.
        self._agents.pop(session_id, None)

    # -- Replacing ----------------------------------------------------------------------------

    async def replace_session(
        self, session_id: str, options: SessionOptions | None = None, **given: Any
    ) -> AgentSession:
        """Put a new live session in place of one, made of what is stored, and close the old one.

        So it gets other options, tools, hooks or memory (`given` is for `Session`) under its id.
        The old one is saved first, and stays where anything fails. `options` None are the
        manager's. The agent stays, and the queue runs if it ran; its waiting commands and external
        tasks fail with the old one, and dead letters that are kept are taken over. Upstream:
        `replace_session` (runtime 1.7).

        Raises:
            SessionError: it is not live.
            SessionConfigError: it is not kept in a store.
            SessionBusyError: something is under way in it.
            StoreError: it was not saved, or not restored.
        """
        old = self.get_session(session_id)
        if old.store is None:
            raise SessionConfigError(
                "the session is not kept in a store, so that no other can be made of it",
                field="session_store",
                op="replace_session",
                where=f"session {session_id}",
            )
        with old.admission.enter("replace_session"):
            await old.persistence.save()
            new = await self._restored(old.store, session_id, options or self._options, given)
            self._live[session_id] = new
        await old.close()
        if old.session.queue.is_started:
            new.session.queue.start()
        await self._recover_queue(new)
        return new

    # -- Settings -----------------------------------------------------------------------------

    async def configure(
        self,
        session_id: str,
        *,
        thinking: bool | None = None,
        budget: int | None = None,
        model: LlmConfigData | None = None,
    ) -> None:
        """Set what is given: thinking, its budget in tokens, the model. A key is never kept.

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
        """Give the session a name, live and stored; `generate_title` leaves it unless it is empty.

        Raises EncodeError for a name that could not be saved; then nothing is set.
        """
        live = self.get_session(session_id)
        live.session.set_name(name)
        live.session.touch()
        await live.persistence.auto_save_if_enabled("rename")

    async def pause(self, session_id: str) -> bool:
        """Pause an active session; whether it was one."""
        return await self._changed(self.get_session(session_id), "pause")

    async def resume(self, session_id: str) -> bool:
        """Make a paused session active again; whether it was paused."""
        return await self._changed(self.get_session(session_id), "resume")

    async def _changed(self, live: AgentSession, operation: str) -> bool:
        done = live.session.pause() if operation == "pause" else live.session.resume()
        await live.persistence.auto_save_if_enabled(operation)
        return done

    async def set_permission_policy(self, session_id: str, policy: PermissionPolicy) -> None:
        """Replace the policy, live and stored."""
        live = self.get_session(session_id)
        live.session.config = live.session.config.evolve(permission_policy=policy)
        live.session.set_permission_policy(policy)
        await live.persistence.auto_save_if_enabled("set_permission_policy")

    async def set_confirmation_policy(self, session_id: str, policy: ConfirmationPolicy) -> None:
        """Replace the policy, live and stored; questions that wait keep their time."""
        live = self.get_session(session_id)
        live.session.config = live.session.config.evolve(confirmation_policy=policy)
        live.session.set_confirmation_policy(policy)
        await live.persistence.auto_save_if_enabled("set_confirmation_policy")

    def add_permission_rule(self, session_id: str, kind: str, rule: str) -> None:
        """Append a rule to the live policy only: `kind` is `allow`, `deny` or `ask`.

        It is gone with the live session; `set_permission_policy` is for good. Raises
        SessionConfigError for another kind.
        """
        session = self.get_session(session_id).session
        add = {
            "allow": session.add_allow_rule,
            "deny": session.add_deny_rule,
            "ask": session.add_ask_rule,
        }.get(kind)
        if add is None:
            raise SessionConfigError(
                f"Unknown rule type: {kind}",
                field="kind",
                op="add_permission_rule",
                where=f"session {session_id}",
                hint="Use allow, deny or ask",
            )
        add(rule)

    async def set_tasks(self, session_id: str, tasks: Sequence[Task]) -> None:
        """Replace the task list."""
        live = self.get_session(session_id)
        live.session.set_tasks(tasks)
        await live.persistence.auto_save_if_enabled("task update")

    # -- Kin ----------------------------------------------------------------------------------

    async def create_child_session(
        self, parent_id: str, session_id: str, config: SessionConfig | None = None, **given: Any
    ) -> AgentSession:
        """A new session under a live one, which is kept as its own storage type says.

        It has its parent's agent, and its parent's confirmation policy if it is given none.
        Raises as `create_session`, and SessionError when the parent is not live.
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
        """The live children of a session, by id."""
        return tuple(
            live for live in self.get_all_sessions() if live.session.parent_id == parent_id
        )

    def is_child_session(self, session_id: str) -> bool:
        """Whether another session made it. Raises SessionError when it is not live."""
        return self.get_session(session_id).session.is_child_session

    async def fork_session(
        self, source_id: str, new_id: str, name: str | None = None
    ) -> AgentSession:
        """A new session that begins where a live one is, under it; None names it after it.

        It has the conversation, usage, total cost, tasks and settings, but not the single cost
        records, which are the source's. A title may replace the name that None gives it. Raises as
        `create_session`.
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
            fork.messages = original.messages
            fork.total_usage = original.total_usage
            fork.total_cost = original.total_cost
            fork.model_name = original.model_name
            fork.llm_config = original.llm_config
            fork.thinking_enabled = original.thinking_enabled
            fork.thinking_budget = original.thinking_budget
            fork.tasks = original.tasks
            fork.context_usage = original.context_usage
            live.persistence.state.record_usage(source.persistence.state.total_usage)

        fork = await self._create(
            new_id, config, "fork", before_saving=take_over, tools=source.session.tools
        )
        if source_id in self._agents:
            self._agents[new_id] = self._agents[source_id]
        return fork

    async def generate_title(self, session_id: str, *, replace: bool = False) -> str | None:
        """Name the session after its first messages, and return the name.

        A name that a person gave stays, unless `replace`: then None is returned, and the model is
        not asked. None too without messages or a summarizer, for an empty title, and where a person
        named the session while the title was made. Raises what the summarizer raises.
        """
        live = self.get_session(session_id)
        beginning = live.session.messages[:TITLE_MESSAGES]
        if self._summarizer is None or not beginning:
            return None
        if not (replace or live.session.may_be_titled):
            return None
        lines = [f"{message.role}: {message.text[:TITLE_EACH]}" for message in beginning]
        title = await self._summarizer.summarize(_TITLE_PROMPT + "\n".join(lines))
        cleaner = Cleaner()
        title = cleaner.text(title).strip()
        if cleaner.count:
            live.session.text_cleaned("title", cleaner.count)
        if len(title) > TITLE_LENGTH:
            title = title[: TITLE_LENGTH - 3] + "..."
        if not title or not (replace or live.session.may_be_titled):
            return None
        live.session.set_name(title, made=True)
        await live.persistence.auto_save_if_enabled("title_generation")
        # Another live session may have stored a person's name before.
        return title if live.session.config.name == title else None


def _check_compaction(value: object) -> None:
    if value not in ("rounds", "upstream"):
        raise SessionConfigError(
            f"compaction is 'rounds' or 'upstream', not {short_repr(value)}", field="compaction"
        )
