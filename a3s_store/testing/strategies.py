"""A Hypothesis strategy for every model, derived from its wire rules.

Each function returns a strategy of single values; `collections` makes tuples of them. `size` is the
length of the longest list; lists inside lists are shorter by one.

Invariants: 1. every value can be encoded; 2. unknown keys and unknown members of unions occur, and
none of them repeats a known one; 3. ids are never empty, and have no NUL and no lone surrogate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
from hypothesis import strategies as st

from a3s_store import models
from a3s_store._deprecated import names_of
from a3s_store.core.snapshot import SNAPSHOT_VERSION, SessionSnapshot
from a3s_store.testing._ids import session_ids
from a3s_store.testing._scalars import (
    floats,
    floats_32,
    integers,
    json_objects,
    json_values,
    texts,
    timestamps,
)
from a3s_store.wire import (
    EMPTY,
    Codec,
    Model,
    UnknownVariant,
    Wired,
    codec_for,
    evolved,
    kinds,
    model_kinds,
)

__all__ = [
    "agent_events",
    "artifacts",
    "collections",
    "content_blocks",
    "json_values",
    "loop_checkpoints",
    "messages",
    "model",
    "run_records",
    "session_data",
    "session_ids",
    "session_snapshot",
    "sessions",
    "subagent_tasks",
    "trace_events",
    "verification_reports",
    "workflow_checkpoints",
]

T = TypeVar("T")
SIZE: Final = 3


def model(cls: type[T], *, size: int = SIZE) -> st.SearchStrategy[T]:
    """Return valid values of a model, some with unknown keys and unknown union members.

    Raises: TypeError when the class is no model.
    """
    codec_for(cls)
    return _model(cls, size)


def session_data(*, size: int = SIZE) -> st.SearchStrategy[models.SessionData]:
    """Return sessions, each under an id of `session_ids()`."""
    return model(models.SessionData, size=size)


def sessions(
    id: str | st.SearchStrategy[str],  # noqa: A002 - the attribute's name
    *,
    size: int = SIZE,
) -> st.SearchStrategy[models.SessionData]:
    """Return sessions under a given id, or under ids drawn from a given strategy."""
    ids = st.just(id) if isinstance(id, str) else id
    return st.builds(lambda one, name: one.evolve(id=name), session_data(size=size), ids)


def messages(*, size: int = SIZE) -> st.SearchStrategy[models.Message]:
    """Return messages of up to `size` blocks, some without any."""
    return model(models.Message, size=size)


def content_blocks(*, size: int = SIZE) -> st.SearchStrategy[Any]:
    """Return content blocks of every type, and of unknown types."""
    return _item_of(models.Message, "content", size)


def artifacts() -> st.SearchStrategy[models.ToolArtifact]:
    """Return artifacts; their byte counts are independent of their content."""
    return model(models.ToolArtifact)


def trace_events(*, size: int = SIZE) -> st.SearchStrategy[models.TraceEvent]:
    """Return trace events of both kinds."""
    return model(models.TraceEvent, size=size)


def run_records(*, size: int = SIZE) -> st.SearchStrategy[models.RunRecord]:
    """Return runs with events; sequence numbers and run ids repeat."""
    return model(models.RunRecord, size=size)


def agent_events(*, size: int = SIZE) -> st.SearchStrategy[Any]:
    """Return events of all types, and of unknown types."""
    (field,) = (f for f in codec_for(models.RunEventRecord).fields if f.attribute == "event")
    return _kind(field.kind, size)


def verification_reports(*, size: int = SIZE) -> st.SearchStrategy[models.VerificationReport]:
    """Return verification reports; their status is independent of their checks."""
    return model(models.VerificationReport, size=size)


def subagent_tasks(*, size: int = SIZE) -> st.SearchStrategy[models.SubagentTaskSnapshot]:
    """Return subagent tasks in every state."""
    return model(models.SubagentTaskSnapshot, size=size)


def loop_checkpoints(
    run_id: str | None = None, *, size: int = SIZE
) -> st.SearchStrategy[models.LoopCheckpoint]:
    """Return loop checkpoints of version 0 and 1, all of one run if `run_id` is given."""
    found = model(models.LoopCheckpoint, size=size)
    return found if run_id is None else found.map(lambda one: one.evolve(run_id=run_id))


def workflow_checkpoints(
    workflow_id: str | None = None, *, size: int = SIZE
) -> st.SearchStrategy[models.WorkflowCheckpoint]:
    """Return workflow checkpoints of version 0 and 1, of one workflow if `workflow_id` is given."""
    found = model(models.WorkflowCheckpoint, size=size)
    if workflow_id is None:
        return found
    return found.map(lambda one: one.evolve(workflow_id=workflow_id))


def session_snapshot(
    id: str | st.SearchStrategy[str] | None = None,  # noqa: A002 - the attribute's name
    *,
    size: int = 2,
) -> st.SearchStrategy[SessionSnapshot]:
    """Return snapshots with each collection never saved, saved empty, or with values."""
    found = st.builds(_storable, model(SessionSnapshot, size=size))
    if id is None:
        return found
    ids = st.just(id) if isinstance(id, str) else id
    return st.builds(lambda one, name: one.evolve(session=one.session.evolve(id=name)), found, ids)


def collections(
    values: st.SearchStrategy[T], *, size: int = SIZE
) -> st.SearchStrategy[tuple[T, ...]]:
    """Return tuples of up to `size` values; sometimes the last one equals the first."""
    listed = st.lists(values, max_size=size)
    return st.builds(_with_repeat, listed, st.booleans(), st.just(size))


def _with_repeat(items: list[Any], again: bool, size: int) -> tuple[Any, ...]:
    if again and items and len(items) < size:
        # Equal and not identical, so that a store cannot recognise the two by identity.
        return (*items, evolved(items[0], {}) if isinstance(items[0], Model) else items[0])
    return tuple(items)


def _storable(snapshot: SessionSnapshot) -> SessionSnapshot:
    """Return the snapshot without values that `check_snapshot` refuses."""
    uris = () if snapshot.artifacts is None else snapshot.retained_artifact_uris
    return snapshot.evolve(retained_artifact_uris=tuple(sorted(set(uris))), extra=EMPTY)


# Fields with narrower values than their wire rules have.
_PROMISED: Final[dict[tuple[type, str], st.SearchStrategy[Any]]] = {
    (models.SessionData, "id"): session_ids(),
    (SessionSnapshot, "schema_version"): st.just(SNAPSHOT_VERSION),
    (models.LoopCheckpoint, "schema_version"): st.sampled_from((0, 1)),
    (models.LoopCheckpoint, "run_id"): session_ids(),
    (models.WorkflowCheckpoint, "schema_version"): st.sampled_from((0, 1)),
    (models.WorkflowCheckpoint, "workflow_id"): session_ids(),
}


_MADE: Final[dict[tuple[type, int], st.SearchStrategy[Any]]] = {}


def _model(cls: type, size: int) -> st.SearchStrategy[Any]:
    made = _MADE.get((cls, size))
    if made is None:
        made = _MADE[cls, size] = _build(cls, size)
    return made


def _build(cls: type, size: int) -> st.SearchStrategy[Any]:
    codec: Codec[Any] = codec_for(cls)
    if codec.rule.opaque:
        return _opaque(codec)
    given = {wired.attribute: _field(cls, wired, size) for wired in codec.fields}
    extras = json_objects(json_values(3), without=codec.known)
    given["extra"] = _mostly(EMPTY, extras)

    # Not builds(): its repr has all strategies inside, half a megabyte for a run, and Hypothesis
    # warns about that.
    @st.composite
    def values(draw: st.DrawFn) -> Any:
        return cls(**{attribute: draw(strategy) for attribute, strategy in given.items()})

    return values()


def _field(cls: type, wired: Wired, size: int) -> st.SearchStrategy[Any]:
    found = _PROMISED.get((cls, wired.attribute))
    if found is not None:
        return found
    found = _kind(wired.kind, size)
    if wired.optional:
        return st.none() | found
    # Rules for absent and omitted keys apply to the default only.
    return found if wired.default is attrs.NOTHING else st.just(wired.default) | found


def _kind(kind: kinds.Kind, size: int) -> st.SearchStrategy[Any]:
    """Return values of a field of this kind; subclasses are matched before their base classes."""
    shorter = max(size - 1, min(size, 1))
    match kind:
        case kinds.Bool():
            return st.booleans()
        case kinds.Int():
            return integers(kind.limits.low, kind.limits.high)
        case kinds.Float32():
            return floats_32()
        case kinds.Float64():
            return floats()
        case kinds.EnumOf():
            known: st.SearchStrategy[Any] = st.sampled_from(list(kind.cls))
            # Members of a newer release; some resemble known ones.
            odd = st.sampled_from(("Hibernating", "active", "", "\x00", "\U0001f600"))
            return st.one_of([known] * 4 + [odd.map(UnknownVariant)])
        case kinds.OpaqueValue():
            return json_values()
        case kinds.Time():
            return timestamps()
        case model_kinds.One():
            return _model(kind.cls, size)
        case model_kinds.Tagged():
            return _union(kind, size)
        case kinds.TextOrMany():
            return texts() | collections(_kind(kind.item, shorter), size=size)
        case kinds.Many():
            return collections(_kind(kind.item, shorter), size=size)
        case kinds.EnumSet():
            return st.frozensets(_kind(kind.item, size))
        case kinds.EnumMap():
            return st.dictionaries(_kind(kind.key, size), _kind(kind.item, size), max_size=4)
    if type(kind) is kinds.Kind:
        return texts()
    raise TypeError(f"no strategy is known for {type(kind).__name__}")


def _union(kind: model_kinds.Tagged, size: int) -> st.SearchStrategy[Any]:
    codecs = [*kind.members.values(), *([kind.unknown] if kind.unknown else [])]
    return st.one_of([_model(codec.cls, size) for codec in codecs])


def _opaque(codec: Codec[Any]) -> st.SearchStrategy[Any]:
    """Return unknown members of a union; none has the tag of a known one."""
    odd = st.sampled_from(("", "Text", "text ", "thinking", "null", "\x00", "\U0001f600"))
    tags = odd | st.text(max_size=4).map("new:".__add__)
    bodies = json_objects(json_values(), without=frozenset({"type"}))
    return st.builds(codec.cls, type=tags, body=bodies)


def _item_of(cls: type, attribute: str, size: int) -> st.SearchStrategy[Any]:
    (field,) = (f for f in codec_for(cls).fields if f.attribute == attribute)
    assert isinstance(field.kind, kinds.Many)
    return _kind(field.kind.item, size)


def _mostly(usual: Any, rare: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return `usual`, and one time in six a value of `rare`, since models nest."""
    return st.one_of([*[st.just(usual)] * 5, rare])


# Hidden from type checkers, which would accept any name.
if not TYPE_CHECKING:
    __getattr__ = names_of(__name__)
