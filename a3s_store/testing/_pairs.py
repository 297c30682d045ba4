"""Parts of the state machine: a store with its model, steps on both, strategies of values."""

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


class Clock:
    """A clock that a rule moves on; calling it returns Unix seconds."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@attrs.frozen
class Raised:
    """The result of a step that raised: the name of the error's class."""

    kind: str


@attrs.define
class Pair:
    """A store under test, and the `MemorySessionStore` that it is compared with."""

    name: str
    open_store: OpenStore
    place: Path
    may_refuse: bool
    store: Any = None
    model: MemorySessionStore = attrs.field(factory=MemorySessionStore)

    @property
    def has_generations(self) -> bool:
        """Return whether the store promises generations; the model always does."""
        return self.promises("generations")

    def promises(self, *capabilities: str) -> bool:
        """Return whether the store promises all of these; the model does."""
        return all(getattr(self.store.capabilities(), name) for name in capabilities)

    async def open(self) -> None:
        """Open the store at its place."""
        self.store = await self.open_store(self.place)

    async def reopen(self) -> None:
        """Close and open the store again if it is durable."""
        if self.store.capabilities().durable:
            await self.store.close()
            await self.open()

    async def write(self, what: str, step: Step) -> None:
        """Run the step on the store and, unless the store refuses the id, on the model."""
        actual, refusal = await result_of(step, self.store)
        if refusal is None or not self.may_refuse:
            expected, _ = await result_of(step, self.model)
            same(expected, actual, f"{self.name}: {what}")
        elif isinstance(refusal, IdCollisionError):
            stored = attrs.astuple(await self.model.inventory())
            holds(any(stored), f"{self.name}: {what}: IdCollisionError in an empty store")

    async def read(self, what: str, step: Step) -> None:
        """Run the step on both and compare; a read may not refuse an id that `check_id` accepts."""
        actual, _ = await result_of(step, self.store)
        expected, _ = await result_of(step, self.model)
        same(expected, actual, f"{self.name}: {what}")


async def result_of(step: Step, store: Any) -> tuple[Any, InvalidIdError | None]:
    """Return the result of the step or `Raised`, and the error if it refuses the id."""
    try:
        return await step(store), None
    except InvalidIdError as error:
        return Raised(type(error).__name__), error
    except StoreError as error:
        return Raised(type(error).__name__), None


def copied(value: Any) -> Any:
    """Return an equal value that shares no object with this one."""
    if isinstance(value, tuple):
        return tuple(map(copied, value))
    assert isinstance(value, Model)
    return decode(type(value), parse(compact(encode(value))))


def with_unknown_key(value: Any, unknown: Any) -> Any:
    """Return the value with the unknown key `v`."""
    return value.evolve(extra={**value.extra, "v": unknown})


def call(value: Any) -> Message:
    """Return a message that calls a tool with this value."""
    return Message(role="assistant", content=(ToolUseBlock(id="c", name="n", input={"v": value}),))


# Few texts, so that equal messages repeat, and values that Python's == finds equal.
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
    """Step: list the sessions."""
    return await store.list()


def take_snapshot(session_id: str) -> Step:
    """Return the step that loads a snapshot and its digest."""

    async def step(store: Any) -> Any:
        found = await store.load_snapshot(session_id)
        return found, found.digest() if found else None

    return step


def look_at(session_id: str) -> Step:
    """Return the step that loads everything under an id."""

    async def step(store: Any) -> Any:
        return await contents(store, session_id)

    return step


def generations_of(session_id: str) -> Step:
    """Return the step that lists the generations, without their times: clocks differ."""

    async def step(store: Any) -> Any:
        found = await store.generations(session_id)
        return await store.generation(session_id), [
            (one.number, one.length, one.digest) for one in found
        ]

    return step


def load_at(session_id: str, number: int) -> Step:
    """Return the step that loads one generation."""

    async def step(store: Any) -> Any:
        return await store.load(session_id, generation=number)

    return step


async def do_nothing(store: Any) -> None:
    """Step of stores without the capability: do nothing."""
