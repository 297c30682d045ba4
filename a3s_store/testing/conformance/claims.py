"""Stores with `run_claims`: the checkpoint of a run belongs to one live session at a time.

Such a store has `run_checkpoints(id)` and `claim_run(run_id, seen=, by=)`, and its `save_changes`
writes and removes checkpoints in the same transaction as the session.
"""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_store.core.changes import RunCheckpoint, RunClaim, SessionChanges
from a3s_store.core.revision import Revision
from a3s_store.errors import (
    EncodeError,
    InvalidIdError,
    InvalidSnapshotError,
    RunClaimedError,
    StaleGenerationError,
    StoreClosedError,
)
from a3s_store.testing.conformance.changes import behind, changes, never
from a3s_store.testing.conformance.expect import contents, raises, same, unchanged
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import loop_checkpoint, session, talk

_GROUP = "claims of runs"


def run(
    run_id: str = "r", *, session_id: str = "s", base_length: int | None = 1, by: str | None = "A"
) -> RunCheckpoint:
    """Return a run checkpoint that is claimed by A."""
    return RunCheckpoint(
        checkpoint=loop_checkpoint(run_id, session_id), base_length=base_length, claimed_by=by
    )


def further(one: RunCheckpoint, *texts: str) -> RunCheckpoint:
    """Return the run checkpoint with another round of messages."""
    messages = (*one.checkpoint.messages, *talk(*texts))
    checkpoint = one.checkpoint.evolve(messages=messages, turn=one.checkpoint.turn + 1)
    return RunCheckpoint(
        checkpoint=checkpoint, base_length=one.base_length, claimed_by=one.claimed_by
    )


async def begun(store: Any, *run_ids: str) -> Revision:
    """Save a session and begin runs of it for A; return its revision."""
    committed = await store.save_changes(changes("s", "a"), on=None)
    for run_id in run_ids:
        given = changes("s", checkpoint=run(run_id), begins_run=True)
        await store.save_changes(given, on=committed.revision)
    assert isinstance(committed.revision, Revision)
    return committed.revision


async def refused(store: Any, what: str, given: SessionChanges, on: Revision) -> None:
    """Check that the changes raise RunClaimedError, and that nothing is written or merged."""
    before, runs = await contents(store, "s", "r", "q"), await store.run_checkpoints("s")
    error = await raises(RunClaimedError, what, store.save_changes, given, on=on, merge=never)
    assert isinstance(error, RunClaimedError)
    unchanged(before, await contents(store, "s", "r", "q"), what)
    same(runs, await store.run_checkpoints("s"), f"{what}: the runs")


@required_by(_GROUP, capability="run_claims", reopens=True)
async def a_run_is_listed_with_its_claim(store: Any, maker: StoreMaker) -> None:
    """Runs are listed oldest first, with claim and base length, after reopening too."""
    on = await begun(store, "r", "q")
    given = changes("s", checkpoint=run("p", base_length=None, by=None), begins_run=True)
    await store.save_changes(given, on=on)
    grown = further(run("r"), "more")
    await store.save_changes(changes("s", checkpoint=grown), on=on)
    await store.save(session("t"))
    if store.capabilities().durable:
        store = await maker.reopen()
    expected = (grown, run("q"), run("p", base_length=None, by=None))
    same(expected, await store.run_checkpoints("s"), "the runs")
    same(grown.checkpoint, await store.load_loop_checkpoint("r"), "as any checkpoint")
    same((), await store.run_checkpoints("t"), "of another session")
    same((), await store.run_checkpoints("x"), "of none")


@required_by(_GROUP, capability="run_claims")
async def a_checkpoint_alone_is_no_generation(store: Any) -> None:
    """A save of a checkpoint alone is no generation, conflicts with none, and has not landed."""
    on = await begun(store, "r")
    same(Revision(1, 1), await store.revision("s"), "after the first")
    await store.save(session("s", ("theirs",)))
    for text in "bc":
        given = changes("s", checkpoint=further(run("r"), text))
        committed = await store.save_changes(given, on=on, merge=never)
        same((Revision(2, 1), None), (committed.revision, committed.theirs), "the result")
        same(None, await store.landed("s", given.save_id), "landed")
        same((given.checkpoint,), await store.run_checkpoints("s"), "the run")
    same(session("s", ("theirs",)), await store.load("s"), "the session")


@required_by(_GROUP, capability="run_claims")
async def a_checkpoint_is_written_with_the_session(store: Any) -> None:
    """Checkpoint and session are saved in one commit, or neither if the revision is stale."""
    on = await begun(store, "r")
    grown = further(run("r"), "more")
    await store.save(session("s", ("theirs",)))
    given = changes("s", "ours", checkpoint=grown)
    await raises(StaleGenerationError, "stale", store.save_changes, given, on=on)
    same((run("r"),), await store.run_checkpoints("s"), "after the refusal")
    committed = await store.save_changes(given, on=on, merge=behind)
    same(Revision(3, 1), committed.revision, "the revision")
    same((grown,), await store.run_checkpoints("s"), "after the merge")
    same(talk("theirs") + talk("ours"), (await store.load("s")).messages, "the messages")


@required_by(_GROUP, capability="run_claims")
async def a_run_that_ended_goes_with_the_save_of_its_end(store: Any) -> None:
    """A checkpoint is removed in the save that ends its run; if that is refused, it stays."""
    on = await begun(store, "r", "q")
    ends = (RunClaim("r", "A"),)
    await store.save(session("s", ("theirs",)))
    given = changes("s", "ours", ended_runs=ends)
    await raises(StaleGenerationError, "stale", store.save_changes, given, on=on)
    same((run("r"), run("q")), await store.run_checkpoints("s"), "after the refusal")

    def broken(*_: Any) -> Any:
        raise KeyError

    await raises(KeyError, "merge", store.save_changes, given, on=on, merge=broken)
    same((run("r"), run("q")), await store.run_checkpoints("s"), "after a merge that raised")
    committed = await store.save_changes(given, on=on, merge=behind)
    same(Revision(3, 1), committed.revision, "the revision")
    same((run("q"),), await store.run_checkpoints("s"), "the runs")
    same(None, await store.load_loop_checkpoint("r"), "the checkpoint")
    await refused(store, "ended twice", given, committed.revision)


@required_by(_GROUP, capability="run_claims")
async def one_of_two_claims_a_run(store: Any) -> None:
    """Of several claims with the stored token one succeeds, and the checkpoint is unchanged."""
    await begun(store, "r")
    results = await asyncio.gather(
        *(store.claim_run("r", seen="A", by=by) for by in "BCDE"), return_exceptions=True
    )
    won = [one for one in results if not isinstance(one, BaseException)]
    lost = [one for one in results if isinstance(one, RunClaimedError)]
    same((1, 3), (len(won), len(lost)), "who won and who lost")
    same(run("r", by=won[0].claimed_by), won[0], "the result")
    same((won[0],), await store.run_checkpoints("s"), "the run")
    await raises(RunClaimedError, "seen A", store.claim_run, "r", seen="A", by="F")
    await raises(RunClaimedError, "seen none", store.claim_run, "r", seen=None, by="F")
    await raises(RunClaimedError, "an unknown run", store.claim_run, "q", seen=None, by="F")
    seen = won[0].claimed_by
    same(run("r", by=seen), await store.claim_run("r", seen=seen, by=seen), "one's own again")


@required_by(_GROUP, capability="run_claims")
async def an_unclaimed_checkpoint_can_be_claimed(store: Any) -> None:
    """A checkpoint without a claim, as `save_loop_checkpoint` makes it, can be claimed."""
    await begun(store)
    await store.save_loop_checkpoint("r", loop_checkpoint("r", "s"))
    unclaimed = run("r", base_length=None, by=None)
    same((unclaimed,), await store.run_checkpoints("s"), "as it was saved")
    claimed = await store.claim_run("r", seen=None, by="B")
    same(run("r", base_length=None, by="B"), claimed, "the result")


@required_by(_GROUP, capability="run_claims")
async def a_run_taken_over_is_refused_before_anything_is_written(store: Any) -> None:
    """RunClaimedError comes before any merge: a taken run's messages must not merge with it."""
    on = await begun(store, "r", "q")
    await store.claim_run("r", seen="A", by="B")
    for moved in (False, True):
        if moved:
            await store.save(session("s", ("theirs",)))
        for what, given in (
            ("the next round", changes("s", checkpoint=further(run("r"), "x"))),
            ("a round with the session", changes("s", "x", checkpoint=further(run("r"), "x"))),
            ("its end", changes("s", "x", ended_runs=(RunClaim("r", "A"),))),
            (
                "its end with another's",
                changes("s", "x", ended_runs=(RunClaim("q", "A"), RunClaim("r", "A"))),
            ),
        ):
            await refused(store, f"{what}, session moved: {moved}", given, on)
    taken = further(run("r", by="B"), "mine")
    await store.save_changes(changes("s", checkpoint=taken), on=await store.revision("s"))
    given = changes("s", "kept", ended_runs=(RunClaim("r", "B"),))
    await store.save_changes(given, on=await store.revision("s"))
    same((run("q"),), await store.run_checkpoints("s"), "the runs")


@required_by(_GROUP, capability="run_claims")
async def a_run_begins_once(store: Any) -> None:
    """Not where there is another session's checkpoint; and goes on only where there is one."""
    on = await begun(store)
    await refused(store, "a run that has not begun", changes("s", checkpoint=run("r")), on)
    begins = changes("s", checkpoint=run("r"), begins_run=True)
    await store.save_changes(begins, on=on)
    other = changes("s", checkpoint=run("r", by="B"), begins_run=True)
    await refused(store, "another's", other, on)
    await store.save_changes(changes("s", checkpoint=run("r"), begins_run=True), on=on)
    await store.delete_loop_checkpoint("r")
    await refused(store, "one that was removed", changes("s", checkpoint=run("r")), on)
    await refused(store, "its end", changes("s", "x", ended_runs=(RunClaim("r", "A"),)), on)


@required_by(_GROUP, capability="run_claims")
async def saving_a_checkpoint_by_itself_leaves_its_claim(store: Any) -> None:
    """`save_loop_checkpoint` needs no claim and changes none."""
    await begun(store, "r")
    await store.claim_run("r", seen="A", by="B")
    grown = further(run("r", by="B"), "more")
    await store.save_loop_checkpoint("r", grown.checkpoint)
    same((grown,), await store.run_checkpoints("s"), "the run")
    await store.delete_loop_checkpoint("r")
    await store.save_loop_checkpoint("r", grown.checkpoint)
    same(
        (RunCheckpoint(checkpoint=grown.checkpoint),),
        await store.run_checkpoints("s"),
        "one that was removed and saved again",
    )


@required_by(_GROUP, capability="run_claims")
async def runs_go_with_their_session(store: Any) -> None:
    """Runs are deleted with their session; later changes to them raise StaleGenerationError."""
    on = await begun(store, "r")
    await store.delete("s")
    same((), await store.run_checkpoints("s"), "the runs")
    for again in (False, True):
        if again:
            await store.save(session("s", ("again",)))
        before = await contents(store, "s", "r", "q")
        for what, given in (
            ("a round", changes("s", checkpoint=further(run("r"), "x"))),
            ("a new run", changes("s", checkpoint=run("q"), begins_run=True)),
            ("the end", changes("s", "x", ended_runs=(RunClaim("r", "A"),))),
        ):
            save = store.save_changes
            await raises(StaleGenerationError, what, save, given, on=on, merge=never)
            unchanged(before, await contents(store, "s", "r", "q"), f"{what}, again: {again}")
    await raises(RunClaimedError, "a claim", store.claim_run, "r", seen="A", by="B")


@required_by(_GROUP, capability="run_claims")
async def long_runs_are_claimed(store: Any) -> None:
    """A run of 700 messages can be claimed by a store that has not cached it."""
    long = talk(*map(str, range(700)))
    await store.save(session("s").evolve(messages=long[:600]))
    checkpoint = loop_checkpoint("r", "s").evolve(messages=long)
    given = RunCheckpoint(checkpoint=checkpoint, base_length=600, claimed_by="A")
    on = await store.revision("s")
    await store.save_changes(changes("s", checkpoint=given, begins_run=True), on=on)
    for number in range(40):
        await store.save(session(f"other {number}", ("x",)))
    claimed = await store.claim_run("r", seen="A", by="B")
    same((checkpoint, 600, "B"), (claimed.checkpoint, claimed.base_length, claimed.claimed_by), "r")


_BAD: dict[str, tuple[RunCheckpoint, type[Exception], str]] = {
    "a surrogate": (further(run("r"), "\ud800"), EncodeError, ""),
    "another session's": (run("r", session_id="t"), EncodeError, "checkpoint.session_id"),
    "a negative length": (run("r", base_length=-1), EncodeError, "checkpoint.base_length"),
    "a length beyond all": (run("r", base_length=2**63), EncodeError, "checkpoint.base_length"),
    "a token that is none": (run("r", by="\ud800"), InvalidIdError, ""),
    "a newer version": (
        RunCheckpoint(checkpoint=loop_checkpoint("r", "s").evolve(schema_version=2)),
        InvalidSnapshotError,
        "",
    ),
}


@required_by(_GROUP, capability="run_claims", cases=_BAD.items())
async def a_bad_checkpoint_is_refused_with_its_session(
    store: Any, case: tuple[RunCheckpoint, type[Exception], str]
) -> None:
    """A bad checkpoint is refused, and the session saved with it is not written."""
    bad, kind, path = case
    on = await begun(store)
    before = await contents(store, "s", "r")
    given = changes("s", "x", checkpoint=bad, begins_run=True)
    error = await raises(kind, "a bad checkpoint", store.save_changes, given, on=on)
    if isinstance(error, EncodeError):
        same(True, bool(error.path) and error.path.startswith(path), f"the path {error.path!r}")
    unchanged(before, await contents(store, "s", "r"), "after it")
    same(on, await store.revision("s"), "the revision")


@required_by(_GROUP, capability="run_claims")
async def a_claim_of_nothing_is_refused(store: Any) -> None:
    """InvalidIdError for invalid ids and tokens; StoreClosedError after close."""
    await begun(store, "r")
    for bad in ("", "\0", "\ud800", 1):
        await raises(InvalidIdError, f"{bad!r}", store.claim_run, bad, seen="A", by="B")
        await raises(InvalidIdError, f"{bad!r}", store.claim_run, "r", seen=bad, by="B")
        await raises(InvalidIdError, f"{bad!r}", store.claim_run, "r", seen="A", by=bad)
        await raises(InvalidIdError, f"{bad!r}", store.run_checkpoints, bad)
    same((run("r"),), await store.run_checkpoints("s"), "the run")
    await store.close()
    await raises(StoreClosedError, "claim_run", store.claim_run, "r", seen="A", by="B")
    await raises(StoreClosedError, "run_checkpoints", store.run_checkpoints, "s")
