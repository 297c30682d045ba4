"""Many sessions: saved in turn, saved by many savers at once, and imported."""

from __future__ import annotations

import asyncio
import functools
import itertools
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import attrs

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.models import SessionData
from benchmarks.ratios.blocks import PAUSE, Contender, Ratio, Row, in_turn, row
from benchmarks.ratios.conversations import (
    copied,
    grown,
    messages,
    proven,
    seeded,
    session,
    turns,
)
from benchmarks.ratios.raw import Raw, Turn
from benchmarks.ratios.scale import Scale


async def sessions_in_turn(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """A turn of the session that was saved longest ago, beside one that is saved each time."""
    paths = {count: folder / f"in-turn-{count}.a3s" for count in (1, *scale.sessions)}
    history = messages(scale.each)
    contenders = []
    stores = []
    for count, path in paths.items():
        store = await SqliteSessionStore.open(path)
        stores.append(store)
        kept = [session(f"s{number}", history) for number in range(count)]
        for one in kept:
            await store.save(one)
        contenders.append(_in_turn(store, kept))
    # One whole cycle of the fewest, so that the first calls are like the later ones.
    warmups = min(scale.sessions)
    found = await in_turn(contenders, blocks=scale.blocks, rounds=scale.rounds, warmups=warmups)
    for store in stores:
        await store.close()
    await proven(*paths.values())
    for count in scale.sessions:
        what = f"save of 3 messages in {count:,} sessions in turn"
        yield row(found, str(count), "1", what=what, against="in one session", asked="CPU ≤ 1.2")


def _in_turn(store: SqliteSessionStore, kept: list[SessionData]) -> Contender:
    places = itertools.cycle(range(len(kept)))

    def prepare() -> SessionData:
        place = next(places)
        kept[place] = grown(kept[place])
        return kept[place]

    return Contender(str(len(kept)), store.save, prepare)


async def savers(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """Turns a second of many savers, beside raw transactions of as many turns."""
    count, rounds = scale.savers, scale.saver_turns
    histories = [
        turns(session(f"s{number}", messages(scale.each, seed=number)), rounds * scale.blocks)
        for number in range(count)
    ]
    base = folder / "savers.a3s"

    async def save_first(store: SqliteSessionStore) -> None:
        for states in histories:
            await store.save(states[0])

    await seeded(base, save_first)
    order = [
        functools.partial(SqliteSessionStore.save, session=states[turn + 1])
        for turn in range(rounds * scale.blocks)
        for states in histories
    ]
    calls: list[Turn] = list(order)

    async def load_all(store: SqliteSessionStore) -> None:
        for states in histories:
            await store.load(states[0].id)

    raw = Raw(base, "savers-raw", calls, load_all)
    batches = raw.batch(count)
    ours = copied(base, "savers-ours.a3s")
    walls: list[float] = []
    cpus: list[float] = []
    async with SqliteSessionStore.open(ours) as store:
        await save_first(store)

        async def save_turns(states: list[SessionData], block: int) -> None:
            for state in states[1 + block * rounds : 1 + (block + 1) * rounds]:
                await store.save(state)

        for block in range(scale.blocks):
            await asyncio.sleep(PAUSE)
            began = time.process_time(), time.perf_counter()
            await asyncio.gather(*(save_turns(states, block) for states in histories))
            mine = time.process_time() - began[0], time.perf_counter() - began[1]
            await asyncio.sleep(PAUSE)
            began = time.process_time(), time.perf_counter()
            for batch in batches[block * rounds : (block + 1) * rounds]:
                await raw.save(batch)
            least = time.process_time() - began[0], time.perf_counter() - began[1]
            cpus.append(mine[0] / least[0])
            walls.append(least[1] / mine[1])
    raw.close()
    await proven(ours, raw.path)
    yield Row(
        what=f"{count} savers: turns a second (wall), CPU of a turn",
        against=f"raw batches of {count}",
        cpu=Ratio.of(cpus),
        wall=Ratio.of(walls),
        asked="turns a second ≥ 0.55",
    )


async def imports(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """An import of many sessions of 8 messages, beside as many saves and as many that wait."""
    path, count = folder / "imports.a3s", scale.imported
    numbers = itertools.count()

    def prepare() -> list[SessionSnapshot]:
        return [
            SessionSnapshot(session=session(f"s{number}", messages(8, 300, seed=number)))
            for number in itertools.islice(numbers, count)
        ]

    async with SqliteSessionStore.open(path) as store:

        async def one_by_one(given: list[SessionSnapshot]) -> None:
            for one in given:
                await store.save_snapshot(one)

        async def at_once(given: list[SessionSnapshot]) -> None:
            for start in range(0, len(given), 64):
                await asyncio.gather(*map(store.save_snapshot, given[start : start + 64]))

        contenders = [
            Contender("import", store.import_many, prepare),
            Contender("saves", one_by_one, prepare),
            Contender("64 saves", at_once, prepare),
        ]
        found = await in_turn(contenders, blocks=scale.blocks, rounds=3, warmups=1)
    await proven(path)
    for other, against in (("saves", "as many saves"), ("64 saves", "64 saves at once")):
        line = row(found, "import", other, what="", against=against, asked="≤ 1 ms a session")
        calls = [call for block in found["import"] for call in block]
        cpu = statistics.median(call.cpu for call in calls) / count * 1e6
        wall = statistics.median(call.wall for call in calls) / count * 1e6
        yield attrs.evolve(
            line,
            what=f"import_many of {count:,} sessions of 8 messages",
            figures=f"{cpu:,.0f} µs CPU, {wall:,.0f} µs a session",
        )
