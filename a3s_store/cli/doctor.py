"""`doctor` and `erase`: diagnosing a store, and erasing sessions from it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import (
    connect,
    failing_reads,
    file_facts,
    paths,
    permissions,
)
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.maintenance import health
from a3s_store.backends.sqlite.maintenance.health import Recommendation
from a3s_store.backends.sqlite.maintenance.time_limit import (
    OutOfTimeError,
    TimeLimit,
    seconds_for,
)
from a3s_store.backends.sqlite.read import catalog, pairs, run_states
from a3s_store.backends.sqlite.schema import structure_check
from a3s_store.cli import doctor_parts, output
from a3s_store.cli.failures import DAMAGED, Failure
from a3s_store.cli.opening import PATH, existing, require_known, require_store
from a3s_store.cli.output import cell
from a3s_store.cli.transfer import print_pairs
from a3s_store.core.corruption import KEEP
from a3s_store.core.reports import EraseReport
from a3s_store.core.transfer_report import SessionPairs
from a3s_store.errors import CorruptionError, FileStateError, StoreError

_ATTENTION: Final = 1


@click.command("doctor")
@click.argument("store", type=PATH)
@click.option(
    "--fix",
    is_flag=True,
    help="Repair tool calls without result and results without call (the older conversation stays "
    "as the generation before), and remove checkpoints of ended runs. Close the programs that use "
    "STORE first.",
)
@click.option(
    "--secrets",
    is_flag=True,
    help="Search every text for keys of common shapes, and print where they are.",
)
@output.json_option
def doctor_command(store: Path, fix: bool, secrets: bool, as_json: bool) -> None:
    """Diagnose STORE and recommend actions; only --fix writes.

    Checks the permissions and the files beside STORE, then its notes and the structure of the file
    (`verify --deep` checks every value). If the store was not
    closed and no program has it open, SQLite applies its -wal, as on every opening.

    Conversations are searched for tool calls without result and results without call, which
    providers refuse; these are not damage. Runs with a checkpoint are counted: in progress,
    interrupted, left over (the run has ended) and orphaned (the session is not stored). --fix opens
    the store for writing, repairs the conversations, removes left-over checkpoints, and diagnoses
    again; a damaged store is not changed.

    With --secrets, texts, keys of objects and ids are searched for keys of known shapes (sk-...,
    ghp_..., AKIA..., private keys and others). Session, collection and path are printed, never the
    key. Deleted text may still be in the file; `erase` removes it.

    Exits with 0 when there is nothing to do, 1 when something needs attention, 4 when the store is
    damaged.
    """
    require_store(store)
    path = paths.resolve(store)
    facts = file_facts.read(path)
    said = [
        Recommendation(f"The store will not be opened: {what}. {hint}.", attention=True)
        for what, hint in permissions.refusals(path)
    ]
    looked = Looked()
    fixed: tuple[SessionPairs, ...] = ()
    removed: tuple[str, ...] = ()
    if not said:
        looked = _look(path)
        if fix and looked.damage is None and (looked.pairs or looked.runs.get("left_over")):
            try:
                # First, since open calls of a session with a checkpoint are not repaired.
                removed = asyncio.run(doctor_parts.remove_left_over(path))
                fixed = asyncio.run(
                    doctor_parts.repair_pairs_of(path, [one.session_id for one in looked.pairs])
                )
            except StoreError as error:
                raise Failure(str(error)) from error
            looked = _look(path)
    facts |= looked.facts
    facts["copies"] = file_facts.copies(path)
    damage = looked.damage
    if "schema" in facts:
        said += health.recommendations(facts, time.time(), is_damaged=damage is not None)
    if looked.runs:
        facts |= doctor_parts.checkpoint_facts(looked.runs)
        said += doctor_parts.checkpoint_recommendations(looked.runs)
    said += _about_pairs(looked.pairs)
    scanned = doctor_parts.scan_secrets(path) if secrets and looked.is_readable else None
    if scanned is not None:
        said += doctor_parts.secret_recommendations(scanned)
    if damage is not None:
        text = f"The store is damaged: {damage.what.rstrip('.')}. {damage.hint or KEEP}."
        said.insert(0, Recommendation(text, attention=True))
    if looked.refused is not None:
        facts |= _ids_and_commits(looked.refused)
        text = f"{looked.refused.what}. {looked.refused.hint}"
        said = [Recommendation(text, attention=True)]
    is_damaged = bool(damage or looked.refused) or health.damage(facts) > 0
    state = "damaged" if is_damaged else _state(said)
    if as_json:
        advice = [said_one._asdict() for said_one in said]
        output.print_json(
            {
                "location": str(path),
                "state": state,
                "facts": facts,
                "advice": advice,
                "pairs": [attrs.asdict(one) for one in looked.pairs],
                "fixed": [one.session_id for one in fixed if one.repaired],
                "removed_checkpoints": list(removed),
                "secrets": None if scanned is None else doctor_parts.secrets_as_json(scanned),
            }
        )
    else:
        _print(path, state, facts, said)
        if looked.pairs:
            print_pairs(looked.pairs)
        if scanned is not None:
            doctor_parts.print_secret_places(scanned)
        for run_id in removed:
            output.note(f"Removed the checkpoint of run {run_id}, which has ended.")
        for one in fixed:
            text = f"Repaired {one.session_id}: {one.what}."
            output.note(text if one.repaired else f"Not repaired, since it was saved: {one}.")
    sys.exit({"damaged": DAMAGED, "needs attention": _ATTENTION}.get(state, 0))


def _state(said: list[Recommendation]) -> str:
    return "needs attention" if any(one.attention for one in said) else "well"


@attrs.frozen
class Looked:
    """The findings in a file: facts, damage of its structure or None, unmatched tool pairs.

    `refused` is the error of opening it, if its files do not belong together. `runs` are the
    numbers of runs with a checkpoint, empty if they were not counted.
    """

    facts: dict[str, Any] = attrs.field(factory=dict)
    damage: CorruptionError | None = None
    refused: FileStateError | None = None
    pairs: tuple[SessionPairs, ...] = ()
    runs: Mapping[run_states.State, int] = attrs.field(factory=dict)

    @property
    def is_readable(self) -> bool:
        """Whether the file was opened and its structure is intact."""
        return bool(self.facts) and self.damage is None


def _look(path: Path) -> Looked:
    """Read the file as far as possible. Raises Failure for errors other than damage."""
    facts: dict[str, Any] = {}
    try:
        # Network mounts are allowed here; a recommendation warns about them.
        settings = Settings(path=path, network_mount=True)
        conn = failing_reads.opening(path, lambda: connect.open_reader(settings))
        try:
            with during("doctor", str(path)), transaction.read(conn):
                facts = catalog.facts(conn)
                with TimeLimit(seconds_for(conn)).over(conn):
                    for found in structure_check.problems(conn, "quick_check", 1):
                        raise CorruptionError(found, part="file", hint=KEEP)
                broken = tuple(SessionPairs.of(*each) for each in pairs.problems(conn).items())
                return Looked(facts, pairs=broken, runs=run_states.counts(conn))
        finally:
            conn.close()
    except OutOfTimeError as error:
        raise Failure(f"{path}: the check of the structure was not finished in its time") from error
    except CorruptionError as error:
        reading = failing_reads.read_through(path)
        if reading.error is not None:
            raise Failure(str(failing_reads.unavailable(reading.error))) from error
        return Looked(facts, error)
    except FileStateError as error:
        return Looked(refused=error)
    except StoreError as error:
        raise Failure(str(error)) from error


def _ids_and_commits(error: FileStateError) -> dict[str, Any]:
    return {
        "refused": error.reason,
        "file_id": error.file_id,
        "file_commit": error.file_commit,
        "log_commits": error.log_commits,
    }


def _about_pairs(pairs: Sequence[SessionPairs]) -> Iterator[Recommendation]:
    total = SessionPairs(
        session_id="",
        calls_without_result=sum(one.calls_without_result for one in pairs),
        results_without_call=sum(one.results_without_call for one in pairs),
    )
    if total.what:
        text = f"Providers refuse conversations with {total.what}. --fix repairs them."
        yield Recommendation(text, attention=True)
    elif pairs:
        text = (
            f"The last round of {output.amount(len(pairs), 'session')} waits for results: continue "
            "the run, or let --fix end the round."
        )
        yield Recommendation(text, attention=False)


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
        elif name == "copies":
            shown = len(value)
        elif name == "salvaged":
            shown = "no" if value is None else _salvaged(value)
        elif name == "permissions_before":
            continue
        else:
            shown = "unknown" if value is None else value
        pairs.append((name.removesuffix("_bytes").replace("_", " "), shown))
    return pairs


def _salvaged(note: dict[str, Any]) -> str:
    counts = (f"{len(note.get(name, ()))} {name}" for name in ("partial", "lost"))
    where = f"{output.moment(note['at'])} from {note.get('source')}"
    return f"{where}: {note.get('whole')} complete, {', '.join(counts)}"


def _note(note: dict[str, Any] | None) -> str:
    if note is None:
        return "never"
    rest = [f"{key} {value}" for key, value in note.items() if key != "at"]
    return ", ".join([output.moment(note["at"]), *rest])


@click.command("erase")
@click.argument("store", type=PATH)
@click.argument("session_ids", nargs=-1, required=True, metavar="ID...")
@click.option("--tree", is_flag=True, help="Also erase all descendants of these sessions.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--copies",
    is_flag=True,
    help="Also erase in the copies that the store made beside STORE, such as STORE.replaced.",
)
@output.json_option
def erase_command(
    store: Path,
    session_ids: tuple[str, ...],
    tree: bool,
    yes: bool,
    copies: bool,
    as_json: bool,
) -> None:
    """Delete sessions, leaving no piece of their texts in STORE.

    Deletes everything under their ids, and the loop checkpoints of their runs. Workflow
    checkpoints (except a session's own queue), backups and exports are not changed, nor, without
    --tree, sessions of subagents.
    The whole file is rewritten, so a large one takes a while. To finish an interrupted erasure,
    erase the same ids again with --yes, even if nothing is stored under them any more.
    """

    async def erase() -> EraseReport:
        async with existing(store, read_only=False) as opened:
            if not yes:
                for session_id in session_ids:
                    await require_known(opened, session_id)
                amount = output.amount(len(session_ids), "session")
                click.confirm(f"Erase {amount} for good?", abort=True, err=True)
            return await opened.erase(*session_ids, tree=tree, copies=copies)

    report = asyncio.run(erase())
    if as_json:
        output.print_json(report.as_json())
        return
    for session_id in sorted(set(session_ids) - set(report.found)):
        output.note(f"Nothing was stored under {session_id!r} any more.")
    output.note(
        f"Erased {output.amount(len(report.found), 'session')}; "
        f"{output.amount(report.pages, 'page')} rewritten in {report.seconds:.1f} s."
    )
    for path in report.erased_copies:
        output.note(f"Also erased in {path}.")
    for copy in report.copies:
        why = f": {copy.why}" if copy.why else ". --copies erases it there"
        output.note(f"{copy.path} ({copy.kind}) may still have erased text{why}.")
