"""`log` and `tail`: the commits of a store, those that it has and those that come."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import attrs
import click

from a3s_store.cli import output
from a3s_store.cli.opening import PATH, existing
from a3s_store.core.commit_log import Commit, CommitGap, CommitPage
from a3s_store.printable import one_line

_SECONDS: Final = "%Y-%m-%d %H:%M:%S"


def _session_option(command: Any) -> Any:
    return click.option(
        "--session",
        "sessions",
        multiple=True,
        metavar="ID",
        help="Only commits of this session; may be given more than once.",
    )(command)


@click.command("log")
@click.argument("store", type=PATH)
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="N", help="Begin after commit N."
)
@_session_option
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many."
)
@output.json_option
def log_command(
    store: Path, after: int, sessions: tuple[str, ...], limit: int, as_json: bool
) -> None:
    """List the commits in STORE: what changed, in order.

    A line has number, time, what was done, the generation after it, and the session. A commit is
    one change of a session or of agent memory. `a3s-store tail` shows the newest ones.
    """

    async def read() -> CommitPage:
        async with existing(store) as opened:
            return await opened.commits(after=after, limit=limit, subjects=sessions or None)

    page = asyncio.run(read())
    if as_json:
        output.print_json(
            {
                "commits": [_tree(one) for one in page.entries],
                "first_available": page.first_available,
                "latest": page.latest,
                "next_after": page.next_after,
                "gap": page.gap,
                "has_more": page.has_more,
            }
        )
        return
    if page.gap == "trimmed" and after:
        output.note(f"Commits before {page.first_available} were trimmed.")
    elif page.gap == "other_store":
        output.note(f"The newest commit is {page.latest}, so all are listed.")
    for one in page.entries:
        click.echo(_line(one))
    if not page.entries:
        output.note(f"There are no such commits in {store}.")
    if page.has_more:
        output.note(f"There are more: --after {page.next_after}")


@click.command("tail")
@click.argument("store", type=PATH)
@click.option("--follow", "-f", is_flag=True, help="Show commits as they come, until Ctrl-C.")
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(0, 1000),
    default=10,
    show_default=True,
    help="Begin with so many of the newest commits.",
)
@_session_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each commit.")
def tail_command(
    store: Path, follow: bool, lines: int, sessions: tuple[str, ...], as_json: bool
) -> None:
    """Show the newest commits in STORE, and with --follow those that come.

    With --session the newest commits are looked at, and those of other sessions are left out.
    """

    async def show() -> None:
        async with existing(store) as opened:
            after = max(0, await opened.latest_sequence() - lines)
            page = await opened.commits(after=after, limit=max(1, lines), subjects=sessions or None)
            for one in page.entries if lines else ():
                _print(one, as_json)
            if follow:
                async for found in opened.watch(after=page.position, subjects=sessions or None):
                    _print(found, as_json)

    asyncio.run(show())


def _print(found: Commit | CommitGap, as_json: bool) -> None:
    if as_json:
        output.print_json_line(_tree(found))
    elif isinstance(found, Commit):
        click.echo(_line(found))
    else:
        output.note(f"Commits before {found.first_available} were trimmed.")


def _line(commit: Commit) -> str:
    time = output.moment(commit.committed_at_ms / 1000, _SECONDS)
    generation = "" if commit.generation is None else commit.generation
    what = commit.op if commit.kind == "session" else f"{commit.op} ({commit.kind})"
    return one_line(f"{commit.sequence:>8}  {time}  {what:<13}  {generation:>6}  {commit.subject}")


def _tree(found: Commit | CommitGap) -> dict[str, Any]:
    tree = attrs.asdict(found)
    if isinstance(found, Commit):
        tree["save_id"] = None if found.save_id is None else found.save_id.hex()
    return tree
