"""Stores with `append`: pages of messages, the session without its lists, and updates of it."""

from __future__ import annotations

import itertools
from typing import Any

from a3s_store.core.revision import Position
from a3s_store.core.session_update import SessionHeader
from a3s_store.errors import (
    EncodeError,
    InvalidArgumentError,
    SessionNotFoundError,
    StaleGenerationError,
    UnknownFieldError,
)
from a3s_store.models import Message, SessionState
from a3s_store.testing.conformance.changes import position_of
from a3s_store.testing.conformance.expect import contents, holds, keeps, raises, same, unchanged
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import rich_messages, rich_session, session, talk

_GROUP = "appends"


async def _page(
    store: Any, messages: tuple[Message, ...], place: tuple[int, int], **given: Any
) -> None:
    """Check that a page has the messages of the conversation from one position to another."""
    start, stop = place
    page = await store.messages("s", **given)
    what = f"the page of {given}"
    same(messages[start:stop], tuple(one.message for one in page.items), what)
    same(tuple(range(start, stop)), tuple(one.seq for one in page), f"{what}: the positions")
    same((start, stop, len(messages)), (page.start, page.stop, page.length), what)
    same(position_of(messages), page.end, f"{what}: the end")
    same(stop - start, len(page), f"{what}: the number")


@required_by(_GROUP, capability="append")
async def a_page_of_messages_is_a_slice(store: Any) -> None:
    """messages() returns what a slice of the whole conversation has, for every start and stop."""
    same(None, await store.messages("s"), "before any save")
    messages = (*rich_messages()[:4], *talk("a", "b"))
    await store.save(session("s").evolve(messages=messages[:3]))
    await store.append("s", messages[3:])
    length = len(messages)
    for start, stop in itertools.product((0, 1, 5, 6, 7, -1, -6, -9), (None, 0, 2, 6, 9, -1, -7)):
        first, end, _ = slice(start, stop).indices(length)
        await _page(store, messages, (first, max(first, end)), start=start, stop=stop)
    for last in (0, 1, 6, 7):
        await _page(store, messages, (max(0, length - last), length), last=last)
    await store.save(session("s"))
    await _page(store, (), (0, 0))
    await _page(store, (), (0, 0), last=3)


@required_by(_GROUP, capability="append")
async def pages_are_asked_for_with_integers(store: Any) -> None:
    """A wrong argument of a page raises InvalidArgumentError with its name."""
    await store.save(session("s", ("a",)))
    for argument, given in (
        ("last", {"last": -1}),
        ("last", {"last": 1, "start": 1}),
        ("last", {"last": 1, "stop": 1}),
        ("last", {"last": "1"}),
        ("start", {"start": None}),
        ("start", {"start": 1.0}),
        ("stop", {"stop": "1"}),
    ):
        error: Any = await raises(InvalidArgumentError, f"{given}", store.messages, "s", **given)
        same(argument, error.argument, "the argument")
    for page in (0, -1, None):
        error = await raises(InvalidArgumentError, f"{page}", _all, store, "s", page=page)
        same("page", error.argument, "the argument")


async def _all(store: Any, session_id: str, **given: Any) -> tuple[Message, ...]:
    return tuple([one.message async for one in store.iter_messages(session_id, **given)])


@required_by(_GROUP, capability="append")
async def an_iteration_is_of_one_conversation(store: Any) -> None:
    """iter_messages() yields the conversation of its beginning, also while others write."""
    await raises(SessionNotFoundError, "before any save", _all, store, "s")
    messages = talk(*map(str, range(7)))
    await store.save(session("s").evolve(messages=messages))
    for page, start, stop in itertools.product((1, 3, 7, 20), (0, 2, -3, 9), (None, 5, -1, 0)):
        given = {"page": page, "start": start, "stop": stop}
        same(messages[start:stop], await _all(store, "s", **given), f"{given}")
        backwards = await _all(store, "s", reverse=True, **given)
        same(messages[start:stop][::-1], backwards, f"{given} backwards")
    for reverse in (False, True):
        found: list[Any] = []
        async for one in store.iter_messages("s", page=2, reverse=reverse):
            found.append(one.message)
            await store.append("s", talk("later"))
            if len(found) == 3:
                await store.save(session("s", ("another",)))
        expected = messages[::-1] if reverse else messages
        same(expected, tuple(found), "while others append")
        await store.save(session("s").evolve(messages=messages))


@required_by(_GROUP, capability="append")
async def older_conversations_are_read_in_pages(store: Any) -> None:
    """messages(generation=) and iter_messages(generation=) read the conversation of that save."""
    if not keeps(store, "generations"):
        return
    saved = [talk("a", "b", "c"), talk("x"), (), talk("a", "b"), (*talk("a", "b"), *talk("z"))]
    for messages in saved:
        await store.save(session("s").evolve(messages=messages))
    for number, messages in enumerate(saved, 1):
        await _page(store, messages, (0, len(messages)), generation=number)
        same(number, (await store.messages("s", generation=number)).generation, "the generation")
        same(messages, await _all(store, "s", generation=number, page=2), f"{number}")
    for number in (0, 6):
        await raises(SessionNotFoundError, f"{number}", store.messages, "s", generation=number)
    error: Any = None
    try:
        async for _ in store.iter_messages("s", page=1):
            await store.delete("s")
    except SessionNotFoundError as found:
        error = found
    holds(error is not None, "a deletion ends the iteration with SessionNotFoundError")


@required_by(_GROUP, capability="append")
async def messages_have_the_time_they_were_added(store: Any) -> None:
    """`at_ms` is the given time, else the store's clock, and None where times are not stored."""
    await store.save(session("s", ("a",)))
    await store.append("s", talk("b", "c"), at_ms=(5, -(2**63)))
    await store.append("s", talk("d"))
    times = [one.at_ms for one in await store.messages("s")]
    if times[1] is None:
        same([None] * 4, times, "a store without times has none")
        return
    same([5, -(2**63)], times[1:3], "the given times")
    holds(all(one > 1_600_000_000_000 for one in (times[0], times[3])), "the times of the clock")
    times_of = [one.at_ms async for one in store.iter_messages("s", page=1, reverse=True)]
    same(times[::-1], times_of, "in an iteration")


@required_by(_GROUP, capability="append")
async def a_header_has_everything_but_the_lists(store: Any) -> None:
    """load_header() returns the fields of the session, its length, position and generation."""
    same(None, await store.load_header("s"), "before any save")
    await store.save(rich_session("s"))
    done = await store.append("s", talk("x"), updated_at=77)
    messages = (*rich_messages(), *talk("x"))
    expected = SessionHeader.of(
        rich_session("s").evolve(updated_at=77), position_of(messages), done.generation
    )
    same(expected, await store.load_header("s"), "the header")
    same(len(messages), expected.length, "the length")
    same(done.position, expected.position, "the position")


@required_by(_GROUP, capability="append")
async def an_update_is_load_evolve_and_save(store: Any) -> None:
    """update() changes the given fields of session and configuration, and nothing else."""
    before = rich_session("s")
    await store.save(before)
    config = before.config.evolve(name="whole")
    for given, expected in (
        ({"state": SessionState.COMPLETED}, before.evolve(state=SessionState.COMPLETED)),
        ({"updated_at": -5, "parent_id": "p"}, before.evolve(updated_at=-5, parent_id="p")),
        ({"name": "new"}, before.evolve(config=before.config.evolve(name="new"))),
        ({"config": config}, before.evolve(config=config)),
        (
            {"config": config, "workspace": "/w", "total_cost": -0.0},
            before.evolve(config=config.evolve(workspace="/w"), total_cost=-0.0),
        ),
        ({"tool_names": (), "llm_config": None}, before.evolve(tool_names=(), llm_config=None)),
    ):
        await store.save(before)
        generation = await store.generation("s") + 1 if keeps(store, "generations") else 0
        number = await store.update("s", **given)
        same(expected, await store.load("s"), f"update {given}")
        same(generation, number, f"update {given}: the generation")
        same(number, await store.update("s", **given), "the same once more")
        same(number, await store.update("s"), "nothing")
        if generation:
            same(number, await store.generation("s"), "no generation for nothing")


@required_by(_GROUP, capability="append")
async def an_update_is_refused_where_save_would_be(store: Any) -> None:
    """Unknown names, wrong values, missing sessions and stale generations change nothing."""
    await raises(SessionNotFoundError, "no session", store.update, "s", name="x")
    await store.save(session("s", ("a",)))
    before = await contents(store, "s")
    for name in ("nam", "messages", "id", "tasks", "cost_records", "extra", "titel"):
        error: Any = await raises(UnknownFieldError, name, store.update, "s", **{name: ()})
        same((name,), error.fields, "the fields of the error")
    for given, path in (
        ({"name": 5}, "config.name"),
        ({"state": 5}, "state"),
        ({"updated_at": 2**63}, "updated_at"),
        ({"total_cost": "much"}, "total_cost"),
        ({"tenant_id": "\ud800"}, "tenant_id"),
    ):
        error = await raises(EncodeError, f"{given}", store.update, "s", **given)
        holds(error.path.startswith(path), f"{given}: the path is {error.path!r}")
    if keeps(store, "generations"):
        given = {"expected_generation": 2}
        await raises(StaleGenerationError, "stale", store.update, "s", name="x", **given)
        same(1, await store.generation("s"), "the generation")
    unchanged(before, await contents(store, "s"), "refused updates")
    if keeps(store, "generations"):
        header = await store.load_header("s")
        await store.save(session("s", ("b",)))
        given = {"expected_generation": header.generation}
        await raises(StaleGenerationError, "a save since", store.update, "s", name="x", **given)
        same("", (await store.load("s")).config.name, "the name")


@required_by(_GROUP, capability="append")
async def a_position_read_is_a_position_to_append_after(store: Any) -> None:
    """The ends of pages, headers and appends are equal positions, and load_versioned's too."""
    await store.save(session("s", ("a",)))
    done = await store.append("s", talk("b"))
    page, header = await store.messages("s", last=1), await store.load_header("s")
    same([done.position] * 2, [page.end, header.position], "the positions")
    holds(type(page.end) is Position, "a Position")
    if keeps(store, "conditional_writes"):
        same(done.position, (await store.load_versioned("s")).position, "load_versioned")
    await store.append("s", talk("c"), after=page.end)
    same(3, (await store.load_header("s")).length, "the length")
