"""`import` and `export`: a progress bar on stderr, then the outcome of every file."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs
import click

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.cli import output
from a3s_store.cli.failures import Failure, NotFound
from a3s_store.cli.opening import PATH, existing, not_found
from a3s_store.cli.output import bar, cell
from a3s_store.interop import (
    Progress,
    SessionPairs,
    TransferEntry,
    TransferReport,
    export_directory,
    export_transcripts,
    import_history,
)
from a3s_store.printable import one_line

# The names in the registries of formats, which a help text does not import; a test compares them.
UPSTREAM: Final = "a3s-code"
IMPORTED: Final = (UPSTREAM, "codex", "claude-code", "chatgpt", "openai-agents", "aider", "jsonl")
EXPORTED: Final = (UPSTREAM, "markdown", "html", "jsonl", "openai", "anthropic", "csv")

OnConflict: TypeAlias = Literal["refuse", "replace", "skip"]

_STYLES: Final = {"read": "green", "written": "green"}
_RIGHT: Final = {"justify": "right", "no_wrap": True}


def _conflict_option(there: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--on-conflict",
        type=click.Choice(["refuse", "replace", "skip"]),
        default="refuse",
        show_default=True,
        help=f"What to do if {there} has another value under the same id.",
    )


@click.command("import")
@click.argument("store", type=PATH)
@click.argument("path", type=PATH, metavar="PATH")
@click.option(
    "--from",
    "format_",
    type=click.Choice(IMPORTED),
    help="The format of PATH; without it, each file is recognised by its content.",
)
@_conflict_option("STORE")
@click.option(
    "--repair-pairs",
    is_flag=True,
    help="Give tool calls without result an error as their result, and turn results without call "
    "into text; the imported conversation stays as the generation before.",
)
@output.json_option
def import_command(
    store: Path,
    path: Path,
    format_: str | None,
    on_conflict: OnConflict,
    repair_pairs: bool,
    as_json: bool,
) -> None:
    """Import the sessions of a file or directory PATH into STORE.

    PATH is a directory of the engine's JSON files, or the history of another tool, which keeps its
    ids and times: see docs/importing.md. A missing STORE is created. Sessions that are stored
    already are skipped and those that have grown go on, so an import can be run again. Sessions
    with tool calls without result, which providers refuse, are listed, too. Exits with 1 when
    something was refused, or nothing was found.
    """
    if not path.exists():
        raise NotFound(f"there is no file or directory at {path}")
    if not path.is_dir():
        if format_ == UPSTREAM:
            raise Failure(f"{path} is not a directory")
        # Before a missing STORE is created.
        from a3s_store.importers.histories import format_of

        if format_of(path, format_) is None:
            raise Failure(f"{path} is not a file of a known format")

    async def read(tell: Callable[[Progress], object]) -> TransferReport:
        async with SqliteSessionStore.open(store) as opened:
            return await import_history(
                opened,
                path,
                format=format_,
                on_conflict=on_conflict,
                repair=repair_pairs,
                progress=tell,
            )

    with bar("Importing", hidden=as_json) as progress:
        report = asyncio.run(read(lambda now: progress(now.done, now.total)))
    _finish(report, as_json)


@click.command("export")
@click.argument("store", type=PATH)
@click.argument("directory", type=PATH, metavar="DIR")
@click.option(
    "--format",
    "format_",
    type=click.Choice(EXPORTED),
    default=UPSTREAM,
    show_default=True,
    help="The format of the files.",
)
@click.option(
    "--no-branches",
    is_flag=True,
    help="Leave out the conversations that a session left (of markdown and html).",
)
@click.option(
    "--session",
    "session_ids",
    multiple=True,
    metavar="ID",
    help="Export only this session; may be repeated.",
)
@_conflict_option("DIR")
@output.json_option
def export_command(
    store: Path,
    directory: Path,
    format_: str,
    no_branches: bool,
    session_ids: tuple[str, ...],
    on_conflict: OnConflict,
    as_json: bool,
) -> None:
    """Export sessions into DIR: the engine's JSON files, transcripts, or other formats.

    The formats are described in docs/exporting.md. A missing DIR is created. Sessions that are in
    DIR already are skipped, so an interrupted export can be run again. Exits with 1 when something
    was refused.
    """
    if directory.exists() and not directory.is_dir():
        raise Failure(f"{directory} is not a directory")

    async def write(tell: Callable[[Progress], object]) -> TransferReport:
        async with existing(store) as opened:
            inventory = await opened.inventory()
            for session_id in session_ids:
                if session_id not in {*inventory.sessions, *inventory.collections_only}:
                    raise not_found(session_id)
            if format_ != UPSTREAM:
                return await export_transcripts(
                    opened,
                    directory,
                    format=format_,
                    session_ids=session_ids or None,
                    branches=not no_branches,
                    on_conflict=on_conflict,
                    progress=tell,
                )
            return await export_directory(
                opened,
                directory,
                session_ids=session_ids or None,
                on_conflict=on_conflict,
                progress=tell,
            )

    with bar("Exporting", hidden=as_json) as progress:
        report = asyncio.run(write(lambda now: progress(now.done, now.total)))
    _finish(report, as_json)


def _finish(report: TransferReport, as_json: bool) -> None:
    """Print a report, and fail when something was refused."""
    if as_json:
        output.print_json(_tree(report))
    else:
        _print(report)
    if not report.ok:
        click.get_current_context().exit(1)


def _tree(report: TransferReport) -> dict[str, Any]:
    counts = Counter(entry.outcome for entry in report.entries)
    return {
        "ok": report.ok,
        "counts": dict(sorted(counts.items())),
        "size_bytes": report.size_bytes,
        "entries": [attrs.asdict(entry) for entry in report.entries],
        "notes": list(report.notes),
        "pairs": [attrs.asdict(one) for one in report.pairs],
        "formats": list(report.formats),
        "opaque": dict(report.opaque),
        "lost": dict(report.lost),
    }


def _print(report: TransferReport) -> None:
    """Print the number of files of each outcome and reason, then each refused session."""
    made = output.table(
        outcome={"no_wrap": True}, files=_RIGHT, size=_RIGHT, why={"overflow": "fold"}
    )
    for (outcome, reason), entries in _grouped(report.entries, "outcome", "reason"):
        if outcome != "refused":
            total = sum(entry.size_bytes for entry in entries)
            made.add_row(
                cell(outcome, _STYLES.get(outcome, "")),
                str(len(entries)),
                output.size(total) if total else "",
                cell(reason),
            )
    if not report.entries:
        output.note("There was nothing to do.")
    elif made.row_count:
        output.print_table(output.stdout(), made)
    refused = [entry for entry in report.entries if entry.outcome == "refused"]
    if refused:
        _print_refused(refused, blank=made.row_count > 0)
    _print_counts("Kept as it was, without a place in a session", report.opaque)
    _print_counts("Not kept", report.lost)
    if report.needs_entries and report.is_empty:
        output.note("Nothing was imported: no session was found.")
    for sentence in report.notes:
        output.note(f"Note: {sentence}.")
    if report.pairs:
        print_pairs(report.pairs)
        if not all(one.repaired for one in report.pairs):
            output.note("Providers refuse such conversations; --repair-pairs repairs them.")


def _print_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        shown = ", ".join(f"{one_line(kind)} {count}" for kind, count in counts.items())
        output.note(f"{title}: {shown}.")


def print_pairs(pairs: Sequence[SessionPairs]) -> None:
    """Print a table of sessions with unmatched tool calls or results."""
    made = output.table(session={"overflow": "fold"}, tool_pairs={"overflow": "fold", "ratio": 1})
    for one in pairs:
        done = " (repaired)" if one.repaired else ""
        made.add_row(cell(one.session_id), cell(one.what + done))
    console = output.stdout()
    console.print()
    output.print_table(console, made)


def _print_refused(refused: list[TransferEntry], *, blank: bool) -> None:
    made = output.table(
        refused={"overflow": "fold"}, files=_RIGHT, why={"overflow": "fold", "ratio": 1}
    )
    for (session_id, reason), entries in _grouped(refused, "session_id", "reason"):
        made.add_row(cell(session_id or entries[0].path, "red"), str(len(entries)), cell(reason))
    console = output.stdout()
    if blank:
        console.print()
    output.print_table(console, made)
    output.note("Refused sessions were not written at all. Other files were not affected.")


def _grouped(
    entries: Sequence[TransferEntry], *by: str
) -> list[tuple[tuple[str, ...], list[TransferEntry]]]:
    """Return the entries grouped by these attributes, sorted by them."""
    groups: dict[tuple[str, ...], list[TransferEntry]] = {}
    for entry in entries:
        key = tuple(getattr(entry, name) or "" for name in by)
        groups.setdefault(key, []).append(entry)
    return sorted(groups.items())
