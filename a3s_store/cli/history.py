"""`history` and `switch`: the turns and branches of a session, and going back to a branch."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs
import click

from a3s_store.cli import output
from a3s_store.cli.opening import PATH, existing, not_found
from a3s_store.cli.output import cell
from a3s_store.core.branches import Branch
from a3s_store.core.turns import Turn, first_prompt


@click.command("history")
@click.argument("store", type=PATH)
@click.argument("session_id", metavar="ID")
@output.json_option
def history_command(store: Path, session_id: str, as_json: bool) -> None:
    """Show the turns of a session, and its branches.

    A branch is a conversation that no later save continues: the present one, and those that a
    rewind, an edit or a compaction left. `switch` goes back to one.
    """

    async def read() -> tuple[tuple[Turn, ...], tuple[Branch, ...]]:
        async with existing(store) as opened:
            if not await opened.exists(session_id):
                raise not_found(session_id)
            return await opened.turns(session_id), await opened.branches(session_id)

    turns, branches = asyncio.run(read())
    if as_json:
        output.print_json(
            {
                "turns": [attrs.asdict(one) for one in turns],
                "branches": [_as_json(one) for one in branches],
            }
        )
        return
    _print_turns(turns)
    click.echo()
    _print_branches(branches)


def _as_json(branch: Branch) -> dict[str, object]:
    found = attrs.asdict(branch, recurse=False)
    del found["first_different"]
    return found | {"begins": _beginning(branch)}


def _beginning(branch: Branch) -> str | None:
    """Return the text of the first message in which a branch differs from its parent."""
    message = branch.first_different
    if message is None:
        return None
    return first_prompt([message]) or message.text[:200]


def _print_turns(turns: tuple[Turn, ...]) -> None:
    right = {"justify": "right"}
    made = output.table(turn=right, messages={}, time={}, prompt={"overflow": "fold"})
    for one in turns:
        when = "" if one.at_ms is None else output.moment(one.at_ms / 1000)
        made.add_row(str(one.index), f"{one.start} to {one.stop}", when, cell(one.prompt))
    output.print_table(output.stdout(), made)


def _print_branches(branches: tuple[Branch, ...]) -> None:
    right = {"justify": "right"}
    made = output.table(
        generation=right, messages=right, from_generation={}, saved={}, begins={"overflow": "fold"}
    )
    for one in branches:
        parent = one.parent_generation
        made.add_row(
            f"{one.generation}{' *' if one.current else ''}",
            str(one.length),
            "" if parent is None else f"{parent} at {one.parts_at}",
            output.moment(one.at_ms / 1000),
            cell(_beginning(one)),
        )
    output.print_table(output.stdout(), made)


@click.command("switch")
@click.argument("store", type=PATH)
@click.argument("session_id", metavar="ID")
@click.argument("generation", type=int)
@output.json_option
def switch_command(store: Path, session_id: str, generation: int, as_json: bool) -> None:
    """Make the conversation of a generation the present one.

    `history` lists the branches. The conversation that is left stays one.
    """

    async def switch() -> int:
        async with existing(store, read_only=False) as opened:
            if not await opened.exists(session_id):
                raise not_found(session_id)
            return await opened.switch_branch(session_id, generation)

    now = asyncio.run(switch())
    if as_json:
        output.print_json({"generation": now})
    else:
        click.echo(f"The session is at generation {now}, with the conversation of {generation}.")
