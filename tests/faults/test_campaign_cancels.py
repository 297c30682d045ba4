"""The campaign of cancelled saves finds a store that leaves a transaction open."""

from __future__ import annotations

import asyncio

from tests.faults.campaigns import cancels
from tests.faults.harness.other_process import OtherProcess
from tests.faults.harness.shuffled_loop import ShuffledLoop
from tests.faults.run_campaign import planted


def test_a_transaction_that_a_cancelled_save_leaves_open_is_found() -> None:
    report = planted("cancels", "leaks_transaction", stop_at="")
    with OtherProcess() as other:
        cancels.block(report, other, 0)
    assert report.failures


def order(seed: str) -> list[int]:
    """The order in which ten tasks that are ready at once run on a loop with this seed."""
    found: list[int] = []

    async def main() -> None:
        async def note(number: int) -> None:
            found.append(number)

        await asyncio.gather(*map(note, range(10)))

    with asyncio.Runner(loop_factory=lambda: ShuffledLoop(seed)) as runner:
        runner.run(main())
    return found


def test_a_shuffled_loop_has_an_order_of_its_own_and_the_same_one_for_the_same_seed() -> None:
    assert order("a") == order("a") != order("b")
    assert sorted(order("a")) == list(range(10)) != order("a")
