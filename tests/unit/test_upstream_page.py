"""Every name of ours on the page of upstream's names exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from a3s_store import runtime
from a3s_store.runtime import Session

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "upstream-names.md").read_text(encoding="utf-8")
OURS: Final = sorted(
    {
        name
        for row in re.findall(r"^\| [^|]+ \| (`[^|]+) \| [^|]*\|$", PAGE, re.M)
        for name in re.findall(r"`([\w.]+)`", row)
    }
)


def _found(name: str) -> Any:
    """Return the value of a dotted name; names of a session are looked up in a new session."""
    parts = name.split(".")
    if parts[0] == "Session":
        value: Any = Session("example")
        parts = parts[1:]
    elif parts[:2] == ["a3s_store", "models"]:
        value, parts = importlib.import_module("a3s_store.models"), parts[2:]
    elif parts[0] == "a3s_store":
        value, parts = importlib.import_module("a3s_store"), parts[1:]
    else:
        value = runtime
    for part in parts:
        # Public, not merely imported there.
        assert part in getattr(value, "__all__", [part]), part
        if isinstance(value, type) and attrs.has(value) and part in attrs.fields_dict(value):
            value = attrs.fields_dict(value)[part]
        else:
            value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_names_exists(name: str) -> None:
    _found(name)


def test_the_page_has_a_table_for_each_part_and_a_name_in_each_row() -> None:
    rows = [
        row for row in PAGE.splitlines() if row.startswith("|") and "upstream | here" not in row
    ]
    named = [row for row in rows if re.match(r"^\| [^|]+ \| `[^|]+ \| [^|]*\|$", row)]
    assert len(rows) - len(named) == PAGE.count("|---|---|---|") == 4
    assert len(OURS) > 80
