"""Stores with `transactions`: what a block reads, how it ends, and how it is run again."""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_store.errors import (
    ConflictError,
    InvalidArgumentError,
    StoreClosedError,
    TransactionStateError,
)
from a3s_store.testing.conformance.expect import holds, keeps, raises, same
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import session, talk

_GROUP = "blocks of transactions"


async def _texts(store: Any, session_id: str) -> list[str] | None:
    found = await store.load(session_id)
    return None if found is None else [message.text for message in found.messages]


@required_by(_GROUP, capability="transactions")
async def what_was_read_is_checked(store: Any) -> None:
    """A unit is refused when a session that the block read was changed since; all or nothing."""
    await store.save(session("a", ("x",)))
    await store.save(session("b", ("x",)))

    async def read_then(change: Any, *ids: str) -> None:
        async with store.transaction() as tx:
            for one in ids:
                await tx.load(one)
            await change()
            tx.append("b", talk("mine"))

    async def untouched() -> None:
        await store.save(session("other", ("1",)))

    changes = {
        "an append": ("a", lambda: store.append("a", talk("y"))),
        "an update": ("a", lambda: store.update("a", name="n")),
        "a deletion": ("a", lambda: store.delete("a")),
        "a new session": ("a", lambda: store.save(session("a", ("z",)))),
        "the session itself": ("b", lambda: store.append("b", talk("theirs"))),
    }
    for what, (one, change) in changes.items():
        before = len(await _texts(store, "b") or ())
        error: Any = await raises(ConflictError, what, read_then, change, "b", "a")
        same((one,), error.session_ids, f"{what}: the session")
        holds("mine" not in (await _texts(store, "b") or ()), f"{what}: nothing is written")
        holds(len(await _texts(store, "b") or ()) <= before + 1, what)
    await read_then(untouched, "a", "none")
    holds("mine" in (await _texts(store, "b") or ()), "nothing that was read has changed")


@required_by(_GROUP, capability="transactions")
async def reads_of_a_block_are_of_one_moment(store: Any) -> None:
    """A session read again is the same; a later read fails if an earlier one is outdated."""
    await store.save(session("a", ("x",)))
    await store.save(session("b", ("x",)))
    async with store.transaction() as tx:
        first = await tx.load("a")
        tx.append("a", talk("y"))
        same(first, await tx.load("a"), "without the block's own calls")
        await store.append("other", talk("1"), create=session("other"))
        same(["x"], [m.text for m in (await tx.load("b")).messages], "another session")
        same(None, await tx.load("none"), "an unknown one")

    async def outdated() -> None:
        async with store.transaction() as tx:
            await tx.load("a")
            await store.append("a", talk("z"))
            await tx.load("a")
            await tx.load("b")
            raise AssertionError("the second session was read")

    error: Any = await raises(ConflictError, "a is outdated", outdated)
    same(("a",), error.session_ids, "the session")
    async with store.transaction() as tx:
        await tx.load("a")
        await store.append("a", talk("w"))
    same((), tx.results, "a block without a call checks nothing")


@required_by(_GROUP, capability="transactions")
async def a_transaction_is_run_again_after_a_conflict(store: Any) -> None:
    """run_transaction() calls the function again after ConflictError, and returns its value."""
    await store.save(session("a", ("0",)))

    async def count() -> None:
        async def add(tx: Any) -> int:
            found = await tx.load("a")
            await asyncio.sleep(0)
            number = int(found.messages[0].text) + 1
            tx.save(found.evolve(messages=talk(str(number))))
            return number

        value = await store.run_transaction(add, retries=1000)
        holds(type(value) is int, "the function's value")

    await asyncio.gather(*(count() for _ in range(8)))
    same(["8"], await _texts(store, "a"), "no change is lost")
    tries = []

    async def disturbed(tx: Any) -> None:
        tries.append(await tx.load("a"))
        await store.append("a", talk("x"))
        tx.append("a", talk("y"))

    await raises(ConflictError, "every time", store.run_transaction, disturbed, retries=2)
    same(3, len(tries), "the first try and two more")

    async def failing(tx: Any) -> None:
        tries.append(None)
        raise ZeroDivisionError

    await raises(ZeroDivisionError, "another error", store.run_transaction, failing)
    same(4, len(tries), "it is not repeated")
    for wrong in (-1, True, "1", 1.0):
        await raises(InvalidArgumentError, "retries", store.run_transaction, count, retries=wrong)


@required_by(_GROUP, capability="transactions")
async def a_transaction_is_used_in_its_block_alone(store: Any) -> None:
    """Before the block, after it and a second time TransactionStateError is raised."""
    await store.save(session("a", ("x",)))
    tx = store.transaction()

    async def every_use(when: str) -> None:
        use: Any
        for use in (
            lambda: tx.save(session("a")),
            lambda: tx.append("a", talk("y")),
            lambda: tx.update("a", name="x"),
            lambda: tx.delete("a"),
        ):
            try:
                use()
            except TransactionStateError:
                continue
            raise AssertionError(f"{when}: a call was recorded")
        await raises(TransactionStateError, when, tx.load, "a")

    await every_use("before")
    async with tx:
        tx.append("a", talk("y"))
        try:
            found = tx.results
        except TransactionStateError:
            pass
        else:
            raise AssertionError(f"results in the block: {found}")
        await raises(TransactionStateError, "entered again", tx.__aenter__)
    await every_use("after")
    await raises(TransactionStateError, "entered a second time", tx.__aenter__)
    same(1, len(tx.results), "the results stay")
    same(["x", "y"], await _texts(store, "a"), "the unit was made once")


@required_by(_GROUP, capability="transactions")
async def transactions_do_not_nest(store: Any) -> None:
    """An inner transaction is a unit of its own, which the outer one's reads conflict with."""
    await store.save(session("a", ("x",)))
    await store.save(session("b", ("x",)))

    async def nested() -> None:
        async with store.transaction() as outer:
            await outer.load("a")
            outer.append("b", talk("outer"))
            async with store.transaction() as inner:
                inner.append("a", talk("inner"))
            same(["x", "inner"], await _texts(store, "a"), "the inner one is committed")

    await raises(ConflictError, "the outer one", nested)
    same(["x"], await _texts(store, "b"), "the outer one wrote nothing")


@required_by(_GROUP, capability="transactions")
async def a_cancelled_block_writes_nothing(store: Any) -> None:
    """A block that is cancelled while it runs writes nothing."""
    await store.save(session("a", ("x",)))
    entered = asyncio.Event()

    async def block() -> None:
        async with store.transaction() as tx:
            tx.append("a", talk("y"))
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(block())
    await entered.wait()
    task.cancel()
    await raises(asyncio.CancelledError, "the task", lambda: task)
    same(["x"], await _texts(store, "a"), "nothing is written")


@required_by(_GROUP, capability="transactions")
async def a_unit_that_is_cancelled_at_its_end_is_whole(store: Any) -> None:
    """Cancelled while it is committed, a unit is made completely or not at all."""
    for number in range(24):
        for one in ("a", "b"):
            await store.delete(one)
            await store.save(session(one, ("x",)))

        async def block() -> None:
            async with store.transaction() as tx:
                tx.append("a", talk("y"))
                tx.append("b", talk("y"))

        task = asyncio.create_task(block())
        for _ in range(number % 8):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.save(session("later", (str(number),)))  # after the unit, if it was accepted
        first = await _texts(store, "a")
        same(first, await _texts(store, "b"), f"cancelled at step {number % 8}")


@required_by(_GROUP, capability="transactions", reopens=True)
async def a_store_closed_in_the_block_writes_nothing(store: Any, maker: Any) -> None:
    """At the end of the block StoreClosedError is raised, and nothing is written."""
    await store.save(session("a", ("x",)))
    made: list[Any] = []

    async def block() -> None:
        async with store.transaction() as tx:
            made.append(tx)
            tx.append("a", talk("y"))
            await store.close()
            await raises(StoreClosedError, "a read", tx.load, "a")

    await raises(StoreClosedError, "the commit", block)
    try:
        found = made[0].results
    except TransactionStateError:
        pass
    else:
        raise AssertionError(f"results of a unit that was not made: {found}")
    if not keeps(store, "durable"):
        return
    same(["x"], await _texts(await maker.reopen(), "a"), "nothing is written")
