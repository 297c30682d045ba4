"""Stores with `generations`: loads of older generations, conditional changes, fork and rewind.

Such a store has `generation(id)`, `generations(id)` (values with `number`, `length` and `digest`),
`load(id, generation=n)`, `save` and `save_snapshot` with `expected_generation=`,
`fork(id, new_id, at=None)` and `rewind(id, length)`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_store.core.snapshot import forked
from a3s_store.errors import (
    EncodeError,
    InvalidIdError,
    SessionNotFoundError,
    StaleGenerationError,
)
from a3s_store.models import Message
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import contents, holds, raises, same, unchanged
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import rich_snapshot, session, small_snapshot, talk

_GROUP = "generations"


async def _history(store: Any, session_id: str = "s") -> dict[int, tuple[Message, ...]]:
    """Save a conversation that grows, is compacted, rewound and branches.

    Return the messages of each generation.
    """
    first = talk(*"abcdef")
    saved: dict[int, tuple[Message, ...]] = {}
    for messages in (
        *(first[:2], first[:5], first, (Message.user("summary"), *first[4:]), first[:3], ()),
        *((*first[:3], *talk("x", "y")), first, first),
    ):
        await store.save(session(session_id).evolve(messages=messages))
        saved[await store.generation(session_id)] = messages
    return saved


async def _then(store: Any, number: int, session_id: str = "s") -> Any:
    return getattr(await store.load(session_id, generation=number), "messages", None)


@required_by(_GROUP, capability="generations")
async def the_generation_rises_by_one_with_each_save(store: Any) -> None:
    """Each save of a session, collection or snapshot adds 1; loads and refused saves add none."""
    same((0, ()), (await store.generation("s"), await store.generations("s")), "before any save")
    await store.save(session("s"))
    same(1, await store.generation("s"), "after save")
    await store.save_trace_events("s", ())
    same(2, await store.generation("s"), "after a collection")
    await store.save_snapshot(small_snapshot("s", "x"))
    same(3, await store.generation("s"), "after a snapshot")
    await store.save_snapshot_cas(small_snapshot("s", "y"), "sha256:" + "0" * 64)
    await contents(store, "s")
    await store.save(session("t"))
    await store.save_loop_checkpoint("r", samples.loop_checkpoint("r", "s"))
    same(3, await store.generation("s"), "after reads, a refusal and saves of others")
    same([1, 2, 3], [one.number for one in await store.generations("s")], "generations")


@required_by(_GROUP, capability="generations")
async def every_generation_can_be_loaded(store: Any) -> None:
    """A load of a generation has its conversation; other fields are those of the last save."""
    saved = await _history(store)
    await store.save(session("s", ("last",), model_name="now"))
    for number, messages in saved.items():
        same(messages, await _then(store, number), f"generation {number}")
        loaded = await store.load("s", generation=number)
        same("now", loaded.model_name, f"generation {number}, another field")
    found = {one.number: one.length for one in await store.generations("s")}
    for number, messages in saved.items():
        same(len(messages), found[number], f"the length of generation {number}")


@required_by(_GROUP, capability="generations")
async def the_digest_of_a_generation_is_its_snapshots(store: Any) -> None:
    """The digest in generations() is `SessionSnapshot.digest()` of the saved snapshot."""
    for snapshot in (rich_snapshot("s"), small_snapshot("s", "x"), rich_snapshot("s")):
        await store.save_snapshot(snapshot)
        last = (await store.generations("s"))[-1]
        same(snapshot.digest(), last.digest, f"generation {last.number}")


@required_by(_GROUP, capability="generations")
async def an_unknown_generation_is_an_error(store: Any) -> None:
    """A generation that is unknown, or had no session, raises SessionNotFoundError."""
    await store.save_trace_events("s", ())
    await store.save(session("s", ("a",)))
    for number in (-1, 0, 1, 3, 2**63):
        await raises(SessionNotFoundError, f"{number}", store.load, "s", generation=number)
    same(session("s", ("a",)), await store.load("s", generation=2), "the known one")


@required_by(_GROUP, capability="generations")
async def a_generation_of_no_session_is_none(store: Any) -> None:
    """A load of a generation returns None where there is no session, collections or not."""
    await store.save_trace_events("collections", ())
    await store.save(session("gone", ("a",)))
    await store.delete("gone")
    for one in ("nothing", "collections", "gone"):
        same(None, await store.load(one, generation=1), one)


@required_by(_GROUP, capability="generations")
async def a_stale_writer_is_refused(store: Any) -> None:
    """Another expected_generation raises StaleGenerationError with both, and nothing is written."""
    new, snapshot = session("s", ("new",)), small_snapshot("s", "new")
    await store.save(session("s", ("a",)), expected_generation=0)
    await store.save(session("s", ("b",)), expected_generation=1)
    before = await contents(store, "s")
    for wrong in (0, 1, 3, -1):
        for act, value in ((store.save, new), (store.save_snapshot, snapshot)):
            what = f"{act.__name__} at {wrong}"
            error = await raises(StaleGenerationError, what, act, value, expected_generation=wrong)
            assert isinstance(error, StaleGenerationError)
            same((wrong, 2), (error.expected, error.actual), "the generations of the error")
    unchanged(before, await contents(store, "s"), "after the refusals")
    await store.save_snapshot(snapshot, expected_generation=2)
    same(snapshot, await store.load_snapshot("s"), "the right one")


@required_by(_GROUP, capability="generations")
async def one_of_many_writers_wins(store: Any) -> None:
    """Of five tasks with the same expected_generation one saves."""
    await store.save(session("s"))
    attempts = [session("s", (f"task {n}",)) for n in range(5)]
    results = await asyncio.gather(
        *(store.save(one, expected_generation=1) for one in attempts), return_exceptions=True
    )
    saved = [one for one, result in zip(attempts, results, strict=True) if result is None]
    refused = [result for result in results if result is not None]
    holds(all(isinstance(result, StaleGenerationError) for result in refused), f"{refused}")
    same(saved, [await store.load("s")], "the stored session")


@required_by(_GROUP, capability="generations")
async def a_rewind_is_a_generation(store: Any) -> None:
    """A rewind is a new generation with the first messages; older generations keep theirs."""
    messages = talk(*"abcdef")
    await store.save_snapshot(rich_snapshot("s"))
    await store.save(session("s").evolve(messages=messages))
    before = await store.load_snapshot("s")
    is_shorter = {6: False, 4: True, 0: True}
    for length in (6, 4, 0):
        number = await store.generation("s")
        expected = number + is_shorter[length]
        same(expected, await store.rewind("s", length), "the result")
        shorter = before.session.evolve(messages=messages[:length])
        same(before.evolve(session=shorter), await store.load_snapshot("s"), f"length {length}")
        same(messages, await _then(store, 2), "the generation before")
    for length in (1, 7, -1):
        await raises(SessionNotFoundError, f"{length}", store.rewind, "s", length)
    await raises(SessionNotFoundError, "an unknown session", store.rewind, "unknown", 0)
    grown = session("s").evolve(messages=(messages[0], *talk("new")))
    await store.save(grown)
    same(grown, await store.load("s"), "growth from there")
    same(messages, await _then(store, 2), "the generation before, afterwards")


@required_by(_GROUP, capability="generations")
async def a_fork_goes_its_own_way(store: Any) -> None:
    """A fork copies the session and its collections; then both change independently."""
    source = rich_snapshot("s")
    await store.save_snapshot(source)
    for at in (None, 0, 3, len(source.session.messages)):
        new_id = f"fork at {at}"
        await store.fork("s", new_id, at)
        copied = forked(source, new_id)
        kept = copied.session.messages if at is None else copied.session.messages[:at]
        copied = copied.evolve(session=copied.session.evolve(messages=kept))
        same(copied, await store.load_snapshot(new_id), new_id)
        grown = copied.session.evolve(messages=(*kept, *talk("its own")))
        await store.save(grown)
        same(grown, await store.load(new_id), f"{new_id}, grown")
    same(source, await store.load_snapshot("s"), "the source")
    await store.delete("s")
    loaded = await store.load("fork at None")
    same(source.session.messages, loaded.messages[:-1], "a fork without its source")


@required_by(_GROUP, capability="generations")
async def a_bad_fork_changes_nothing(store: Any) -> None:
    """A fork of an unknown session, beyond its end, or to a used or invalid id changes nothing."""
    await store.save(session("s", ("a", "b")))
    await store.save(session("used", ("c",)))
    before = await contents(store, "s", "used", "new")
    for error, given in (
        (SessionNotFoundError, ("unknown", "new")),
        (SessionNotFoundError, ("s", "new", 3)),
        (SessionNotFoundError, ("s", "new", -1)),
        (StaleGenerationError, ("s", "used")),
        (StaleGenerationError, ("s", "s")),
        (InvalidIdError, ("s", "")),
    ):
        await raises(error, f"fork{given}", store.fork, *given)
        unchanged(before, await contents(store, "s", "used", "new"), f"after fork{given}")


@required_by(_GROUP, capability="generations")
async def a_delete_takes_the_generations_along(store: Any) -> None:
    """A delete removes all generations; the numbers of a new session of the id go on."""
    saved = await _history(store)
    await store.delete("s")
    same((0, ()), (await store.generation("s"), await store.generations("s")), "after delete")
    await store.save(session("s", ("new",)), expected_generation=0)
    number = await store.generation("s")
    same(max(saved) + 2, number, "the number after that of the deletion")
    same(talk("new"), await _then(store, number), "the first generation of the new one")
    same(1, len(await store.generations("s")), "the number of generations")
    for old in saved:
        await raises(SessionNotFoundError, f"{old}", store.load, "s", generation=old)


@required_by(_GROUP, capability="generations")
async def every_change_can_be_made_on_a_condition(store: Any) -> None:
    """Delete, rewind and fork take expected_generation; one from before a delete never matches."""
    await store.save(session("s", ("a", "b")))
    await store.save(session("s", ("a", "b", "c")))
    await store.delete("s")
    await store.save(session("s", ("a", "b")), expected_generation=0)
    now = await store.generation("s")
    new = session("s", ("new",))
    before = await contents(store, "s", "t")
    for wrong in (0, 1, 2, now - 1, now + 1):
        for what, call, given in (
            ("save", store.save, (new,)),
            ("delete", store.delete, ("s",)),
            ("rewind", store.rewind, ("s", 1)),
            ("fork", store.fork, ("s", "t")),
        ):
            error = await raises(
                StaleGenerationError, f"{what} at {wrong}", call, *given, expected_generation=wrong
            )
            assert isinstance(error, StaleGenerationError)
            same((wrong, now), (error.expected, error.actual), f"the error of {what}")
        unchanged(before, await contents(store, "s", "t"), f"after the refusals at {wrong}")
    await store.fork("s", "t", expected_generation=now)
    same(now + 1, await store.rewind("s", 1, expected_generation=now), "the rewind")
    await store.delete("s", expected_generation=now + 1)
    await store.delete("s", expected_generation=0)
    same(["t"], await store.list(), "the sessions left")


@required_by(_GROUP, capability="generations")
async def a_condition_is_looked_at_before_anything_else(store: Any) -> None:
    """expected_generation is compared first: an unknown session is at 0 and raises for others."""
    await store.save(session("used", ("a",)))
    for what, call, given in (
        ("rewind", store.rewind, ("unknown", 1)),
        ("fork", store.fork, ("unknown", "used")),
        ("delete", store.delete, ("unknown",)),
    ):
        error = await raises(StaleGenerationError, what, call, *given, expected_generation=3)
        assert isinstance(error, StaleGenerationError)
        same((3, 0), (error.expected, error.actual), f"the error of {what}")
    await raises(SessionNotFoundError, "rewind", store.rewind, "unknown", 1, expected_generation=0)
    await raises(SessionNotFoundError, "fork", store.fork, "unknown", "t", expected_generation=0)
    await store.delete("unknown", expected_generation=0)


@required_by(
    _GROUP,
    capability="generations",
    cases=[("text", "1"), ("float", 1.0), ("boolean", True), ("bytes", b"1")],
)
async def a_number_is_an_integer(store: Any, wrong: Any) -> None:
    """A generation or length that is no integer raises EncodeError, and nothing is written."""
    await store.save(session("s", ("a", "b")))
    before = await contents(store, "s", "t")
    for what, call, given, named in (
        ("save", store.save, (session("s"),), "expected_generation"),
        ("save_snapshot", store.save_snapshot, (small_snapshot("s", "x"),), "expected_generation"),
        ("delete", store.delete, ("s",), "expected_generation"),
        ("rewind", store.rewind, ("s", 1), "expected_generation"),
        ("fork", store.fork, ("s", "t"), "expected_generation"),
        ("load", store.load, ("s",), "generation"),
    ):
        await raises(EncodeError, f"{what}, {named}", call, *given, **{named: wrong})
    await raises(EncodeError, "rewind, length", store.rewind, "s", wrong)
    await raises(EncodeError, "fork, at", store.fork, "s", "t", wrong)
    unchanged(before, await contents(store, "s", "t"), "after the refusals")


@required_by(_GROUP, capability="generations")
async def messages_rebuilt_from_json_are_the_same_history(store: Any) -> None:
    """Equal messages in other objects continue the same history."""
    saved: dict[int, tuple[Message, ...]] = {}
    for length in (2, 4, 4, 3, 5):
        messages = talk(*"abcde"[:length])
        await store.save(session("s").evolve(messages=messages))
        saved[await store.generation("s")] = messages
    same([1, 2, 3, 4], list(saved), "the numbers, of which the equal save has none")
    for number, messages in saved.items():
        same(messages, await _then(store, number), f"generation {number}")


@required_by(_GROUP, capability="generations")
async def a_save_that_changes_nothing_is_no_generation(store: Any) -> None:
    """Saving what is stored, or rewinding to the end, changes neither generation nor times."""
    snapshot = rich_snapshot("s")
    await store.save_snapshot(snapshot)
    before = await store.generations("s")
    await store.save_snapshot(snapshot)
    await store.save_snapshot(await store.load_snapshot("s"))
    await store.save(snapshot.session)
    await store.save_trace_events("s", snapshot.trace_events)
    await store.rewind("s", len(snapshot.session.messages))
    same(before, await store.generations("s"), "the generations")
    await raises(
        StaleGenerationError, "a stale one", store.save, snapshot.session, expected_generation=7
    )
    await store.save_trace_events("s", ())
    same(2, await store.generation("s"), "a change")


@required_by(_GROUP, capability="generations", reopens=True)
async def generations_survive_reopening(store: Any, maker: StoreMaker) -> None:
    """A durable store has all generations after reopening, and their numbers go on."""
    if not store.capabilities().durable:
        return
    saved = await _history(store)
    again: Any = await maker.reopen()
    await again.save(session("s", ("after",)))
    saved[await again.generation("s")] = talk("after")
    same(list(range(1, len(saved) + 1)), list(saved), "the numbers")
    for number, messages in saved.items():
        same(messages, await _then(again, number), f"generation {number}")
