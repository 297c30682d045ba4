"""What the machine is made of: a store beside its model, small steps, and strategies of values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import attrs
from hypothesis import strategies as st

from a3s_store.backends.memory import MemorySessionStore
from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.protocol import SessionStore
from a3s_store.errors import IdCollisionError, InvalidIdError, StoreError
from a3s_store.models import Message, ToolUseBlock
from a3s_store.testing import strategies
from a3s_store.testing.conformance.expect import contents, holds, same
from a3s_store.wire import Model, compact, decode, encode, parse

OpenStore: TypeAlias = Callable[[Path], Awaitable[SessionStore]]
Step: TypeAlias = Callable[[Any], Awaitable[Any]]


@attrs.frozen
class Raised:
    """The answer of a step that raised."""

    kind: str


@attrs.define
class Pair:
    """A store under test and its model."""

    name: str
    open_store: OpenStore
    place: Path
    may_refuse: bool
    store: Any = None
    model: MemorySessionStore = attrs.field(factory=MemorySessionStore)

    @property
    def has_generations(self) -> bool:
        """Whether the store promises generations; the model always does."""
        return bool(self.store.capabilities().generations)

    async def open(self) -> None:
        self.store = await self.open_store(self.place)

    async def reopen(self) -> None:
        if self.store.capabilities().durable:
            await self.store.close()
            await self.open()

    async def write(self, what: str, step: Step) -> None:
        """Run the step on the store, and unless it refuses the id on the model."""
        actual, refusal = await answer_of(step, self.store)
        if refusal is None or not self.may_refuse:
            expected, _ = await answer_of(step, self.model)
            same(expected, actual, f"{self.name}: {what}")
        elif isinstance(refusal, IdCollisionError):
            held = attrs.astuple(await self.model.inventory())
            holds(any(held), f"{self.name}: {what}: refused, with nothing to collide with")

    async def read(self, what: str, step: Step) -> None:
        """Run the step on both. No store may refuse an id here that `check_id` lets pass."""
        actual, _ = await answer_of(step, self.store)
        expected, _ = await answer_of(step, self.model)
        same(expected, actual, f"{self.name}: {what}")


async def answer_of(step: Step, store: Any) -> tuple[Any, InvalidIdError | None]:
    """What the step answers or raises, and the error if that is about the id."""
    try:
        return await step(store), None
    except InvalidIdError as error:
        return Raised(type(error).__name__), error
    except StoreError as error:
        return Raised(type(error).__name__), None


def copied(value: Any) -> Any:
    """An equal value that shares nothing with this one."""
    if isinstance(value, tuple):
        return tuple(map(copied, value))
    assert isinstance(value, Model)
    return decode(type(value), parse(compact(encode(value))))


def with_unknown_key(value: Any, unknown: Any) -> Any:
    """The value with the unknown key `v`."""
    return value.evolve(extra={**value.extra, "v": unknown})


def call(value: Any) -> Message:
    """A message that calls a tool with this value."""
    return Message(role="assistant", content=(ToolUseBlock(id="c", name="n", input={"v": value}),))


# Few texts, so that equal messages come again; and values that Python's == cannot tell apart.
WORDS = st.sampled_from(("ok", "go on", "", "héllo\u2028\U0001f600"))
LOOKALIKES: st.SearchStrategy[Any] = st.sampled_from(
    (True, 1, 1.0, False, 0, 0.0, -0.0, None, "", (), {})
)
COSTS = st.sampled_from((0.0, -0.0, 1.5))
LOOKALIKE_GROUPS = st.sampled_from(((True, 1), (1.0, True), (0.0, -0.0), (-0.0, 0), (False, 0.0)))
CALLS = st.builds(call, LOOKALIKES)
PLAIN = st.builds(Message.user, WORDS)
MESSAGES = st.one_of(PLAIN, PLAIN, CALLS, strategies.messages(size=2))
TURNS = st.lists(MESSAGES, min_size=1, max_size=3).map(tuple)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    one.name: strategies.model(one.model, size=2 if one.rows.lists else 1) for one in COLLECTIONS
}
COLLECTION_VALUES = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.tuples(st.just(name), strategies.collections(VALUES[name]))
)
NUMBERS = st.integers(0, 6)


async def list_ids(store: Any) -> Any:
    """The step that lists."""
    return await store.list()


def take_snapshot(session_id: str) -> Step:
    """The step that loads the snapshot and takes its digest."""

    async def step(store: Any) -> Any:
        found = await store.load_snapshot(session_id)
        return found, found.digest() if found else None

    return step


def look_at(session_id: str) -> Step:
    """The step that asks everything there is to ask about an id."""

    async def step(store: Any) -> Any:
        return await contents(store, session_id)

    return step


def generations_of(session_id: str) -> Step:
    """The step that asks for all generations; clocks differ."""

    async def step(store: Any) -> Any:
        found = await store.generations(session_id)
        return await store.generation(session_id), [
            (one.number, one.length, one.digest) for one in found
        ]

    return step


def load_at(session_id: str, number: int) -> Step:
    """The step that loads one generation."""

    async def step(store: Any) -> Any:
        return await store.load(session_id, generation=number)

    return step


async def do_nothing(store: Any) -> None:
    """The step of stores that do not have what is asked."""
