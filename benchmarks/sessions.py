"""Realistic agent sessions that grow turn by turn, the same for the same seed.

One turn is 2 to 4 messages (a user's text; an assistant's text with a tool call; the tool's result,
of 2 KB on average with a heavy tail up to 100 KB; an assistant's text), 3 trace events, a run with
10 events, an artifact of about 8 KB, a cost record, and the usage brought up to date. Reports and
subagent tasks are there too, and stay as they are.
"""

from __future__ import annotations

import functools
import random
from typing import Any, Final

from a3s_store import SessionSnapshot
from a3s_store.core.collections import COLLECTIONS
from a3s_store.models import (
    AgentEvent,
    AgentStart,
    ContextUsage,
    LlmCostRecord,
    Message,
    PermissionPolicy,
    PermissionRule,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionConfig,
    SessionData,
    SubagentStatus,
    SubagentTaskSnapshot,
    TextBlock,
    TextDelta,
    TokenUsage,
    ToolArtifact,
    ToolEnd,
    ToolInputDelta,
    ToolOutputDelta,
    ToolStart,
    ToolUseBlock,
    TraceEvent,
    TraceEventKind,
    TurnEnd,
    TurnStart,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.wire import compact, encode

Messages = tuple[Message, ...]

_TOOLS: Final = ("bash", "read", "grep", "edit", "write", "glob", "web_fetch")
_SYLLABLES: Final = (
    *("ba", "co", "de", "fi", "gu", "ha", "in", "jo", "ka", "lo", "me", "no", "pre", "qua"),
    *("re", "sta", "tion", "un", "ver", "xi", "ing", "ed", "ly", "con", "pro"),
)
_GLUE: Final = ("\n    ", " = ", "(", ")", ", ", ": ", "\n", " -> ", "[0]", "/", "_", '"', "\\n")
_START: Final = 1_700_000_000
_POOL_SIZE: Final = 1_000_000


@functools.cache
def _pool() -> str:
    """Text like code, its words as unevenly frequent as in real text, cut up for all messages."""
    rnd = random.Random(7)
    words = ["".join(rnd.choices(_SYLLABLES, k=rnd.randint(1, 4))) for _ in range(6000)]
    weights = [1.0 / (rank + 3) for rank in range(len(words))]
    parts: list[str] = []
    size = 0
    while size < _POOL_SIZE:
        for word in rnd.choices(words, weights, k=2000):
            chance = rnd.random()
            if chance < 0.30:
                word += rnd.choice(_GLUE)
            elif chance < 0.33:
                word += f"{rnd.randint(0, 99_999)} "
            else:
                word += " "
            parts.append(word)
            size += len(word)
    return "".join(parts)


def text(rnd: random.Random, size: int) -> str:
    """So many characters; every twentieth text is not ASCII."""
    pool = _pool()
    start = rnd.randrange(len(pool) - size - 1)
    cut = pool[start : start + size]
    return cut[:-12] + " été 日本語 🙂" if rnd.random() < 0.05 else cut


def _messages_of_turn(rnd: random.Random) -> Messages:
    messages = [Message.user(text(rnd, rnd.randint(60, 900)))]
    if rnd.random() < 0.75:
        call_id = f"toolu_{rnd.getrandbits(96):024x}"
        arguments = {
            "command": text(rnd, rnd.randint(20, 160)),
            "timeout": 120,
            "cwd": "/srv/app",
        }
        said = TextBlock(text=text(rnd, rnd.randint(50, 600)))
        call = ToolUseBlock(id=call_id, name=rnd.choice(_TOOLS), input=arguments)
        thought = text(rnd, 700) if rnd.random() < 0.2 else None
        size = max(20, min(100_000, int(rnd.lognormvariate(6.32, 1.6))))
        messages += [
            Message(role="assistant", content=(said, call), reasoning_content=thought),
            Message.tool_result(call_id, text(rnd, size)),
        ]
    messages.append(Message.assistant(text(rnd, rnd.randint(100, 1500))))
    return tuple(messages)


def _traces_of_turn(rnd: random.Random) -> tuple[TraceEvent, ...]:
    return tuple(
        TraceEvent(
            kind=TraceEventKind.TOOL_EXECUTION,
            name=rnd.choice(_TOOLS),
            success=True,
            exit_code=0,
            duration_ms=rnd.randint(1, 9000),
            output_bytes=rnd.randint(10, 100_000),
            metadata_keys=("artifact", "file_path"),
            artifact_uris=(f"a3s://tool-output/read/{rnd.getrandbits(64):016x}",),
        )
        for _ in range(3)
    )


def _run_of_turn(rnd: random.Random, session_id: str, turn: int) -> RunRecord:
    start_ms = _START * 1000 + turn * 60_000
    prompt = text(rnd, 200)
    call_id, tool = f"toolu_{rnd.getrandbits(96):024x}", rnd.choice(_TOOLS)
    usage = TokenUsage(prompt_tokens=3_010, completion_tokens=120, total_tokens=3_130)
    events: tuple[AgentEvent, ...] = (
        AgentStart(prompt=prompt),
        TurnStart(turn=turn),
        *(TextDelta(text=text(rnd, rnd.randint(20, 300))) for _ in range(3)),
        ToolStart(id=call_id, name=tool),
        ToolInputDelta(delta=text(rnd, rnd.randint(20, 160))),
        ToolOutputDelta(id=call_id, name=tool, delta=text(rnd, rnd.randint(20, 300))),
        ToolEnd(id=call_id, name=tool, output=text(rnd, rnd.randint(20, 300)), exit_code=0),
        TurnEnd(turn=turn, usage=usage),
    )
    return RunRecord(
        snapshot=RunSnapshot(
            id=f"run-{turn:08d}-{rnd.getrandbits(32):08x}",
            session_id=session_id,
            status=RunStatus.COMPLETED,
            prompt=prompt,
            created_at_ms=start_ms,
            updated_at_ms=start_ms + 1000,
            result_text=text(rnd, 400),
            event_count=len(events),
        ),
        events=tuple(
            RunEventRecord(sequence=number, timestamp_ms=start_ms + number * 100, event=event)
            for number, event in enumerate(events)
        ),
    )


def _artifact_of_turn(rnd: random.Random) -> ToolArtifact:
    name = f"{rnd.getrandbits(64):016x}"
    body = text(rnd, rnd.randint(4000, 12_000))
    return ToolArtifact(
        artifact_id=f"tool-output:bash:{name}",
        artifact_uri=f"a3s://tool-output/bash/{name}",
        tool_name="bash",
        content=body,
        original_bytes=len(body.encode()),
        shown_bytes=400,
    )


def _cost(prompt: int, completion: int, session_id: str) -> LlmCostRecord:
    return LlmCostRecord(
        model="example-large",
        provider="example",
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cost_usd=0.01,
        timestamp="2024-01-01T00:00:00Z",
        session_id=session_id,
    )


def _config() -> SessionConfig:
    policy = PermissionPolicy(
        allow=tuple(PermissionRule(rule=rule) for rule in ("Bash(cargo:*)", "Read(*)")),
        deny=(PermissionRule(rule="Bash(rm:*)"),),
    )
    return SessionConfig(
        name="A benchmark",
        workspace="/srv/app",
        system_prompt="You are helpful. " * 120,
        max_context_length=200_000,
        auto_compact=True,
        permission_policy=policy,
    )


def _empty(session_id: str) -> SessionSnapshot:
    report = VerificationReport(subject="app/main.py", status=VerificationStatus.PASSED, checks=())
    task = SubagentTaskSnapshot(
        task_id="task-1",
        parent_session_id=session_id,
        child_session_id=f"{session_id}-review",
        agent="reviewer",
        description="Read the change as a stranger would.",
        status=SubagentStatus.COMPLETED,
        started_ms=_START * 1000,
        updated_ms=_START * 1000,
        output="The change is right.",
        success=True,
    )
    return SessionSnapshot(
        session=SessionData(
            id=session_id,
            config=_config(),
            model_name="example-large",
            tool_names=_TOOLS,
            created_at=_START,
            updated_at=_START,
        ),
        artifacts=(),
        trace_events=(),
        run_records=(),
        verification_reports=(report,),
        subagent_tasks=(task,),
    )


class Growing:
    """A session that grows turn by turn; every state of it is a new snapshot."""

    def __init__(self, session_id: str, seed: int) -> None:
        self._rnd = random.Random(seed)
        self._turn = 0
        self.snapshot = _empty(session_id)

    def step(self) -> SessionSnapshot:
        """The session after one more turn, made from the objects of the one before."""
        return self._grow(1, None)

    def grow_to(self, length: int) -> SessionSnapshot:
        """The session with so many messages; the last turn may be cut short for that."""
        return self._grow(None, length)

    def _grow(self, turns: int | None, length: int | None) -> SessionSnapshot:
        before, rnd = self.snapshot, self._rnd
        session = before.session
        messages, costs = list(session.messages), list(session.cost_records)
        traces, runs = list(before.trace_events or ()), list(before.run_records or ())
        artifacts = list(before.artifacts or ())
        prompt = completion = done = 0
        usage = session.total_usage
        # Lists joined once: a tuple for each of 7 000 turns would take minutes.
        while done != turns and (length is None or len(messages) < length):
            prompt, completion = rnd.randint(500, 90_000), rnd.randint(20, 2000)
            messages += _messages_of_turn(rnd)
            traces += _traces_of_turn(rnd)
            runs.append(_run_of_turn(rnd, session.id, self._turn))
            artifacts.append(_artifact_of_turn(rnd))
            costs.append(_cost(prompt, completion, session.id))
            usage = TokenUsage(
                prompt_tokens=usage.prompt_tokens + prompt,
                completion_tokens=usage.completion_tokens + completion,
                total_tokens=usage.total_tokens + prompt + completion,
            )
            self._turn += 1
            done += 1
        del messages[length if length is not None else len(messages) :]
        context = ContextUsage(used_tokens=prompt, percent=prompt / 200_000, turns=self._turn)
        grown = session.evolve(
            messages=tuple(messages),
            cost_records=tuple(costs),
            total_usage=usage,
            total_cost=self._turn * 0.01,
            context_usage=context,
            updated_at=_START + self._turn * 60,
        )
        self.snapshot = before.evolve(
            session=grown,
            artifacts=tuple(artifacts),
            trace_events=tuple(traces),
            run_records=tuple(runs),
        )
        return self.snapshot


def only_messages(snapshot: SessionSnapshot) -> SessionSnapshot:
    """The same with messages and usage alone: what most other stores can keep."""
    return SessionSnapshot(session=snapshot.session.evolve(cost_records=()))


def payload(before: SessionSnapshot | None, after: SessionSnapshot) -> bytes:
    """Return the new values of a turn as compact JSON: without compression no store writes less."""
    session = after.session
    new: list[Any] = [session.total_usage, session.context_usage]
    new += session.messages[len(before.session.messages) if before else 0 :]
    new += session.cost_records[len(before.session.cost_records) if before else 0 :]
    for collection in COLLECTIONS:
        had = getattr(before, collection.name) if before else None
        new += (getattr(after, collection.name) or ())[len(had or ()) :]
    return b"\n".join(compact(encode(value)) for value in new)


def messages_json(snapshot: SessionSnapshot) -> bytes:
    """The conversation as one JSON array: what a load cannot do without parsing."""
    return compact([encode(message) for message in snapshot.session.messages])
