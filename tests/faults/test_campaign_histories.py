"""The history checker, and the campaign that finds a planted fault with it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.faults.harness.history_checker import Operation, explain
from tests.faults.run_campaign import attack


@pytest.mark.slow
def test_histories_find_a_conditional_save_that_does_not_check_its_condition() -> None:
    outcome = attack("histories", "conditions_not_looked_at")
    assert any("ILLEGAL" in f or "LOST UPDATE" in f for f in outcome.failures)


def done(kind: Any, began: float, ended: float, **facts: Any) -> Operation:
    outcome = facts.pop("outcome", "ok")
    return Operation(session="s", kind=kind, began=began, ended=ended, outcome=outcome, **facts)


def save(began: float, ended: float, value: str, outcome: str = "ok") -> Operation:
    return done("save", began, ended, after=value, outcome=outcome)


def cas(began: float, ended: float, before: str, after: str, outcome: str = "ok") -> Operation:
    return done("cas", began, ended, before=before, after=after, outcome=outcome)


def load(began: float, ended: float, value: str | None) -> Operation:
    return done("load", began, ended, seen=value)


LEGAL = {
    "nothing happened": [],
    "a load before a save": [load(0, 1, None), save(2, 3, "a"), load(4, 5, "a")],
    "two at once, in either order": [save(0, 5, "a"), save(0, 5, "b"), load(6, 7, "a")],
    "a load during a save sees it": [save(0, 9, "a"), load(1, 2, None), load(3, 4, "a")],
    "one of two wins": [save(0, 1, "a"), cas(2, 5, "a", "b"), cas(2, 5, "a", "c", "refused")],
    "a killed save happened": [save(0, 9, "a", "unknown"), load(1, 2, "a")],
    "a killed save did not happen": [save(0, 5, "a", "unknown"), load(6, 7, None)],
    "a killed save happened late": [save(0, 9, "a", "unknown"), load(1, 2, None), load(3, 4, "a")],
    "a delete that waits for a save": [
        done("delete", 0, 9),
        save(1, 2, "a"),
        load(3, 4, "a"),
        load(5, 6, None),
    ],
    "generations go on after a delete": [
        save(0, 1, "a"),
        done("delete", 2, 3),
        save(4, 5, "b"),
        done("generation", 6, 7, number=3),
    ],
}
ILLEGAL = {
    "a generation is given twice": [
        save(0, 1, "a"),
        done("delete", 2, 3),
        save(4, 5, "b"),
        done("generation", 6, 7, number=1),
    ],
    "a save is lost": [save(0, 1, "a"), load(2, 3, None)],
    "an old value comes back": [save(0, 1, "a"), save(2, 3, "b"), load(4, 5, "a")],
    "both of two win": [save(0, 1, "a"), cas(2, 5, "a", "b"), cas(2, 5, "a", "c")],
    "a refusal without a cause": [save(0, 1, "a"), cas(2, 3, "a", "b", "refused")],
    "a killed save happens twice": [
        save(0, 9, "a", "unknown"),
        load(1, 2, "a"),
        save(3, 4, "b"),
        load(5, 6, "a"),
    ],
    "a killed save happens after its death": [
        save(0, 3, "a", "unknown"),
        load(4, 5, None),
        load(6, 7, "a"),
    ],
    "a generation is skipped": [save(0, 1, "a"), done("generation", 2, 3, number=2)],
    "two saves are one generation": [
        save(0, 9, "a"),
        save(0, 9, "b"),
        done("generation", 10, 11, number=1),
    ],
    "saved over what was expected otherwise": [
        save(0, 1, "a"),
        done("expected", 2, 3, number=0, after="b"),
    ],
    "two loads disagree on the order": [
        save(0, 9, "a"),
        save(0, 9, "b"),
        load(10, 11, "a"),
        load(12, 13, "b"),
    ],
    "a fork over a stored session": [save(0, 1, "a"), done("fork", 2, 3, after="b")],
}


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_history_is_explained(name: str) -> None:
    assert explain(LEGAL[name]) == ""


@pytest.mark.parametrize("name", ILLEGAL)
def test_an_illegal_history_is_not_explained(name: str) -> None:
    assert explain(ILLEGAL[name]).startswith("ILLEGAL")


def test_histories_made_from_an_order_are_explained_and_one_changed_answer_is_not() -> None:
    """Random operations are given random times around the moment at which they happened."""
    for number in range(200):
        history = _made(random.Random(number))
        assert explain(history) == "", number
        reads = [one for one in history if one.kind == "load"]
        if reads:
            reads[-1].seen = "never saved"
            assert explain(history).startswith("ILLEGAL"), number


def _made(chance: random.Random) -> list[Operation]:
    value: str | None = None
    generation = last = 0
    history: list[Operation] = []
    for moment in range(40):
        began, ended = moment - chance.random() * 3, moment + chance.random() * 3
        kind = chance.choice(["save", "cas", "load", "delete", "generation", "expected"])
        new, lost = f"{moment}", chance.random() < 0.2
        outcome = "ok"
        facts: dict[str, Any] = {}
        if kind == "load":
            facts = {"seen": value}
        elif kind == "generation":
            facts = {"number": generation}
        elif kind == "delete":
            last += value is not None
            value, generation = None, 0
        else:
            if kind == "cas":
                expected = value if chance.random() < 0.5 else "another"
                facts = {"before": expected or "another"}
                outcome = "ok" if value is not None and expected == value else "refused"
            if kind == "expected":
                facts = {"number": chance.choice([generation, generation + 1])}
                outcome = "ok" if facts["number"] == generation else "refused"
            facts["after"] = new
            if outcome == "ok":
                last += 1
                value, generation = new, last
                outcome = "unknown" if lost else "ok"
        history.append(done(kind, began, ended, outcome=outcome, **facts))
    return history
