"""Turns of a live session once more: taken back, run again, or with another prompt."""

from __future__ import annotations

from collections.abc import Callable

from a3s_store.core.arguments import refused
from a3s_store.core.turns import Turn, turns
from a3s_store.errors import SessionError, StaleSessionError
from a3s_store.models import Message, TextBlock
from a3s_store.runtime.runs.active_run import Agent, AgentResult
from a3s_store.runtime.session_runs import SessionRuns


class SessionTurns(SessionRuns):
    """The methods of a live session that replace turns of its conversation."""

    async def undo_turn(self, n: int = 1) -> tuple[Message, ...]:
        """Take back the last `n` turns, and return their messages.

        In a store with generations the longer conversation stays a branch. Costs, tasks and
        collections stay.

        Raises:
            InvalidArgumentError: the conversation has fewer turns.
            StaleSessionError: as `clear`; nothing was taken back.
            SessionBusyError, SessionClosedError: at once.
        """
        with self.admission.enter("undo_turn"):
            return await self._cut("undo_turn", lambda messages: _last_turns(messages, n).start)

    async def regenerate(self, agent: Agent, *, run_id: str | None = None) -> AgentResult:
        """Take back the last turn, and run the agent on its prompt again.

        Raises as `undo_turn` and `send`. Nothing is taken back where a hook refuses the prompt, or
        others changed the conversation. An interrupted run becomes part of it first, as by `send`,
        and counts as such a change.
        """
        with self.admission.enter("regenerate"):
            await self._take_in_nothing_new("regenerate")
            messages = self.session.messages
            last = _last_turns(messages, 1)
            prompt = _text_of(messages[last.start])
            return await self._again("regenerate", last, prompt, agent, run_id)

    async def edit_message(
        self, turn: int, text: str, agent: Agent, *, run_id: str | None = None
    ) -> AgentResult:
        """Take back a turn and all later ones, and run the agent on another prompt instead.

        `turn` is a `Turn.index`, 1 for the first prompt. Raises as `regenerate`.
        """
        with self.admission.enter("edit_message"):
            await self._take_in_nothing_new("edit_message")
            found = [one for one in turns(self.session.messages) if one.index]
            if type(turn) is not int or not 1 <= turn <= len(found):
                raise refused("edit_message", "turn", f"is a number from 1 to {len(found)}")
            return await self._again("edit_message", found[turn - 1], text, agent, run_id)

    async def _take_in_nothing_new(self, op: str) -> None:
        """As `_take_in`. Raises StaleSessionError where that changed the conversation.

        The caller has not seen those messages, and they would be taken back.
        """
        before = self.session.messages
        await self._take_in(op)
        if self.session.messages != before:
            base = self.persistence.base
            raise StaleSessionError(
                "the conversation has messages of others, or of an interrupted run",
                session_id=self.id,
                reason="changed",
                expected=0,
                actual=0 if base is None else base.revision.generation,
                op=op,
                where=f"session {self.id}",
                hint="Nothing was replaced; the live session has these messages now",
            )

    async def _again(
        self, op: str, turn: Turn, prompt: str, agent: Agent, run_id: str | None
    ) -> AgentResult:
        prompt = await self._hooked(op, prompt)
        await self._cut(op, lambda _: turn.start)
        return await self._watched(self._begin(agent, self._new_run(prompt, run_id)))

    async def _cut(
        self, op: str, start_of: Callable[[tuple[Message, ...]], int]
    ) -> tuple[Message, ...]:
        """Shorten the conversation, and return what was removed. Raises as `rewrite`."""
        messages = self.session.messages
        start = start_of(messages)
        await self.persistence.rewrite(op, lambda: self.session.replace_messages(messages[:start]))
        return messages[start:]


def _last_turns(messages: tuple[Message, ...], n: int) -> Turn:
    """Return the first of the last `n` turns. Raises InvalidArgumentError."""
    found = [one for one in turns(messages) if one.index]
    if type(n) is not int or not 1 <= n <= len(found):
        raise refused("undo_turn", "n", f"is a number from 1 to {len(found)}")
    return found[-n]


def _text_of(prompt: Message) -> str:
    """Return the text of a prompt. Raises SessionError where it has more than text."""
    if not all(type(block) is TextBlock for block in prompt.content):
        raise SessionError(
            "the prompt has more than text",
            op="regenerate",
            hint="undo_turn() returns it, to send it in another way",
        )
    return prompt.text
