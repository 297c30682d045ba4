"""Stores with `append`: messages are added at the end, on conditions, and repeated calls once."""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_store.core.digests import EMPTY_CHAIN
from a3s_store.core.list_pages import Appended
from a3s_store.core.revision import Position
from a3s_store.errors import (
    EncodeError,
    InvalidArgumentError,
    InvalidIdError,
    SessionNotFoundError,
    StaleGenerationError,
    UnsupportedError,
)
from a3s_store.models import Message
from a3s_store.testing.conformance.changes import position_of
from a3s_store.testing.conformance.expect import (
    contents,
    holds,
    keeps,
    kept,
    raises,
    same,
    unchanged,
)
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import rich_messages, rich_snapshot, session, talk

_GROUP = "appends"


async def _generation(store: Any, session_id: str = "s") -> int:
    return await store.generation(session_id) if keeps(store, "generations") else 0


async def _refused(
    store: Any, kind: type[BaseException], what: str, *given: Any, **more: Any
) -> Any:
    """Check that an append to `s` is refused, and that it writes nothing; return the error."""
    before, generation = await contents(store, "s"), await _generation(store)
    error = await raises(kind, what, store.append, *given, **more)
    unchanged(before, await contents(store, "s"), what)
    same(generation, await _generation(store), f"{what}: the generation")
    return error


@required_by(_GROUP, capability="append", reopens=True)
async def an_append_adds_messages_and_changes_nothing_else(store: Any, maker: StoreMaker) -> None:
    """Appended messages follow the stored ones, everything else stays, as after one save of all."""
    whole = kept(store, rich_snapshot("s"))
    messages = (*whole.session.messages, *rich_messages(), *talk("a", "b", "c"))
    first = len(whole.session.messages)
    await store.save_snapshot(whole)
    for start, stop in ((first, first + 1), (first + 1, 2 * first), (2 * first, len(messages))):
        done = await store.append("s", messages[start:stop], updated_at=1_800_000_000 + stop)
        same(start, done.start, "the start")
        same(position_of(messages[:stop]), done.position, "the position")
        same((await _generation(store), False), (done.generation, done.already), "the generation")
    expected = whole.evolve(
        session=whole.session.evolve(messages=messages, updated_at=1_800_000_000 + len(messages))
    )
    same(expected, await store.load_snapshot("s"), "after appends")
    if store.capabilities().durable:
        store = await maker.reopen()
        same(expected, await store.load_snapshot("s"), "after reopening")
    await store.append("s", list(talk("d")))
    found = await store.load("s")
    same((*messages, *talk("d")), found.messages, "after one more")
    # A loaded session can be saved with more.
    await store.save(found.evolve(messages=(*found.messages, *talk("e"))))
    same((*messages, *talk("d"), *talk("e")), (await store.load("s")).messages, "after a save")


@required_by(_GROUP, capability="append")
async def an_append_is_one_generation(store: Any) -> None:
    """Each append adds one generation with the longer conversation; older ones stay."""
    if not keeps(store, "generations"):
        return
    await store.save(session("s", ("a",)))
    for number in range(2, 5):
        done = await store.append("s", talk("x"))
        same((number, number - 1), (done.generation, done.start), "the append")
    await store.rewind("s", 2)
    await store.append("s", talk("y", "z"))
    lengths = [one.length for one in await store.generations("s")]
    same([1, 2, 3, 4, 2, 4], lengths, "the lengths")
    expected = (*talk("a"), *talk("x"), *talk("y", "z"))
    same(expected, (await store.load("s")).messages, "after the rewind")
    same((*talk("a"), *talk("x") * 3), (await store.load("s", generation=4)).messages, "before it")


@required_by(_GROUP, capability="append")
async def appends_to_forks_and_their_sources_are_apart(store: Any) -> None:
    """A fork and its source share messages, and each is appended to by itself."""
    if not keeps(store, "generations"):
        return
    await store.save(session("s", ("a", "b", "c")))
    await store.fork("s", "t", 2)
    await store.fork("s", "u")
    for one in "stu":
        await store.append(one, talk(one))
        await store.append(one, talk("end"))
    base = talk("a", "b", "c")
    for one, length in (("s", 3), ("t", 2), ("u", 3)):
        expected = (*base[:length], *talk(one), *talk("end"))
        same(expected, (await store.load(one)).messages, one)


@required_by(_GROUP, capability="append")
async def after_is_where_the_conversation_must_end(store: Any) -> None:
    """Another position raises StaleGenerationError with the stored one, and nothing is written."""
    stored = talk("a", "b")
    await store.save(session("s", ("a", "b")))
    here = position_of(stored)
    for what, after in (
        ("before", position_of(stored[:1])),
        ("at the beginning", Position(0, EMPTY_CHAIN)),
        ("beyond", position_of(talk("a", "b", "c"))),
        ("beside", position_of(talk("a", "x"))),
    ):
        for given in (talk("new"), ()):
            error = await _refused(store, StaleGenerationError, what, "s", given, after=after)
            same((after, here), (error.expected_position, error.current), f"{what}: the error")
    done = await store.append("s", talk("new"), after=here)
    same(2, done.start, "at the right one")
    await store.append("s", talk("more"), after=done.position)
    same(4, len((await store.load("s")).messages), "the length")


@required_by(_GROUP, capability="append")
async def a_repeated_append_is_applied_once(store: Any) -> None:
    """A call repeated with the same `after` writes nothing, whatever others appended since."""
    await store.save(session("s", ("a",)))
    here = position_of(talk("a"))
    first = await store.append("s", talk("b", "c"), after=here)
    for more in ((), ("d",), ("d", "e")):
        await store.append("s", talk(*more))
        before, generation = await contents(store, "s"), await _generation(store)
        again = await store.append("s", talk("b", "c"), after=here)
        same((1, first.position, True), (again.start, again.position, again.already), "again")
        same(generation, again.generation, "the generation")
        unchanged(before, await contents(store, "s"), "the repeated call")
        same(generation, await _generation(store), "no generation")
    for given in (talk("b"), talk("b", "c", "d")):
        # The first messages of that call, and more than those.
        again = await store.append("s", given, after=here)
        holds(again.already, "equal messages are there")
    await _refused(store, StaleGenerationError, "others", "s", talk("b", "x"), after=here)


@required_by(_GROUP, capability="append")
async def a_condition_on_the_generation_holds_or_refuses(store: Any) -> None:
    """`expected_generation` is compared after repeats; stores without generations refuse it."""
    await store.save(session("s", ("a",)))
    if not keeps(store, "generations"):
        given = {"expected_generation": 1}
        await raises(UnsupportedError, "append", store.append, "s", talk("b"), **given)
        await raises(UnsupportedError, "update", store.update, "s", name="x", **given)
        await raises(UnsupportedError, "messages", store.messages, "s", generation=1)
        return
    for wrong in (0, 2, -1):
        given = {"expected_generation": wrong}
        error = await _refused(store, StaleGenerationError, "stale", "s", talk("b"), **given)
        same((wrong, 1, 1), (error.expected, error.actual, error.current), "the error")
        await _refused(store, StaleGenerationError, "stale, empty", "s", (), **given)
    here = position_of(talk("a"))
    await store.append("s", talk("b"), after=here, expected_generation=1)
    again = await store.append("s", talk("b"), after=here, expected_generation=1)
    holds(again.already, "the repeated call")


@required_by(_GROUP, capability="append", reopens=True)
async def a_save_id_names_one_append(store: Any, maker: StoreMaker) -> None:
    """Equal messages with two save ids are two appends; a repeated id is the same one."""
    if not keeps(store, "conditional_writes"):
        return
    await store.save(session("s", ("a",)))
    here, (one, two) = position_of(talk("a")), (b"1" * 16, b"2" * 16)
    first = await store.append("s", talk("b"), after=here, save_id=one)
    same(first.generation, (await store.landed("s", one)).generation, "landed")
    given = {"after": here, "save_id": two}
    await _refused(store, StaleGenerationError, "another id", "s", talk("b"), **given)
    await store.append("s", talk("c"), save_id=two)
    if store.capabilities().durable:
        store = await maker.reopen()
    conditions: tuple[dict[str, Any], ...] = ({"after": here}, {}, {"expected_generation": 1})
    for given in conditions:
        again = await store.append("s", talk("b"), save_id=one, **given)
        expected = Appended(start=1, position=first.position, generation=3, already=True)
        same(expected, again, f"again with {given}")
    if keeps(store, "generations"):
        await store.rewind("s", 0)
        again = await store.append("s", talk("b"), after=here, save_id=one)
        same((True, first.position), (again.already, again.position), "after a rewind")
    await _refused(store, InvalidArgumentError, "other messages", "s", talk("x"), save_id=one)
    await _refused(store, EncodeError, "no id", "s", talk("x"), save_id=b"short")


@required_by(_GROUP, capability="append")
async def a_session_is_created_by_its_first_append(store: Any) -> None:
    """`create` is saved where no session is; without it SessionNotFoundError is raised."""
    made = session("s", updated_at=2_000_000_000).evolve(tenant_id="t")
    await _refused(store, SessionNotFoundError, "no session", "s", talk("a"))
    await _refused(store, SessionNotFoundError, "no session, empty", "s", ())
    done = await store.append("s", (), create=made)
    same((0, Position(0, EMPTY_CHAIN)), (done.start, done.position), "no messages")
    same(None, await store.load("s"), "no messages create nothing")
    beyond = position_of(talk("a"))
    given = {"create": made, "after": beyond}
    await _refused(store, StaleGenerationError, "beyond", "s", talk("b"), **given)
    done = await store.append("s", talk("a"), create=made, after=Position(0, EMPTY_CHAIN))
    same((0, beyond), (done.start, done.position), "the first")
    same(made.evolve(messages=talk("a")), await store.load("s"), "the session")
    other = made.evolve(tenant_id="other")
    await store.append("s", talk("b"), create=other, updated_at=7)
    expected = made.evolve(messages=(*talk("a"), *talk("b")), updated_at=7)
    same(expected, await store.load("s"), "the second")
    for what, wrong in (
        ("messages", made.evolve(messages=talk("a"))),
        ("another id", made.evolve(id="t")),
        ("no session", "s"),
    ):
        await _refused(store, InvalidArgumentError, what, "s", talk("a"), create=wrong)


@required_by(_GROUP, capability="append")
async def no_messages_are_no_commit(store: Any) -> None:
    """An empty append returns the present position and makes no generation."""
    await store.save(session("s", ("a", "b")))
    before, generation = await contents(store, "s"), await _generation(store)
    for given in ({}, {"after": position_of(talk("a", "b"))}, {"updated_at": 5}):
        done = await store.append("s", (), **given)
        expected = Appended(start=2, position=position_of(talk("a", "b")), generation=generation)
        same(expected, done, f"with {given}")
    unchanged(before, await contents(store, "s"), "empty appends")
    same(generation, await _generation(store), "the generation")


@required_by(_GROUP, capability="append")
async def a_message_that_cannot_be_stored_is_refused(store: Any) -> None:
    """EncodeError names the place in the given messages; wrong arguments are refused too."""
    await store.save(session("s", ("a", "b")))
    for bad in (Message.user("\ud800"), {"role": "user", "content": []}, None):
        error = await _refused(store, EncodeError, f"{bad!r:.20}", "s", (*talk("c"), bad))
        holds(error.path.startswith("messages[1]"), f"the path is {error.path!r}")
    await _refused(store, EncodeError, "no list", "s", "text")
    await _refused(store, InvalidIdError, "no id", "", talk("c"))
    for argument, value in (
        ("after", 2),
        ("after", (2, b"")),
        ("at_ms", ()),
        ("at_ms", (1, 2)),
        ("at_ms", ("1",)),
        ("at_ms", (2**63,)),
        ("updated_at", "now"),
        ("updated_at", 2**63),
        ("create", "s"),
    ):
        given = {argument: value}
        error = await _refused(store, InvalidArgumentError, argument, "s", talk("c"), **given)
        same(argument, error.argument, "the argument of the error")


@required_by(_GROUP, capability="append")
async def the_time_of_an_update_never_goes_back_by_itself(store: Any) -> None:
    """`updated_at` is the one given; without one the later of the stored and the clock's."""
    await store.save(session("s", updated_at=2**40))
    await store.append("s", talk("a"))
    same(2**40, (await store.load("s")).updated_at, "a stored time in the future")
    await store.append("s", talk("b"), updated_at=12)
    same(12, (await store.load("s")).updated_at, "a given time")
    await store.append("s", talk("c"))
    holds((await store.load("s")).updated_at > 1_600_000_000, "the time of the clock")


@required_by(_GROUP, capability="append")
async def concurrent_appends_are_all_there(store: Any) -> None:
    """Appends without condition lose nothing; of several with one `after` exactly one wins."""
    await store.save(session("s"))
    texts = [f"{number}" for number in range(12)]
    done = await asyncio.gather(*(store.append("s", talk(text)) for text in texts))
    stored = (await store.load("s")).messages
    same(sorted(texts), sorted(one.content[0].text for one in stored), "the messages")
    for text, one in zip(texts, done, strict=True):
        same(talk(text)[0], stored[one.start], "a message at its position")
        same(position_of(stored[: one.start + 1]), one.position, "its position")
    here = position_of(stored)
    racing = [store.append("s", talk(text), after=here) for text in texts]
    found = await asyncio.gather(*racing, return_exceptions=True)
    won = [one for one in found if isinstance(one, Appended)]
    lost = [one for one in found if isinstance(one, StaleGenerationError)]
    same((1, len(texts) - 1), (len(won), len(lost)), "winners and losers")
    same(13, len((await store.load("s")).messages), "the length")
