"""Phrases: what a query asks of a text, words that follow each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import attrs

from a3s_store.core.search.words import Word, pieces


@attrs.frozen
class Phrase:
    """Words that follow each other; with `is_prefix` the last one may go on."""

    words: tuple[str, ...]
    is_prefix: bool

    @property
    def needle(self) -> str:
        """Text that the result of `words.words` has in it exactly when the phrase occurs."""
        return " " + " ".join(self.words) + ("" if self.is_prefix else " ")

    @property
    def expression(self) -> str:
        """The phrase in the syntax of FTS5."""
        return '"{}"{}'.format(" ".join(self.words), " *" if self.is_prefix else "")

    def starts(self, texts: Sequence[str]) -> Iterator[int]:
        """Yield the indexes at which the phrase begins in the words of a text."""
        first, last = self.words[0], len(self.words) - 1
        if self.is_prefix and not last:
            yield from (index for index, text in enumerate(texts) if text.startswith(first))
            return
        index = -1
        with contextlib.suppress(ValueError):  # there is no other one
            while True:
                index = texts.index(first, index + 1)
                if self._is_at(texts, index, last):
                    yield index

    def _is_at(self, texts: Sequence[str], index: int, last: int) -> bool:
        if tuple(texts[index : index + last]) != self.words[:-1] or index + last >= len(texts):
            return False
        end = texts[index + last]
        return end.startswith(self.words[-1]) if self.is_prefix else end == self.words[-1]

    def place(self, found: Sequence[Word], index: int) -> tuple[int, int]:
        """Return the range of the text in which the phrase is that begins at an index."""
        return found[index].start, self._end(found, index + len(self.words) - 1)

    def _end(self, found: Sequence[Word], index: int) -> int:
        """Return the end of the last word; of a pair that begins with a lone character, of that."""
        word = found[index]
        is_first_of_pair = (
            self.is_prefix
            and len(word.text) == 2
            and len(self.words[-1]) == 1
            and index + 1 < len(found)
            and word.start < found[index + 1].start < word.end
        )
        return found[index + 1].start if is_first_of_pair else word.end


def phrase_of(text: str, *, is_prefix: bool) -> Phrase | None:
    """Return the words of a text as a phrase; None where it has none."""
    found = list(pieces(text))
    words: list[str] = []
    for index, (piece, is_run) in enumerate(found):
        is_last = index + 1 == len(found)
        if not is_run:
            words.append(piece)
        elif is_last and len(piece) == 1:
            # The words that begin with it: the character, and its pairs.
            words.append(piece)
            is_prefix = True
        else:
            words += [piece[at : at + 2] for at in range(len(piece) - 1)]
            words += [] if is_last else [piece[-1]]
    return Phrase(tuple(words), is_prefix) if words else None
