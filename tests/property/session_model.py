"""The reference model of live sessions over a store, on plain dicts and lists.

Nothing here calls the session layer: the rules are those of its documents, sums are Python's own. A
session is a dict (`fresh`), a conversation a list of (role, text), a checkpoint a dict. `live` has
the sessions in memory, `unsaved` those that were closed and not saved, `stored` and
`runs_and_trace` the expected content of the store, `down` whether the store fails. Each method is
one call of a manager; those that persist append to `told` when they cannot.
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
# All that is saved with a session; `messages` are compared by what was done to them.
SAVED: Final = (
    *("state", "turns", "used", "percent", "window", "tasks", "tokens", "cached", "cost"),
    *("records", "model", "llm", "thinking", "budget", "parent", "name", "compacts"),
    *("policy", "asks"),
)


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
        "asks": True,  # in the live session
        "kept": True,
        "runs": {},
        "trace": [],
        **given,
    }


def f32(value: float) -> float:
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


class Model:
    """All sessions of one manager and one store.

    `conditional` says that the store compares and claims: one that is down then says neither where
    a session stands nor whose a run is. Of any other one everything can be read.
    """

    def __init__(self, *, conditional: bool = True) -> None:
        self.conditional = conditional
        self.live: dict[str, dict[str, Any]] = {}
        self.unsaved: dict[str, dict[str, Any]] = {}
        self.stored: dict[str, dict[str, Any]] = {}
        self.runs_and_trace: dict[str, tuple[dict[str, str], list[str]]] = {}
        self.checkpoints: dict[str, dict[str, Any]] = {}
        self.told: dict[str, list[str]] = {}
        # Runs that are over, by session, whose checkpoints wait for a save.
        self.over: dict[str, set[str]] = {}
        # Sessions whose conversation was changed since it was last read or written.
        self.touched: set[str] = set()
        # Sessions that were made of runs, whose ids are not known yet.
        self.copies: list[dict[str, Any]] = []
        # Runs that were begun since the last crash.
        self.begun: set[str] = set()
        self.down = False
        # None: there is no summarizer. False: it fails.
        self.summary: bool | None = True

    # -- The store ----------------------------------------------------------------------------

    def session(self, one: str) -> dict[str, Any]:
        return self.live[one] if one in self.live else self.unsaved[one]

    def dirty(self, one: str) -> bool:
        """Whether a save has something to write."""
        found = self.session(one)
        if not found["kept"]:
            return False
        if one not in self.stored or one in self.touched or self.over.get(one):
            return True
        return _saved(found) != _saved(self.stored[one]) or (
            (found["runs"], found["trace"]) != self.runs_and_trace[one]
        )

    def persist(self, one: str, operation: str, down: bool | None = None) -> bool:
        saved = self.save(one, down)
        if not saved:
            self.tell(one, operation)
        return saved

    def tell(self, one: str, operation: str) -> None:
        self.told.setdefault(one, []).append(operation)

    def save(self, one: str, down: bool | None = None) -> bool:
        """Whether it is saved now, which it was if nothing is new."""
        if not self.dirty(one):
            return True
        if self.down if down is None else down:
            return False
        self._write(one, self.session(one)["messages"])
        return True

    def _write(self, one: str, messages: list[tuple[str, str]]) -> None:
        """All of it in one commit; a run under way has its own conversation, and it is not that."""
        found = self.session(one)
        self.stored[one] = copy.deepcopy(found | {"messages": messages})
        self.runs_and_trace[one] = copy.deepcopy((found["runs"], found["trace"]))
        self.touched.discard(one)
        for run in self.over.pop(one, ()):
            self.checkpoints.pop(run, None)

    def refresh(self, one: str, operation: str, down: bool | None = None) -> None:
        """Ask what others saved: no one did, or it cannot be told."""
        cannot = self.conditional and (self.down if down is None else down)
        if cannot and self.live[one]["kept"] and one in self.stored:
            self.tell(one, operation)

    def crash(self) -> None:
        for one in (self.live, self.unsaved, self.over, self.told, self.touched, self.begun):
            one.clear()

    # -- Sessions come and go -----------------------------------------------------------------

    def create(self, one: str, found: dict[str, Any], operation: str = "create") -> None:
        self.live[one] = found
        self.persist(one, operation)
        # There is no listener yet.
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
        self.touched.discard(one)
        self.told[one] = []

    def close(self, one: str) -> str:
        """Return the outcome. One that is not saved is kept apart, and can be closed again."""
        dirty = self.dirty(one)
        saved = self.persist(one, "close")
        if not saved:
            self.unsaved[one] = self.session(one)
            self.live.pop(one, None)
            return "not_saved"
        self.discard(one)
        return "saved" if dirty else "unchanged"

    def discard_unsaved(self, one: str) -> bool:
        """Whether there was one."""
        there = one in self.unsaved
        if there:
            self.discard(one)
        return there

    def discard(self, one: str) -> None:
        """Nothing of it is in memory any more."""
        self.over.pop(one, None)
        self.touched.discard(one)
        self.live.pop(one, None)
        self.unsaved.pop(one, None)

    def destroy(self, one: str) -> None:
        self.discard(one)
        if not self.down:
            self.stored.pop(one, None)
            self.runs_and_trace.pop(one, None)
            for run in [run for run, kept in self.checkpoints.items() if kept["session"] == one]:
                del self.checkpoints[run]

    # -- Changes ------------------------------------------------------------------------------

    def change(self, one: str, operation: str, down: bool | None = None, **changes: Any) -> None:
        self.live[one].update(changes)
        self.persist(one, operation, down)

    def say(self, one: str, messages: list[tuple[str, str]]) -> None:
        """Make this the conversation."""
        if messages != self.live[one]["messages"]:
            self.touched.add(one)
        self.live[one]["messages"] = list(messages)

    def add(self, one: str, lines: list[tuple[str, str]]) -> None:
        found = self.live[one]
        self.say(one, found["messages"] + lines)
        found["turns"] = len(found["messages"])

    def clear(self, one: str) -> None:
        self.save(one)
        self.say(one, [])
        emptied: dict[str, Any] = {
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
        self.refresh(one, "compact", down)
        self.save(one, down)
        lines = self.live[one]["messages"]
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
        self.say(one, lines)
        self.persist(one, "compact", down)
        return True

    def compact_if_full(self, one: str, script: Script) -> None:
        found = self.live[one]
        if found["compacts"] and f32(found["used"] / found["window"]) >= f32(0.8):
            self.compact(one, script.down[-1])

    # -- Runs ---------------------------------------------------------------------------------

    def begin(self, one: str, prompt: str) -> dict[str, Any]:
        """Return the beginning of a new run, as a checkpoint of it would have it.

        What others saved is taken in before, and what interrupted runs finished.
        """
        self.refresh(one, "send")
        for run in self.interrupted(one):
            if self.give_up(one, run) is None:
                self.tell(one, "send")
        now = self.live[one]["messages"]
        lines = [*now, ("user", prompt)]
        used = (0, 0, 0, 0)
        given = {"session": one, "turn": 0, "messages": lines, "used": used, "calls": 0}
        return given | {"length": len(now)}

    def resume(self, one: str, run: str) -> dict[str, Any] | None:
        """Return the beginning of the run that goes on with it; None: it cannot be claimed."""
        self.refresh(one, "resume_run")
        if self.down and self.conditional:
            return None
        found, doing = self.live[one], copy.deepcopy(self.checkpoints[run])
        for older in (run, *(other for other in self.unfinished(one) if self.goes_on(run, other))):
            found["runs"][older] = "cancelled"
            self.over.setdefault(one, set()).add(older)
        return doing | {"length": len(found["messages"])}

    def run(self, one: str, run: str, script: Script, doing: dict[str, Any], tag: str) -> None:
        """A run from its beginning, or from a checkpoint, to its end or to the crash."""
        found = self.live[one]
        doing, before = copy.deepcopy(doing), list(found["messages"])
        found["runs"][run] = "executing"
        self.begun.add(run)
        self._round(one, run, doing, before, self.down)
        doing["used"] = _sum(doing["used"], CALL)
        for number in range(script.rounds):
            doing["turn"] += 1
            doing["calls"] += 1
            doing["messages"] += lines_of_round(tag, number)
            found["trace"].append(f"{tag} {number}")
            self._round(one, run, doing, before, script.down[number])
            doing["used"] = _sum(doing["used"], CALL)
        if script.ending == "crash":
            return
        if script.ending == "done":
            doing["messages"].append(("assistant", f"{tag} done"))
        self.say(one, doing["messages"])
        self._count(one, doing["used"])
        ended = {"done": "completed", "failed": "failed"}.get(script.ending, "cancelled")
        found["runs"][run] = ended
        if run in self.checkpoints:
            self.over.setdefault(one, set()).add(run)
        self.persist(one, "generate", script.down[-1])

    def _round(
        self, one: str, run: str, doing: dict[str, Any], before: list[tuple[str, str]], down: bool
    ) -> None:
        """The checkpoint, and what changed of the session `before` the run's own conversation."""
        if self.live[one]["kept"] and not down:
            self._write(one, before)
            self.checkpoints[run] = copy.deepcopy(doing)

    def _count(self, one: str, used: tuple[int, ...]) -> None:
        if any(used):
            self.use(one, (used[0], used[1], used[2]))
            found = self.live[one]
            found["cached"] = (found["cached"] or 0) + used[3]

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
        return self._furthest(self.unfinished(one))

    def _furthest(self, found: list[str]) -> list[str]:
        return [run for run in found if not any(self.goes_on(other, run) for other in found)]

    def offered_elsewhere(self, one: str) -> list[str]:
        """The stored runs that another manager may take: none of a session at work on it."""
        mine = self.over.get(one, set())
        if not self.conditional:
            mine = mine & self.begun
        runs, _ = self.runs_and_trace[one]
        open_runs = [run for run, state in runs.items() if state not in OVER and run not in mine]
        return self._furthest([run for run in open_runs if run in self.checkpoints])

    def own(self, one: str, run: str) -> int:
        """How many messages of a run's conversation are the session's, as far as is known.

        Where no checkpoint says so, those the two share; or, where the conversation went on, was
        compacted or cleared, those before the last message that is the run's prompt.
        """
        length = int(self.checkpoints[run]["length"])
        if self.conditional:
            return length
        now, lines = self.live[one]["messages"], self.checkpoints[run]["messages"]
        pairs = enumerate(zip(now, lines, strict=False))
        differ = (at for at, (mine, other) in pairs if mine != other)
        shared = next(differ, min(len(now), len(lines)))
        if shared and shared == len(now):
            return shared
        asked = [at for at in range(shared, len(lines)) if lines[at] == lines[length]]
        return asked[-1] if asked else shared

    def outdated(self, one: str, run: str) -> bool:
        """Whether something was said since that the run does not have."""
        lines = self.checkpoints[run]["messages"]
        return bool(lines[: self.own(one, run)] != self.live[one]["messages"])

    def give_up(self, one: str, run: str) -> int | None:
        """Keep what a run finished, and say how many messages; None: not all of it was saved."""
        if self.down and self.conditional:
            return None  # it could not be claimed
        found, doing, length = self.live[one], self.checkpoints[run], self.own(one, run)
        said = doing["messages"][length:]
        if not self.conditional and not length and found["messages"]:
            if self.down:
                return None
            # Where its own messages begin is not known any more.
            self._copy(one, doing["messages"])
            said = []
        else:
            self.say(one, found["messages"] + said)
            self._count(one, doing["used"])
        found["runs"][run] = "cancelled"
        self.over.setdefault(one, set()).add(run)
        return len(said) if self.save(one) else None

    def abandon(self, one: str, run: str) -> int | None:
        """As `give_up`; nothing is kept of one that is not there."""
        self.refresh(one, "abandon_run")
        if run not in self.interrupted(one):
            return 0 if self.save(one) else None
        return self.give_up(one, run)

    def _copy(self, one: str, messages: list[tuple[str, str]]) -> None:
        """A session of its own, in `copies` until its id is known."""
        found = copy.deepcopy(self.live[one])
        runs = {
            run: state if state in OVER else "cancelled" for run, state in found["runs"].items()
        }
        found |= {"messages": list(messages), "name": f"{found['name']} (fork)", "runs": runs}
        self.copies.append(found)

    def name_copies(self, made: dict[str, list[tuple[str, str]]]) -> None:
        """The copies are stored under these ids, with these conversations."""
        for one, messages in made.items():
            (found,) = (copied for copied in self.copies if copied["messages"] == messages)
            self.copies.remove(found)
            self.stored[one] = found
            self.runs_and_trace[one] = copy.deepcopy((found["runs"], found["trace"]))
        assert not self.copies


def lines_of_round(tag: str, number: int) -> list[tuple[str, str]]:
    return [("assistant", f"{tag} call {number}"), ("user", f"{tag} result {number}")]


def _saved(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in SAVED}


def _sum(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))
