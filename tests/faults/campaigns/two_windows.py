"""Several processes use one live session at once and are killed; no acknowledged turn is lost.

Each process opens the same stored session in one of the modes of `on_conflict`, has turns with
rounds of tool calls, renames it, closes it idle and opens it again, and abandons or resumes runs
that killed processes left. Once `send` has returned and nothing is unsaved, the process writes the
turn's texts, run and cost to a log of its own, which is synced; so it does with the texts of a
round once its checkpoint was saved. When the processes have noted some more, one of them is killed
and replaced. In the end two live sessions of one process have turns of which each begins before the
other one ends.

Afterwards everything in the logs must be in the session, in one of its forks, or in the checkpoint
of an interrupted run; no text, cost or run may be twice in a session, totals must be the sums of
their records, and no run may have two checkpoints. Then one more turn takes in the runs that are
left: afterwards everything is in a session, and no checkpoint is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.core.tool_pairs import check_pairs
from a3s_store.errors import RunClaimedError, SessionError, StaleSessionError
from a3s_store.models import LoopCheckpoint, Message, TokenUsage, ToolResultBlock, ToolUseBlock
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import OnConflict, SessionOptions
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult
from a3s_store.runtime.state.runs import TERMINAL
from tests.faults.harness import forks, store_under_test
from tests.faults.harness.forks import Child, Send
from tests.faults.harness.report import Report, Size
from tests.faults.harness.workload import BrokenPromiseError

# How many files, each attacked by itself by so many processes at once; how many kills each sees.
_FILES: Final[Mapping[Size, int]] = {"short": 2, "long": 600}
_PROCESSES: Final = (3, 1, 2)
_KILLS: Final = 10
# How many lines the processes write to their logs between one kill and the next.
_BETWEEN_KILLS: Final = range(10)
# Seconds that anything may take.
_TIME_LIMIT: Final = 60.0
_ID: Final = "shared"
# How many runs a session keeps.
_RUNS: Final = 64
_MODES: Final[Sequence[OnConflict]] = ("merge", "merge", "fork", "raise")


def run(report: Report, size: Size) -> None:
    """Attack one file after the other."""
    files = report.times * _FILES[size]
    forks.share(report, _attack, [f"{report.seed}.{number}" for number in range(files)])


def _attack(report: Report, name: str) -> None:
    chance = random.Random(name)
    open_store = store_under_test.find(report.subject)
    processes = _PROCESSES[int(name.rpartition(".")[2]) % len(_PROCESSES)]
    # The caller gets an error for a failed save as well.
    logging.getLogger("a3s_store").addHandler(logging.NullHandler())
    with forks.scratch() as folder:
        path = folder / "shared.a3s"
        logs: list[Path] = []

        def start(work: str) -> Child:
            log = folder / f"log-{len(logs)}"
            logs.append(log)
            window = _Window(open_store, path, log, f"{name}/{log.name}")
            return Child(lambda send: window.run(work, send))

        first = start("make")
        if first.finish(_TIME_LIMIT) != 0:
            report.fail(f"file {name}: {first.sent('error')}")
            return
        running = [start("talk") for _ in range(processes)]
        for _ in range(_KILLS):
            lines = chance.choice(_BETWEEN_KILLS)
            if not forks.wait_for(running, "noted", lines, chance, _TIME_LIMIT):
                report.fail(f"file {name}: nothing was noted for {_TIME_LIMIT:.0f} s")
                break
            place = chance.randrange(processes)
            _end(report, name, running[place])
            running[place] = start("talk")
        for child in running:
            _end(report, name, child)
        both = start("overlap")
        if both.finish(_TIME_LIMIT) != 0:
            report.fail(f"file {name}: {both.sent('error')}")
        noted = _noted(logs)
        report.add(files=1, acknowledged_turns=len(noted.runs), kept_rounds=noted.rounds)
        last = Child(lambda send: _judge(open_store, path, noted, send))
        if last.finish(_TIME_LIMIT) != 0:
            report.fail(f"file {name}: {last.sent('error')}")
        for (counts,) in last.sent("counts"):
            report.add(**counts)


def _end(report: Report, name: str, child: Child) -> None:
    status = child.kill()
    report.add(kills=1)
    for (what,) in child.sent("seen"):
        report.add(**{what: 1})
    if status != -signal.SIGKILL:
        report.fail(f"file {name}: a process ended with {status}: {child.sent('error')}")


@attrs.define
class _Noted:
    """Everything acknowledged: texts, runs that ended, costs by their tokens."""

    texts: set[str] = attrs.Factory(set)
    runs: set[str] = attrs.Factory(set)
    costs: set[int] = attrs.Factory(set)
    rounds: int = 0


def _noted(logs: Iterable[Path]) -> _Noted:
    found = _Noted()
    for log in logs:
        # A torn line was not acknowledged.
        for line in log.read_bytes().split(b"\n")[:-1] if log.exists() else []:
            facts = json.loads(line)
            found.texts.update(facts["texts"])
            found.runs.update(facts.get("runs", ()))
            found.costs.update(facts.get("costs", ()))
            found.rounds += "runs" not in facts
    return found


# -- In the children ------------------------------------------------------------------------------


class _Agent:
    """An agent with some rounds of parallel calls, each noted once saved, and a reply."""

    def __init__(self, window: _Window, rounds: int) -> None:
        self.window = window
        self.left = rounds
        self.active: ActiveRun | None = None

    async def run(self, run: ActiveRun) -> AgentResult:
        self.active = run
        window, messages = self.window, run.messages
        sent = [_text(message) for message in messages[run.base_length or 0 :]]
        for _ in range(self.left):
            names = [window.next("call") for _ in range(window.chance.randrange(1, 4))]
            messages += (_calls(window.next("calls"), names), _results(window.next("out"), names))
            sent += [_text(message) for message in messages[-2:]]
            run.add_usage(window.used())
            if await run.checkpoint(messages):
                window.note(texts=sent)
        run.add_usage(window.used())
        reply = Message.assistant(window.next("reply"))
        self.sent = [*sent, reply.text]
        return AgentResult(text=reply.text, messages=(*messages, reply), usage=run.usage)


class _Waiting(_Agent):
    """An agent that has begun and goes on when it may."""

    def __init__(self, window: _Window) -> None:
        super().__init__(window, 1)
        self.begun = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def run(self, run: ActiveRun) -> AgentResult:
        self.begun.set()
        await self.may_go_on.wait()
        return await super().run(run)


class _Window:
    """One live session in a process of its own, until the process is killed."""

    def __init__(self, open_store: store_under_test.Open, path: Path, log: Path, name: str) -> None:
        self._open = open_store
        self._path = path
        self._log = log
        self._name = name
        self._count = 0
        self.chance = random.Random(name)

    def run(self, work: str, send: Send) -> None:
        self._send = send
        self._file = os.open(self._log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        works = {"make": self._make, "talk": self._talk, "overlap": self._overlap}
        asyncio.run(works[work]())

    def next(self, word: str) -> str:
        """A text that no other process and no other call has."""
        self._count += 1
        return f"{word} {self._name} {self._count}"

    def used(self) -> TokenUsage:
        """The usage of a model call; no two have the same tokens, nor have sums of them."""
        tokens = self.chance.randrange(1, 2**40)
        return TokenUsage(prompt_tokens=tokens, completion_tokens=1, total_tokens=tokens + 1)

    def note(self, **facts: Any) -> None:
        """Write acknowledged facts to the log, which survives this process."""
        os.write(self._file, json.dumps(facts).encode() + b"\n")
        os.fsync(self._file)
        self._send("noted")

    async def _make(self) -> None:
        async with self._open(self._path) as store:
            session = Session(_ID)
            session.add_message(Message.user(self.next("first")))
            await SessionPersistence(session, store).save()
            self.note(texts=[session.messages[0].text])

    async def _talk(self) -> None:
        mode = self.chance.choice(_MODES)
        async with self._open(self._path) as store:
            while True:
                options = SessionOptions(auto_save=True, on_conflict=mode)
                live = AgentSession(*await restore_session(store, _ID, options))
                await self._settle_a_run(live)
                await self._saved(live)
                for _ in range(self.chance.randrange(6)):
                    await self._act(live)
                # Closed with nothing new, most of the time: nothing is written then.
                clean = not live.is_dirty and not live.persistence.is_unsure
                outcome = await live.close()
                if clean and outcome.kind != "unchanged":
                    raise BrokenPromiseError(f"an idle close returned {outcome}")
                self._send("seen", "idle_closes" if clean else "closes")

    async def _overlap(self) -> None:
        """Have two live sessions whose turns overlap, so that one save is merged at least.

        Twice, so that there is a usage before the last of these merges.
        """
        options = SessionOptions(auto_save=True, on_conflict="merge")
        async with self._open(self._path) as store:
            for _ in range(2):
                first, second = [
                    AgentSession(*await restore_session(store, _ID, options)) for _ in range(2)
                ]
                slow, quick = _Waiting(self), _Agent(self, 1)
                turn = asyncio.create_task(second.send(self.next("prompt"), slow))
                await slow.begun.wait()
                await first.send(self.next("prompt"), quick)
                await self._ended(first, quick)
                slow.may_go_on.set()
                await turn
                await self._ended(second, slow)
                await first.close()
                await second.close()

    async def _act(self, live: AgentSession) -> None:
        what = self.chance.random()
        if what < 0.15:
            live.session.config = live.session.config.evolve(name=self.next("name"))
        elif what < 0.35:
            await self._settle_a_run(live)
        else:
            agent = _Agent(self, self.chance.randrange(4))
            with contextlib.suppress(RunClaimedError, StaleSessionError):
                await live.send(self.next("prompt"), agent)
                await self._ended(live, agent)
        await self._saved(live)

    async def _settle_a_run(self, live: AgentSession) -> None:
        """Resume an interrupted run, or abandon it."""
        found = await live.interrupted_runs()
        if not found or self.chance.random() < 0.3:
            return  # the next turn takes in its finished rounds
        agent = _Agent(self, self.chance.randrange(2))
        # Another process may be quicker, or have had a turn since.
        with contextlib.suppress(RunClaimedError, StaleSessionError):
            if self.chance.random() < 0.5:
                try:
                    await live.resume_run(found[0].run_id, agent)
                    await self._ended(live, agent)
                    self._send("seen", "resumed")
                    return
                except SessionError as error:
                    if isinstance(error, RunClaimedError | StaleSessionError):
                        raise
            await live.abandon_run(found[0].run_id)
            self._send("seen", "given_up")

    async def _ended(self, live: AgentSession, agent: _Agent) -> None:
        assert agent.active is not None, "it was asked"
        await self._saved(live)
        self.note(
            texts=agent.sent,
            runs=[agent.active.id],
            costs=[agent.active.usage.prompt_tokens],
        )

    async def _saved(self, live: AgentSession) -> None:
        """Save everything unsaved; in mode "raise" choose how to resolve a conflict."""
        while live.is_dirty or live.persistence.is_unsure:
            try:
                await live.save()
            except StaleSessionError as error:
                if error.forked_as is None:
                    self._send("seen", "refused")
                    await live.reload(self.chance.choice(("both", "ours_as_fork")))


# -- Judging ------------------------------------------------------------------------------------


def _judge(open_store: store_under_test.Open, path: Path, noted: _Noted, send: Send) -> None:
    async def main() -> None:
        async with open_store(path) as store:
            await _compare(store, noted, with_checkpoints=True)
            options = SessionOptions(auto_save=True)
            live = AgentSession(*await restore_session(store, _ID, options))
            window = _Window(open_store, path, path.with_name("log-last"), "last")
            await live.send("the last prompt", _Agent(window, 0))
            await live.close()
            counts = await _compare(store, noted, with_checkpoints=False)
            left = (await store.inventory()).loop_checkpoints
            if left:
                raise BrokenPromiseError(f"checkpoints are left: {left}")
            report = await store.verify(depth="deep")
            if not report.ok:
                raise BrokenPromiseError(f"damage: {'; '.join(map(str, report.damage[:3]))}")
        send("counts", counts)

    asyncio.run(main())


async def _compare(store: Any, noted: _Noted, *, with_checkpoints: bool) -> dict[str, int]:
    """Compare the store with the logs. Raises BrokenPromiseError."""
    found = _Noted()
    snapshots = [await store.load_snapshot(one) for one in await store.list()]
    for snapshot in snapshots:
        _compare_session(snapshot, noted)
        found.texts.update(_text(message) for message in snapshot.session.messages)
        found.costs.update(cost.prompt_tokens for cost in snapshot.session.cost_records)
        found.runs.update(run.snapshot.id for run in snapshot.run_records or ())
    run_ids = (await store.inventory()).loop_checkpoints
    checkpoints = [await store.load_loop_checkpoint(run_id) for run_id in run_ids]
    if with_checkpoints:
        _compare_checkpoints(checkpoints)
        for checkpoint in checkpoints:
            found.texts.update(_text(message) for message in checkpoint.messages)
    # A session with more runs keeps the last ones.
    is_full = any(len(one.run_records or ()) >= _RUNS for one in snapshots)
    for what in ("texts", "costs") if is_full else ("texts", "costs", "runs"):
        lost = getattr(noted, what) - getattr(found, what)
        if lost:
            raise BrokenPromiseError(f"LOST: {len(lost)} {what}, such as {min(lost)!r}")
    return {"forks": len(snapshots) - 1, "messages": len(found.texts)}


def _compare_session(snapshot: SessionSnapshot, noted: _Noted) -> None:
    session = snapshot.session
    costs = [cost.prompt_tokens for cost in session.cost_records]
    runs = [run.snapshot.id for run in snapshot.run_records or ()]
    sent = [text for text in map(_text, session.messages) if not text.startswith("[")]
    for what, values in (("text", sent), ("cost", costs), ("run", runs)):
        if len(values) != len(set(values)):
            raise BrokenPromiseError(f"TWICE: a {what} of session {session.id}")
    if session.total_usage.prompt_tokens != sum(costs):
        raise BrokenPromiseError(f"the total of session {session.id} is not the sum of its costs")
    if any(problem.kind != "open_call" for problem in check_pairs(session.messages)):
        raise BrokenPromiseError(f"session {session.id} has calls or results without the other")
    for run in snapshot.run_records or ():
        if run.snapshot.id in noted.runs and run.snapshot.status not in TERMINAL:
            raise BrokenPromiseError(f"a run of session {session.id} ended and is still open")


def _compare_checkpoints(checkpoints: Sequence[LoopCheckpoint]) -> None:
    """Check that a resumed run is in the checkpoint of the new run alone."""
    last = [_text(checkpoint.messages[-1]) for checkpoint in checkpoints]
    for checkpoint in checkpoints:
        sent = {_text(message) for message in checkpoint.messages[:-1]}
        if sent & set(last) or last.count(_text(checkpoint.messages[-1])) > 1:
            raise BrokenPromiseError(f"run {checkpoint.run_id} has two checkpoints")


# -- Messages -----------------------------------------------------------------------------------


def _calls(text: str, names: Sequence[str]) -> Message:
    sent = Message.assistant(text)
    blocks = [ToolUseBlock(id=name, name="bash", input={}) for name in names]
    return sent.evolve(content=(*sent.content, *blocks))


def _results(text: str, names: Sequence[str]) -> Message:
    blocks = [ToolResultBlock(tool_use_id=name, content=text) for name in names]
    return Message(role="user", content=tuple(blocks))


def _text(message: Message) -> str:
    for block in message.content:
        if isinstance(block, ToolResultBlock):
            return str(block.content)
    return message.text
