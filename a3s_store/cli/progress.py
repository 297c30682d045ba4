"""A bar that says how far something is, on stderr, where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from a3s_store.cli import output

_PAGE: Final = 4096


@contextmanager
def bar(title: str, *, pages: bool = False) -> Iterator[Callable[[int, int], object]]:
    """While this lasts, a bar; what it yields is told how much is done, and of how much.

    With `pages` these are pages of a database, and shown as bytes.
    """
    console = output.stderr()
    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True) if pages else MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    unit = _PAGE if pages else 1
    with shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(task, completed=done * unit, total=total * unit)
