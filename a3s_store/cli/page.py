"""Text set as a page: indented, wrapped on a terminal and never in a pipe, folded when it is long.

Everything goes through `Page.put`, which is where stored text is made harmless.
"""

from __future__ import annotations

from typing import Final

import attrs
from rich.console import Console
from rich.text import Text

from a3s_store.cli import output
from a3s_store.printable import clean, one_line

_MAX_WIDTH: Final = 100  # Longer lines of prose are hard to read.
_FOLD_CHARACTERS: Final = 4_000


@attrs.frozen
class Page:
    """A console, and whether long texts are shown whole."""

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
        """Print a text. `first` stands before its first line, the others are set under it.

        With `lines`, of a text of more only so many are shown, the last `tail` of them from its
        end, and what is left out is counted.
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
        """Print what the program says about a text: on one line, whatever is in ids and names."""
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
    """The beginning of a text, how much was left out, and its end; all of it when it is short."""
    text = text.rstrip("\n")
    found = text.split("\n")
    left = len(found) - lines
    # One line left out would be no shorter than saying so.
    if left > 1:
        head, end = "\n".join(found[: lines - tail]), "\n".join(found[len(found) - tail :])
        if len(head) + len(end) <= _FOLD_CHARACTERS:
            return head, f"… {output.amount(left, 'more line')}", end
    if len(text) > _FOLD_CHARACTERS:
        left = len(text) - _FOLD_CHARACTERS
        return text[:_FOLD_CHARACTERS], f"… {output.amount(left, 'more character')}", ""
    return text, "", ""
