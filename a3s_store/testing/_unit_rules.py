"""Rules of the state machine about transactions."""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import rule

from a3s_store.core.list_pages import Appended
from a3s_store.models import Message
from a3s_store.testing._append_rules import AppendRules
from a3s_store.testing._pairs import COSTS, NUMBERS, PLAIN, TURNS, copied, do_nothing
from a3s_store.testing._pairs_machine import NEW

_HAS = ("transactions",)
# The kind of a call, which of the sessions it is of, and values that some kinds use.
_Call: TypeAlias = tuple[str, int, tuple[Message, ...], int, float]
_KINDS = ("save", "grow", "shorten", "append", "append", "create", "update", "label", "delete")
_CALLS = st.lists(
    st.tuples(st.sampled_from(_KINDS), st.integers(0, 1), TURNS, NUMBERS, COSTS),
    min_size=1,
    max_size=5,
)


def _record(tx: Any, found: Any, one: str, call: _Call, expected: int | None) -> None:
    """Record a call of a transaction on a session that was read."""
    kind, _, turn, number, cost = call
    session = found or NEW.evolve(id=one)
    given = {"expected_generation": expected}
    match kind:
        case "save":
            tx.save(session.evolve(messages=turn, total_cost=cost), **given)
        case "grow":
            tx.save(session.evolve(messages=(*session.messages, *turn)), **given)
        case "shorten":
            tx.save(session.evolve(messages=session.messages[:number]), **given)
        case "append":
            tx.append(one, copied(turn), updated_at=number, **given)
        case "create":
            tx.append(one, turn, create=NEW.evolve(id=one), updated_at=number, **given)
        case "update":
            tx.update(one, total_cost=cost, name="ab"[: number % 3], **given)
        case "label":
            tx.update(one, labels={"n": str(number)}, **given)
        case "delete":
            tx.delete(one, **given)


def _shown(result: Any) -> Any:
    """Return what every store returns; numbers of commits differ."""
    if isinstance(result, Appended):
        return result.start, result.position, result.generation, result.already
    return result


class UnitRules(AppendRules):
    """Rules for stores with `transactions`; the others do nothing."""

    ids = AppendRules.ids

    @rule(
        one=ids,
        other=ids,
        calls=_CALLS,
        ahead=st.sampled_from((None, None, None, 0, 1)),
        fails=st.sampled_from((False, False, False, True)),
    )
    def make_a_unit(
        self, one: str, other: str, calls: list[_Call], ahead: int | None, fails: bool
    ) -> None:
        """Make several changes of one or two sessions as a unit, which may fail as a whole."""

        async def step(store: Any) -> Any:
            expected = None if ahead is None else await store.generation(one) + ahead
            async with store.transaction() as tx:
                found = {name: await tx.load(name) for name in (one, other)}
                for number, call in enumerate(calls):
                    name = (one, other)[call[1]]
                    condition = expected if number == 0 and name == one else None
                    _record(tx, found[name], name, call, condition)
                if fails:
                    tx.update(one, name="n", expected_generation=2**40)
            return [_shown(result) for result in tx.results]

        self.change("unit", do_nothing, one, other, special=step, needs=_HAS)

    @rule(one=ids, other=ids, word=PLAIN, change=st.sampled_from(("one", "other", "neither")))
    def change_between_read_and_commit(
        self, one: str, other: str, word: Message, change: str
    ) -> None:
        """Read two sessions, have one of them changed, and write the first one."""

        async def step(store: Any) -> Any:
            async with store.transaction() as tx:
                found = [await tx.load(name) for name in (one, other)]
                if change != "neither":
                    name = one if change == "one" else other
                    await store.append(name, [word], create=NEW.evolve(id=name), updated_at=1)
                tx.append(one, [word], create=NEW.evolve(id=one), updated_at=1)
            return found

        self.change("change in a block", do_nothing, one, other, special=step, needs=_HAS)
