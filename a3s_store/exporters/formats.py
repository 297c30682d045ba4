"""The registry of formats for exports: a new one is a function and a line here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import attrs

from a3s_store.errors import InvalidArgumentError
from a3s_store.exporters.chat import anthropic_messages, openai_chat
from a3s_store.exporters.csv_tables import csv_tables
from a3s_store.exporters.html import MOST_MESSAGES, html, html_pages
from a3s_store.exporters.jsonl import jsonl
from a3s_store.exporters.loading import Loaded
from a3s_store.exporters.markdown import markdown
from a3s_store.printable import short_repr

# The upstream directories of `export_directory`.
UPSTREAM: Final = "a3s-code"

# The files of one session: the end of each name behind that of the session, and its text.
Files: TypeAlias = Iterator[tuple[str, Iterator[str]]]


@attrs.frozen(kw_only=True)
class ExportFormat:
    """A format of exports. `name` is that of `--format`, `says` a summary of what it has.

    `files` returns the files of a session and counts what the format cannot say. `branches`: it
    has the conversations that the session left.
    """

    name: str
    title: str
    result: str
    says: str
    files: Callable[[Loaded, Counter[str]], Files]
    branches: bool = False


def _markdown(loaded: Loaded, _: Counter[str]) -> Files:
    yield ".md", markdown(loaded.transcript())


def _html(loaded: Loaded, _: Counter[str]) -> Files:
    if len(loaded.snapshot.session.messages) <= MOST_MESSAGES:
        yield ".html", html(loaded.transcript())
        return
    for name, parts in html_pages(loaded.transcript()):
        yield f"/{name}", parts


def _jsonl(loaded: Loaded, _: Counter[str]) -> Files:
    yield ".jsonl", jsonl(loaded)


def _openai(loaded: Loaded, lost: Counter[str]) -> Files:
    yield ".openai.json", _array(openai_chat(loaded.snapshot.session.messages, lost))


def _anthropic(loaded: Loaded, lost: Counter[str]) -> Files:
    yield ".anthropic.json", _array(anthropic_messages(loaded.snapshot.session.messages, lost))


def _csv(loaded: Loaded, _: Counter[str]) -> Files:
    for name, lines in csv_tables(loaded):
        yield f".{name}.csv", lines


def _array(values: list[dict[str, Any]]) -> Iterator[str]:
    yield json.dumps(values, ensure_ascii=False, indent=1) + "\n"


FORMATS: Final[tuple[ExportFormat, ...]] = (
    ExportFormat(
        name="markdown",
        title="Markdown",
        result="`NAME.md`",
        says="texts, calls with results, times, tokens and costs, branches",
        files=_markdown,
        branches=True,
    ),
    ExportFormat(
        name="html",
        title="HTML",
        result="`NAME.html`; above 5,000 messages a folder `NAME/`",
        says="the same, and images",
        files=_html,
        branches=True,
    ),
    ExportFormat(
        name="jsonl",
        title="JSON lines",
        result="`NAME.jsonl`",
        says="the whole snapshot, and the times of messages",
        files=_jsonl,
    ),
    ExportFormat(
        name="openai",
        title="OpenAI chat completions",
        result="`NAME.openai.json`",
        says="texts, images, calls with results",
        files=_openai,
    ),
    ExportFormat(
        name="anthropic",
        title="Anthropic messages",
        result="`NAME.anthropic.json`",
        says="texts, images, calls with results",
        files=_anthropic,
    ),
    ExportFormat(
        name="csv",
        title="CSV",
        result="`NAME.sessions.csv` and one for each other view",
        says="the views `sessions`, `conversation`, `run_events`, `costs`",
        files=_csv,
    ),
)
NAMES: Final[tuple[str, ...]] = (UPSTREAM, *(one.name for one in FORMATS))


def format_named(name: str) -> ExportFormat:
    """Return the format with this name.

    Raises:
        InvalidArgumentError: there is no such format.
    """
    for one in FORMATS:
        if one.name == name:
            return one
    raise InvalidArgumentError(
        f"format is one of {', '.join(NAMES[1:])}, not {short_repr(name)}",
        argument="format",
        op="export_transcripts",
    )
