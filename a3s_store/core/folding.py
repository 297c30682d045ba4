"""Case folding for searches: texts that look the same to a reader compare as equal."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Return a text without differences of case, normalisation, width and ligatures.

    Composed and decomposed characters become equal (as in names of files on macOS), upper and lower
    case by full folding (`ß` is `ss`, a final sigma a sigma), and characters with a compatibility
    form become that form (full width, half-width kana, ligatures, circled numbers). Accents remain,
    except the dot of a capital dotted I.

    Source: Unicode 3.13, compatibility caseless matching.
    """
    if text.isascii():
        return text.lower()
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", once.casefold()).replace("i\u0307", "i")
