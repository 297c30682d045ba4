"""The transactions of `SqliteSessionStore`: the port of `TransactionMethods`.

A unit is one job of the writer, which may share a transaction with others that wait, in a savepoint
of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from a3s_store.backends.sqlite import read, rows, write
from a3s_store.backends.sqlite.append_methods import AppendsAndPages
from a3s_store.backends.sqlite.store_base import stream_lane
from a3s_store.core.base.transactions import TransactionMethods

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.read.fetch import FetchedRows
    from a3s_store.backends.sqlite.write.units import Done
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.base.unit_reads import Reads, StreamRead, UnitRead
    from a3s_store.core.base.units import Unit
    from a3s_store.core.streams.requests import InfoQuery, ItemQuery


class _Fetched(NamedTuple):
    rows: FetchedRows
    generation: int
    sequence: int


class UnitsOfCalls(AppendsAndPages, TransactionMethods):
    """Reads for transactions, and their commits."""

    async def _commit_unit(self, unit: Unit) -> tuple[Any, ...]:
        units = write.units  # imported before the transaction, not inside it

        where = str(self._engine.settings.path)

        def apply(conn: WorkConnection, changes: WriteTransaction) -> Done:
            done = units.apply(conn, changes, unit, where, self._now_ms())
            if done.is_left:
                # In case the caller does not wait for the rest.
                self._engine.writing.has_unfinished = True
            return done

        # As `delete`, a unit that deletes has its place among all jobs.
        deletes = unit.deletes
        lanes = None if deletes else unit.session_ids | {*map(stream_lane, unit.streams)}
        done = await self._engine.write("transaction", where, apply, lanes)
        if unit.expires:
            self._note_expiry()
        if done.is_left and (deletes or unit.deletes_streams):
            await self._remove_rest("transaction", where)
        return done.results

    async def _read_stream_for_unit(
        self, op: str, query: InfoQuery | ItemQuery, reads: Reads
    ) -> StreamRead:
        from a3s_store.core.base.unit_reads import StreamRead

        def fetch(conn: WorkConnection) -> StreamRead:
            newest = _newest(conn, reads)
            found = read.streams.read(conn, query, self._now_ms())
            return StreamRead(found, rows.streams.last_change(conn, query.name), newest)

        return await self._engine.read(
            op, self._where(query.name, "stream"), fetch, read.decode.as_is
        )

    async def _read_for_unit(self, session_id: str, reads: Reads) -> UnitRead:
        from a3s_store.core.base.unit_reads import UnitRead

        cache, content = self._engine.cache, self._content_of(session_id)

        def fetch(conn: WorkConnection) -> _Fetched:
            newest = _newest(conn, reads)
            known = cache.get(session_id)
            found = read.fetch.fetch(conn, known, session_id, (), session=True)
            return _Fetched(found, rows.session_header.generation_of(conn, session_id), newest)

        def build(conn: WorkConnection, found: _Fetched) -> UnitRead:
            loaded = read.decode.load(conn, found.rows, cache, session_id, content, is_latest=True)
            return UnitRead(loaded.session, found.generation, found.sequence)

        return await self._engine.read(
            "load", self._where(session_id), fetch, build, session_id=session_id
        )


def _newest(conn: WorkConnection, reads: Reads) -> int:
    """Return the sequence of the newest commit, at which what was read is still current.

    Raises ConflictError.
    """
    from a3s_store.core.base.unit_reads import refuse_changed

    newest = rows.commit_log.latest(conn)
    if newest != reads.sequence:
        number = rows.session_header.generation_of
        sessions = (one for one, before in reads.sessions.items() if number(conn, one) != before)
        streams = [
            one
            for one, before in reads.streams.items()
            if rows.streams.last_change(conn, one) != before
        ]
        refuse_changed(sessions, streams)
    return newest
