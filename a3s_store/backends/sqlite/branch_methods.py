"""The methods of `SqliteSessionStore` for branches: the port of `BranchMethods`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.backends.sqlite import read, write
from a3s_store.backends.sqlite.store_base import SqliteStoreBase
from a3s_store.core.base.branches import BranchMethods

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.branches import Branch


class Branches(SqliteStoreBase, BranchMethods):
    """Reads branches and changes the head of a session; no message is copied."""

    async def _branches(self, session_id: str) -> tuple[Branch, ...]:
        return await self._read_session(
            "branches", session_id, lambda conn: read.branches.branches(conn, session_id)
        )

    async def _switch_branch(
        self, session_id: str, generation: int, expected_generation: int | None
    ) -> int:
        switch = write.session_changes.switch  # imported before the transaction, not inside it

        def apply(conn: WorkConnection, changes: WriteTransaction) -> int:
            return switch(
                conn, changes, session_id, generation, self._now_ms(), expected_generation
            )

        return await self._write_session("switch_branch", session_id, apply)
