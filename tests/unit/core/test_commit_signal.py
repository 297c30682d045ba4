"""Watches are woken from any thread, on any loop, and no commit between two looks is missed."""

from __future__ import annotations

import asyncio
import threading

from a3s_store.core.commit_signal import CommitSignal


def test_a_commit_told_before_the_wait_is_not_waited_for() -> None:
    signal = CommitSignal()
    signal.tell(5)
    asyncio.run(signal.wait(4))
    signal.tell(3)  # told late, by another thread
    asyncio.run(signal.wait(4))


def test_waiting_watches_of_several_loops_are_woken_by_one_call() -> None:
    signal = CommitSignal()
    began = threading.Barrier(4)

    async def wait() -> None:
        waiting = [asyncio.create_task(signal.wait(0)) for _ in range(3)]
        await asyncio.sleep(0)
        began.wait()
        await asyncio.gather(*waiting)

    loops = [threading.Thread(target=asyncio.run, args=(wait(),), daemon=True) for _ in range(3)]
    for each in loops:
        each.start()
    began.wait()
    signal.tell(1)
    for each in loops:
        each.join(20)
        assert not each.is_alive()


def test_no_watch_waits_after_the_end() -> None:
    async def main() -> None:
        signal = CommitSignal()
        waiting = asyncio.create_task(signal.wait(9))
        await asyncio.sleep(0)
        signal.end()
        await waiting
        await signal.wait(9)

    asyncio.run(main())


def test_a_cancelled_watch_and_a_closed_loop_are_forgotten() -> None:
    signal = CommitSignal()

    async def main() -> None:
        waiting = asyncio.create_task(signal.wait(0))
        await asyncio.sleep(0)
        assert signal.is_awaited_on(asyncio.get_running_loop())
        waiting.cancel()
        await asyncio.wait([waiting])
        assert not signal.is_awaited_on(asyncio.get_running_loop())

    asyncio.run(main())
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(signal.wait(0))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    signal.tell(1)
    assert not waiting.done()
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
