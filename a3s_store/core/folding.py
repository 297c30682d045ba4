"""Texts as a search compares them: what readers take for the same is the same."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Return a text without its differences of case, of encoding, and of width or ligature.

    Composed and decomposed characters are the same (as in names of files on macOS), upper and lower
    case by full folding (`ß` is `ss`, a final sigma a sigma), and characters with a compatibility
    form are that form (full width, half-width kana, ligatures, circled numbers). Accents differ,
    but for the dot of a capital dotted I. Source: Unicode 3.13, compatibility caseless matching.
    """
    if text.isascii():
        return text.lower()
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", once.casefold()).replace("i\u0307", "i")
