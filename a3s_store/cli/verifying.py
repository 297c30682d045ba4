"""`verify`: whether a store is what was written to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from a3s_store.cli import output
from a3s_store.cli.failures import DAMAGED
from a3s_store.cli.opening import PATH, existing, may_be_noted
from a3s_store.cli.output import cell
from a3s_store.core.reports import Damage, Depth, VerifyReport
from a3s_store.errors import CorruptionError

# How many damaged things are told where people read it.
_TOLD = 50


@click.command("verify")
@click.argument("store", type=PATH)
@click.option("--deep", is_flag=True, help="Read every message, value and blob as well.")
@output.json_option
def verify_command(store: Path, deep: bool, as_json: bool) -> None:
    """Hold STORE against what is on record of it.

    Looks at the structure of the file, at the digests of every session and at the log; with --deep
    at every message, value and blob as well. Exits with 4 when something is damaged.
    """
    depth: Depth = "deep" if deep else "quick"

    async def read() -> VerifyReport:
        # The time of the verification is noted where that can be written.
        async with existing(store, read_only=not may_be_noted(store)) as opened:
            return await opened.verify(depth=depth)

    try:
        report = asyncio.run(read())
    except CorruptionError as error:
        # So damaged that it does not even open.
        report = _refused(store, depth, error)
    if as_json:
        output.print_json(report.as_json())
    else:
        _print(report)
    if not report.ok:
        click.get_current_context().exit(DAMAGED if report.damage else 1)


def _refused(store: Path, depth: Depth, error: CorruptionError) -> VerifyReport:
    nothing: dict[str, Any] = dict.fromkeys(
        ("sessions", "generations", "messages", "values", "blobs", "log_frames"), 0
    )
    return VerifyReport(
        location=str(store),
        depth=depth,
        **nothing,
        seconds=0.0,
        damage=(Damage.of(error),),
        skipped=("all the rest: it does not open",),
    )


def _state(report: VerifyReport) -> Any:
    if report.damage:
        return cell("DAMAGED", "red")
    return cell("whole", "green") if report.finished else cell("not finished", "yellow")


def _print(report: VerifyReport) -> None:
    console = output.stdout()
    counts = (
        (report.sessions, "session"),
        (report.generations, "save"),
        (report.messages, "message"),
        (report.values, "value"),
        (report.blobs, "blob"),
        (report.log_frames, "page of the log", "pages of the log"),
    )
    pairs: list[tuple[str, Any]] = [
        ("store", report.location),
        ("looked at", ", ".join(output.amount(*count) for count in counts)),
        ("depth", report.depth),
        ("took", output.duration(int(report.seconds * 1000))),
        *(("not looked at", what) for what in report.skipped),
        ("state", _state(report)),
    ]
    output.print_table(console, output.facts(pairs))
    for damage in report.damage[:_TOLD]:
        console.print(cell(f"  {damage}"))
    if len(report.damage) > _TOLD:
        console.print(cell(f"  and {len(report.damage) - _TOLD} more: see --json"))
    if report.damage:
        output.note(
            "Keep the file as it is. `a3s-store salvage STORE NEW` brings back what is whole."
        )
