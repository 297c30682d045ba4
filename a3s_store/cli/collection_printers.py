"""Printing each collection of a session: as a table, or as lines of text.

The words on the command line are shorter than the names; `COLLECTION_WORDS` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from a3s_store.cli import output
from a3s_store.cli.output import Page, cell
from a3s_store.cli.transcript import OUTPUT_LINES, TEXT_LINES
from a3s_store.core.collections import (
    ARTIFACTS,
    COLLECTIONS,
    REVIEW_FINDINGS,
    RUN_RECORDS,
    SUBAGENT_TASKS,
    TRACE_EVENTS,
    VERIFICATION_REPORTS,
    Collection,
)
from a3s_store.models import (
    LlmCostRecord,
    LoopCheckpoint,
    ReviewFinding,
    RunRecord,
    SubagentTaskSnapshot,
    Task,
    ToolArtifact,
    TraceEvent,
    VerificationReport,
)
from a3s_store.printable import one_line
from a3s_store.wire import compact, encode

T = TypeVar("T")
_EVENTS: Final = 12
_EVENT_LENGTH: Final = 120
_RIGHT: Final = {"justify": "right", "no_wrap": True}
_WHOLE: Final = {"overflow": "fold"}


def _apart(page: Page, values: Sequence[T]) -> Iterator[T]:
    """Yield the values, and print an empty line between them."""
    for number, value in enumerate(values):
        if number:
            page.blank()
        yield value


def _print_runs(page: Page, runs: Sequence[RunRecord]) -> None:
    for run in _apart(page, runs):
        about = run.snapshot
        page.parts((about.id, "bold"), ("  ", ""), _status(about.status))
        page.put(about.prompt, indent=2, lines=4)
        taken = output.duration(about.updated_at_ms - about.created_at_ms)
        kept = output.amount(len(run.events), "event")
        lost = about.event_count - len(run.events)
        kept += f" kept of {about.event_count}" if lost > 0 else ""
        page.put(f"{output.moment(about.created_at_ms / 1000)} · {taken} · {kept}", "dim", indent=2)
        shown = run.events if page.full else run.events[:_EVENTS]
        for event in shown:
            tree = encode(event.event)
            kind = tree.pop("type")
            at = f"+{max(0, event.timestamp_ms - about.created_at_ms) / 1000:.1f}s"
            text = compact(tree).decode() if tree else ""
            if len(text) > _EVENT_LENGTH and not page.full:
                text = text[: _EVENT_LENGTH - 1] + "…"
            page.put(text, indent=2, first=f"{at:>8}  {one_line(kind)}  ")
        if len(shown) < len(run.events):
            left = output.amount(len(run.events) - len(shown), "more event")
            page.put(f"… {left}", "dim italic", indent=2)
        for said, style in ((about.result_text, ""), (about.error, "red")):
            if said:
                page.put(said, style, indent=2, first="⇒ ", lines=OUTPUT_LINES)


def _print_traces(page: Page, events: Sequence[TraceEvent]) -> None:
    made = output.table(
        name={"style": "bold", **_WHOLE}, kind={}, ended={}, exit=_RIGHT, took=_RIGHT, output=_RIGHT
    )
    for event in events:
        made.add_row(
            cell(event.name),
            cell(event.kind.removesuffix("_execution")),
            cell("well", "green") if event.success else cell("failed", "red"),
            str(event.exit_code),
            output.duration(event.duration_ms),
            output.size(event.output_bytes),
        )
    output.print_table(page.console, made)


def _print_artifacts(page: Page, artifacts: Sequence[ToolArtifact]) -> None:
    for artifact in _apart(page, artifacts):
        page.parts((artifact.artifact_uri, "bold"))
        whole, shown = output.size(artifact.original_bytes), output.size(artifact.shown_bytes)
        page.label(f"{artifact.tool_name} · {whole}, the model saw {shown}", indent=2)
        page.put(artifact.content, indent=2, lines=OUTPUT_LINES, tail=3)


def _print_verification(page: Page, reports: Sequence[VerificationReport]) -> None:
    for report in _apart(page, reports):
        page.parts((report.subject, "bold"), ("  ", ""), _status(report.status))
        for check in report.checks:
            required = "required" if check.required else "optional"
            page.parts(_status(check.status), (f"  {check.id}  {required}", "dim"), indent=2)
            page.put(check.description, indent=4, lines=4)
            if check.residual_risk:
                page.put(check.residual_risk, indent=4, first="risk: ", lines=4)
        for risk in report.residual_risks:
            page.put(risk, indent=2, first="risk: ", lines=4)


def _status(status: str) -> tuple[str, str]:
    return status.replace("_", " "), output.state_style(status)


def _print_subagents(page: Page, tasks: Sequence[SubagentTaskSnapshot]) -> None:
    for task in _apart(page, tasks):
        page.parts((task.task_id, "bold"), (f"  {task.agent}  ", ""), _status(task.status))
        page.put(task.description, indent=2, lines=TEXT_LINES)
        started = output.moment(task.started_ms / 1000)
        page.label(f"session {task.child_session_id} · started {started}", indent=2)
        for entry in task.progress:
            at = f"+{max(0, entry.timestamp_ms - task.started_ms) / 1000:.1f}s"
            page.put(entry.status, indent=2, first=f"{at:>8}  ", lines=4)
        if task.output:
            page.put(task.output, indent=2, first="⇒ ", lines=OUTPUT_LINES)


def _print_findings(page: Page, findings: Sequence[ReviewFinding]) -> None:
    for finding in _apart(page, findings):
        about = f"  {finding.severity}  {one_line(finding.category)}  "
        page.parts((finding.finding_id, "bold"), (about, ""), _status(finding.status))
        page.put(finding.claim, indent=2, lines=TEXT_LINES)
        for name in ("evidence", "quote", "suggestion", "main_agent_reply", "reopen_reason"):
            text = getattr(finding, name)
            if text:
                page.put(text, indent=2, first=f"{name.replace('_', ' ')}: ", lines=4)
        page.label(f"updated {output.moment(finding.updated_at_ms / 1000)}", indent=2)


def _print_costs(page: Page, records: Sequence[LlmCostRecord]) -> None:
    made = output.table(
        time={"no_wrap": True},
        provider=_WHOLE,
        model=_WHOLE,
        sent=_RIGHT,
        received=_RIGHT,
        tokens=_RIGHT,
        cost=_RIGHT,
    )
    for record in records:
        made.add_row(
            cell(record.timestamp),
            cell(record.provider),
            cell(record.model),
            str(record.prompt_tokens),
            str(record.completion_tokens),
            str(record.total_tokens),
            output.dollars(record.cost_usd),
        )
    output.print_table(page.console, made)


def _print_tasks(page: Page, tasks: Sequence[Task]) -> None:
    made = output.table(
        id={"style": "bold", **_WHOLE}, status={"no_wrap": True}, priority={}, task=_WHOLE
    )
    for task in tasks:
        made.add_row(
            cell(task.id),
            cell(*_status(task.status)),
            cell(task.priority),
            cell(task.content),
        )
    output.print_table(page.console, made)


def _print_checkpoints(page: Page, checkpoints: Sequence[LoopCheckpoint]) -> None:
    made = output.table(
        run={"style": "bold", **_WHOLE},
        saved={"no_wrap": True},
        rounds=_RIGHT,
        tool_calls=_RIGHT,
        messages=_RIGHT,
        tokens=_RIGHT,
    )
    for checkpoint in checkpoints:
        made.add_row(
            cell(checkpoint.run_id),
            output.moment(checkpoint.checkpoint_ms / 1000),
            str(checkpoint.turn),
            str(checkpoint.tool_calls_count),
            str(len(checkpoint.messages)),
            str(checkpoint.total_usage.total_tokens),
        )
    output.print_table(page.console, made)


def _print_values(page: Page, values: Sequence[Any]) -> None:
    """Print values of any kind: each key that is set, nested ones as JSON."""
    for value in _apart(page, values):
        for key, item in encode(value).items():
            if item is not None:
                text = item if type(item) is str else compact(item).decode()
                page.put(text, indent=2, first=f"{one_line(key)}: ", lines=TEXT_LINES)


_Printer = Callable[[Page, Sequence[Any]], None]
_PRINTERS: Final[dict[Collection, _Printer]] = {
    RUN_RECORDS: _print_runs,
    TRACE_EVENTS: _print_traces,
    ARTIFACTS: _print_artifacts,
    VERIFICATION_REPORTS: _print_verification,
    SUBAGENT_TASKS: _print_subagents,
    REVIEW_FINDINGS: _print_findings,
}
# The word on the command line, and the function that prints its values.
COLLECTION_WORDS: Final[dict[str, _Printer]] = {
    **{one.word: _PRINTERS.get(one, _print_values) for one in COLLECTIONS},
    "costs": _print_costs,
    "tasks": _print_tasks,
    "checkpoints": _print_checkpoints,
}
