"""Drafts in a SQLite store, written by group commit in the lane of their run's checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.backends.sqlite import read, rows
from a3s_store.backends.sqlite.store_base import SqliteStoreBase, checkpoint_lane
from a3s_store.core.base.drafts import BaseDraftStore
from a3s_store.core.collections import LOOP_CHECKPOINTS

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.drafts import Draft


class DraftMethods(SqliteStoreBase, BaseDraftStore):
    """The methods of `SqliteSessionStore` for drafts.

    A draft and its run's checkpoint share a lane, so they are written in the order of the calls.
    """

    async def _put_draft(self, run_id: str, draft: Draft, claimed_by: str | None) -> None:
        def apply(conn: WorkConnection, _: WriteTransaction) -> None:
            rows.drafts.put(conn, run_id, draft, claimed_by)

        await self._engine.write("save_draft", self._where(run_id, "run_id"), apply, _lane(run_id))

    async def _get_draft(self, run_id: str) -> Draft | None:
        def get(conn: WorkConnection) -> Draft | None:
            return rows.drafts.get(conn, run_id)

        where = self._where(run_id, "run_id")
        return await self._engine.read("load_draft", where, get, read.decode.as_is)

    async def _drop_draft(self, run_id: str, claimed_by: str | None) -> None:
        def apply(conn: WorkConnection, _: WriteTransaction) -> None:
            rows.drafts.drop(conn, run_id, claimed_by)

        await self._engine.write(
            "delete_draft", self._where(run_id, "run_id"), apply, _lane(run_id)
        )


def _lane(run_id: str) -> str:
    return checkpoint_lane(LOOP_CHECKPOINTS, run_id)
