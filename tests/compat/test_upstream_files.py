"""Files written by the genuine engine are read, and written again to the same bytes."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store.models import (
    ArtifactStore,
    ImageBlock,
    RunRecord,
    SessionData,
    ToolResultBlock,
    ToolUseBlock,
    TraceEvent,
    UnknownBlock,
    UnknownEvent,
    UnknownToolErrorKind,
    VerificationReport,
)
from a3s_store.wire import (
    Model,
    decode,
    decode_many,
    encode,
    own_text,
    parse,
    parse_own,
    pretty,
)

HERE = Path(__file__).parent.parent / "data" / "upstream"
FILES = sorted(path.relative_to(HERE).as_posix() for path in HERE.rglob("*.json"))
COLLECTIONS: dict[str, type[Any]] = {
    "traces": TraceEvent,
    "runs": RunRecord,
    "verification": VerificationReport,
}


def values_of(name: str, tree: Any) -> tuple[Any, ...]:
    """The values in a file, by the folder the engine keeps it in."""
    _, *folders, _ = name.split("/")
    if not folders:
        return (decode(SessionData, tree),)
    if folders[0] == "artifacts":
        return (decode(ArtifactStore, tree),)
    return decode_many(COLLECTIONS[folders[0]], tree)


def tree_of(name: str, values: tuple[Any, ...]) -> Any:
    trees = list(map(encode, values))
    return trees if name.split("/")[1] in COLLECTIONS else trees[0]


def parts(value: Any) -> list[Any]:
    """A value and everything it is made of."""
    found = [value]
    if isinstance(value, Model):
        for field in attrs.fields(type(value)):
            found += parts(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            found += parts(item)
    return found


def all_parts() -> list[Any]:
    return [
        part
        for name in FILES
        for value in values_of(name, parse((HERE / name).read_bytes()))
        for part in parts(value)
    ]


def test_both_releases_are_here_with_four_sessions_each() -> None:
    for release in ("2.6.0", "3.1.0"):
        assert len(list((HERE / release).glob("*.json"))) == 4
    assert len(FILES) == 40


@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_back_to_the_byte(name: str) -> None:
    text = (HERE / name).read_bytes()
    values = values_of(name, parse(text))
    assert pretty(tree_of(name, values)) == text


@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_back_to_the_byte_by_way_of_a_row(name: str) -> None:
    """Compact text is what lies in a database; copies and pickles are what callers make."""
    text = (HERE / name).read_bytes()
    values = values_of(name, parse(text))
    rows = [parse_own(own_text(encode(value))) for value in values]
    stored = tuple(decode(type(value), row) for value, row in zip(values, rows, strict=True))
    assert stored == values
    for copied in (stored, copy.deepcopy(stored), pickle.loads(pickle.dumps(stored))):
        assert pretty(tree_of(name, copied)) == text


def test_nothing_the_engine_wrote_is_unknown_here() -> None:
    found = all_parts()
    models = [part for part in found if isinstance(part, Model)]
    assert len(models) > 1000
    assert [part for part in models if part.extra] == []
    unknown = (UnknownBlock, UnknownEvent, UnknownToolErrorKind)
    assert [part for part in models if isinstance(part, unknown)] == []


def test_the_files_hold_what_makes_them_worth_keeping() -> None:
    found = all_parts()
    kinds = {type(part) for part in found}
    assert {ImageBlock, ToolUseBlock, ToolResultBlock, TraceEvent, VerificationReport} <= kinds
    sessions = [part for part in found if isinstance(part, SessionData)]
    assert any(session.config.queue_config for session in sessions)
    assert any(session.config.confirmation_policy for session in sessions)
    assert {session.config.auto_compact_threshold for session in sessions} > {0.699999988079071}


def test_the_engine_does_write_floats_that_python_would_not() -> None:
    """Otherwise the comparison of bytes would say nothing about them."""
    text = (HERE / "3.1.0" / "Review-2026.json").read_bytes()
    session = decode(SessionData, parse(text))
    assert b'"auto_compact_threshold": 0.7,' in text
    assert json.dumps(session.config.auto_compact_threshold) == "0.699999988079071"
