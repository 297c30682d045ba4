"""Saves and appends of one turn, beside their own statements and another package's append."""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.models import SessionData
from benchmarks.peers.openai_agents import OpenAIAgents
from benchmarks.ratios.blocks import Blocks, Contender, Row, in_turn, row
from benchmarks.ratios.conversations import (
    copied,
    messages,
    proven,
    rebuilt,
    seeded,
    session,
    turns,
)
from benchmarks.ratios.raw import Raw
from benchmarks.ratios.scale import Scale
from benchmarks.workload import Story

_LONG: Final = 20_000
NO_APPEND: Final = "this store has no append"
_WARMUPS: Final = 3


async def saves(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """A turn of 3 messages, of three sizes, and one of everything, beside raw statements."""
    for size in (800, *scale.sizes):
        asked = "CPU ≤ 2.5; 2.0 wanted" if size == 800 else ""
        yield await _three_messages(folder, scale, size, asked)
    yield await _everything(folder, scale)


async def _three_messages(folder: Path, scale: Scale, size: int, asked: str) -> Row:
    count = _WARMUPS + scale.blocks * scale.rounds
    states = turns(session("s", messages(scale.length, size)), count, size)
    base = folder / f"three-{size}.a3s"
    await seeded(base, lambda store: store.save(states[0]))
    raw = Raw(
        base,
        f"three-{size}-raw",
        [functools.partial(SqliteSessionStore.save, session=one) for one in states[1:]],
        lambda store: store.load("s"),
    )
    ours = copied(base, f"three-{size}-ours.a3s")
    async with SqliteSessionStore.open(ours) as store:
        await store.save(states[0])
        found = await _beside_raw(Contender("ours", store.save, _each(states[1:])), raw, scale)
    await proven(ours, raw.path)
    what = f"save of 3 messages of {size} characters on {scale.length:,}"
    return row(found, "ours", "raw", what=what, against="the same statements", asked=asked)


async def _everything(folder: Path, scale: Scale) -> Row:
    told = Story(scale.length)
    count = _WARMUPS + scale.blocks * scale.rounds
    states: list[SessionSnapshot] = [told.at(turn) for turn in range(count + 1)]
    base = folder / "turn.a3s"
    await seeded(base, lambda store: store.save_snapshot(states[0]))
    raw = Raw(
        base,
        "turn-raw",
        [functools.partial(SqliteSessionStore.save_snapshot, snapshot=one) for one in states[1:]],
        lambda store: store.load_snapshot(states[0].session.id),
    )
    ours = copied(base, "turn-ours.a3s")
    async with SqliteSessionStore.open(ours) as store:
        await store.save_snapshot(states[0])
        one = Contender("ours", store.save_snapshot, _each(states[1:]))
        found = await _beside_raw(one, raw, scale)
    await proven(ours, raw.path)
    what = f"full turn on {scale.length:,} messages"
    asked = "CPU ≤ 2.2; 1.9 wanted"
    return row(found, "ours", "raw", what=what, against="the same statements", asked=asked)


async def _beside_raw(ours: Contender, raw: Raw, scale: Scale) -> Blocks:
    try:
        least = Contender("raw", raw.save, _each(raw.turns))
        return await in_turn(
            [ours, least], blocks=scale.blocks, rounds=scale.rounds, warmups=_WARMUPS
        )
    finally:
        raw.close()


async def rebuilt_histories(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """A turn saved as a session of new, equal objects, beside the same with the same objects."""
    rounds = scale.long_rounds
    for length in scale.rebuilt:
        count = 1 + scale.blocks * rounds
        states = turns(session("s", messages(length)), count)
        base = folder / f"rebuilt-{length}.a3s"
        await seeded(base, lambda store, first=states[0]: store.save(first))  # type: ignore[misc]
        other = copied(base, f"rebuilt-{length}-other.a3s")
        async with SqliteSessionStore.open(base) as same, SqliteSessionStore.open(other) as new:
            await same.save(states[0])
            await new.save(states[0])
            again = _each(states[1:])
            found = await in_turn(
                [
                    Contender("same", same.save, _each(states[1:])),
                    Contender("rebuilt", new.save, lambda again=again: rebuilt(again())),  # type: ignore[misc]
                ],
                blocks=scale.blocks,
                rounds=rounds,
                warmups=1,
            )
        await proven(base, other)
        what = f"save of 3 messages on {length:,} rebuilt equal"
        yield row(found, "rebuilt", "same", what=what, against="on the same objects")


async def appends(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """`append` at every length, beside the shortest and beside the peer; a save where it lacks."""
    has_append = hasattr(SqliteSessionStore, "append")
    call = "append" if has_append else "save"
    if not has_append:
        yield Row(what="append of 3 messages", against="add_items", skipped=NO_APPEND)
    peer = importlib.util.find_spec("agents") is not None
    if not peer:
        yield Row(
            what="append of 3 messages",
            against="add_items",
            skipped="openai-agents is not installed (extra `peers`)",
        )
    shortest = min(scale.lengths)
    for length in scale.lengths:
        rounds = scale.rounds if length <= _LONG else scale.long_rounds
        found, files = await _append(folder, length, shortest, scale.blocks, rounds, peer=peer)
        await proven(*files)
        what = f"{call} of 3 messages on {length:,}"
        if length != shortest:
            asked = "CPU ≤ 1.2" if has_append else ""
            yield row(found, "long", "short", what=what, against=f"on {shortest}", asked=asked)
        if peer:
            asked = "CPU ≤ 1.3; 1.0 wanted"
            yield row(found, "long", "peer", what=what, against="add_items", asked=asked)


async def _append(
    folder: Path, length: int, shortest: int, blocks: int, rounds: int, *, peer: bool
) -> tuple[Blocks, tuple[Path, Path]]:
    count = 1 + blocks * rounds
    paths = folder / f"append-{length}.a3s", folder / f"append-{length}-short.a3s"
    histories = {"long": length, "short": shortest}
    contenders = []
    async with SqliteSessionStore.open(paths[0]) as one, SqliteSessionStore.open(paths[1]) as two:
        for store, (name, many) in zip((one, two), histories.items(), strict=True):
            first = session("s", messages(many))
            await store.save(first)
            contenders.append(_appending(name, store, turns(first, count)))
        made = OpenAIAgents(folder / f"peer-{length}") if peer else None
        if made is not None:
            made.folder.mkdir()
            await made.open()
            contenders.append(await _peer(made, length, count))
        found = await in_turn(contenders, blocks=blocks, rounds=rounds, warmups=1)
        if made is not None:
            await made.close()
    return found, paths


def _appending(name: str, store: Any, states: list[SessionData]) -> Contender:
    if hasattr(store, "append"):
        new = [after.messages[-3:] for after in states[1:]]
        return Contender(name, lambda added: store.append("s", added), _each(new))
    return Contender(name, store.save, _each(states[1:]))


async def _peer(made: OpenAIAgents, length: int, count: int) -> Contender:
    states = [SessionSnapshot(session=one) for one in turns(session("s", messages(length)), count)]
    await made.seed(states[0])
    steps = list(itertools.pairwise(states))
    prepared = [made.prepare(before, after) for before, after in steps]
    return Contender("peer", made.save, _each(prepared))


def _each(values: list[Any]) -> Any:
    left = iter(values)
    return lambda: next(left)
