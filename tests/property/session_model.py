"""What live sessions over a store should come to, written a second time on plain dicts and lists.

Nothing here calls the session layer: rules are those of its documents, sums are Python's own. A
session is a dict (`fresh`), a conversation a list of (role, text), a checkpoint a dict; `live` is
what is in memory, `stored` and `runs_and_trace` what the store should answer, `down` whether it
fails. Each method is one call of a manager; those that persist append to `told` when they cannot.
"""

from __future__ import annotations

import copy
import struct
from typing import Any, Final

import attrs

WINDOW: Final = 200_000
PREFIX: Final = "[Context Summary: The following is a summary of earlier conversation]\n\n"
PRICES: Final = {"gpt-4o": (2.5, 10.0)}
# What each call of the scripted model uses: prompt, completion, total, read from a cache.
CALL: Final = (10, 5, 15, 3)
OVER: Final = {"completed", "failed", "cancelled"}


@attrs.frozen(kw_only=True)
class Script:
    """What an agent does: so many rounds, then an ending. `down` says for each round, and last for
    the settlement, whether the store fails meanwhile."""

    rounds: int
    ending: str
    down: tuple[bool, ...]


def fresh(**given: Any) -> dict[str, Any]:
    return {
        "state": "Active",
        "messages": [],
        "turns": 0,
        "used": 0,
        "percent": 0.0,
        "window": WINDOW,
        "tasks": [],
        "tokens": (0, 0, 0),
        "cached": None,
        "cost": 0.0,
        "records": [],
        "model": None,
        "llm": None,
        "thinking": False,
        "budget": None,
        "parent": None,
        "name": "",
        "compacts": False,
        "policy": None,  # the deny rules of the configuration
        "rules": (),  # those that are live
        "confirms": None,  # what the configuration says of asking
        "asks": True,  # what is live
        "kept": True,
        "runs": {},
        "trace": [],
        **given,
    }


def f32(value: float) -> float:
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


class Model:
    """All sessions of one manager and one store."""

    def __init__(self) -> None:
        self.live: dict[str, dict[str, Any]] = {}
        self.stored: dict[str, dict[str, Any]] = {}
        self.runs_and_trace: dict[str, tuple[dict[str, str], list[str]]] = {}
        self.checkpoints: dict[str, dict[str, Any]] = {}
        self.told: dict[str, list[str]] = {}
        # Runs that are over, by session, whose checkpoints wait for a save.
        self.over: dict[str, set[str]] = {}
        self.down = False
        # None: there is no summarizer. False: it fails.
        self.summary: bool | None = True

    # -- The store ----------------------------------------------------------------------------

    def persist(self, one: str, operation: str, down: bool | None = None) -> bool:
        found = self.live[one]
        if not found["kept"]:
            return True
        if self.down if down is None else down:
            self.told.setdefault(one, []).append(operation)
            return False
        self.stored[one] = copy.deepcopy(found)
        self._keep_runs(one)
        return True

    def _keep_runs(self, one: str) -> None:
        found = self.live[one]
        self.runs_and_trace[one] = copy.deepcopy((found["runs"], found["trace"]))

    def save(self, one: str) -> None:
        if self.persist(one, ""):
            self._clear(one)

    def _clear(self, one: str) -> None:
        for run in self.over.pop(one, ()):
            self.checkpoints.pop(run, None)

    def crash(self) -> None:
        self.live.clear()
        self.over.clear()
        self.told.clear()

    # -- Sessions come and go -----------------------------------------------------------------

    def create(self, one: str, found: dict[str, Any], operation: str = "create") -> None:
        self.live[one] = found
        self.persist(one, operation)
        # Nobody could listen yet.
        self.told[one] = []

    def child(self, parent: str, one: str, found: dict[str, Any]) -> None:
        asks = self.live[parent]["asks"]
        self.create(one, found | {"parent": parent, "asks": asks, "confirms": asks})

    def fork(self, source: str, one: str) -> None:
        before = copy.deepcopy(self.live[source])
        asks = True if before["confirms"] is None else before["confirms"]
        changes: dict[str, Any] = {
            "name": f"{before['name']} (fork)",
            "parent": source,
            "state": "Active",
            "records": [],
            "runs": {},
            "trace": [],
            "rules": before["policy"] or (),
            "asks": asks,
        }
        self.create(one, before | changes)

    def restore(self, one: str) -> None:
        if one in self.live:
            return
        found = copy.deepcopy(self.stored[one])
        found["runs"], found["trace"] = copy.deepcopy(self.runs_and_trace[one])
        found["rules"] = found["policy"] or ()
        found["confirms"] = found["asks"]
        self.live[one] = found
        self.told[one] = []

    def close(self, one: str) -> bool:
        saved = self.persist(one, "close")
        if saved:
            self._clear(one)
        self.over.pop(one, None)
        del self.live[one]
        return saved

    def destroy(self, one: str) -> None:
        self.live.pop(one, None)
        self.over.pop(one, None)
        if not self.down:
            self.stored.pop(one, None)
            self.runs_and_trace.pop(one, None)
            for run in [run for run, kept in self.checkpoints.items() if kept["session"] == one]:
                del self.checkpoints[run]

    # -- Changes ------------------------------------------------------------------------------

    def change(self, one: str, operation: str, down: bool | None = None, **changes: Any) -> None:
        self.live[one].update(changes)
        self.persist(one, operation, down)

    def add(self, one: str, lines: list[tuple[str, str]]) -> None:
        found = self.live[one]
        found["messages"] += lines
        found["turns"] = len(found["messages"])

    def clear(self, one: str) -> None:
        emptied: dict[str, Any] = {
            "messages": [],
            "turns": 0,
            "used": 0,
            "percent": 0.0,
            "window": WINDOW,
        }
        self.change(one, "clear", **emptied)

    def move(self, one: str, before: str, after: str, operation: str) -> bool:
        found = self.live[one]
        moved: bool = found["state"] == before
        self.change(one, operation, state=after if moved else found["state"])
        return moved

    def use(self, one: str, used: tuple[int, int, int]) -> None:
        found = self.live[one]
        prompt, completion, total = used
        cost = None
        if found["model"] in PRICES:
            into, out = PRICES[found["model"]]
            cost = prompt / 1e6 * into + completion / 1e6 * out
            found["cost"] += cost
        found["tokens"] = tuple(a + b for a, b in zip(found["tokens"], used, strict=True))
        found["records"].append((found["model"] or "", prompt, completion, total, cost))
        found["used"] = prompt
        found["percent"] = f32(prompt / found["window"])

    def compact(self, one: str, down: bool | None = None) -> bool | None:
        """Whether it changed; None: it cannot be done."""
        found = self.live[one]
        lines = found["messages"]
        if self.summary is None:
            if len(lines) <= 20:
                return False
            lines = lines[-20:]
        elif len(lines) <= 30:
            return False
        elif not self.summary:
            return None
        else:
            lines = [*lines[:2], ("user", PREFIX + "in short"), *lines[-20:]]
        self.change(one, "compact", down, messages=lines)
        return True

    def compact_if_full(self, one: str, script: Script) -> None:
        found = self.live[one]
        if found["compacts"] and f32(found["used"] / found["window"]) >= f32(0.8):
            self.compact(one, script.down[-1])

    # -- Runs ---------------------------------------------------------------------------------

    def begin(self, one: str, prompt: str) -> dict[str, Any]:
        """What a new run begins with, as a checkpoint of it would have it."""
        lines = [*self.live[one]["messages"], ("user", prompt)]
        return {"session": one, "turn": 0, "messages": lines, "used": (0, 0, 0, 0), "calls": 0}

    def run(
        self,
        one: str,
        run: str,
        script: Script,
        doing: dict[str, Any],
        tag: str,
        resumed: tuple[str, ...] = (),
    ) -> None:
        """A run from its beginning, or from a checkpoint, to its end or to the crash."""
        found = self.live[one]
        before, doing = doing["turn"], copy.deepcopy(doing)
        found["runs"][run] = "executing"
        if not resumed:
            self._round(one, run, doing, self.down)
        doing["used"] = _sum(doing["used"], CALL)
        for number in range(script.rounds):
            doing["turn"] += 1
            doing["calls"] += 1
            doing["messages"] += lines_of_round(tag, number)
            found["messages"] = list(doing["messages"])
            found["trace"].append(f"{tag} {number}")
            self._round(one, run, doing, script.down[number])
            doing["used"] = _sum(doing["used"], CALL)
        if script.ending == "crash":
            return
        done = script.ending == "done"
        if done:
            found["messages"] = [*doing["messages"], ("assistant", f"{tag} done")]
            self.use(one, doing["used"][:3])
            found["cached"] = (found["cached"] or 0) + doing["used"][3]
        ended = {"done": "completed", "failed": "failed"}.get(script.ending, "cancelled")
        found["runs"][run] = ended
        over = [run]
        further = done or not resumed or doing["turn"] > before
        if further and not done:
            self.use(one, doing["used"][:3])
            found["cached"] = (found["cached"] or 0) + doing["used"][3]
        if resumed and further:
            over += resumed
            for older in resumed:
                found["runs"][older] = "cancelled"
        self.over.setdefault(one, set()).update(over)
        if self.persist(one, "generate", script.down[-1]):
            self._clear(one)

    def _round(self, one: str, run: str, doing: dict[str, Any], down: bool) -> None:
        if self.live[one]["kept"] and not down:
            self.checkpoints[run] = copy.deepcopy(doing)
            self._keep_runs(one)

    def unfinished(self, one: str) -> list[str]:
        found = self.live[one]
        if not found["kept"]:
            return []
        open_runs = [run for run, state in found["runs"].items() if state not in OVER]
        return [run for run in open_runs if run in self.checkpoints]

    def goes_on(self, later: str, earlier: str) -> bool:
        after, before = self.checkpoints[later], self.checkpoints[earlier]
        same = after["messages"][: len(before["messages"])] == before["messages"]
        return bool(after["turn"] > before["turn"] and same)

    def interrupted(self, one: str) -> list[str]:
        found = self.unfinished(one)
        return [run for run in found if not any(self.goes_on(other, run) for other in found)]

    def outdated(self, one: str, run: str) -> bool:
        """Whether something was said since that the run does not have."""
        now = self.live[one]["messages"]
        return bool(self.checkpoints[run]["messages"][: len(now)] != now)

    def abandon(self, one: str, run: str) -> bool:
        """Whether it was saved."""
        self.live[one]["runs"][run] = "cancelled"
        self.over.setdefault(one, set()).add(run)
        if self.down:
            return False
        self.save(one)
        return True

    def older(self, one: str, run: str) -> tuple[str, ...]:
        """The run itself, and those it went on from."""
        return (run, *(other for other in self.unfinished(one) if self.goes_on(run, other)))


def lines_of_round(tag: str, number: int) -> list[tuple[str, str]]:
    return [("assistant", f"{tag} call {number}"), ("user", f"{tag} result {number}")]


def _sum(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))
