"""`search`: messages that have all words of a query."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from a3s_store.cli import moments, output
from a3s_store.cli.listing import wanted_labels
from a3s_store.cli.opening import PATH, existing
from a3s_store.core.listing.values import Page
from a3s_store.core.search.values import SearchFilter, SearchHit, SearchOrder, SearchSyntax
from a3s_store.errors import InvalidArgumentError

# How many lines of a snippet are printed.
_LINES = 3


@click.command("search")
@click.argument("store", type=PATH)
@click.argument("query")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="In this session.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="Of this role.")
@click.option("--since", metavar="WHEN", help="Added since a date, or since so long: 7d, 12h.")
@click.option("--label", "labels", multiple=True, metavar="KEY[=VALUE]", help="With this label.")
@click.option(
    "--all-branches", is_flag=True, help="Also in messages that were taken back or edited."
)
@click.option("--fts5", is_flag=True, help="QUERY is an expression of SQLite's FTS5.")
@click.option("--newest", is_flag=True, help="The newest first, instead of the best.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many hits."
)
@output.json_option
def search_command(
    store: Path,
    query: str,
    sessions: Sequence[str],
    roles: Sequence[str],
    since: str | None,
    labels: tuple[str, ...],
    all_branches: bool,
    fts5: bool,
    newest: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Search the conversations in STORE for messages with all words of QUERY.

    QUERY is words, "phrases" in quotes, and beginnings of words with a * behind them. Sessions in
    the trash and archived ones are left out.
    """
    where = SearchFilter(
        ids=sessions or None,
        role=roles or None,
        since=None if since is None else moments.since(since),
        labels=wanted_labels(labels),
        branches="all" if all_branches else "current",
    )
    syntax: SearchSyntax = "fts5" if fts5 else "words"
    order: SearchOrder = "newest" if newest else "relevance"

    async def read() -> Page[SearchHit]:
        hits: list[SearchHit] = []
        after: str | None = None
        async with existing(store) as opened:
            while True:
                left = limit - len(hits)
                page = await opened.search(
                    query, where=where, order=order, limit=left, after=after, syntax=syntax
                )
                hits += page
                after = page.next
                if after is None or len(hits) == limit:
                    return Page(items=tuple(hits), partial=page.partial)

    try:
        found = asyncio.run(read())
    except InvalidArgumentError as error:
        if error.argument == "query":
            raise click.UsageError(f"The query {error.what.removeprefix('query ')}.") from None
        raise
    if as_json:
        output.print_json([hit._asdict() for hit in found])
    elif found.items:
        page = output.Page(output.stdout(), full=False)
        for hit in _apart(page, found.items):
            _print(page, hit)
    else:
        output.note(f"No message in {store} has all these words.")
    if found.partial:
        output.note("Hits may be missing: some messages could not be looked at.")


def _apart(page: output.Page, hits: Sequence[SearchHit]) -> Iterator[SearchHit]:
    """Yield the hits, and print an empty line between them."""
    for number, hit in enumerate(hits):
        if number:
            page.blank()
        yield hit


def _print(page: output.Page, hit: SearchHit) -> None:
    when = "" if hit.at_ms is None else f"  {output.moment(hit.at_ms // 1000)}"
    place = f"message {hit.seq}"
    if hit.generation is not None:
        place += f" of generation {hit.generation}"
    page.parts((hit.session_id, "bold"), (f"  {place}  {hit.role}{when}", "dim"))
    page.put(hit.snippet, indent=2, lines=_LINES)
