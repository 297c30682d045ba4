"""`doctor` and `erase`: how a store is, and taking something out of it for good."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import connect, file_facts, permissions
from a3s_store.backends.sqlite.connection.connect import Settings
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.maintenance import health
from a3s_store.backends.sqlite.maintenance.health import Recommendation
from a3s_store.backends.sqlite.read import catalog
from a3s_store.cli import output
from a3s_store.cli.failures import DAMAGED, Failure
from a3s_store.cli.opening import PATH, existing, require_known, require_store
from a3s_store.cli.output import cell
from a3s_store.core.reports import EraseReport
from a3s_store.errors import CorruptionError, StoreError

_ATTENTION: Final = 1


@click.command("doctor")
@click.argument("store", type=PATH)
@output.json_option
def doctor_command(store: Path, as_json: bool) -> None:
    """Say how STORE is, and what to do about it; nothing is written.

    The file is looked at from outside first, then read: what is on record of it, and whether its
    structure is whole (`verify` looks at every value). No probe is written, as `info` does. If the
    store was not closed and nobody has it open, SQLite finishes its log, as whenever it is opened.

    Exits with 0 when there is nothing to do, 1 when something needs attention, 4 when the store is
    damaged.
    """
    require_store(store)
    path = connect.resolve(store)
    facts = file_facts.read(path)
    said = [
        Recommendation(f"The store will not be opened: {what}. {hint}.", attention=True)
        for what, hint in permissions.refusals(path)
    ]
    damage: str | None = None
    if not said:
        try:
            more, damage = _look(path)
            facts |= more
        except CorruptionError as error:
            damage = str(error)
        except StoreError as error:
            raise Failure(str(error)) from error
    if "schema" in facts:
        said += health.recommendations(facts, time.time())
    if damage is not None:
        what = f"The store is damaged: {damage}"
        hint = "Keep the file, restore a backup beside it, or salvage what is whole."
        said.insert(0, Recommendation(f"{what.rstrip('.')}. {hint}", attention=True))
    is_damaged = damage is not None or health.damage(facts) > 0
    state = "damaged" if is_damaged else _state(said)
    if as_json:
        advice = [said_one._asdict() for said_one in said]
        output.print_json({"location": str(path), "state": state, "facts": facts, "advice": advice})
    else:
        _print(path, state, facts, said)
    sys.exit({"damaged": DAMAGED, "needs attention": _ATTENTION}.get(state, 0))


def _state(said: list[Recommendation]) -> str:
    return "needs attention" if any(one.attention for one in said) else "well"


def _look(path: Path) -> tuple[dict[str, Any], str | None]:
    """What is on record in the file, and what is the matter with its structure; None: nothing."""
    # Whoever looks has not to say whether other machines use it: the advice does.
    conn = connect.open_reader(Settings(path=path, network_mount=True))
    try:
        with during("doctor", str(path)), transaction.read(conn):
            facts = catalog.facts(conn)
            (found,) = conn.execute("PRAGMA quick_check(1)").fetchone()
            return facts, None if found == "ok" else str(found)
    finally:
        conn.close()


def _print(path: Path, state: str, facts: dict[str, Any], said: list[Recommendation]) -> None:
    console = output.stdout()
    output.print_table(console, output.facts([("store", path), *_pairs(facts), ("state", state)]))
    for one in said:
        mark = "Attention" if one.attention else "Note"
        console.print()
        console.print(cell(f"{mark}: {one.text}", "bold" if one.attention else ""))


def _pairs(facts: dict[str, Any]) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in facts.items():
        if name.endswith("_bytes"):
            shown: Any = output.size(value)
        elif name in {"last_verify", "last_erase"}:
            shown = _note(value)
        elif name == "permissions_before":
            continue
        else:
            shown = "unknown" if value is None else value
        pairs.append((name.removesuffix("_bytes").replace("_", " "), shown))
    return pairs


def _note(note: dict[str, Any] | None) -> str:
    if note is None:
        return "never"
    rest = [f"{key} {value}" for key, value in note.items() if key != "at"]
    return ", ".join([output.moment(note["at"]), *rest])


@click.command("erase")
@click.argument("store", type=PATH)
@click.argument("session_ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def erase_command(store: Path, session_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete sessions so that no piece of their texts is left in STORE.

    With everything under their ids, and the loop checkpoints of their runs. Workflow checkpoints
    and sessions of subagents stay, as do backups and exports. The whole file is written anew, so a
    large one takes a while. An id under which nothing is left may be named with --yes, to finish
    an erasure that was not complete.
    """

    async def erase() -> EraseReport:
        async with existing(store) as opened:
            if not yes:
                for session_id in session_ids:
                    await require_known(opened, session_id)
                amount = output.amount(len(session_ids), "session")
                click.confirm(f"Erase {amount} for good?", abort=True, err=True)
            return await opened.erase(*session_ids)

    report = asyncio.run(erase())
    if as_json:
        output.print_json(report.as_json())
        return
    for session_id in sorted(set(session_ids) - set(report.found)):
        output.note(f"There was nothing under {session_id!r}.")
    output.note(
        f"Erased {output.amount(len(report.found), 'session')}; "
        f"{output.amount(report.pages, 'page')} written anew in {report.seconds:.1f} s."
    )
