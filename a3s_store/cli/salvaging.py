"""`salvage`: what is whole of a damaged store, as a new one, and a list of what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from a3s_store.cli import output
from a3s_store.cli.failures import DAMAGED
from a3s_store.cli.opening import PATH, require_store
from a3s_store.cli.output import cell
from a3s_store.cli.progress import bar
from a3s_store.core.reports import Damage, SalvageReport


@click.command("salvage")
@click.argument("store", type=PATH)
@click.argument("new", type=PATH)
@output.json_option
def salvage_command(store: Path, new: Path, as_json: bool) -> None:
    """Bring what is whole of the damaged STORE into the new store NEW.

    STORE is only read, and must not be in use; NEW must not be there yet. What cannot be proven is
    left out and named, sessions first, also in NEW, where `doctor` shows it. Numbers of
    generations begin anew. Exits with 0 when nothing was damaged,
    4 when something was.
    """
    from a3s_store.backends.sqlite.salvage.run import salvage

    require_store(store)
    with bar("Salvaging") as progress:
        report = asyncio.run(salvage(store, new, on_progress=progress))
    if as_json:
        output.print_json(report.as_json())
    else:
        _print(report)
    if not report.ok:
        click.get_current_context().exit(DAMAGED)


def _print(report: SalvageReport) -> None:
    """What came back, in a few lines; then what did not, one line each."""
    came_back = [
        ("whole", output.amount(len(report.sessions), "session")),
        ("in part", output.amount(len(report.partial), "session")),
        ("lost", output.amount(len(report.lost), "session")),
        ("messages", output.amount(report.messages, "message")),
        ("checkpoints", output.amount(report.checkpoints, "checkpoint")),
        ("memories", output.amount(report.memories, "memory", "memories")),
        ("new store", report.target),
    ]
    output.print_table(output.stdout(), output.facts(came_back))
    if report.damage:
        click.echo()
        _print_damage(report.damage)
        output.note(f"Damaged. {report.source} was left as it is: keep it.")
    else:
        output.note("Nothing was damaged.")


def _print_damage(damage: Sequence[Damage]) -> None:
    made = output.table(damaged={"overflow": "fold"}, what={"overflow": "fold", "ratio": 1})
    for one in damage:
        place, _, what = str(one).partition(": ")
        made.add_row(cell(place, "red"), cell(what))
    output.print_table(output.stdout(), made)
