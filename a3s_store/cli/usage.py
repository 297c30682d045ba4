"""`usage`: tokens and costs of all sessions, added up from their cost records."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from pathlib import Path

import attrs
import click

from a3s_store.cli import output
from a3s_store.cli.opening import PATH, existing
from a3s_store.cli.output import cell
from a3s_store.core.usage import GROUPS, UsageRow
from a3s_store.errors import InvalidArgumentError


def _moment(_: click.Context, __: click.Parameter, value: str | None) -> date | None:
    """Return the date or time of an option. Raises BadParameter."""
    if value is None:
        return None
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(value)
        except ValueError:
            continue
    raise click.BadParameter(f"{value!r} is neither a date nor a time, like 2026-05-18T08:00Z")


@click.command("usage")
@click.argument("store", type=PATH)
@click.option(
    "--by", default="day", show_default=True, help=f"Groups, with commas: {', '.join(GROUPS)}."
)
@click.option("--since", callback=_moment, help="The first day, or a time with its offset.")
@click.option("--until", callback=_moment, help="The day after the last one, or a time.")
@click.option("--tz", help="The time zone of days and hours, such as Europe/Berlin. [default: UTC]")
@click.option("--inherited", is_flag=True, help="Count the cost records that forks copied, too.")
@output.json_option
def usage_command(
    store: Path,
    by: str,
    since: date | None,
    until: date | None,
    tz: str | None,
    inherited: bool,
    as_json: bool,
) -> None:
    """Add up the tokens and costs of the sessions in STORE.

    `2 unpriced`: the costs of two calls are unknown. With --json costs are billionths of a dollar.
    """
    groups = [one.strip() for one in by.split(",") if one.strip()]

    async def read() -> tuple[UsageRow, ...]:
        async with existing(store) as opened:
            return await opened.usage(
                by=groups, since=since, until=until, tz=tz, inherited=inherited
            )

    try:
        rows = asyncio.run(read())
    except InvalidArgumentError as error:
        raise click.UsageError(f"--{error.argument} {error.what}") from error
    if as_json:
        output.print_json([_as_json(groups, row) for row in rows])
    elif rows:
        _print_rows(groups, rows)
    else:
        output.note(f"There are no cost records in {store} to add up.")


def _as_json(groups: list[str], row: UsageRow) -> dict[str, object]:
    sums = attrs.asdict(row)
    return dict(zip(groups, sums.pop("key"), strict=True)) | sums


def _print_rows(groups: list[str], rows: tuple[UsageRow, ...]) -> None:
    right = {"justify": "right"}
    made = output.table(
        **{one: {"overflow": "fold"} for one in groups},
        calls=right,
        prompt=right,
        completion=right,
        cost=right,
        not_added={},
    )
    for row in rows:
        made.add_row(
            *map(cell, row.key),
            str(row.calls),
            str(row.prompt_tokens),
            str(row.completion_tokens),
            f"${row.cost_usd:.4f}",
            cell(_left_out(row)),
        )
    output.print_table(output.stdout(), made)


def _left_out(row: UsageRow) -> str:
    counts = ((row.unpriced_calls, "unpriced"), (row.inexact_calls, "too large"))
    return ", ".join(f"{count} {what}" for count, what in counts if count)
