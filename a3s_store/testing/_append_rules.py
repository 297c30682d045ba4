"""Rules of the state machine about appends, updates and pages."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from a3s_store.core.list_pages import Appended
from a3s_store.core.revision import Position
from a3s_store.models import Message, SessionState
from a3s_store.testing import strategies
from a3s_store.testing._generation_rules import GenerationRules
from a3s_store.testing._pairs import (
    COLLECTION_VALUES,
    COSTS,
    NUMBERS,
    PLAIN,
    TURNS,
    Pair,
    copied,
    do_nothing,
)
from a3s_store.testing._pairs_machine import NEW
from a3s_store.testing.conformance.changes import position_of
from a3s_store.testing.conformance.expect import load_collection, save_collection

_HAS = ("append",)
_PLACES = st.sampled_from((None, None, "end", "end", "before", "beside"))
_BOUNDS = st.integers(-7, 9)
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "total_cost": COSTS,
        "updated_at": st.integers(-1, 1),
        "state": st.sampled_from((SessionState.ACTIVE, SessionState.PAUSED)),
        "name": st.sampled_from(("", "a", "b")),
        "max_parallel_tasks": st.sampled_from((None, 1, 2**64 - 1)),
        "tool_names": st.sampled_from(((), ("x",))),
    },
)


async def _where(store: Any, one: str, place: str | None) -> Position | None:
    """Return the position to append after: the end, one that was before it, or one beside it."""
    session = await store.load(one)
    messages = session.messages if session else ()
    if place == "before":
        messages = messages[:-1]
    found = position_of(messages)
    if place == "beside":
        return Position(found.length, b"\1" * 32)
    return None if place is None else found


def _shown(done: Appended) -> Any:
    """Return what every store returns; times and numbers of commits differ."""
    return done.start, done.position, done.already


class AppendRules(GenerationRules):
    """Rules for stores with `append`; the others do the same by loads and saves, or nothing."""

    ids = GenerationRules.ids

    @rule(
        one=ids,
        turn=TURNS,
        place=_PLACES,
        created=st.booleans(),
        repeated=st.booleans(),
        fresh=st.booleans(),
    )
    def append(
        self,
        one: str,
        turn: tuple[Message, ...],
        place: str | None,
        created: bool,
        repeated: bool,
        fresh: bool,
    ) -> None:
        """Append a turn, on a condition or none, and perhaps once more on the same one."""

        async def plainly(store: Any) -> None:
            session = await store.load(one)
            if session is not None or created:
                session = session or NEW.evolve(id=one)
                await store.save(session.evolve(messages=(*session.messages, *turn)))

        async def step(store: Any) -> Any:
            given: dict[str, Any] = {
                "after": await _where(store, one, place),
                "create": NEW.evolve(id=one) if created else None,
                "updated_at": 1,
            }
            found = [_shown(await store.append(one, turn, **given))]
            if repeated and given["after"] is not None:
                again = copied(turn) if fresh else turn
                found.append(_shown(await store.append(one, again, **given)))
            return found

        self.change("append", plainly, one, special=step, needs=_HAS)

    @rule(one=ids, turns=st.lists(st.tuples(PLAIN), min_size=1, max_size=4), grown=st.booleans())
    def append_turn_by_turn(self, one: str, turns: list[tuple[Message, ...]], grown: bool) -> None:
        """Append several times after the last position, and perhaps save more in between."""

        async def step(store: Any) -> Any:
            found = []
            done = await store.append(one, (), create=NEW.evolve(id=one))
            for turn in turns:
                given = {"after": done.position, "create": NEW.evolve(id=one), "updated_at": 0}
                done = await store.append(one, turn, **given)
                found.append(_shown(done))
                if grown:
                    session = await store.load(one)
                    await store.save(session.evolve(messages=(*session.messages, *turn)))
                    done = await store.append(one, ())
            return found

        async def plainly(store: Any) -> None:
            for turn in turns:
                session = await store.load(one) or NEW.evolve(id=one)
                more = turn * (2 if grown else 1)
                await store.save(session.evolve(messages=(*session.messages, *more)))

        self.change("append turn by turn", plainly, one, special=step, needs=_HAS)

    @rule(one=ids, turn=TURNS, number=st.integers(0, 3), after=st.booleans())
    def append_with_a_save_id(
        self, one: str, turn: tuple[Message, ...], number: int, after: bool
    ) -> None:
        """Append with one of few save ids, so that some were used before."""

        async def step(store: Any) -> Any:
            given = {
                "after": await _where(store, one, "end" if after else None),
                "save_id": bytes([number]) * 16,
                "updated_at": 2,
            }
            return _shown(await store.append(one, turn, **given))

        # A store without generations keeps no save ids either.
        self.change(
            "append with a save id", do_nothing, one, special=step, needs=("append", "generations")
        )

    @rule(one=ids, fields=_FIELDS)
    def update(self, one: str, fields: dict[str, Any]) -> None:
        """Change fields of a session."""

        async def plainly(store: Any) -> None:
            session = await store.load(one)
            if session is not None and fields:
                config = {n: v for n, v in fields.items() if n in ("name", "max_parallel_tasks")}
                own = {n: v for n, v in fields.items() if n not in config}
                changed = session.evolve(config=session.config.evolve(**config), **own)
                await store.save(changed)

        async def step(store: Any) -> None:
            await store.update(one, **fields)

        self.change("update", plainly, one, special=step, needs=_HAS)

    @rule(one=ids, added=COLLECTION_VALUES, keep_last=st.none() | st.integers(0, 4))
    def append_to_a_collection(
        self, one: str, added: tuple[str, tuple[Any, ...]], keep_last: int | None
    ) -> None:
        """Add values to a collection, and trim it."""
        collection, more = added

        async def plainly(store: Any) -> None:
            values = (*(await load_collection(store, collection, one) or ()), *more)
            if values:
                kept = values if keep_last is None else values[max(0, len(values) - keep_last) :]
                await save_collection(store, collection, one, kept)

        async def step(store: Any) -> None:
            await getattr(store, f"append_{collection}")(one, more, keep_last=keep_last)

        self.change(f"append {collection}", plainly, one, special=step, needs=_HAS)

    @rule(one=ids, record=strategies.run_records(size=3), at=NUMBERS, ahead=st.booleans())
    def append_events_to_a_run(self, one: str, record: Any, at: int, ahead: bool) -> None:
        """Add events to one of the runs of a session."""

        async def step(store: Any) -> None:
            runs = await store.load_run_records(one)
            run = runs[at % len(runs)] if runs else record
            last = run.events[-1].sequence if run.events else run.snapshot.event_count - 1
            after = last + 1 if ahead else last
            events = record.events
            await store.append_run_events(one, run.snapshot.id, events, after_sequence=after)

        self.change("append events", do_nothing, one, special=step, needs=_HAS)

    @rule(one=ids, start=_BOUNDS, stop=st.none() | _BOUNDS, last=st.none() | NUMBERS)
    def read_pages(self, one: str, start: int, stop: int | None, last: int | None) -> None:
        """Read pages of the messages, of each collection and of the events of each run."""
        self.used.add(one)
        given: dict[str, Any] = {"start": start, "stop": stop} if last is None else {"last": last}

        async def pages(store: Any) -> Any:
            found: list[Any] = []
            page = await store.messages(one, **given)
            if page is not None:
                values = [(item.seq, item.message) for item in page]
                found += [values, page.start, page.stop, page.length, page.end]
                values = [
                    item.message
                    async for item in store.iter_messages(
                        one, start=start, stop=stop, page=2, reverse=bool(last)
                    )
                ]
                found.append(values)
            header = await store.load_header(one)
            if header is not None:
                found += [header.config, header.updated_at, header.position, header.tool_names]
            for name in ("artifacts", "trace_events", "run_records", "subagent_tasks"):
                values = await getattr(store, f"{name}_page")(one, **given)
                found.append(None if values is None else (values.items, values.start, values.stop))
            for run in await store.load_run_records(one) or ():
                after = None if start < 0 else start
                page = await store.event_page(one, run.snapshot.id, after=after, limit=2)
                found += [page.events, page.first_available, page.latest_exclusive]
                found += [page.next_after, page.retention_gap, page.has_more]
            return found

        async def work(pair: Pair) -> None:
            if pair.promises("append"):
                await pair.read(f"pages of {one!r} at {given}", pages)

        self.each(work)
