"""Events reach all subscribers in order, and no sender waits for a slow one."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from a3s_store.models import TextDelta
from a3s_store.runtime.observation.events import CAPACITY, Broadcast


def event(number: int) -> TextDelta:
    return TextDelta(text=str(number))


def test_sending_to_nobody_is_no_error() -> None:
    """L3."""
    Broadcast().send(event(0))


def test_a_slow_subscriber_loses_the_oldest_and_is_told_how_many() -> None:
    """L3: 100 events may wait."""

    async def main() -> None:
        bus = Broadcast()
        subscription = bus.subscribe()
        for number in range(CAPACITY + 7):
            bus.send(event(number))
        assert subscription.missed == 7
        assert subscription.pending() == tuple(event(n) for n in range(7, CAPACITY + 7))

    assert CAPACITY == 100
    asyncio.run(main())


def test_who_subscribes_later_does_not_see_what_was_before() -> None:
    async def main() -> None:
        bus = Broadcast()
        bus.send(event(0))
        with bus.subscribe() as subscription:
            bus.send(event(1))
            assert [await anext(subscription)] == [event(1)]
        assert bus.subscribers == 0

    asyncio.run(main())


def test_closing_ends_a_subscription_once_it_has_seen_what_was_sent() -> None:
    async def main() -> None:
        bus = Broadcast()
        early = bus.subscribe()
        reading = asyncio.create_task(collect(early))
        await asyncio.sleep(0)
        bus.send(event(1))
        bus.close()
        assert await reading == [event(1)]
        assert await collect(bus.subscribe()) == []

    async def collect(subscription: object) -> list[object]:
        return [one async for one in subscription]  # type: ignore[attr-defined]

    asyncio.run(main())


@given(st.lists(st.sampled_from(["send", "read"]), max_size=60), st.integers(1, 5))
def test_what_is_read_is_what_was_sent_less_the_oldest(steps: list[str], room: int) -> None:
    async def main() -> None:
        bus = Broadcast(room)
        subscription = bus.subscribe()
        model: list[TextDelta] = []
        for number, step in enumerate(steps):
            if step == "send":
                bus.send(event(number))
                model = [*model, event(number)][-room:]
            elif model:
                assert await anext(subscription) == model.pop(0)
        assert list(subscription.pending()) == model

    asyncio.run(main())
