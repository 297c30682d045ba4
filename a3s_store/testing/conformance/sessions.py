"""Sessions: save, load, delete, list and exists."""

from __future__ import annotations

from typing import Any

from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.protocol import SessionStore
from a3s_store.models import Message, SessionData, TextBlock, ToolUseBlock
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    contents,
    holds,
    keeps,
    kept,
    kept_collections,
    load_collection,
    same,
    same_run,
    save_collection,
    save_run,
    unchanged,
)
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import session

_GROUP = "sessions"


@required_by(_GROUP)
async def a_session_comes_back_as_it_was_saved(store: SessionStore) -> None:
    """Every field of a session survives, set to something or to its default."""
    for saved in (samples.rich_session("rich"), SessionData(id="bare", created_at=0, updated_at=0)):
        await store.save(saved)
        same(saved, await store.load(saved.id), f"load of {saved.id}")


@required_by(_GROUP)
async def an_unknown_id_loads_as_none(store: SessionStore) -> None:
    """A session never saved loads as None, and the load creates nothing."""
    await store.save(session("other"))
    same(None, await store.load("unknown"), "load")
    same(None, await store.load_snapshot("unknown"), "load_snapshot")
    same(False, await store.exists("unknown"), "exists")
    same(["other"], await store.list(), "list")


@required_by(_GROUP)
async def a_save_replaces_the_whole_session(store: SessionStore) -> None:
    """After a save no field of the session saved before is left."""
    await store.save(samples.rich_session("s"))
    bare = SessionData(id="s", created_at=5, updated_at=4)
    await store.save(bare)
    same(bare, await store.load("s"), "load")


@required_by(_GROUP)
async def the_last_save_wins(store: SessionStore) -> None:
    """Saves are not merged and not ordered by their times."""
    await store.save(session("s", ("new",), updated_at=2_000))
    older = session("s", ("old",), updated_at=1_000)
    await store.save(older)
    same(older, await store.load("s"), "load")


@required_by(_GROUP)
async def times_are_the_callers(store: SessionStore) -> None:
    """created_at and updated_at are stored as given, whatever they are."""
    for created, updated in ((0, 0), (-(2**63), 2**63 - 1), (2**63 - 1, -(2**63))):
        await store.save(session("s", created_at=created, updated_at=updated))
        loaded = await store.load("s")
        assert loaded is not None
        same((created, updated), (loaded.created_at, loaded.updated_at), "times")


@required_by(_GROUP, capability="collections")
async def a_save_leaves_the_collections_as_they_are(store: SessionStore) -> None:
    """save() changes the session and nothing beside it."""
    await store.save_snapshot(samples.rich_snapshot("s"))
    await save_run(store, samples.loop_checkpoint("r", "s"))
    before = await store.load_snapshot("s")
    assert before is not None
    smaller = session("s", ("one",))
    await store.save(smaller)
    same(before.evolve(session=smaller), await store.load_snapshot("s"), "load_snapshot")
    await same_run(store, samples.loop_checkpoint("r", "s"), "r")


@required_by(_GROUP)
async def saving_what_was_loaded_changes_nothing(store: SessionStore) -> None:
    """Saving the loaded values again, twice, changes no result of a load."""
    await store.save_snapshot(kept(store, samples.rich_snapshot("s")))
    before = await contents(store, "s")
    for _ in range(2):
        loaded = await store.load_snapshot("s")
        assert loaded is not None
        await store.save(loaded.session)
        for collection in kept_collections(store):
            await save_collection(store, collection, "s", getattr(loaded, collection))
        await store.save_snapshot(loaded)
        unchanged(before, await contents(store, "s"), "after saving what was loaded")


@required_by(_GROUP)
async def loading_never_writes(store: SessionStore) -> None:
    """Loads, of stored ids and of others, change no result of a later load."""
    await store.save(samples.rich_session("s"))
    for collection in kept_collections(store):
        await save_collection(store, collection, "no session", samples.items(collection, "1"))
    before = await contents(store, "s", "no session", "nothing")
    for _ in range(2):
        after = await contents(store, "s", "no session", "nothing")
        unchanged(before, after, "after loading")


@required_by(_GROUP)
async def a_delete_takes_the_session_and_what_belongs_to_it(store: SessionStore) -> None:
    """Session, collections and the loop checkpoints of its runs are gone after delete()."""
    await store.save_snapshot(kept(store, samples.rich_snapshot("s")))
    for run in ("r1", "r2"):
        await save_run(store, samples.loop_checkpoint(run, "s"))
    await store.delete("s")
    same(None, await store.load("s"), "load")
    same(None, await store.load_snapshot("s"), "load_snapshot")
    same(False, await store.exists("s"), "exists")
    same([], await store.list(), "list")
    for collection in samples.MAKERS:
        same(None, await load_collection(store, collection, "s"), f"load_{collection}")
    for run in ("r1", "r2"):
        same(None, await store.load_loop_checkpoint(run), f"load_loop_checkpoint of {run}")


@required_by(_GROUP, capability="checkpoints")
async def a_delete_takes_the_queue_of_the_session(store: SessionStore) -> None:
    """The workflow checkpoint in which older releases kept a session's queue is deleted too."""
    for session_id in ("s", "S", "never saved"):
        key = WORKFLOW_PREFIX + session_id
        await store.save_workflow_checkpoint(key, samples.workflow_checkpoint(key))
    await store.save(session("s", ("a",)))
    await store.delete("s")
    await store.delete("never saved")
    for session_id, there in (("s", False), ("S", True), ("never saved", False)):
        found = await store.load_workflow_checkpoint(WORKFLOW_PREFIX + session_id)
        same(there, found is not None, f"whether there is the queue of {session_id!r}")


@required_by(_GROUP)
async def a_delete_leaves_everything_else(store: SessionStore) -> None:
    """Child sessions, other sessions' checkpoints and other workflow checkpoints stay."""
    await store.save_snapshot(kept(store, samples.rich_snapshot("s")))
    await store.save_snapshot(kept(store, samples.rich_snapshot("S")))
    await store.save(session("child", parent_id="s"))
    await save_run(store, samples.loop_checkpoint("s", "S"))
    if keeps(store, "checkpoints"):
        await store.save_workflow_checkpoint("s", samples.workflow_checkpoint("s"))
    before = await contents(store, "S", "child")
    flow = await store.load_workflow_checkpoint("s")
    await store.delete("s")
    before["list"] = ["S", "child"]
    unchanged(before, await contents(store, "S", "child"), "after delete of s")
    await same_run(store, samples.loop_checkpoint("s", "S"), "s")
    same(flow, await store.load_workflow_checkpoint("s"), "workflow named s")


@required_by(_GROUP)
async def a_tree_is_deleted_with_all_below_it(store: SessionStore) -> None:
    """With `tree`, descendants are deleted too, also when the session itself is already gone."""
    for one, parent in (("a", None), ("b", "a"), ("c", "b"), ("d", "c"), ("B", "A"), ("e", "a ")):
        await store.save_snapshot(kept(store, samples.rich_snapshot(one)))
        await store.save(session(one, parent_id=parent))
        await save_run(store, samples.loop_checkpoint(f"run {one}", one))
    before = await contents(store, "a", "e", "run a", "run e")
    await store.delete("b")
    await store.delete("b", tree=True)
    before["list"] = ["B", "a", "e"]
    unchanged(before, await contents(store, "a", "e", "run a", "run e"), "after b and all below it")
    for one in ("c", "d"):
        same(None, await store.load_snapshot(one), f"load_snapshot of {one}")
        same(None, await load_collection(store, "artifacts", one), f"load_artifacts of {one}")
        same(None, await store.load_loop_checkpoint(f"run {one}"), f"the run of {one}")
    await store.save(session("c", parent_id="a"))
    await store.delete("a")
    same(["B", "c", "e"], await store.list(), "list after a alone")


@required_by(_GROUP)
async def parents_in_a_circle_are_deleted_once(store: SessionStore) -> None:
    """A session may be its own parent, or its child's child; the tree of an unknown id is empty."""
    await store.save(session("own", parent_id="own"))
    for one, parent in (("x", "z"), ("y", "x"), ("z", "y"), ("below", "y")):
        await store.save(session(one, parent_id=parent))
    await store.delete("unknown", tree=True)
    await store.delete("y", tree=True)
    same(["own"], await store.list(), "list after the circle")
    await store.delete("own", tree=True)
    same([], await store.list(), "list after its own parent")


@required_by(_GROUP)
async def deleting_what_is_missing_is_success(store: SessionStore) -> None:
    """The first delete of an unknown id succeeds, and so does a second one of a known id."""
    await store.delete("unknown")
    await store.save(session("s"))
    await store.delete("s")
    await store.delete("s")
    same([], await store.list(), "list")


@required_by(_GROUP)
async def a_session_saved_after_a_delete_starts_afresh(store: SessionStore) -> None:
    """A session saved under the id of a deleted one has no value of the deleted one."""
    await store.save_snapshot(kept(store, samples.rich_snapshot("s")))
    await store.delete("s")
    again = session("s", ("new",))
    await store.save(again)
    loaded = await store.load_snapshot("s")
    assert loaded is not None
    same(again, loaded.session, "session")
    same({}, {f.name: v for f, v in loaded.collections().items() if v is not None}, "collections")
    same((), loaded.retained_artifact_uris, "retained_artifact_uris")


@required_by(_GROUP)
async def list_answers_the_saved_ids_sorted(store: SessionStore) -> None:
    """Each saved session once, under its own id, in the order of code points."""
    ids = [
        "b",
        "a",
        "B",
        "Z",
        "10",
        "9",
        "session-2",
        "session-10",
        "\u00fc",
        "\U0001f600",
        "\uffee",
    ]
    for one in [*ids, "a"]:
        await store.save(session(one))
    same(sorted(ids), await store.list(), "list")
    await store.delete("B")
    same(sorted(set(ids) - {"B"}), await store.list(), "list after delete")


@required_by(_GROUP)
async def exists_follows_save_and_delete(store: SessionStore) -> None:
    """True from the first save to the delete, and for no other id."""
    same(False, await store.exists("s"), "before the save")
    await store.save(session("s"))
    same((True, False), (await store.exists("s"), await store.exists("s ")), "after the save")
    await store.delete("s")
    same(False, await store.exists("s"), "after the delete")


@required_by(_GROUP)
async def a_float_keeps_its_sign_of_zero(store: SessionStore) -> None:
    """A cost of -0.0 saved over 0.0 is -0.0, in the session and in its lists."""
    for zero in (0.0, -0.0, 0.0):
        saved = session("s", total_cost=zero, cost_records=(samples.cost_record(cost_usd=zero),))
        await store.save(saved)
        same(saved, await store.load("s"), f"load after {zero}")


@required_by(_GROUP)
async def what_was_saved_cannot_be_changed_from_outside(store: SessionStore) -> None:
    """A caller may change the lists and dicts that it saved; the stored values stay."""
    texts, arguments, extra = [TextBlock(text="a")], {"paths": ["x"]}, {"list": [1]}
    call = ToolUseBlock(id="c", name="n", input=arguments)
    messages = [Message(role="user", content=[*texts, call])]  # type: ignore[arg-type]
    saved = session("s").evolve(messages=messages, extra=extra)  # type: ignore[arg-type]
    values = [samples.trace_event(details=arguments)]
    await store.save(saved)
    if keeps(store, "collections"):
        await store.save_trace_events("s", values)
    before = await contents(store, "s")
    messages.clear()
    arguments["paths"].append("y")
    extra["list"].append(2)
    values.clear()
    unchanged(before, await contents(store, "s"), "after changing the saved lists")


@required_by(_GROUP)
async def what_was_loaded_cannot_be_changed(store: SessionStore) -> None:
    """Loaded values are frozen."""
    await store.save_snapshot(kept(store, samples.rich_snapshot("s")))
    before = await contents(store, "s")
    loaded = await store.load("s")
    assert loaded is not None
    block = loaded.messages[1].content[1]
    assert isinstance(block, ToolUseBlock)
    mapping: Any = block.input
    extra: Any = loaded.extra
    for change in (
        lambda: setattr(loaded, "id", "x"),
        lambda: setattr(loaded.messages[0], "role", "x"),
        lambda: mapping.__setitem__("z", 1),
        lambda: mapping["z"].append(1),
        lambda: extra["future"].clear(),
    ):
        try:
            change()
        except (AttributeError, TypeError):
            continue
        holds(False, "a loaded value could be changed")
    unchanged(before, await contents(store, "s"), "after trying to change the loaded values")
