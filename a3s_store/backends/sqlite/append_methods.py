"""The methods of `SqliteSessionStore` that add, change and read parts: the port of `AppendMethods`.

`write.appends` and `write.list_appends` write the rows, `read.message_pages` and `read.list_ranges`
read them; this module chooses the transaction.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from a3s_store.backends.sqlite import read, write
from a3s_store.backends.sqlite.store_base import SqliteStoreBase
from a3s_store.core.base.appending import AppendMethods, RangeOf, append_batch, update_batch
from a3s_store.core.base.appends import Append, Update, refuse_unwritable_events
from a3s_store.core.batch import Batch, fault_named, refuse_unwritable
from a3s_store.errors import EncodeError

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.collections import Collection
    from a3s_store.core.list_pages import Appended, ListPage, MessagePage, RunEventPage
    from a3s_store.core.session_update import SessionHeader
    from a3s_store.models import RunEventRecord


class AppendsAndPages(SqliteStoreBase, AppendMethods):
    """Each call costs the same however long the session is."""

    async def _append(self, append: Append) -> Appended:
        appends = write.appends  # imported before the transaction, not inside it

        def apply(conn: WorkConnection, changes: WriteTransaction) -> Appended:
            try:
                return appends.append(conn, changes, append, self._now_ms())
            except (EncodeError, UnicodeEncodeError):
                refuse_unwritable(append_batch(append))  # raises with the whole path
                raise

        return await self._write_session("append", append.session_id, apply)

    async def _update(self, update: Update) -> int:
        def apply(conn: WorkConnection, changes: WriteTransaction) -> int:
            with fault_named(lambda: refuse_unwritable(update_batch(update))):
                return write.appends.update(conn, changes, update, self._now_ms())

        return await self._write_session("update", update.session_id, apply)

    async def _message_page(
        self, session_id: str, range_of: RangeOf, generation: int | None
    ) -> MessagePage | None:
        def fetch(conn: WorkConnection) -> read.message_pages.FetchedPage | None:
            return read.message_pages.fetch_page(conn, session_id, range_of, generation)

        return await self._engine.read(
            "messages",
            self._where(session_id),
            fetch,
            functools.partial(read.message_pages.build_page, self._content_of(session_id)),
            session_id=session_id,
        )

    async def _header(self, session_id: str) -> SessionHeader | None:
        return await self._engine.read(
            "load_header",
            self._where(session_id),
            lambda conn: read.message_pages.fetch_header(conn, session_id),
            read.message_pages.build_header,
            session_id=session_id,
        )

    async def _append_values(
        self, collection: Collection, batch: Batch, keep_last: int | None
    ) -> int:
        def apply(conn: WorkConnection, changes: WriteTransaction) -> int:
            with fault_named(lambda: refuse_unwritable(batch)):
                return write.list_appends.append_values(
                    conn, changes, collection, batch, keep_last, self._now_ms()
                )

        return await self._write_session(batch.op, batch.session_id, apply)

    async def _values_page(
        self, collection: Collection, session_id: str, range_of: RangeOf
    ) -> ListPage[Any] | None:
        return await self._engine.read(
            f"{collection.name}_page",
            self._where(session_id),
            lambda conn: read.list_ranges.fetch_values(conn, collection, session_id, range_of),
            read.list_ranges.build_values,
            session_id=session_id,
        )

    async def _append_events(
        self,
        session_id: str,
        run_id: str,
        events: tuple[RunEventRecord, ...],
        after_sequence: int | None,
    ) -> int:
        def apply(conn: WorkConnection, changes: WriteTransaction) -> int:
            with fault_named(functools.partial(refuse_unwritable_events, events)):
                return write.list_appends.append_events(
                    conn, changes, session_id, run_id, events, after_sequence, self._now_ms()
                )

        return await self._write_session("append_run_events", session_id, apply)

    async def _event_page(
        self, session_id: str, run_id: str, after: int | None, limit: int
    ) -> RunEventPage | None:
        return await self._engine.read(
            "event_page",
            self._where(session_id),
            lambda conn: read.list_ranges.fetch_events(conn, session_id, run_id, after, limit),
            read.list_ranges.build_events,
            session_id=session_id,
        )
