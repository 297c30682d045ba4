"""Rules that hold within one snapshot of a session, whatever store it is from.

Stores check only what they cannot store. That runs and tasks belong to their session is checked
here, before a save and after a load, since a store may be the application's. The caller checks
whether it is the snapshot that it asked for.

Upstream: `SessionSnapshotV1::validate_invariants` (runtime 12.2, S3x).
"""

from __future__ import annotations

import itertools
import json
import operator

from a3s_store.core.collections import COLLECTIONS, RUN_RECORDS, SUBAGENT_TASKS, Collection
from a3s_store.core.review_findings import check_findings
from a3s_store.core.snapshot import SNAPSHOT_VERSION, SessionSnapshot
from a3s_store.errors import InvalidSnapshotError
from a3s_store.models import RunRecord


def validate_snapshot(snapshot: SessionSnapshot, *, before: SessionSnapshot | None = None) -> None:
    """Refuse a snapshot with parts that do not belong together.

    Run ids are unique, and runs belong to the session. The sequences of a run's events rise
    strictly and are below its event count; they may begin above 0, since old events are dropped. A
    subagent's task has this session as its parent, or none yet.

    `before` is a snapshot that was valid: the events of runs that are the same objects there are
    not checked again, so that a save costs what changed.

    Raises:
        InvalidSnapshotError
    """
    if snapshot.schema_version != SNAPSHOT_VERSION:
        raise InvalidSnapshotError(
            f"unsupported session snapshot schema version {snapshot.schema_version}; "
            f"expected {SNAPSHOT_VERSION}"
        )
    _check_runs(snapshot, {} if before is None else _by_identity(before))
    _check_tasks(snapshot)
    for one in COLLECTIONS:
        if one not in (RUN_RECORDS, SUBAGENT_TASKS):
            _check_items(snapshot, one)
    check_findings(snapshot.review_findings or ())


def _by_identity(snapshot: SessionSnapshot) -> dict[int, RunRecord]:
    # The values keep the objects alive, so that no other object gets their id().
    return {id(run): run for run in snapshot.run_records or ()}


def _check_runs(snapshot: SessionSnapshot, known: dict[int, RunRecord]) -> None:
    session_id = snapshot.session.id
    seen: set[str] = set()
    for index, record in enumerate(snapshot.run_records or ()):
        run = record.snapshot
        if run.id in seen:
            raise InvalidSnapshotError(
                f"session snapshot {quoted(session_id)} contains duplicate run id "
                f"{quoted(run.id)} at run record {index}"
            )
        seen.add(run.id)
        if run.session_id != session_id:
            raise InvalidSnapshotError(
                f"run {quoted(run.id)} at record {index} belongs to session "
                f"{quoted(run.session_id)}, but snapshot belongs to session {quoted(session_id)}"
            )
        if id(record) not in known:
            _check_events(record)


def _check_events(record: RunRecord) -> None:
    run = record.snapshot
    sequences = [event.sequence for event in record.events]
    # Without a loop in Python, since a run may have very many events.
    if not all(map(operator.lt, sequences, itertools.islice(sequences, 1, None))):
        pairs = enumerate(itertools.pairwise(sequences), 1)
        index, previous, found = next((i, a, b) for i, (a, b) in pairs if b <= a)
        raise InvalidSnapshotError(
            f"run {quoted(run.id)} event {index} has sequence {found}, which is not strictly "
            f"greater than previous sequence {previous}"
        )
    if sequences and run.event_count <= sequences[-1]:
        raise InvalidSnapshotError(
            f"run {quoted(run.id)} event_count {run.event_count} does not cover retained event "
            f"sequence {sequences[-1]}; expected at least {sequences[-1] + 1}"
        )


def _check_tasks(snapshot: SessionSnapshot) -> None:
    session_id = snapshot.session.id
    for index, task in enumerate(snapshot.subagent_tasks or ()):
        if task.parent_session_id not in ("", session_id):
            raise InvalidSnapshotError(
                f"subagent task {quoted(task.task_id)} at record {index} belongs to parent "
                f"session {quoted(task.parent_session_id)}, but snapshot belongs to session "
                f"{quoted(session_id)}"
            )


def _check_items(snapshot: SessionSnapshot, one: Collection) -> None:
    """Check one collection by its registry row; runs and tasks have upstream's own texts."""
    session_id = snapshot.session.id
    values = getattr(snapshot, one.name) or ()
    if one.unique and len({one.identity_of(value) for value in values}) < len(values):
        raise InvalidSnapshotError(
            f"session snapshot {quoted(session_id)} contains an item of {one.name} twice"
        )
    if one.session_id is None:
        return
    for index, value in enumerate(values):
        owner = one.session_of(value)
        if owner != session_id and not (one.may_be_unbound and not owner):
            raise InvalidSnapshotError(
                f"{one.name} {index} belongs to session {quoted(owner)}, but snapshot belongs to "
                f"session {quoted(session_id)}"
            )


def quoted(text: str) -> str:
    """Return an id in double quotes with unprintable characters escaped, as upstream shows it."""
    return json.dumps(text, ensure_ascii=False)
