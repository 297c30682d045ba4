"""Consoles, tables, JSON and pages of text, numbers for people, and a progress bar.

Colours are the sixteen that every terminal maps to its own theme, and never the only sign of a
state. Output to a pipe is neither cut nor wrapped, so that every line has all of its cells. Stored
text is printed by `Page.put`, which escapes it.
"""

from __future__ import annotations

import datetime
import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import attrs
import click
import orjson
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from a3s_store.errors import EncodeError
from a3s_store.printable import clean, json_safe, one_line
from a3s_store.wire import compact, orjson_memory, pretty

_UNCUT: Final = 100_000
_STATES: Final = {
    "active": "green",
    "completed": "green",
    "passed": "green",
    "running": "cyan",
    "error": "red",
    "failed": "red",
    "cancelled": "magenta",
}


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--json`, which every command has."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
    )(command)


def print_json(tree: Any) -> None:
    """Print one JSON document in UTF-8, whatever the encoding of the terminal."""
    click.echo(json_safe(_json_text(pretty, tree, orjson.OPT_INDENT_2)).encode("utf-8"))


def print_json_line(tree: Any) -> None:
    """Print a JSON document on one line, at once: one of many."""
    click.echo(json_safe(_json_text(compact, tree, 0)).encode("utf-8"))


def _json_text(write: Callable[[Any], bytes], tree: Any, option: int) -> str:
    try:
        return write(tree).decode()
    except EncodeError as error:
        # A value stored with as many levels as orjson writes has more in a document around it.
        try:
            return orjson_memory.in_pieces(tree, option, orjson_memory.EACH).decode()
        except TypeError:
            raise error from None


def stdout() -> Console:
    """Return the console for data."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return the console for everything else."""
    return _console(stderr=True)


class _Console(Console):
    """A console that leaves a closed pipe to `app`."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError; rich would exit with 1."""
        raise BrokenPipeError(errno.EPIPE, "nothing reads the output")


def _console(*, stderr: bool) -> Console:
    console = _Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNCUT
    return console


def note(message: str) -> None:
    """Print a sentence on stderr."""
    click.echo(one_line(message), err=True)


def cell(value: Any, style: str = "") -> Text:
    """Return a cell of a table: stored text on one line, never markup."""
    return Text("" if value is None else one_line(str(value)), style=style)


def state_style(state: str) -> str:
    """Return the colour of a state or status; empty for one without."""
    return _STATES.get(state.lower(), "")


def table(**columns: Mapping[str, Any]) -> Table:
    """Return an empty table without lines; keywords are column titles with options for rich."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title, options in columns.items():
        made.add_column(title.replace("_", " "), **options)
    return made


def print_table(console: Console, made: Table) -> None:
    """Print a table; to a pipe without the blanks that fill its last column."""
    if console.is_terminal:
        console.print(made)
        return
    if console.width == _UNCUT and (lines := _plain_lines(made)) is not None:
        click.echo("".join(line.rstrip() + "\n" for line in lines), nl=False)
        return
    with console.capture() as captured:
        console.print(made)
    click.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), nl=False)


def _plain_lines(made: Table) -> list[str] | None:
    """Return the lines of a table as text; None if a cell has several lines.

    rich measures and styles each cell several times: 10 000 sessions took it 38 seconds.
    """
    columns = []
    for column in made.columns:
        cells = [str(column.header)] if made.show_header else []
        cells += [str(each) for each in column.cells]
        if any("\n" in each for each in cells):
            return None
        width = max(map(cell_len, cells), default=0)
        right = column.justify == "right"
        blanks = [" " * (width - cell_len(each)) for each in cells]
        columns.append([b + c if right else c + b for c, b in zip(cells, blanks, strict=True)])
    return ["  ".join(row) for row in zip(*columns, strict=True)]


def facts(pairs: Sequence[tuple[str, Any]]) -> Table:
    """Return a table of names and values."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, value if isinstance(value, Text) else cell(value))
    return made


def amount(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 message`, `2 messages`, `12 000 messages`."""
    return f"{number:,}".replace(",", " ") + f" {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Return bytes as text, in powers of 1024."""
    if number < 1024:
        return f"{number} B"
    value = float(number)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1024 or unit == "TiB":
            break
    return f"{value:.1f} {unit}"


def dollars(cost: float | None) -> str:
    """Return a cost as text; empty when it is unknown or zero."""
    if not cost:
        return ""
    return f"${cost:.2f}" if abs(cost) >= 1 else f"${cost:.4f}"


def moment(seconds: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return Unix seconds as local time; as a number if they are outside of the calendar."""
    try:
        return datetime.datetime.fromtimestamp(seconds).strftime(form)
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def short_moment(seconds: float) -> str:
    """Return local time in twelve characters: with the hour in this year, else with the year."""
    try:
        then = datetime.datetime.fromtimestamp(seconds)
    except (OverflowError, ValueError, OSError):
        return str(seconds)
    this_year = then.year == datetime.datetime.now().year
    return then.strftime("%d %b %H:%M" if this_year else "%d %b %Y")


def duration(milliseconds: int) -> str:
    """Return a duration as text."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds // 60_000} min"


_MAX_WIDTH: Final = 100  # Longer lines of prose are hard to read.
_FOLD_CHARACTERS: Final = 4_000


@attrs.frozen
class Page:
    """A console for text; with `full`, long texts are not folded."""

    console: Console
    full: bool

    def put(
        self,
        text: str,
        style: str = "",
        *,
        indent: int = 0,
        first: str = "",
        lines: int = 0,
        tail: int = 0,
    ) -> None:
        """Print a text, after `first` on its first line; the other lines are indented under it.

        A text of more than `lines` lines is folded: the last `tail` of the shown lines are from its
        end, and the number of lines left out is printed.
        """
        lead = indent + len(first)
        parts = (text, "", "") if self.full or not lines else fold(text, lines, tail)
        head, *others = self._wrapped(clean(parts[0]), lead)
        block = [" " * indent + first + head, *(line and " " * lead + line for line in others)]
        self._print(Text("\n".join(block), style=style))
        if parts[1]:
            self._print(Text(" " * lead + parts[1], style="dim italic"))
        if parts[2]:
            self.put(parts[2], style, indent=lead)

    def label(self, text: str, style: str = "dim", *, indent: int = 0) -> None:
        """Print a text of the program on one line, even if ids and names have line feeds."""
        self.put(one_line(text), style, indent=indent)

    def blank(self) -> None:
        """Print an empty line."""
        self._print(Text())

    def parts(self, *parts: tuple[str, str], indent: int = 0) -> None:
        """Print one line of (text, style)."""
        line = Text(" " * indent)
        for text, style in parts:
            line.append(one_line(text), style=style)
        self.console.print(line, soft_wrap=not self.console.is_terminal)

    def _wrapped(self, text: str, lead: int) -> list[str]:
        if not self.console.is_terminal:
            return text.split("\n")
        width = max(20, min(self.console.width, _MAX_WIDTH) - lead)
        return [line.plain for line in Text(text).wrap(self.console, width)]

    def _print(self, text: Text) -> None:
        self.console.print(text, no_wrap=True, overflow="ignore", crop=False)


def fold(text: str, lines: int, tail: int = 0) -> tuple[str, str, str]:
    """Return the beginning of a text, the size of the gap as text, and its end.

    A short text is returned whole, with two empty strings.
    """
    text = text.rstrip("\n")
    found = text.split("\n")
    left = len(found) - lines
    # The remark on a single line that is left out would be as long as the line.
    if left > 1:
        head, end = "\n".join(found[: lines - tail]), "\n".join(found[len(found) - tail :])
        if len(head) + len(end) <= _FOLD_CHARACTERS:
            return head, f"… {amount(left, 'more line')}", end
    if len(text) > _FOLD_CHARACTERS:
        left = len(text) - _FOLD_CHARACTERS
        return text[:_FOLD_CHARACTERS], f"… {amount(left, 'more character')}", ""
    return text, "", ""


_PAGE: Final = 4096
# Called with how much is done, and how much there is to do.
Progress = Callable[[int, int], object]


@contextmanager
def bar(title: str, *, pages: bool = False, hidden: bool = False) -> Iterator[Progress]:
    """Show a progress bar on stderr inside the block; yield a function that updates it.

    It has the rate and the time that is left. Nothing is shown where stderr is no terminal, and
    with `hidden`. With `pages` the numbers are pages of a database, and shown as bytes.
    """
    # Imported here, so that other commands do not wait for it.
    from rich import progress

    console = stderr()
    shown = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        *(
            (progress.DownloadColumn(binary_units=True), progress.TransferSpeedColumn())
            if pages
            else (progress.MofNCompleteColumn(), progress.TextColumn("{task.fields[rate]}"))
        ),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=hidden or not console.is_terminal,
    )
    unit = _PAGE if pages else 1
    with shown:
        task = shown.add_task(title, total=None, rate="")

        def update(done: int, total: int) -> None:
            speed = shown.tasks[task].speed
            rate = "" if speed is None else f"{speed:,.0f}/s".replace(",", " ")
            shown.update(task, completed=done * unit, total=total * unit, rate=rate)

        yield update
