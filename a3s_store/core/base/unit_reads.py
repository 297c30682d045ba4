"""Sessions and streams that a transaction read, and whether they changed since: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from a3s_store.errors import ConflictError
from a3s_store.printable import short_repr

if TYPE_CHECKING:
    from a3s_store.models import SessionData


@attrs.frozen(kw_only=True)
class Reads:
    """The sessions and streams that a transaction read.

    `sessions` has the generation of each, `streams` the number of the last change of each; 0 where
    nothing was stored. At the commit `sequence` all of them were current; None: there are none.
    """

    sessions: Mapping[str, int] = attrs.field(factory=dict)
    streams: Mapping[str, int] = attrs.field(factory=dict)
    sequence: int | None = None


class UnitRead(NamedTuple):
    """A session that a transaction read; `sequence` is that of the newest commit then."""

    session: SessionData | None
    generation: int
    sequence: int


class StreamRead(NamedTuple):
    """The result of a query of a stream, and the number of the last change of the stream.

    `sequence` is that of the newest commit then.
    """

    found: Any
    last_change: int
    sequence: int


def refuse_changed(sessions: Iterable[str], streams: Iterable[str] = ()) -> None:
    """Check that no session and no stream has changed since a transaction read it.

    Raises:
        ConflictError: these have.
    """
    session_ids, stream_names = tuple(sorted(sessions)), tuple(sorted(streams))
    changed = [f"session {one!r}" for one in session_ids]
    changed += [f"stream {short_repr(one)}" for one in stream_names]
    if changed:
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise ConflictError(
            f"a {'session' if session_ids else 'stream'} that the transaction read has been "
            "changed since",
            session_ids=session_ids,
            stream_names=stream_names,
            op="transaction",
            where=f"{changed[0]}{others}",
            hint="Run the transaction again, or use run_transaction()",
        )
