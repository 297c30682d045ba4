"""Three-way merge of a session's collections. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from a3s_store.core import review_findings
from a3s_store.core.collections import (
    ARTIFACTS,
    COLLECTIONS,
    REVIEW_FINDINGS,
    RUN_RECORDS,
    SUBAGENT_TASKS,
    Collection,
)
from a3s_store.core.list_diff import common
from a3s_store.core.merging.lists import (
    MOST,
    added_to,
    each,
    kept_of,
    keyed,
    merge_keyed,
    merge_log,
    merge_set,
)
from a3s_store.core.snapshot import ENDED, SessionSnapshot
from a3s_store.models import (
    RunEventRecord,
    RunRecord,
    SubagentStatus,
    SubagentTaskSnapshot,
    ToolArtifact,
)


def merge_collections(
    base: SessionSnapshot, ours: SessionSnapshot, theirs: SessionSnapshot
) -> tuple[SessionSnapshot, tuple[str, ...]]:
    """Return theirs with the merged collections, and the new URIs of renamed artifacts of ours."""
    renamed: list[str] = []

    def both_artifacts(
        uri: str, _: ToolArtifact | None, our: ToolArtifact, their: ToolArtifact
    ) -> Mapping[str, ToolArtifact]:
        if our.content == their.content:
            return {uri: our}
        content = our.content.encode("utf-8", "surrogatepass")
        other = f"{uri}?other={hashlib.sha256(content).hexdigest()[:12]}"
        renamed.append(other)
        return {uri: their, other: our.evolve(artifact_uri=other)}

    both: dict[Collection, Any] = {
        ARTIFACTS: both_artifacts,
        RUN_RECORDS: _both_runs,
        SUBAGENT_TASKS: _both_subagents,
        REVIEW_FINDINGS: lambda key, _, our, their: {key: review_findings.merged(our, their)},
    }

    def merged_list(one: Collection) -> Any:
        """Merge by identity if identities are unique, otherwise as a log."""
        was, our, their = each(one.name, base, ours, theirs)
        if our in (was, None):
            return their
        if their == was:
            return our
        if one.identity is not None and (by := keyed(one.identity, was, our, their)) is not None:
            return tuple(merge_keyed(*by, both.get(one, _ours)).values())
        return merge_log(was or (), our, their or ())

    lists = {one.name: merged_list(one) for one in COLLECTIONS}
    pins = merge_set(
        base.retained_artifact_uris, ours.retained_artifact_uris, theirs.retained_artifact_uris
    )
    merged = theirs.evolve(
        retained_artifact_uris=pins,
        **{**lists, "artifacts": _with_pinned(lists["artifacts"], base, ours)},
    )
    if merged.retained_artifact_uris and merged.artifacts is None:
        merged = merged.evolve(artifacts=())
    return merged, tuple(renamed)


def _with_pinned(
    artifacts: tuple[ToolArtifact, ...] | None, base: SessionSnapshot, ours: SessionSnapshot
) -> tuple[ToolArtifact, ...] | None:
    """Add the artifacts that we pinned and the other side evicted."""
    pinned = {*ours.retained_artifact_uris}.difference(base.retained_artifact_uris)
    there = {artifact.artifact_uri for artifact in artifacts or ()}
    missing = [
        artifact
        for artifact in ours.artifacts or ()
        if artifact.artifact_uri in pinned and artifact.artifact_uri not in there
    ]
    return (*(artifacts or ()), *missing) if missing else artifacts


def _ours(key: str, _: Any, ours: Any, __: Any) -> Mapping[str, Any]:
    """Return ours of a value that both sides changed."""
    return {key: ours}


def _both_runs(
    run_id: str, base: RunRecord | None, ours: RunRecord, theirs: RunRecord
) -> Mapping[str, RunRecord]:
    """Keep a stored end, otherwise ours; keep all events, numbered in rising order."""
    ended = ours if theirs.snapshot.status not in ENDED else theirs
    before = () if base is None else base.events
    stored = {event.sequence: event for event in theirs.events}
    # An event of both sides is kept once, even if `base` does not have it.
    new = [one for one in added_to(before, ours.events) if stored.get(one.sequence) != one]
    kept = min(kept_of(before, ours.events), kept_of(before, theirs.events))
    events = (*before[len(before) - kept :], *added_to(before, theirs.events), *new)
    numbered: list[RunEventRecord] = []
    for event in events:
        last = numbered[-1] if numbered else None
        if last is not None and event.sequence <= last.sequence:
            event = event.evolve(
                sequence=min(last.sequence + 1, MOST),
                timestamp_ms=max(event.timestamp_ms, last.timestamp_ms),
            )
        numbered.append(event)
    count = max(theirs.snapshot.event_count, ours.snapshot.event_count)
    if numbered:
        count = min(max(count, numbered[-1].sequence + 1), MOST)
    updated = max(ours.snapshot.updated_at_ms, theirs.snapshot.updated_at_ms)
    snapshot = ended.snapshot.evolve(event_count=count, updated_at_ms=updated)
    return {run_id: ended.evolve(snapshot=snapshot, events=tuple(numbered))}


def _both_subagents(
    key: str,
    base: SubagentTaskSnapshot | None,
    ours: SubagentTaskSnapshot,
    theirs: SubagentTaskSnapshot,
) -> Mapping[str, SubagentTaskSnapshot]:
    """Keep cancelled before ended before running; of two ends theirs."""
    kept = theirs
    if theirs.status is SubagentStatus.RUNNING or (
        ours.status is SubagentStatus.CANCELLED and theirs.status is not SubagentStatus.CANCELLED
    ):
        kept = ours
    if base is None:
        before = theirs.progress[: common(theirs.progress, ours.progress)]
    else:
        before = base.progress
    progress = merge_log(before, ours.progress, theirs.progress)
    updated = max(ours.updated_ms, theirs.updated_ms)
    return {key: kept.evolve(progress=progress, updated_ms=updated)}
