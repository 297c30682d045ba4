"""Session ids that are awkward as file names, in SQL or on a terminal, or that share a file."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

# Ids of one line are one file after upstream's sanitising, or on a file system that folds case or
# Unicode normal forms.
COLLIDING_IDS: Final = (
    ("a/b", "a\\b", "a..b", "a_b", "a__b"),
    ("..", "_", "/", "\\"),
    ("...", "_.", "/."),
    ("../../../etc/passwd", "______etc_passwd", "/\\/\\/\\etc_passwd"),
    ("A", "a"),
    ("caf\u00e9", "cafe\u0301"),
    ("x", "x.json", "x.json.json"),
)

ODD_IDS: Final = (
    ".",
    "....",
    ".health_check",
    ".json",
    "artifacts",
    "traces",
    "artifacts.json",
    "con",
    "~",
    " ",
    " a ",
    "a\nb",
    "\r",
    "\t",
    "'",
    '"',
    "';--",
    "%",
    "*?<>|:",
    "\x7f",
    "\u2028",
    "\ufeff",
    "\u202e",
    "\U0001f600",
    "\U0010ffff",
    "0",
    "-1",
    "1.0",
    "null",
    "a" * 200,
    "\u00e9" * 100,
    "\U0001f600" * 50,
    "/" * 200,
)


def session_ids(*, colliding: bool = False) -> st.SearchStrategy[str]:
    """Return ids of 1 to 200 bytes; with `colliding`, most of them share a file with another id."""
    together = st.sampled_from([one for group in COLLIDING_IDS for one in group])
    # Fifty characters of four bytes are 200 bytes.
    free = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=50)
    if colliding:
        return st.one_of(together, together, together, free)
    return st.one_of(together, st.sampled_from(ODD_IDS), free)
