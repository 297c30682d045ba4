"""Drafts: the unfinished reply of a run, beside its checkpoint."""

from __future__ import annotations

from typing import Any

import attrs

from a3s_store.core.drafts import Draft
from a3s_store.core.protocol import DraftStore
from a3s_store.errors import EncodeError, InvalidIdError, RunClaimedError
from a3s_store.testing.conformance.expect import holds, raises, same
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import loop_checkpoint, session, small_snapshot, talk

_GROUP = "drafts"
_DRAFT = Draft(position=2, text="so far", reasoning_content="a thought", updated_at_ms=7)


async def _checkpoint(store: Any, count: int = 2, run_id: str = "r", **changes: Any) -> None:
    messages = talk(*(f"message {number}" for number in range(count)))
    await store.save_loop_checkpoint(
        run_id, loop_checkpoint(run_id, "s", messages=messages, **changes)
    )


@required_by(_GROUP, capability="drafts")
async def a_draft_comes_back_as_it_was_saved(store: Any) -> None:
    """A draft replaces the last one of its run; a run without a draft has None."""
    holds(isinstance(store, DraftStore), "a store with drafts has the methods of DraftStore")
    await _checkpoint(store)
    await _checkpoint(store, run_id="other")
    for draft in (
        _DRAFT,
        Draft(position=2, text=""),
        Draft(position=3, text="zero \0, accents é, 你好, 😀\r\n" * 2_000, updated_at_ms=-1),
        Draft(position=2**63 - 1, text="None", reasoning_content="", updated_at_ms=2**63 - 1),
    ):
        await store.save_draft("r", draft)
        same(draft, await store.load_draft("r"), "the draft")
    for run_id in ("other", "R", "unknown"):
        same(None, await store.load_draft(run_id), f"the draft of {run_id}")


@required_by(_GROUP, capability="drafts")
async def a_draft_needs_the_checkpoint_of_its_run(store: Any) -> None:
    """A draft of a run without checkpoint raises RunClaimedError, and nothing is written."""
    error = await raises(RunClaimedError, "no checkpoint", store.save_draft, "r", _DRAFT)
    same("r", getattr(error, "run_id", None), "the run of the error")
    await _checkpoint(store)
    same(None, await store.load_draft("r"), "afterwards")


@required_by(_GROUP, capability="drafts")
async def a_longer_checkpoint_removes_the_draft(store: Any) -> None:
    """A checkpoint with the message removes its draft; saving that draft later writes nothing."""
    await _checkpoint(store)
    await store.save_draft("r", _DRAFT)
    for count in (2, 1, 0):
        await _checkpoint(store, count, turn=9 - count)
        same(_DRAFT, await store.load_draft("r"), f"with {count} messages")
    await _checkpoint(store, 3)
    same(None, await store.load_draft("r"), "with its message")
    await store.save_draft("r", _DRAFT)
    same(None, await store.load_draft("r"), "saved late")
    after = attrs.evolve(_DRAFT, position=3)
    await store.save_draft("r", after)
    same(after, await store.load_draft("r"), "the next one")


@required_by(_GROUP, capability="drafts")
async def a_draft_is_removed_with_its_checkpoint(store: Any) -> None:
    """A draft is deleted by itself, with the checkpoint, and with the session of its run."""
    await store.save(session("s", ("a",)))
    for remove, given in (
        (store.delete_draft, "r"),
        (store.delete_loop_checkpoint, "r"),
        (store.delete, "s"),
    ):
        await _checkpoint(store)
        await store.save_draft("r", _DRAFT)
        await remove(given)
        same(None, await store.load_draft("r"), f"after {remove.__name__}")
        await _checkpoint(store)
        same(None, await store.load_draft("r"), f"after {remove.__name__} and a new checkpoint")
        await store.delete_loop_checkpoint("r")
    await store.delete_draft("r")
    await store.delete_draft("unknown")


@required_by(_GROUP, capability="drafts")
async def a_draft_is_no_part_of_a_session(store: Any) -> None:
    """A draft changes neither the snapshot, nor its digest, nor the checkpoint."""
    snapshot = small_snapshot("s", "a")
    await store.save_snapshot(snapshot)
    await _checkpoint(store)
    before = await store.load_loop_checkpoint("r")
    await store.save_draft("r", _DRAFT)
    same(before, await store.load_loop_checkpoint("r"), "the checkpoint")
    same(snapshot, await store.load_snapshot("s"), "the snapshot")
    holds(await store.save_snapshot_cas(snapshot, snapshot.digest()), "the digest is another")
    same(_DRAFT, await store.load_draft("r"), "the draft after a save of its session")


def _draft(**changes: Any) -> Draft:
    return attrs.evolve(_DRAFT, **changes)


_REFUSED: dict[str, Any] = {
    "None": None,
    "a text": "so far",
    "a text that is none": _draft(text=b"so far"),
    "a lone surrogate": _draft(text="so far \ud800"),
    "a lone surrogate in the reasoning": _draft(reasoning_content="\udfff"),
    "reasoning that is no text": _draft(reasoning_content=1),
    "a negative position": _draft(position=-1),
    "a position of True": _draft(position=True),
    "a position beyond 63 bits": _draft(position=2**63),
    "a time that is no integer": _draft(updated_at_ms=1.5),
    "a time beyond 63 bits": _draft(updated_at_ms=2**63),
}


@required_by(_GROUP, capability="drafts", cases=_REFUSED.items())
async def a_draft_that_cannot_be_stored_is_refused(store: Any, draft: Any) -> None:
    """An invalid draft raises EncodeError, and the stored draft stays."""
    await _checkpoint(store)
    await store.save_draft("r", _DRAFT)
    await raises(EncodeError, "the draft", store.save_draft, "r", draft)
    same(_DRAFT, await store.load_draft("r"), "afterwards")


@required_by(_GROUP, capability="drafts")
async def a_draft_under_no_id_is_refused(store: Any) -> None:
    """An invalid run id raises InvalidIdError in all three methods."""
    for bad in ("", "a\0b", "\ud800", None):
        await raises(InvalidIdError, "save_draft", store.save_draft, bad, _DRAFT)
        await raises(InvalidIdError, "load_draft", store.load_draft, bad)
        await raises(InvalidIdError, "delete_draft", store.delete_draft, bad)


@required_by(_GROUP, capability="drafts", reopens=True)
async def a_draft_survives_reopening(store: Any, maker: StoreMaker) -> None:
    """A durable store has the draft after reopening."""
    if not store.capabilities().durable:
        return
    await _checkpoint(store)
    await store.save_draft("r", _DRAFT)
    again: Any = await maker.reopen()
    same(_DRAFT, await again.load_draft("r"), "the draft")
