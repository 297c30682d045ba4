"""How `SqliteSessionStore` deletes sessions: in steps, each a transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from a3s_store.backends.sqlite import write
from a3s_store.backends.sqlite.store_base import SqliteStoreBase

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction


class DeletionMethods(SqliteStoreBase):
    """Deletes on the engine."""

    async def _delete_all(
        self,
        session_id: str,
        expected_generation: int | None,
        below: Callable[[WorkConnection], list[str]],
    ) -> bool:
        """Delete the sessions that `below` returns; the condition applies to `session_id` alone.

        With the first transaction they are gone for every reader. The rest of their rows goes in
        steps, between which others save; if that is interrupted, a writer does it when it is idle.
        Returns whether `below` returned any.
        """

        delete = write.session_changes.delete  # imported before the transaction, not inside it

        def apply(conn: WorkConnection, changes: WriteTransaction) -> tuple[bool, bool]:
            is_left = False
            found = below(conn)
            for one in found:
                expected = expected_generation if one == session_id else None
                is_left |= delete(conn, changes, one, self._now_ms(), expected)
            if is_left:
                # In case this caller does not wait for the rest.
                self._engine.writing.has_unfinished = True
            return bool(found), is_left

        where = self._where(session_id)
        is_any, is_left = await self._engine.write("delete", where, apply, session_id=session_id)
        if is_left:
            await self._remove_rest("delete", where)
        return is_any
