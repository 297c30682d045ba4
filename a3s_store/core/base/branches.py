"""The methods of `BranchStore`, over a port that a backend implements."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from a3s_store.core.base.appending import AppendMethods
from a3s_store.core.base.generational import GenerationalMethods, check_count, check_expected
from a3s_store.core.collections import check_id
from a3s_store.core.list_pages import Positioned, checked_slice
from a3s_store.errors import SessionNotFoundError

if TYPE_CHECKING:
    from a3s_store.core.branches import Branch
    from a3s_store.core.turns import Turn


class BranchMethods(AppendMethods, GenerationalMethods):
    """Implements `BranchStore` over the port below, and the pages of `AppendMethods`."""

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _branches(self, session_id: str) -> tuple[Branch, ...]:
        """Return what `branches_of` returns, read at one moment; () without a session."""

    @abstractmethod
    async def _switch_branch(
        self, session_id: str, generation: int, expected_generation: int | None
    ) -> int:
        """Make the conversation of a generation the present one.

        Before that `refuse_other` and `not_saved`, in this order, and as `_load_generation`.
        Messages keep their times. The same conversation is not written.
        """

    # -- The methods --------------------------------------------------------------------------

    async def turns(
        self, session_id: str, *, last: int | None = None, start: int = 0, stop: int | None = None
    ) -> tuple[Turn, ...]:
        """See `BranchStore.turns`."""
        from a3s_store.core.turns import is_prompt, turns_between

        wanted = checked_slice("turns", start, stop, last)
        prompts: list[Positioned] = []
        length = 0
        try:
            async for one in self.iter_messages(session_id):
                length += 1
                if is_prompt(one.message):
                    prompts.append(one)
        except SessionNotFoundError:
            return ()
        found = turns_between(prompts, length)
        first, end = wanted.of(len(found))
        return found[first:end]

    async def branches(self, session_id: str) -> tuple[Branch, ...]:
        """See `BranchStore.branches`."""
        self._check_open("branches")
        return await self._branches(check_id(session_id))

    async def switch_branch(
        self, session_id: str, generation: int, *, expected_generation: int | None = None
    ) -> int:
        """See `BranchStore.switch_branch`."""
        op = "switch_branch"
        self._check_open(op)
        check_expected(op, expected_generation)
        check_count(op, "generation", generation)
        return await self._switch_branch(check_id(session_id), generation, expected_generation)
