"""How each collection of a live session is read for a save, restored, and merged into it.

A collection without an entry in `_HOLDERS` is changed by no part of the runtime. It is kept as it
was read, in `Session.other_collections`, and saved from there, so it is never lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from a3s_store.core.collections import (
    ARTIFACTS,
    COLLECTIONS,
    REVIEW_FINDINGS,
    RUN_RECORDS,
    SUBAGENT_TASKS,
    TRACE_EVENTS,
    VERIFICATION_REPORTS,
    Collection,
)
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.runtime.live_session import Session

Values = tuple[Any, ...]


@attrs.frozen(kw_only=True)
class _Holder:
    """The accessors of one collection: its values, and a function that replaces them.

    `take_over` raises limits to the number of the new values.
    """

    values: Callable[[Session], Values | None]
    take_over: Callable[[Session, Values], None]


def _set_reports(session: Session, values: Values) -> None:
    session.verification_reports = values


_HOLDERS: Final[Mapping[Collection, _Holder]] = {
    ARTIFACTS: _Holder(
        values=lambda session: session.artifacts.artifacts(),
        take_over=lambda session, values: session.artifacts.take_over(values),
    ),
    TRACE_EVENTS: _Holder(
        values=lambda session: session.trace.events(),
        take_over=lambda session, values: session.trace.take_over(values),
    ),
    RUN_RECORDS: _Holder(
        values=lambda session: session.runs.records(),
        take_over=lambda session, values: session.runs.take_over(values),
    ),
    VERIFICATION_REPORTS: _Holder(
        values=lambda session: session.verification_reports,
        take_over=_set_reports,
    ),
    SUBAGENT_TASKS: _Holder(
        values=lambda session: session.subagents.snapshots(),
        take_over=lambda session, values: session.subagents.take_over(values),
    ),
    REVIEW_FINDINGS: _Holder(
        # None where there are none: sessions without findings keep their digests.
        values=lambda session: session.findings.findings() or None,
        take_over=lambda session, values: session.findings.replace(values),
    ),
}


def values_of(session: Session) -> dict[Collection, Values | None]:
    """Return the values of each collection that a save of the live session would store."""
    return {
        one: _HOLDERS[one].values(session)
        if one in _HOLDERS
        else session.other_collections.get(one.name)
        for one in COLLECTIONS
    }


def restore(session: Session, snapshot: SessionSnapshot) -> None:
    """Give a live session its stored collections; one that was never saved is left alone.

    Artifacts are added to those of the session, the other collections are replaced.
    """
    for one, values in snapshot.collections().items():
        if values is None:
            continue
        if one is ARTIFACTS:
            for artifact in values:
                session.artifacts.put(artifact)
        elif one in _HOLDERS:
            _HOLDERS[one].take_over(session, values)
        else:
            session.other_collections[one.name] = values
    if snapshot.artifacts is not None:
        session.artifacts.set_retained_uris(snapshot.retained_artifact_uris)


def take_over(session: Session, now: SessionSnapshot, stored: SessionSnapshot) -> None:
    """Make the `stored` collections live, where they differ from the live ones, `now`."""
    for one, values in stored.collections().items():
        if values == getattr(now, one.name):
            continue
        if one in _HOLDERS:
            _HOLDERS[one].take_over(session, values or ())
        elif values is None:
            session.other_collections.pop(one.name, None)
        else:
            session.other_collections[one.name] = values
    if stored.retained_artifact_uris != now.retained_artifact_uris:
        session.artifacts.set_retained_uris(stored.retained_artifact_uris)
