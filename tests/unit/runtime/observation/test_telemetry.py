"""Measurements of a session reach the application's telemetry, whose failures change nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from a3s_store import MemorySessionStore
from a3s_store.errors import RunCancelledError
from a3s_store.models import SessionConfig, StorageBackend, ToolDefinition, ToolUseBlock
from a3s_store.runtime import (
    ActiveRun,
    AgentResult,
    ModelPricing,
    OpenTelemetryMetrics,
    Session,
    SessionManager,
    Telemetry,
    ToolOutput,
    by_name,
)
from tests.unit.runtime.live import Echo, Hang, usage


@attrs.define
class Kept(Telemetry):
    """Keeps the calls in their order."""

    calls: list[tuple[str, dict[str, Any]]] = attrs.Factory(list)

    def usage(self, **given: Any) -> None:
        self.calls.append(("usage", given))

    def tool_call(self, **given: Any) -> None:
        self.calls.append(("tool_call", given))

    def run_end(self, **given: Any) -> None:
        self.calls.append(("run_end", given))


class Broken(Telemetry):
    """Fails in each call."""

    def usage(self, **given: Any) -> None:
        raise RuntimeError("sk-1234")

    tool_call = run_end = usage


class Read:
    name = "read"
    definition = ToolDefinition(name="read", description="", parameters={})

    def __init__(self, output: ToolOutput | None = None) -> None:
        self.output = output or ToolOutput(content="text")

    async def run(self, args: Mapping[str, Any]) -> ToolOutput:
        return self.output


class Reads:
    """An agent that calls a tool once."""

    def __init__(self, output: ToolOutput | None = None) -> None:
        self.tool = Read(output)

    async def run(self, run: ActiveRun) -> AgentResult:
        await run.call_tool(ToolUseBlock(id="c", name="read", input={}), by_name([self.tool]))
        run.add_usage(usage(1000, 500))
        return AgentResult(text="", messages=run.messages, usage=run.usage)


def test_usage_tools_and_runs_are_told_with_names_and_numbers_and_no_text() -> None:
    """U6: without a model's name the label is `unknown`."""

    async def main() -> None:
        kept = Kept()
        manager = SessionManager(
            agent=Reads(),
            telemetry=kept,
            prices={"large": ModelPricing(input_per_million=3.0, output_per_million=15.0)},
        )
        async with manager.with_store(MemorySessionStore()) as sessions:
            live = await sessions.create_session("fix-login")
            live.session.add_allow_rule("read")
            await sessions.generate("fix-login", "secret prompt")
            live.session.model_name = "large"
            await sessions.generate("fix-login", "secret prompt")
        assert [name for name, _ in kept.calls] == ["tool_call", "usage", "run_end"] * 2
        tool, used, end, _, priced, _ = [given for _, given in kept.calls]
        assert tool.pop("duration_ms") >= 0
        assert tool == {"session_id": "fix-login", "tool": "read", "success": True}
        assert (used["model"], used["cost_usd"], used["usage"]) == (
            "unknown",
            None,
            usage(1000, 500),
        )
        assert (priced["model"], round(priced["cost_usd"], 6)) == ("large", 0.0105)
        assert (end["outcome"], end["session_id"]) == ("completed", "fix-login")
        assert "secret" not in repr(kept.calls)

    asyncio.run(main())


def test_a_run_that_fails_or_is_cancelled_is_told_with_its_outcome() -> None:
    class Fails:
        async def run(self, run: ActiveRun) -> AgentResult:
            raise OSError

    async def main() -> None:
        kept, hang = Kept(), Hang()
        async with SessionManager(telemetry=kept).with_store(MemorySessionStore()) as sessions:
            live = await sessions.create_session("a")
            with pytest.raises(OSError):
                await live.send("hi", Fails())
            task = asyncio.create_task(live.send("hi", Echo(rounds=1, between=hang)))
            await hang.begun.wait()
            await live.cancel()
            with pytest.raises(RunCancelledError):
                await task
        ends = [given["outcome"] for name, given in kept.calls if name == "run_end"]
        assert ends == ["failed", "cancelled"]

    asyncio.run(main())


def test_a_tool_that_did_not_run_is_not_told_and_one_that_failed_is() -> None:
    kept = Kept()
    live = Session("a", telemetry=kept)
    live.add_allow_rule("read")
    call = ToolUseBlock(id="c", name="read", input={})
    asyncio.run(live.call_tool(call, by_name([Read(ToolOutput.error("broken"))])))
    live.add_deny_rule("read")
    asyncio.run(live.call_tool(call, by_name([Read()])))
    assert [given["success"] for _, given in kept.calls] == [False]


def test_telemetry_that_fails_changes_nothing_and_is_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with SessionManager(agent=Reads(), telemetry=Broken()) as sessions:
            config = SessionConfig(storage_type=StorageBackend.MEMORY)
            live = await sessions.create_session("fix-login", config)
            live.session.add_allow_rule("read")
            await sessions.generate("fix-login", "hello")

    asyncio.run(main())
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.getMessage() for record in warnings] == [
        "telemetry of session fix-login: RuntimeError"
    ]


def test_without_the_extra_the_error_says_what_to_install() -> None:
    """In a process of its own, where the import fails."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from a3s_store.errors import SessionConfigError\n"
        "from a3s_store.runtime import OpenTelemetryMetrics\n"
        "try: OpenTelemetryMetrics()\n"
        "except SessionConfigError as error: print(error.field, error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == 'telemetry pip install "a3s-store[telemetry]"\n'


def _collected(reader: Any) -> dict[tuple[str, str], Any]:
    """Values by the name of the metric and its attributes."""
    found = {}
    for resource in reader.get_metrics_data().resource_metrics:
        for scope in resource.scope_metrics:
            assert scope.scope.name == "a3s_store"
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    key = (metric.name, ",".join(str(one) for one in point.attributes.values()))
                    found[key] = getattr(point, "value", None) or point.count
    return found


def test_open_telemetry_counts_tokens_cost_tools_and_runs() -> None:
    metrics = pytest.importorskip(
        "opentelemetry.sdk.metrics", reason="opentelemetry-sdk is not installed"
    )
    export = pytest.importorskip("opentelemetry.sdk.metrics.export")
    reader = export.InMemoryMetricReader()
    telemetry = OpenTelemetryMetrics(metrics.MeterProvider([reader]))

    async def main() -> None:
        manager = SessionManager(agent=Reads(), telemetry=telemetry)
        async with manager.with_store(MemorySessionStore()) as sessions:
            live = await sessions.create_session("fix-login")
            live.session.add_allow_rule("read")
            live.session.model_name = "gpt-4o"
            await sessions.generate("fix-login", "hello")
            await sessions.generate("fix-login", "again")

    asyncio.run(main())
    found = _collected(reader)
    assert round(found.pop(("a3s.llm.cost_usd", "gpt-4o")), 6) == 0.015
    assert found == {
        ("a3s.llm.tokens", "gpt-4o,prompt"): 2000,
        ("a3s.llm.tokens", "gpt-4o,completion"): 1000,
        ("a3s.tool.calls", "read,True"): 2,
        ("a3s.tool.duration", "read,True"): 2,
        ("a3s.runs", "completed"): 2,
        ("a3s.run.duration", "completed"): 2,
    }
