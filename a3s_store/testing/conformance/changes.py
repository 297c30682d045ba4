"""Changes and merges that several checks save."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from typing import Any

import attrs

from a3s_store.core.changes import SessionChanges, Stored
from a3s_store.core.digests import EMPTY_CHAIN, chain
from a3s_store.core.revision import Position, Revision
from a3s_store.errors import StaleGenerationError
from a3s_store.models import Message
from a3s_store.testing.conformance.expect import contents, raises, same, unchanged
from a3s_store.testing.samples import (
    session,
)
from a3s_store.wire import canonical, encode

_NUMBERS = itertools.count(1)


def changes(session_id: str = "s", *texts: str, **given: Any) -> SessionChanges:
    """Return changes with a new save id; with texts, the session gets these messages."""
    if texts:
        given["session"] = session(session_id, texts)
    save_id = next(_NUMBERS).to_bytes(16, "big")
    return SessionChanges(session_id=session_id, **{"save_id": save_id, **given})


def never(_: SessionChanges, __: Stored) -> SessionChanges:
    """A merge that must not be called."""
    raise AssertionError("the merge was called")


def behind(ours: SessionChanges, theirs: Stored) -> SessionChanges:
    """Merge: put our messages behind theirs."""
    assert ours.session is not None
    stored = theirs.value.session
    return attrs.evolve(
        ours, session=stored.evolve(messages=stored.messages + ours.session.messages)
    )


def position_of(messages: tuple[Message, ...]) -> Position:
    """Return the position behind these messages."""
    links = chain(hashlib.sha256(canonical(encode(one))).digest() for one in messages)
    return Position(len(links), links[-1] if links else EMPTY_CHAIN)


async def stale(
    store: Any,
    what: str,
    given: SessionChanges,
    on: Revision | None,
    actual: Revision | None,
    merge: Callable[..., Any] | None = never,
) -> None:
    """Check that the changes raise StaleGenerationError with this data and write nothing."""
    ids = (given.session_id,)
    before, revision = await contents(store, *ids), await store.revision(given.session_id)
    error = await raises(StaleGenerationError, what, store.save_changes, given, on=on, merge=merge)
    assert isinstance(error, StaleGenerationError)
    expected = (on.generation if on else 0, actual.generation if actual else 0)
    same(expected, (error.expected, error.actual), f"{what}: the generations")
    same((on, actual), (error.expected_revision, error.actual_revision), f"{what}: the revisions")
    unchanged(before, await contents(store, *ids), what)
    same(revision, await store.revision(given.session_id), f"{what}: the revision")
    same(None, await store.landed(given.session_id, given.save_id), f"{what}: landed")
