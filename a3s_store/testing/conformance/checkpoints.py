"""Checkpoints of loops and workflows: single values under the id of a run or a workflow."""

from __future__ import annotations

from typing import Any

from a3s_store.core.collections import CHECKPOINTS
from a3s_store.core.protocol import SessionStore
from a3s_store.errors import InvalidSnapshotError, UnsupportedError
from a3s_store.models import Message
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import holds, keeps, raises, same
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import loop_checkpoint, session, talk

_GROUP = "checkpoints"
_EACH = tuple((kind.name, kind.name) for kind in CHECKPOINTS)


def _make(kind: str, key: str, **changes: Any) -> Any:
    return samples.CHECKPOINT_MAKERS[kind](key, **changes)


async def _save(store: SessionStore, kind: str, key: str, value: Any) -> None:
    await getattr(store, f"save_{kind}")(key, value)


async def _load(store: SessionStore, kind: str, key: str) -> Any:
    return await getattr(store, f"load_{kind}")(key)


@required_by(_GROUP, cases=_EACH)
async def a_checkpoint_is_kept_or_refused(store: SessionStore, kind: str) -> None:
    """A checkpoint is saved and loaded, or refused with UnsupportedError; it is never lost."""
    same(None, await _load(store, kind, "k"), "before")
    try:
        await _save(store, kind, "k", _make(kind, "k"))
    except UnsupportedError as error:
        holds(not keeps(store, "checkpoints"), f"promised, and refused: {error}")
        same(None, await _load(store, kind, "k"), "after the refusal")
    else:
        same(_make(kind, "k"), await _load(store, kind, "k"), "after the save")
    await getattr(store, f"delete_{kind}")("k")
    same(None, await _load(store, kind, "k"), "after the delete")


@required_by(_GROUP, capability="checkpoints", cases=_EACH)
async def a_checkpoint_comes_back_as_it_was_saved(store: SessionStore, kind: str) -> None:
    """Every field is loaded as saved, version 0 too; an unknown id loads as None."""
    for version in (0, 1):
        value = _make(kind, "k", schema_version=version)
        await _save(store, kind, "k", value)
        same(value, await _load(store, kind, "k"), f"version {version}")
    same(None, await _load(store, kind, "K"), "an unknown id")


@required_by(_GROUP, capability="checkpoints", cases=_EACH)
async def a_checkpoint_replaces_the_last_one(store: SessionStore, kind: str) -> None:
    """A checkpoint saved under the same id replaces the one before."""
    await _save(store, kind, "k", _make(kind, "k"))
    lists = {"messages": ()} if kind == "loop_checkpoint" else {"steps": ()}
    second = _make(kind, "k", checkpoint_ms=0, extra={}, **lists)
    await _save(store, kind, "k", second)
    same(second, await _load(store, kind, "k"), "load")


@required_by(_GROUP, capability="checkpoints", cases=_EACH)
async def a_checkpoint_is_deleted_alone(store: SessionStore, kind: str) -> None:
    """Other checkpoints stay; deleting again, or an unknown id, succeeds."""
    for key in ("k", "l"):
        await _save(store, kind, key, _make(kind, key))
    for key in ("k", "k", "unknown"):
        await getattr(store, f"delete_{kind}")(key)
    same(None, await _load(store, kind, "k"), "the deleted one")
    same(_make(kind, "l"), await _load(store, kind, "l"), "its neighbour")


@required_by(_GROUP, capability="checkpoints", cases=_EACH)
async def a_checkpoint_of_a_newer_version_is_refused(store: SessionStore, kind: str) -> None:
    """A newer version raises InvalidSnapshotError, and the stored checkpoint stays."""
    await _save(store, kind, "k", _make(kind, "k"))
    newer = _make(kind, "k", schema_version=2, checkpoint_ms=0)
    await raises(InvalidSnapshotError, "version 2", _save, store, kind, "k", newer)
    same(_make(kind, "k"), await _load(store, kind, "k"), "afterwards")


@required_by(_GROUP, capability="checkpoints", cases=_EACH)
async def a_checkpoint_under_another_id_is_refused(store: SessionStore, kind: str) -> None:
    """A value with another id raises InvalidSnapshotError, and nothing is written."""
    other = _make(kind, "l")
    await raises(InvalidSnapshotError, "another id", _save, store, kind, "k", other)
    for key in ("k", "l"):
        same(None, await _load(store, kind, key), f"load of {key}")


@required_by(_GROUP, capability="checkpoints")
async def ids_of_sessions_runs_and_workflows_are_apart(store: SessionStore) -> None:
    """A session, a run and a workflow may have the same id."""
    await store.save(session("x", ("a",)))
    loop, flow = loop_checkpoint("x", "x"), samples.workflow_checkpoint("x")
    await store.save_loop_checkpoint("x", loop)
    await store.save_workflow_checkpoint("x", flow)
    await store.delete_workflow_checkpoint("x")
    same(loop, await store.load_loop_checkpoint("x"), "the run")
    await store.save_workflow_checkpoint("x", flow)
    await store.delete_loop_checkpoint("x")
    same(flow, await store.load_workflow_checkpoint("x"), "the workflow")
    same(session("x", ("a",)), await store.load("x"), "the session")


@required_by(_GROUP, capability="checkpoints")
async def checkpoints_do_not_make_a_session(store: SessionStore) -> None:
    """Checkpoints need no session, and make none: list, exists and load do not see them."""
    await store.save_loop_checkpoint("r", loop_checkpoint("r", "s"))
    await store.save_workflow_checkpoint("s", samples.workflow_checkpoint("s"))
    same([], await store.list(), "list")
    same((False, None), (await store.exists("s"), await store.load("s")), "exists and load")
    same(None, await store.load_snapshot("s"), "load_snapshot")


@required_by(_GROUP, capability="checkpoints")
async def a_checkpoint_and_its_session_go_their_own_ways(store: SessionStore) -> None:
    """A checkpoint keeps its messages whatever the session's messages become."""
    common = talk("a", "b", "c")
    ahead = loop_checkpoint("r", "s", messages=(*common, *talk("tool round")))
    behind = loop_checkpoint("q", "s", messages=common[:1])
    apart = loop_checkpoint("p", "s", messages=(common[0], Message.user("x"), common[2]))
    await store.save(session("s").evolve(messages=common))
    for one in (ahead, behind, apart):
        await store.save_loop_checkpoint(one.run_id, one)
    for messages in (
        (*common, *talk("d", "e")),
        (),
        talk("summary"),
        (*common, *talk("tool round")),
    ):
        saved = session("s").evolve(messages=messages)
        await store.save(saved)
        same(saved, await store.load("s"), "the session")
        for one in (ahead, behind, apart):
            same(one, await store.load_loop_checkpoint(one.run_id), f"checkpoint {one.run_id}")
    for one in (ahead, behind, apart):
        await store.delete_loop_checkpoint(one.run_id)
        same(saved, await store.load("s"), f"the session without checkpoint {one.run_id}")


@required_by(_GROUP, capability="checkpoints")
async def a_checkpoint_grows_with_its_run(store: SessionStore) -> None:
    """A checkpoint grows round by round, and the session is saved with its messages at last."""
    messages = talk(*(f"round {number}" for number in range(12)))
    await store.save(session("s").evolve(messages=messages[:2]))
    for turn in range(3, 13, 3):
        value = loop_checkpoint("r", "s", turn=turn, messages=messages[:turn])
        await store.save_loop_checkpoint("r", value)
        same(value, await store.load_loop_checkpoint("r"), f"turn {turn}")
        same(
            messages[:2], getattr(await store.load("s"), "messages", None), "the session meanwhile"
        )
    saved = session("s").evolve(messages=messages)
    await store.save(saved)
    same(saved, await store.load("s"), "the session at the end")
    same(value, await store.load_loop_checkpoint("r"), "the checkpoint at the end")


@required_by(_GROUP, capability="checkpoints")
async def a_run_may_change_its_session(store: SessionStore) -> None:
    """The session last named owns the checkpoint: it is deleted with that session only."""
    for owner in ("s", "t"):
        await store.save(session(owner, ("a",)))
        await store.save_loop_checkpoint("r", loop_checkpoint("r", owner))
    await store.delete("s")
    same(loop_checkpoint("r", "t"), await store.load_loop_checkpoint("r"), "after delete of s")
    await store.delete("t")
    same(None, await store.load_loop_checkpoint("r"), "after delete of t")
