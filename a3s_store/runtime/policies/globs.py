"""Matches the globs of permission rules, in time proportional to pattern and text.

`**` and `**/` match any text without a line break, `*` any text and `?` one character without `/`,
line breaks included. Every other character matches itself, and the whole text must match. Upstream,
where globs become regular expressions, treats line breaks the same way.

Rejected: regular expressions. A pattern comes from a policy on disk and the text from a model, and
`re` needs exponential time for many `**`. Here one large integer has a bit for each position of the
text that the pattern so far can have reached, and each piece of the pattern is a step or two of
arithmetic on it (as in Cameron's Parabix): the time is pieces times length in every case.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

_ANY: Final = "**"
_NAME: Final = "*"
_ONE: Final = "?"


@attrs.frozen
class Glob:
    """A compiled pattern: pieces of literal text and wildcards."""

    pieces: tuple[tuple[Literal["text", "wild"], str], ...]

    @classmethod
    def of(cls, pattern: str) -> Glob:
        """Compile a pattern; every text is one. Upstream: `glob_to_regex` (runtime 5.1)."""
        pieces: list[tuple[Literal["text", "wild"], str]] = []
        at = 0
        literal = ""
        while at < len(pattern):
            wild = next((w for w in (_ANY, _NAME, _ONE) if pattern.startswith(w, at)), "")
            if not wild:
                literal += pattern[at]
                at += 1
                continue
            if literal:
                pieces.append(("text", literal))
                literal = ""
            pieces.append(("wild", wild))
            at += len(wild)
            if wild == _ANY and pattern.startswith("/", at):
                at += 1
        if literal:
            pieces.append(("text", literal))
        return cls(tuple(pieces))

    def matches(self, text: str) -> bool:
        """Whether the pattern matches the whole text."""
        if self.pieces and self.pieces[0][0] == "text" and not text.startswith(self.pieces[0][1]):
            return False
        marks = _Marks(text)
        # Bit i is set where the pieces so far can match text[:i].
        here = 1
        for kind, piece in self.pieces:
            if kind == "text":
                here = (here & marks.of(piece)) << len(piece)
            elif piece == _ONE:
                here = (here & marks.without("/")) << 1
            else:
                # Add all positions up to the end of the run of allowed characters: adding the run
                # to one of its bits carries to the end of the run.
                run = marks.without("\n" if piece == _ANY else "/")
                here |= ((here & run) + run) ^ run
            if not here:
                return False
        return bool(here >> len(text) & 1)


class _Marks:
    """Positions in one text as integers: bit i is set for a match that begins at text[i]."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[str, int] = {}

    def of(self, part: str) -> int:
        """Return the positions where a part begins."""
        found = self._found.get(part)
        if found is None:
            # Digits and int(), since `|=` on a large integer copies it for each position.
            digits = bytearray(b"0") * (len(self._text) + 1)
            at = self._text.find(part)
            while at >= 0:
                digits[~at] = ord("1")
                at = self._text.find(part, at + 1)
            found = self._found[part] = int(digits, 2)
        return found

    def without(self, character: str) -> int:
        """Return the positions of all other characters."""
        return (1 << len(self._text)) - 1 ^ self.of(character)
