"""Three-way merge of a session without its messages, which `history` merges.

Pure functions. The function of each part has its rule for changes of both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from a3s_store.core.batch import MADE
from a3s_store.core.merging.collections import merge_collections
from a3s_store.core.merging.lists import (
    added_to,
    each,
    keyed,
    merge_cost,
    merge_keyed,
    merge_log,
    merge_set,
    merge_total,
    merge_value,
    same,
)
from a3s_store.models import (
    PermissionPolicy,
    SessionConfig,
    SessionData,
    Task,
    TaskStatus,
    TokenUsage,
)
from a3s_store.models.session import LABELS
from a3s_store.wire import Model, freeze

if TYPE_CHECKING:
    from a3s_store.core.snapshot import SessionSnapshot

# The order of task states; all final ones come after these.
_PROGRESS: Final = {TaskStatus.PENDING: 0, TaskStatus.IN_PROGRESS: 1}
_RULES: Final = ("deny", "ask", "allow")
_MODEL_SETTINGS: Final = ("llm_config", "model_name", "thinking_enabled", "thinking_budget")


@attrs.frozen(kw_only=True)
class Sides:
    """A snapshot and the source of the session's name: `made`, None for a person or unknown."""

    snapshot: SessionSnapshot
    name_source: str | None = None

    @property
    def session(self) -> SessionData:
        """The session itself."""
        return self.snapshot.session


@attrs.frozen(kw_only=True)
class Merged:
    """The result of a merge; the messages of the snapshot are theirs.

    `overwritten` are the names of fields that both sides changed and that have our value.
    `renamed_artifacts` are the new URIs of our artifacts whose URI has another content in theirs.
    """

    snapshot: SessionSnapshot
    name_source: str | None
    overwritten: tuple[str, ...]
    renamed_artifacts: tuple[str, ...]


def merge_snapshots(base: Sides, ours: Sides, theirs: Sides) -> Merged:
    """Merge everything of a session except its messages, which are theirs."""
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


def _merge_name(
    base: Sides, ours: Sides, theirs: Sides, overwritten: list[str]
) -> tuple[str, str | None]:
    """Return the name and its source: a person's before a made one, of two persons' ours."""
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
    # The settings of a model are taken together from one side.
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
    """Return a time: the later one if both sides changed it."""
    if ours == base:
        return theirs
    return ours if theirs == base else max(ours, theirs)


def _either(base: Any, ours: Any, name: str) -> tuple[Any, Any]:
    return getattr(base, name), getattr(ours, name)


def _merge_config(
    base: SessionConfig, ours: SessionConfig, theirs: SessionConfig, overwritten: list[str]
) -> SessionConfig:
    changes: dict[str, Any] = {}
    for field in attrs.fields(SessionConfig):
        if field.name in ("extra", "name", "parent_id", "permission_policy"):
            continue
        was, our, their = each(field.name, base, ours, theirs)
        changes[field.name] = merge_value(was, our, their, overwritten, field.name)
    was, our, their = each("permission_policy", base, ours, theirs)
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
    """Merge the rules of a policy as sets; other fields, and a missing policy, as any field."""
    if base is None or ours is None or theirs is None:
        return merge_value(base, ours, theirs, overwritten, "permission_policy")
    changes: dict[str, Any] = {
        name: merge_set(getattr(base, name), getattr(ours, name), getattr(theirs, name))
        for name in _RULES
    }
    for field in attrs.fields(PermissionPolicy):
        if field.name not in (*_RULES, "extra"):
            was, our, their = each(field.name, base, ours, theirs)
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
    """Return the sums of both sides; None if both are."""
    changes: dict[str, Any] = {}
    for field in attrs.fields(TokenUsage):
        was, our, their = each(field.name, base, ours, theirs)
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
    """Merge tasks by id: of two changed ones the later status, other fields as any field."""
    if base in (ours, theirs) or (by := keyed("id", base, ours, theirs)) is None:
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
