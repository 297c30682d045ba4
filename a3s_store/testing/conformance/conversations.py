"""Conversations: how the messages of a session may change from save to save."""

from __future__ import annotations

from a3s_store.core.protocol import SessionStore
from a3s_store.models import Message, ToolUseBlock
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    keeps,
    same,
)
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import session, talk

_GROUP = "conversations"


async def _through(store: SessionStore, *conversations: tuple[Message, ...]) -> None:
    for number, messages in enumerate(conversations):
        saved = session("s").evolve(messages=messages, updated_at=number)
        await store.save(saved)
        same(saved, await store.load("s"), f"load after save {number}")


@required_by(_GROUP)
async def a_conversation_grows(store: SessionStore) -> None:
    """Each save may add messages; none is lost, repeated or moved."""
    messages = talk(*(f"message {number}" for number in range(40)))
    await _through(store, *(messages[:end] for end in (0, 1, 2, 2, 5, 6, 20, 40)))


@required_by(_GROUP)
async def a_conversation_may_be_compacted(store: SessionStore) -> None:
    """A summary may replace messages, and the conversation grows from there."""
    old, more = talk(*"abcdefgh"), talk("i", "j")
    compacted = (Message.user("summary"), *old[5:])
    middle = (*old[:2], Message.user("summary"), *old[6:])
    await _through(store, old, compacted, (*compacted, *more), old, middle, (*middle, *more))


@required_by(_GROUP)
async def a_conversation_may_be_rewound(store: SessionStore) -> None:
    """A save may have fewer messages than before, or none, and continue differently."""
    old = talk(*"abcdef")
    other = (*old[:3], *talk("x", "y", "z", "w", "v"))
    await _through(store, old, old[:3], other, old[:1], (), old, other, old)


@required_by(_GROUP)
async def one_message_may_change(store: SessionStore) -> None:
    """Any one message may be replaced; the others stay."""
    old = talk(*"abcdef")
    for index in range(len(old)):
        changed = (*old[:index], Message.user("another"), *old[index + 1 :])
        await _through(store, old, changed, old)


@required_by(_GROUP)
async def equal_messages_repeat(store: SessionStore) -> None:
    """Messages have no identity besides their position: equal ones are all kept."""
    same_text = talk("ok")[0]
    other = Message.assistant("?")
    for repeats in ((same_text,) * 5, (same_text, other) * 3, (other, same_text, same_text, other)):
        await _through(store, repeats[:2], repeats, repeats[:3], (*repeats, *repeats))


@required_by(_GROUP)
async def values_that_only_compare_equal_are_told_apart(store: SessionStore) -> None:
    """True, 1 and 1.0 are equal in Python and three values in JSON; so are 0, -0.0 and False."""
    # Each is saved over the one before it, which Python may find equal, and must replace it.
    lookalikes = (True, 1, 1.0, True, False, 0, 0.0, -0.0, 0, [1], [True], {"a": 0}, {"a": -0.0})
    calls = (ToolUseBlock(id="c", name="n", input={"v": value}) for value in lookalikes)
    conversations = [(Message(role="assistant", content=(call,)), *talk("after")) for call in calls]
    await _through(store, *conversations)
    for value in lookalikes:
        saved = session("s", ("a",), extra={"v": value})
        await store.save(saved)
        same(saved, await store.load("s"), f"unknown key {value!r}")
    for value in lookalikes if keeps(store, "collections") else ():
        traced = (samples.trace_event(details={"v": value}),)
        await store.save_trace_events("s", traced)
        same(traced, await store.load_trace_events("s"), f"details {value!r}")
