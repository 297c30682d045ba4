"""Rules of the state machine about generations: older loads, rewinds, forks, conditions."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import rule

from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.snapshot import SessionSnapshot, forked
from a3s_store.testing._pairs import NUMBERS, Pair, do_nothing, load_at
from a3s_store.testing._pairs_machine import NEW, PairsMachine
from a3s_store.testing.conformance.expect import load_collection

_HAS = ("generations",)


class GenerationRules(PairsMachine):
    """Rules for generations; stores without them do the same by loads and saves, or nothing."""

    ids = PairsMachine.ids

    @rule(one=ids)
    def go_back_in_time(self, one: str) -> None:
        """Load every generation, and the numbers before the first and after the last one."""

        async def work(pair: Pair) -> None:
            if pair.has_generations:
                numbers = [found.number for found in await pair.model.generations(one)] or [0]
                for number in (numbers[0] - 1, *numbers, numbers[-1] + 1):
                    await pair.read(f"{one!r} at {number}", load_at(one, number))

        self.each(work)

    @rule(one=ids, length=NUMBERS)
    def rewind(self, one: str, length: int) -> None:
        """Rewind a session to its first messages."""

        async def plainly(store: Any) -> None:
            session = await store.load(one)
            if session is not None and length <= len(session.messages):
                await store.save(session.evolve(messages=session.messages[:length]))

        self.change(
            "rewind", plainly, one, special=lambda store: store.rewind(one, length), needs=_HAS
        )

    @rule(one=ids, back=NUMBERS, ahead=st.sampled_from((0, 0, 0, 1)))
    def switch_branch(self, one: str, back: int, ahead: int) -> None:
        """Go back to an older conversation, then list the branches."""

        async def switch(store: Any) -> int:
            now = await store.generation(one)
            given = {"expected_generation": now + ahead}
            number: int = await store.switch_branch(one, now - back, **given)
            return number

        self.change("switch branch", do_nothing, one, special=switch, needs=("branches",))
        self.look_at_branches(one)

    @rule(one=ids)
    def look_at_branches(self, one: str) -> None:
        """List the turns and the branches of a session."""

        async def look(store: Any) -> Any:
            # Each store has a clock of its own.
            turns = [attrs.evolve(turn, at_ms=None) for turn in await store.turns(one)]
            return turns, [attrs.evolve(branch, at_ms=0) for branch in await store.branches(one)]

        async def work(pair: Pair) -> None:
            if pair.promises("branches"):
                await pair.read(f"branches of {one!r}", look)

        self.each(work)

    @rule(one=ids, other=ids, at=st.none() | NUMBERS)
    def fork(self, one: str, other: str, at: int | None) -> None:
        """Fork a session, at its end or at a message."""

        async def source(store: Any) -> SessionSnapshot | None:
            """Return the session to fork; None if it is too short or the new id is used."""
            found: SessionSnapshot | None = await store.load_snapshot(one)
            collections = [
                await load_collection(store, collection.name, other) for collection in COLLECTIONS
            ]
            free = not await store.exists(other) and all(values is None for values in collections)
            return found if found and free and (at or 0) <= len(found.session.messages) else None

        async def plainly(store: Any) -> None:
            found = await source(store)
            if found is not None:
                copied = forked(found, other)
                kept = copied.session.messages if at is None else copied.session.messages[:at]
                await store.save_snapshot(
                    copied.evolve(session=copied.session.evolve(messages=kept))
                )

        self.change(
            "fork",
            plainly,
            one,
            other,
            special=lambda store: store.fork(one, other, at),
            needs=_HAS,
        )

    @rule(
        one=ids,
        other=ids,
        what=st.sampled_from(("save", "save_snapshot", "rewind", "fork", "delete")),
        tree=st.booleans(),
        ahead=st.sampled_from((0, 0, 0, -1, 1)),
        length=NUMBERS,
    )
    def act_at_a_generation(
        self, one: str, other: str, what: str, tree: bool, ahead: int, length: int
    ) -> None:
        """Make a change with an expected generation that is the stored one or another."""

        async def step(store: Any) -> Any:
            expected = await store.generation(one) + ahead
            session = await store.load(one) or NEW.evolve(id=one)
            session = session.evolve(messages=session.messages[:length])
            match what:
                case "save":
                    return await store.save(session, expected_generation=expected)
                case "save_snapshot":
                    snapshot = SessionSnapshot(session=session)
                    return await store.save_snapshot(snapshot, expected_generation=expected)
                case "rewind":
                    return await store.rewind(one, length, expected_generation=expected)
                case "fork":
                    return await store.fork(one, other, length, expected_generation=expected)
            return await store.delete(one, tree=tree, expected_generation=expected)

        self.change(f"{what} at a generation", do_nothing, one, other, special=step, needs=_HAS)
