"""`migrate`: a file's tables brought to this release's, or first tried on a copy."""

from __future__ import annotations

from pathlib import Path

import click

from a3s_store.cli import output
from a3s_store.cli.opening import PATH, require_store
from a3s_store.core.reports import MigrationReport


@click.command("migrate")
@click.argument("store", type=PATH)
@click.option("--dry-run", is_flag=True, help="Only try it, on a copy; STORE is left as it is.")
@output.json_option
def migrate_command(store: Path, dry_run: bool, as_json: bool) -> None:
    """Bring the tables of STORE to this release's schema, after a backup.

    Opening a store does the same. The backup lies beside it. Exits with 1 when a step fails; STORE
    has then the schema it had before that step.
    """
    from a3s_store.backends.sqlite.connection import connect
    from a3s_store.backends.sqlite.maintenance import upgrade

    require_store(store)
    settings = connect.Settings(path=connect.resolve(store))
    report = upgrade.rehearse(settings) if dry_run else upgrade.upgrade(settings)
    if as_json:
        output.print_json(report.as_json())
    else:
        _print(report)
    if not report.ok:
        click.get_current_context().exit(1)


def _print(report: MigrationReport) -> None:
    if report.failure is not None:
        output.note(f"On a copy: {report.failure}. The store was left as it is.")
    if not report.steps:
        if report.ok:
            click.echo(f"The store has schema {report.after}: there is nothing to do.")
        return
    what = f"from schema {report.before} to {report.after}"
    took = output.duration(int(report.seconds * 1000))
    if report.dry_run:
        click.echo(f"On a copy: {what}, {took}. The store was left as it is.")
    else:
        click.echo(f"{what[0].upper()}{what[1:]}, {took}.")
    if report.backup is not None:
        output.note(f"The store as it was: {report.backup}")
