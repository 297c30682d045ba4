"""`stream`: list streams, show and change their items."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from a3s_store.cli import moments, output
from a3s_store.cli.failures import NotFound
from a3s_store.cli.opening import PATH, existing
from a3s_store.core.streams.values import Item, NewItem, StreamInfo
from a3s_store.errors import EncodeError, InvalidArgumentError
from a3s_store.printable import short_repr

_STORE = click.argument("store", type=PATH)
_NAME = click.argument("name")
# How many lines of a value are printed.
_LINES: Final = 5


@click.group("stream")
def stream_command() -> None:
    """List the streams in STORE, and show, put and delete their items."""


@stream_command.command("list")
@_STORE
@click.argument("prefix", default="")
@output.json_option
def list_streams(store: Path, prefix: str, as_json: bool) -> None:
    """List the streams whose names begin with PREFIX, by name."""

    async def read() -> list[StreamInfo]:
        found: list[StreamInfo] = []
        after: str | None = None
        async with existing(store) as opened:
            while True:
                page = await opened.streams(prefix, limit=1000, after=after)
                found += page
                after = page.next
                if after is None:
                    return found

    streams = asyncio.run(read())
    if as_json:
        output.print_json([_info(one) for one in streams])
    elif streams:
        right = {"justify": "right"}
        made = output.table(NAME={}, ITEMS=right, CHANGED={}, SESSION={})
        for one in streams:
            changed = output.moment(one.changed_at_ms / 1000)
            made.add_row(output.cell(one.name), f"{one.count}", changed, one.session_id or "")
        output.print_table(output.stdout(), made)
    else:
        output.note(f"There are no such streams in {store}.")


@stream_command.command("show")
@_STORE
@_NAME
@click.option("--id", "item_id", metavar="ID", help="The item with this id.")
@click.option("--id-prefix", metavar="TEXT", help="Items whose ids begin so, by id.")
@click.option(
    "--last", type=click.IntRange(1), default=20, show_default=True, help="How many of the last."
)
@output.json_option
def show_stream(
    store: Path,
    name: str,
    item_id: str | None,
    id_prefix: str | None,
    last: int,
    as_json: bool,
) -> None:
    """Show the last items of a stream, or those with some ids."""

    async def read() -> tuple[StreamInfo | None, tuple[Item, ...]]:
        async with existing(store) as opened:
            stream = opened.stream(name)
            if item_id is not None:
                one = await stream.get(item_id)
                return await stream.info(), () if one is None else (one,)
            by_id = id_prefix is not None
            found = await stream.items(
                last=last, id_prefix=id_prefix, order="id" if by_id else "seq"
            )
            return await stream.info(), found

    info, items = _checked(read())
    if info is None or (item_id is not None and not items):
        raise _missing(name, item_id)
    if as_json:
        output.print_json({"stream": _info(info), "items": [_item(one) for one in items]})
        return
    page = output.Page(output.stdout(), full=False)
    for one in items:
        labels = "".join(f"  {key}={text}" for key, text in one.labels.items())
        when = output.moment(one.at_ms / 1000)
        page.parts((f"{one.seq}", "bold"), (f"  {one.id or ''}{labels}  {when}", "dim"))
        page.put(_text(one.value), indent=2, lines=_LINES)
    if not items:
        output.note("There are no such items.")


@stream_command.command("put")
@_STORE
@_NAME
@click.argument("value")
@click.option("--id", "item_id", metavar="ID", help="Replace the item with this id.")
@click.option("--bytes", "is_bytes", is_flag=True, help="VALUE is text, stored as bytes.")
@click.option(
    "--ttl",
    type=float,
    callback=moments.duration,
    metavar="SECONDS",
    help="Remove the item after so long.",
)
@output.json_option
def put_item(
    store: Path,
    name: str,
    value: str,
    item_id: str | None,
    is_bytes: bool,
    ttl: timedelta | None,
    as_json: bool,
) -> None:
    """Store VALUE, which is JSON, at the end of a stream or under an id; - reads it from stdin."""
    text = _from_stdin() if value == "-" else value.encode(errors="surrogateescape")
    item = NewItem(text if is_bytes else _parsed(text), id=item_id, ttl=ttl)

    async def write() -> Any:
        async with existing(store, read_only=False) as opened:
            return await opened.stream(name).append(item, on_conflict="replace")

    try:
        done = _checked(write())
    except EncodeError as error:
        raise click.UsageError(f"VALUE cannot be stored: {error.what}.") from None
    _say(
        as_json,
        f"Version {done.versions[0]} is stored in {short_repr(name)}.",
        stream=name,
        version=done.versions[0],
        inserted=done.inserted[0],
        next=done.next,
    )


@stream_command.command("delete")
@_STORE
@_NAME
@click.option("--id", "item_id", metavar="ID", help="Only the item with this id.")
@click.option("--id-prefix", metavar="TEXT", help="Only items whose ids begin so.")
@output.json_option
def delete_items(
    store: Path, name: str, item_id: str | None, id_prefix: str | None, as_json: bool
) -> None:
    """Delete a stream, or items of it. `a3s-store erase` leaves no piece of them in STORE."""

    async def write() -> int | None:
        async with existing(store, read_only=False) as opened:
            stream = opened.stream(name)
            if await stream.info() is None:
                return None
            return await stream.delete(item_id, id_prefix=id_prefix)

    count = _checked(write())
    if count is None or (item_id is not None and not count):
        raise _missing(name, item_id)
    _say(as_json, f"{output.amount(count, 'item')} deleted.", stream=name, deleted=count)


def _from_stdin() -> bytes:
    # None in a process that was started without it.
    given: Any = sys.stdin
    if given is None:
        raise click.UsageError("VALUE is -, and standard input is closed.")
    found: bytes = given.buffer.read()
    return found


def _parsed(text: bytes) -> Any:
    """Return the value of a JSON text. Raises BadParameter."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError):
        what = "VALUE is no JSON; a text needs quotes, or --bytes"
    except ValueError:
        what = "VALUE has an integer of too many digits"
    except RecursionError:
        what = "VALUE is nested too deep"
    raise click.BadParameter(what)


def _checked(call: Any) -> Any:
    """Run a call; a name or id that cannot be one is an error of usage."""
    try:
        return asyncio.run(call)
    except InvalidArgumentError as error:
        raise click.UsageError(f"{error.what}.") from None


def _missing(name: str, item_id: str | None) -> NotFound:
    what = f"no stream {short_repr(name)}"
    if item_id is not None:
        what = f"no item {short_repr(item_id)} in a stream {short_repr(name)}"
    return NotFound(f"there is {what}. `a3s-store stream list STORE` lists all streams")


def _say(as_json: bool, text: str, **tree: Any) -> None:
    if as_json:
        output.print_json(tree)
    else:
        output.note(text)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes: {value[:60]!r}"
    return json.dumps(value, ensure_ascii=False)


def _info(one: StreamInfo) -> dict[str, Any]:
    return {
        "name": one.name,
        "count": one.count,
        "next": one.next,
        "changed_at_ms": one.changed_at_ms,
        "sequence": one.sequence,
        "metadata": one.metadata,
        "session": one.session_id,
    }


def _item(one: Item) -> dict[str, Any]:
    """Return an item as JSON; bytes are in base64 under another key."""
    is_bytes = isinstance(one.value, bytes)
    value = {"base64": base64.b64encode(one.value).decode()} if is_bytes else {"value": one.value}
    return {
        "seq": one.seq,
        "id": one.id,
        **value,
        "labels": dict(one.labels),
        "metadata": one.metadata,
        "version": one.version,
        "at_ms": one.at_ms,
        "expires_at_ms": one.expires_at_ms,
    }
