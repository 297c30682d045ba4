"""A message whose content is not decoded yet behaves like one whose content is."""

from __future__ import annotations

import copy
import operator
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given

from a3s_store.core.stored_content import StoredContent
from a3s_store.errors import CorruptionError
from a3s_store.models import Message, TextBlock
from a3s_store.testing import strategies
from a3s_store.wire import canonical, compact, decode, encode, own_text, parse_own
from a3s_store.wire.parts import text_of

CONTENT = StoredContent("talk", "session 'talk' in a file")
ANY = strategies.messages().map(attrs.evolve)


def undecoded(message: Message, position: int = 0) -> Message:
    """Return the message as a load makes it."""
    text = own_text(encode(message)["content"]).encode()
    (made,) = CONTENT.messages(position, [message.role], [message.reasoning_content], [text])
    return made.evolve(extra=message.extra) if message.extra else made


def is_undecoded(message: Message) -> bool:
    return text_of(message, "content") is not None


def matched(message: Any) -> tuple[str, Any]:
    match message:
        case Message(role=role, content=(TextBlock(text=text), *_)):
            return role, text
        case Message(content=content):
            return "other", content
        case _:
            return "no message", None


USES: dict[str, Callable[[Message], Any]] = {
    "content": operator.attrgetter("content"),
    "hash": hash,
    "repr": repr,
    "asdict": attrs.asdict,
    "evolve": lambda message: message.evolve(role="other"),
    "text": operator.attrgetter("text"),
    "pickle": lambda message: pickle.loads(pickle.dumps(message)),
    "match": matched,
    "canonical": lambda message: canonical(encode(message)),
    "compact": lambda message: compact(encode(message)),
    "row": lambda message: own_text(encode(message)),
    "again": lambda message: decode(Message, parse_own(own_text(encode(message)))),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@given(message=ANY)
def test_every_use_of_an_undecoded_message_is_that_of_a_decoded_one(
    use: Callable[[Message], Any], message: Message
) -> None:
    lazy = undecoded(message)
    assert use(lazy) == use(message)
    assert lazy == message
    assert message == lazy
    assert lazy.content == message.content


@given(one=ANY, other=ANY)
def test_undecoded_messages_are_equal_exactly_if_decoded_ones_are(
    one: Message, other: Message
) -> None:
    assert (undecoded(one) == undecoded(other)) is (one == other)
    assert (undecoded(one) == other) is (one == other)


def test_messages_with_the_same_text_are_compared_without_decoding_them() -> None:
    one, other = undecoded(Message.user("hello")), undecoded(Message.user("hello"))
    assert one == other
    assert one != undecoded(Message.assistant("hello"))
    assert is_undecoded(one)
    assert is_undecoded(other)


def test_a_message_is_encoded_from_its_text() -> None:
    one = undecoded(Message.user("hello"))
    assert encode(one) == encode(Message.user("hello"))
    assert is_undecoded(one)


def test_numbers_beyond_64_bits_are_encoded_as_they_are_stored() -> None:
    block = {"type": "tool_use", "id": "1", "name": "f", "input": {"n": 2**70, "x": 1e16}}
    message = decode(Message, {"role": "user", "content": [block]})
    assert compact(encode(undecoded(message))) == compact(encode(message))


def test_a_copy_is_the_message_itself_and_still_undecoded() -> None:
    one = undecoded(Message.user("hello"))
    assert copy.copy(one) is one
    assert copy.deepcopy(one) is one
    assert is_undecoded(one)


def test_the_content_is_decoded_once() -> None:
    one = undecoded(Message.user("hello"))
    assert one.content is one.content
    assert not is_undecoded(one)


def test_other_attributes_are_missing_as_they_are_of_any_object() -> None:
    for message in (undecoded(Message.user("hello")), Message.user("hello")):
        with pytest.raises(AttributeError, match="'Message' object has no attribute 'contents'"):
            _ = message.contents  # type: ignore[attr-defined]
        assert not hasattr(message, "_nothing")


def test_content_cannot_be_assigned() -> None:
    one: Any = undecoded(Message.user("hello"))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.content = ()
    assert one == Message.user("hello")


@pytest.mark.parametrize("text", [b"{", b"[1]", b'[{"type":"text"}]', b'"text"', b"\xff"])
def test_text_that_is_no_content_is_named_with_session_and_position_each_time(text: bytes) -> None:
    _, damaged = CONTENT.messages(7, ["user", "user"], [None, None], [b"[]", text])
    for use in (operator.attrgetter("content"), repr, hash, pickle.dumps):
        with pytest.raises(CorruptionError) as caught:
            use(damaged)
        error = caught.value
        assert (error.session_id, error.part, error.position) == ("talk", "messages", 8)
        assert error.where == CONTENT.where
        assert error.hint


@pytest.mark.parametrize("text", [b"{", b"7", b"\xff"])
def test_text_that_is_no_json_array_is_not_encoded(text: bytes) -> None:
    (damaged,) = CONTENT.messages(0, ["user"], [None], [text])
    with pytest.raises(CorruptionError):
        encode(damaged)


def test_threads_that_read_one_message_at_once_all_find_its_content() -> None:
    messages = [Message.user(f"message {number}") for number in range(500)]
    failed: list[BaseException] = []

    def read(lazy: list[Message]) -> None:
        try:
            for one, message in zip(lazy, messages, strict=True):
                assert one.content == message.content
        except BaseException as error:
            failed.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(10):
            lazy = [*map(undecoded, messages)]
            threads = [threading.Thread(target=read, args=(lazy,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not failed


def test_a_thread_that_comes_second_finds_what_the_first_decoded() -> None:
    """The second has found the slot empty, but the text is gone when it looks at it."""
    message = undecoded(Message.user("hello"))
    content = message.content
    assert message.__getattr__("content") is content  # type: ignore[attr-defined]
