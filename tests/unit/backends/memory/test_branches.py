"""Conversations of many generations share their messages, and come back as they were."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from a3s_store.backends.memory.branches import Branch, Conversation, Head
from a3s_store.core.digests import EMPTY_CHAIN, chain, message_digest
from a3s_store.models import Message
from a3s_store.wire import encode
from tests.support import messages

NOW = 1_700_000_000_000


def _rebuilt(given: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(Message(role=one.role, content=one.content) for one in given)


def _branches(heads: list[Head]) -> list[Branch]:
    """Every branch that the heads reach."""
    found: dict[int, Branch] = {}
    for head in heads:
        branch: Branch | None = head.branch
        while branch is not None and id(branch) not in found:
            found[id(branch)] = branch
            branch = branch.before.branch if branch.before else None
    return list(found.values())


def _kept(heads: list[Head]) -> int:
    """How many messages are kept for these heads."""
    return sum(len(branch.own) for branch in _branches(heads))


def _chain_hash(given: tuple[Message, ...]) -> bytes:
    hashes = chain(message_digest(encode(one)) for one in given)
    return hashes[-1] if hashes else EMPTY_CHAIN


_EDITS = st.lists(
    st.tuples(
        st.sampled_from(("append", "shorten", "change", "slide", "back", "fork", "same")),
        st.integers(0, 20),
        st.booleans(),
    ),
    max_size=25,
)


@given(_EDITS)
def test_every_head_has_the_messages_it_was_made_of(edits: list[tuple[Any, ...]]) -> None:
    conversations = [Conversation()]
    saved: list[tuple[Head, tuple[Message, ...]]] = []
    for number, (kind, at, rebuild) in enumerate(edits):
        one = conversations[at % len(conversations)]
        old = one.messages
        at %= len(old) + 1
        new = messages(2, start=2 * number)
        if kind == "fork":
            conversations.append(one.first(at))
            saved.append((conversations[-1].head, old[:at]))
            continue
        said = {
            "append": old + new,
            "shorten": old[:at],
            "change": old[:at] + new + old[at + 1 :],
            "slide": old[at:] + new,
            "back": saved[at % len(saved)][1] if saved else (),
            "same": old,
        }[kind]
        one.put(_rebuilt(said) if rebuild else said, NOW)
        saved.append((one.head, said))
        assert one.position == (len(said), _chain_hash(said))
        for head, then in saved:
            assert head.messages() == then
            assert head.length == len(then)


def test_a_conversation_that_grows_keeps_each_message_once() -> None:
    talk, one, heads = messages(500), Conversation(), []
    for length in range(500):
        one.put(talk[:length], NOW)
        heads.append(one.head)
    assert len(_branches(heads)) == 1
    assert _kept(heads) == 499


def test_messages_rebuilt_from_json_are_known_by_their_digests() -> None:
    talk, one, heads = messages(100), Conversation(), []
    for length in range(100):
        one.put(_rebuilt(talk[:length]), NOW)
        heads.append(one.head)
    assert _kept(heads) == 99
    assert one.messages == talk[:99]


def test_an_edit_of_the_end_keeps_no_more_than_the_edit() -> None:
    one, heads = Conversation(), []
    for number in range(300):
        last = messages(2, start=2 * number, tag=f"edit {number}")
        one.put((*one.messages[:-1], *last), NOW)
        heads.append(one.head)
    assert _kept(heads) == 600


def test_a_rewind_keeps_nothing_and_growth_from_there_leaves_the_longer_history() -> None:
    talk, one = messages(10), Conversation()
    one.put(talk, NOW)
    whole = one.head
    one.put(talk[:4], NOW)
    assert _kept([whole, one.head]) == 10
    other = messages(3, tag="other")
    one.put(talk[:4] + other, NOW)
    assert whole.messages() == talk
    assert one.head.messages() == talk[:4] + other
    assert _kept([whole, one.head]) == 13


def test_a_fork_shares_its_messages_and_neither_sees_what_the_other_adds() -> None:
    talk, one = messages(10), Conversation()
    one.put(talk, NOW)
    fork = one.first(10)
    assert fork.head.branch is one.head.branch
    mine, its = messages(1, tag="mine"), messages(1, tag="its")
    one.put(talk + mine, NOW)
    fork.put(talk + its, NOW)
    assert (one.head.messages(), fork.head.messages()) == (talk + mine, talk + its)
    assert _kept([one.head, fork.head]) == 12


def test_branches_that_have_nothing_of_a_conversation_are_not_kept_for_it() -> None:
    """Else each compaction would hold all those before it."""
    one = Conversation()
    for number in range(20):
        one.put(messages(4, tag=f"summary {number}"), NOW)
    assert len(_branches([one.head])) == 1
