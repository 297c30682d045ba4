"""The protocol of stores that promise `branches`: turns, and the conversations that were left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from a3s_store.core.protocol.appending import AppendingStore
from a3s_store.core.protocol.generational import GenerationalStore

if TYPE_CHECKING:
    from a3s_store.core.branches import Branch
    from a3s_store.core.turns import Turn


@runtime_checkable
class BranchStore(AppendingStore, GenerationalStore, Protocol):
    """A store that lists the turns and branches of a session, and goes back to a branch."""

    async def turns(
        self, session_id: str, *, last: int | None = None, start: int = 0, stop: int | None = None
    ) -> tuple[Turn, ...]:
        """Return the turns of the conversation, or some of them; none when no session is stored.

        `last`, `start` and `stop` as in `AppendingStore.messages`, of turns. The conversation is
        read in pages.

        Raises:
            InvalidArgumentError: as `AppendingStore.messages`.
        """

    async def branches(self, session_id: str) -> tuple[Branch, ...]:
        """Return the branches of a session, oldest first; none when no session is stored.

        A branch is a conversation that no later save continues: the present one, and those that a
        rewind, an edit or a compaction left. Pruned generations are none.
        """

    async def switch_branch(
        self, session_id: str, generation: int, *, expected_generation: int | None = None
    ) -> int:
        """Make the conversation of a generation the present one; return the generation afterwards.

        Everything else of the session stays, and the conversation that is left stays a branch. The
        same conversation is no new generation. `expected_generation` as in
        `GenerationalStore.save`.

        Raises:
            SessionNotFoundError, GenerationGoneError: as `GenerationalStore.load`; also when no
                session is stored.
            StaleGenerationError: it was saved since; nothing was written.
        """
