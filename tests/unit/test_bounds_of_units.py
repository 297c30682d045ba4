"""A transaction takes 10,000 small calls of each kind, and no more bytes than it may."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from a3s_store import MemorySessionStore
from a3s_store.errors import TransactionTooLargeError
from a3s_store.models import Message
from a3s_store.testing.samples import session

CALLS: dict[str, Callable[[Any, int], None]] = {
    "save": lambda tx, number: tx.save(session(f"s{number}")),
    "save of a message": lambda tx, number: tx.save(session(f"s{number}", ("hello",))),
    "append": lambda tx, _: tx.append("a", [Message.user("hello")]),
    "append of nothing": lambda tx, _: tx.append("a", []),
    "append that creates": lambda tx, number: tx.append(
        f"s{number}", [Message.user("hello")], create=session(f"s{number}")
    ),
    "update": lambda tx, _: tx.update("a", pinned=True),
    "update of labels": lambda tx, _: tx.update("a", labels={"kind": "copy"}),
    "delete": lambda tx, number: tx.delete(f"s{number}"),
}


class LeftError(Exception):
    """Ends a block without a commit."""


@pytest.mark.parametrize("kind", CALLS)
def test_ten_thousand_small_calls_of_each_kind_are_recorded(kind: str) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            recorded = 0
            with contextlib.suppress(LeftError):
                async with store.transaction() as tx:
                    for number in range(10_000):
                        CALLS[kind](tx, number)
                        recorded += 1
                    with pytest.raises(TransactionTooLargeError, match="10,000 calls"):
                        CALLS[kind](tx, 0)
                    raise LeftError
            assert recorded == 10_000

    asyncio.run(main())


def test_large_fields_and_prompts_are_counted() -> None:
    large = session("a")
    large = large.evolve(config=large.config.evolve(system_prompt="x" * (1 << 20)))

    refused = 0

    async def main() -> None:
        nonlocal refused
        async with MemorySessionStore() as store:
            tx: Any
            call: Any
            for call in (
                lambda: tx.save(large),
                lambda: tx.append("a", [Message.user("x" * (1 << 20))]),
                lambda: tx.update("a", name="x" * (1 << 20)),
            ):
                with contextlib.suppress(LeftError):
                    async with store.transaction() as tx:
                        for _ in range(3):
                            call()
                        with pytest.raises(TransactionTooLargeError, match="4 MiB of appended"):
                            call()
                        refused += 1
                        raise LeftError

    asyncio.run(main())
    assert refused == 3
