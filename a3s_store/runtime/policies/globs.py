"""Matches the globs of permission rules, in a time that nobody can make explode.

`**` and `**/` are any text without a line break, `*` any text and `?` one character without `/`,
line breaks included; everything else stands for itself, and the whole text must match. That a `*`
takes a line break and a `**` does not is upstream's, whose globs become regular expressions.

Rejected: regular expressions. A rule comes from a policy on disk and the text from a model, and
`re` goes back and forth between many `**` in exponential time. Here the set of places up to which
the pattern so far may have matched is one large integer, a bit for each place of the text, and each
piece of the pattern is a step or two of arithmetic on it (as in Cameron's Parabix): the time is
pieces times length, whatever they are.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

_ANY: Final = "**"
_NAME: Final = "*"
_ONE: Final = "?"


@attrs.frozen
class Glob:
    """A compiled pattern: stretches of literal text, and what stands between them."""

    pieces: tuple[tuple[Literal["text", "wild"], str], ...]

    @classmethod
    def of(cls, pattern: str) -> Glob:
        """Compile; every text is a pattern. Upstream: `glob_to_regex` (runtime 5.1)."""
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
        """Whether the whole text is one that the pattern means."""
        if self.pieces and self.pieces[0][0] == "text" and not text.startswith(self.pieces[0][1]):
            return False
        marks = _Marks(text)
        # Bit i is set where the pieces so far may have matched text[:i].
        here = 1
        for kind, piece in self.pieces:
            if kind == "text":
                here = (here & marks.of(piece)) << len(piece)
            elif piece == _ONE:
                here = (here & marks.without("/")) << 1
            else:
                # From each place to the end of the run of allowed characters it stands in: adding
                # the run to one of its bits carries up to where the run ends.
                run = marks.without("\n" if piece == _ANY else "/")
                here |= ((here & run) + run) ^ run
            if not here:
                return False
        return bool(here >> len(text) & 1)


class _Marks:
    """Where in one text something stands, as integers: bit i is about what begins at text[i]."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[str, int] = {}

    def of(self, part: str) -> int:
        """Where this part begins."""
        found = self._found.get(part)
        if found is None:
            # Digits and int() rather than |= on the number, which would copy it for each place.
            digits = bytearray(b"0") * (len(self._text) + 1)
            at = self._text.find(part)
            while at >= 0:
                digits[~at] = ord("1")
                at = self._text.find(part, at + 1)
            found = self._found[part] = int(digits, 2)
        return found

    def without(self, character: str) -> int:
        """Where another character than this stands."""
        return (1 << len(self._text)) - 1 ^ self.of(character)
