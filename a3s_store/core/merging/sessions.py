"""Three-way merge of a session with its collections; the messages are `history`'s.

Pure functions. What becomes of each part when both sides changed it is said where it is merged.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs

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
    kept_of,
    merge_cost,
    merge_keyed,
    merge_log,
    merge_set,
    merge_total,
    merge_value,
    same,
)
from a3s_store.core.snapshot import ENDED, SessionSnapshot
from a3s_store.models import (
    PermissionPolicy,
    RunEventRecord,
    RunRecord,
    SessionConfig,
    SessionData,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskStatus,
    TokenUsage,
    ToolArtifact,
)
from a3s_store.models.session import LABELS
from a3s_store.wire import Model, freeze

M = TypeVar("M", bound=Model)
V = TypeVar("V")

MADE: Final = "made"
# A task's ends are alike; of the others the later counts.
_PROGRESS: Final = {TaskStatus.PENDING: 0, TaskStatus.IN_PROGRESS: 1}
_RULES: Final = ("deny", "ask", "allow")
_MODEL_SETTINGS: Final = ("llm_config", "model_name", "thinking_enabled", "thinking_budget")


@attrs.frozen(kw_only=True)
class Sides:
    """A snapshot and who gave the session its name: `made`, or None for a person or unknown."""

    snapshot: SessionSnapshot
    name_source: str | None = None

    @property
    def session(self) -> SessionData:
        """The session itself."""
        return self.snapshot.session


@attrs.frozen(kw_only=True)
class Merged:
    """What comes of a merge: the snapshot, whose messages are theirs, and what there is to tell.

    `overwritten` names fields that both sides had set and in which ours stands, never their value;
    `renamed_artifacts` are the URIs under which ours are kept beside theirs.
    """

    snapshot: SessionSnapshot
    name_source: str | None
    overwritten: tuple[str, ...]
    renamed_artifacts: tuple[str, ...]


def merge_snapshots(base: Sides, ours: Sides, theirs: Sides) -> Merged:
    """All of a session but its messages, which are theirs."""
    overwritten: list[str] = []
    name, source = _merge_name(base, ours, theirs, overwritten)
    session = _merge_session(base.session, ours.session, theirs.session, overwritten)
    session = session.evolve(config=session.config.evolve(name=name))
    snapshot, renamed = merge_collections(base.snapshot, ours.snapshot, theirs.snapshot)
    return Merged(
        snapshot=snapshot.evolve(session=session),
        name_source=source,
        overwritten=tuple(dict.fromkeys(overwritten)),
        renamed_artifacts=renamed,
    )


# -- The session ----------------------------------------------------------------------------------


def _merge_name(
    base: Sides, ours: Sides, theirs: Sides, overwritten: list[str]
) -> tuple[str, str | None]:
    """The title and who gave it: a person's before a made one; of two persons' ours."""
    was, our, their = (
        (side.session.config.name, side.name_source) for side in (base, ours, theirs)
    )
    if our in (was, their):
        return their
    if their == was:
        return our
    (name, source), (their_name, their_source) = our, their
    if (source == MADE) != (their_source == MADE):
        return their if source == MADE else our
    if name != their_name:
        overwritten.append("name")
    return our


def _merge_session(
    base: SessionData, ours: SessionData, theirs: SessionData, overwritten: list[str]
) -> SessionData:
    config = _merge_config(base.config, ours.config, theirs.config, overwritten)
    group = theirs
    # A model and how it thinks go together.
    if any(getattr(ours, name) != getattr(base, name) for name in _MODEL_SETTINGS):
        group = ours
        if any(getattr(theirs, name) not in _either(base, ours, name) for name in _MODEL_SETTINGS):
            overwritten.append("model")
    counted = theirs.context_usage == base.context_usage or (
        ours.context_usage.evolve(turns=base.context_usage.turns) != base.context_usage
    )
    settled = {
        name: merge_value(
            getattr(base, name), getattr(ours, name), getattr(theirs, name), overwritten, name
        )
        for name in ("state", *LABELS)
    }
    if ours.total_cost < base.total_cost and not same(theirs.total_cost, base.total_cost):
        overwritten.append("total_cost")
    added = added_to(base.cost_records, ours.cost_records)
    return theirs.evolve(
        config=config,
        context_usage=ours.context_usage if counted else theirs.context_usage,
        total_usage=_merge_usage(
            base.total_usage, ours.total_usage, theirs.total_usage, overwritten
        ),
        total_cost=merge_cost(
            base.total_cost,
            ours.total_cost,
            theirs.total_cost,
            [record.cost_usd for record in added if record.cost_usd is not None],
        ),
        cost_records=merge_log(base.cost_records, ours.cost_records, theirs.cost_records),
        tool_names=theirs.tool_names if ours.tool_names == base.tool_names else ours.tool_names,
        updated_at=_later(base.updated_at, ours.updated_at, theirs.updated_at),
        tasks=_merge_tasks(base.tasks, ours.tasks, theirs.tasks, overwritten),
        extra=_merge_extra(base, ours, theirs, overwritten),
        **settled,
        **{name: getattr(group, name) for name in _MODEL_SETTINGS},
    )


def _later(base: int, ours: int, theirs: int) -> int:
    """A time: the later one where both sides set it."""
    if ours == base:
        return theirs
    return ours if theirs == base else max(ours, theirs)


def _each(name: str, base: object, ours: object, theirs: object) -> tuple[Any, Any, Any]:
    return getattr(base, name), getattr(ours, name), getattr(theirs, name)


def _either(base: Any, ours: Any, name: str) -> tuple[Any, Any]:
    return getattr(base, name), getattr(ours, name)


def _merge_config(
    base: SessionConfig, ours: SessionConfig, theirs: SessionConfig, overwritten: list[str]
) -> SessionConfig:
    changes: dict[str, Any] = {}
    for field in attrs.fields(SessionConfig):
        if field.name in ("extra", "name", "parent_id", "permission_policy"):
            continue
        was, our, their = _each(field.name, base, ours, theirs)
        changes[field.name] = merge_value(was, our, their, overwritten, field.name)
    was, our, their = _each("permission_policy", base, ours, theirs)
    return theirs.evolve(
        permission_policy=merge_policy(was, our, their, overwritten),
        extra=_merge_extra(base, ours, theirs, overwritten),
        **changes,
    )


def merge_policy(
    base: PermissionPolicy | None,
    ours: PermissionPolicy | None,
    theirs: PermissionPolicy | None,
    overwritten: list[str],
) -> PermissionPolicy | None:
    """A policy rule by rule; its other fields, and a policy against none, as any field."""
    if base is None or ours is None or theirs is None:
        return merge_value(base, ours, theirs, overwritten, "permission_policy")
    changes: dict[str, Any] = {
        name: merge_set(getattr(base, name), getattr(ours, name), getattr(theirs, name))
        for name in _RULES
    }
    for field in attrs.fields(PermissionPolicy):
        if field.name not in (*_RULES, "extra"):
            was, our, their = _each(field.name, base, ours, theirs)
            changes[field.name] = merge_value(was, our, their, overwritten, field.name)
    return theirs.evolve(extra=_merge_extra(base, ours, theirs, overwritten), **changes)


def _merge_extra(base: Model, ours: Model, theirs: Model, overwritten: list[str]) -> Any:
    def both(key: str, _: Any, our: Any, their: Any) -> Mapping[str, Any]:
        overwritten.append("extra")
        return {key: our}

    return freeze(merge_keyed(base.extra, ours.extra, theirs.extra, both))


def _merge_usage(
    base: TokenUsage, ours: TokenUsage, theirs: TokenUsage, overwritten: list[str]
) -> TokenUsage:
    """Sums of both; those of a cache are None where both are."""
    changes: dict[str, Any] = {}
    for field in attrs.fields(TokenUsage):
        was, our, their = _each(field.name, base, ours, theirs)
        if field.name == "extra":
            changes["extra"] = _merge_extra(base, ours, theirs, overwritten)
        elif our in (was, None):
            changes[field.name] = their
        elif their == was:
            changes[field.name] = our
        else:
            changes[field.name] = merge_total(was or 0, our, their or 0)
            if our < (was or 0):
                overwritten.append("total_usage")
    return theirs.evolve(**changes)


def _merge_tasks(
    base: tuple[Task, ...],
    ours: tuple[Task, ...],
    theirs: tuple[Task, ...],
    overwritten: list[str],
) -> tuple[Task, ...]:
    """By id; of one task on both sides the status that is further on, other fields as any field."""
    if base in (ours, theirs) or (by := _by("id", base, ours, theirs)) is None:
        return merge_value(base, ours, theirs, overwritten, "tasks")

    def both(key: str, before: Task | None, our: Task, their: Task) -> Mapping[str, Task]:
        was = before if before is not None else their
        changes: dict[str, Any] = {
            name: merge_value(
                getattr(was, name), getattr(our, name), getattr(their, name), overwritten, "tasks"
            )
            for name in (field.name for field in attrs.fields(Task))
            if name not in ("status", "extra")
        }
        further = _PROGRESS.get(our.status, 2) >= _PROGRESS.get(their.status, 2)
        status = our.status if further else their.status
        return {
            key: their.evolve(
                status=status, extra=_merge_extra(was, our, their, overwritten), **changes
            )
        }

    return tuple(merge_keyed(*by, both).values())


def _by(
    attribute: str, *sides: tuple[Any, ...] | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]] | None:
    """The values of base, ours and theirs by one attribute; None when it repeats in one."""
    identity = operator.attrgetter(attribute)
    base, ours, theirs = ({identity(value): value for value in side or ()} for side in sides)
    if any(
        len(by) != len(side or ()) for by, side in zip((base, ours, theirs), sides, strict=True)
    ):
        return None
    return base, ours, theirs


# -- Collections ----------------------------------------------------------------------------------


def merge_collections(
    base: SessionSnapshot, ours: SessionSnapshot, theirs: SessionSnapshot
) -> tuple[SessionSnapshot, tuple[str, ...]]:
    """The collections of both on their session, and the URIs of artifacts kept under another."""
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
        """By identity where there is one that does not repeat, else as a log."""
        was, our, their = _each(one.name, base, ours, theirs)
        if our in (was, None):
            return their
        if their == was:
            return our
        if one.identity is not None and (by := _by(one.identity, was, our, their)) is not None:
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
    """With those that we pinned and the other side evicted: to pin one is to touch it."""
    pinned = {*ours.retained_artifact_uris}.difference(base.retained_artifact_uris)
    there = {artifact.artifact_uri for artifact in artifacts or ()}
    missing = [
        artifact
        for artifact in ours.artifacts or ()
        if artifact.artifact_uri in pinned and artifact.artifact_uri not in there
    ]
    return (*(artifacts or ()), *missing) if missing else artifacts


def _ours(key: str, _: Any, ours: Any, __: Any) -> Mapping[str, Any]:
    """The value that was changed here, where both sides changed one."""
    return {key: ours}


def _both_runs(
    run_id: str, base: RunRecord | None, ours: RunRecord, theirs: RunRecord
) -> Mapping[str, RunRecord]:
    """The end that was stored stands, else ours; no event is lost, and sequences go on rising."""
    ended = ours if theirs.snapshot.status not in ENDED else theirs
    before = () if base is None else base.events
    stored = {event.sequence: event for event in theirs.events}
    # An event both sides have is one, though `base` has not heard of it.
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
    """Cancelled before ended before running; of two ends theirs."""
    stands = theirs
    if theirs.status is SubagentStatus.RUNNING or (
        ours.status is SubagentStatus.CANCELLED and theirs.status is not SubagentStatus.CANCELLED
    ):
        stands = ours
    if base is None:
        before = theirs.progress[: common(theirs.progress, ours.progress)]
    else:
        before = base.progress
    progress = merge_log(before, ours.progress, theirs.progress)
    updated = max(ours.updated_ms, theirs.updated_ms)
    return {key: stands.evolve(progress=progress, updated_ms=updated)}
