"""Transcripts as HTML: one file that needs nothing else, and in which nothing of the text runs.

There is no script at all: branches are switched by radio buttons and the style sheet, calls are
folded by `details`. A Content-Security-Policy permits one style sheet, by its hash, and images
inside the file; every text is escaped, also where it stands in an attribute.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from a3s_store.exporters.html_style import STYLE
from a3s_store.exporters.transcript import (
    BranchView,
    Call,
    Entry,
    Image,
    Part,
    Result,
    Text,
    Transcript,
    costs_by_model,
    facts,
    left,
    lenders,
    moment,
    size_of,
    tasks_of,
    title_of,
)

# Messages in one file; a longer conversation becomes a folder of files.
MOST_MESSAGES: Final = 5_000


def html(transcript: Transcript) -> Iterator[str]:
    """Yield the parts of one document with all branches."""
    title = title_of(transcript.session)
    branches = transcript.branches
    choosing = "".join(map(_choosing, branches)) if len(branches) > 1 else ""
    yield _head(title, STYLE + choosing)
    yield '<a class="skip" href="#conversation">Skip to the conversation</a>\n'
    yield from _about(transcript, title)
    if len(branches) > 1:
        yield from _choices(transcript)
    yield '<main id="conversation" tabindex="-1" aria-label="Conversation">\n'
    if len(branches) > 1:
        for segment, names in _segments(branches):
            classes = " ".join(f"b{name}" for name in names)
            yield f'<div class="part {classes}">\n'
            for entry in segment:
                yield from _entry(entry)
            yield "</div>\n"
    else:
        for entry in transcript.entries:
            yield from _entry(entry)
    yield "</main>\n</body>\n</html>\n"


def html_pages(transcript: Transcript) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the files of a folder: names, and their parts. The first one is the table of contents.

    Each has at most 5,000 messages; a branch has pages of its own.
    """
    pages: list[tuple[str, str, Sequence[Entry]]] = []
    parts: list[tuple[str, str, Sequence[Entry]]] = []
    parts.append(("messages", "Messages", transcript.entries))
    for number, (what, entries) in enumerate(left(transcript), 1):
        parts.append((f"branch-{number}", f"{what}: messages", entries))
    for stem, what, every in parts:
        for at in range(0, len(every), MOST_MESSAGES):
            some = every[at : at + MOST_MESSAGES]
            label = f"{what} {some[0].position + 1} to {some[-1].position + 1}"
            pages.append((f"{stem}-{at // MOST_MESSAGES + 1:04}.html", label, some))
    title = title_of(transcript.session)
    yield "index.html", _contents(transcript, title, [(name, label) for name, label, _ in pages])
    for number, (name, label, some) in enumerate(pages):
        around = [("Contents", "index.html")]
        if number:
            around.append(("Previous page", pages[number - 1][0]))
        if number + 1 < len(pages):
            around.append(("Next page", pages[number + 1][0]))
        yield name, _page(f"{title}: {label}", around, some)


def _contents(
    transcript: Transcript, title: str, pages: Sequence[tuple[str, str]]
) -> Iterator[str]:
    yield _head(title, STYLE)
    yield from _about(transcript, title)
    yield '<main aria-label="Pages">\n<ol>\n'
    for name, label in pages:
        yield f'<li><a href="{escape(name)}">{escape(label)}</a></li>\n'
    yield "</ol>\n</main>\n</body>\n</html>\n"


def _page(title: str, around: Sequence[tuple[str, str]], some: Sequence[Entry]) -> Iterator[str]:
    yield _head(title, STYLE)
    yield f'<h1>{escape(title)}</h1>\n<nav aria-label="Pages">\n'
    for label, name in around:
        yield f'<a href="{escape(name)}">{label}</a>\n'
    yield '</nav>\n<main id="conversation" aria-label="Conversation">\n'
    for entry in some:
        yield from _entry(entry)
    yield "</main>\n</body>\n</html>\n"


def _head(title: str, style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )


def _about(transcript: Transcript, title: str) -> Iterator[str]:
    yield f"<header>\n<h1>{escape(title)}</h1>\n<dl>\n"
    for name, value in facts(transcript):
        yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n"
    yield "</dl>\n"
    rows = costs_by_model(transcript.session)
    if rows:
        yield "<details><summary>Calls and costs by model</summary>\n<table>\n<tr>"
        for name in ("Model", "Calls", "Tokens in", "Tokens out", "Cost"):
            yield f'<th scope="col">{name}</th>'
        yield "</tr>\n"
        for model, *counts, dollars in rows:
            cells = [f"{count:,}" for count in counts]
            cells.append("" if dollars is None else f"${dollars:.4f}")
            numbers = "".join(f'<td class="n">{cell}</td>' for cell in cells)
            yield f'<tr><th scope="row">{escape(model)}</th>{numbers}</tr>\n'
        yield "</table>\n</details>\n"
    if transcript.tasks:
        yield "<details><summary>Subagents</summary>\n<ul>\n"
        for parts in tasks_of(transcript):
            yield f"<li>{escape(' · '.join(filter(None, parts)))}</li>\n"
        yield "</ul>\n</details>\n"
    yield "</header>\n"


# -- Branches ----------------------------------------------------------------------------------


def _choices(transcript: Transcript) -> Iterator[str]:
    """Yield a radio button for each branch."""
    yield "<fieldset>\n<legend>Branches</legend>\n"
    labels = ["Present conversation", *(title for title, _ in left(transcript))]
    for branch, label in zip(reversed(transcript.branches), labels, strict=True):
        name = f"c{branch.generation}"
        checked = "" if label != labels[0] else " checked"
        yield f'<input type="radio" name="branch" id="{name}"{checked}>'
        yield f'<label for="{name}">{label}</label><br>\n'
    yield "</fieldset>\n"


def _choosing(branch: BranchView) -> str:
    """Return the rules for a chosen branch: parts of other ones are hidden."""
    number = branch.generation
    return f"body:has(#c{number}:checked) .part:not(.b{number}){{display:none}}\n"


def _segments(
    branches: Sequence[BranchView],
) -> Iterator[tuple[tuple[Entry, ...], list[int]]]:
    """Yield runs of messages with the branches that have them, so that each is written once.

    A branch shares its first messages with an older one, of which these are written before.
    """
    cuts: dict[int, set[int]] = {branch.generation: set() for branch in branches}
    users: dict[int, list[tuple[int, int]]] = {branch.generation: [] for branch in branches}
    for branch in branches:
        for lender, upto in lenders(branch, branches).items():
            users[lender].append((branch.generation, upto))
            cuts[lender].add(upto)
    for branch in branches:
        edges = sorted({at for at in cuts[branch.generation] if at > branch.parts_at})
        for start, stop in itertools.pairwise([branch.parts_at, *edges]):
            some = tuple(one for one in branch.entries if start <= one.position < stop)
            if some:
                yield some, [name for name, upto in users[branch.generation] if upto > start]


# -- Messages ------------------------------------------------------------------------------------


def _entry(entry: Entry) -> Iterator[str]:
    role = entry.role if entry.role in {"user", "assistant", "tools"} else "other"
    at = moment(entry.at_ms)
    time = f"<time>{at}</time>" if at else ""
    name = f"{entry.position + 1}. {escape(entry.role)}"
    yield f'<article class="{role}" aria-label="{name}">\n<h3>{name}{time}</h3>\n'
    if entry.reasoning:
        yield "<details><summary>Reasoning</summary>"
        yield f'<div class="text soft" dir="auto">{escape(entry.reasoning)}</div></details>\n'
    for part in entry.parts:
        yield from _part(part)
    yield "</article>\n"


def _part(part: Part) -> Iterator[str]:
    if isinstance(part, Text):
        yield f'<div class="text" dir="auto">{escape(part.text)}</div>\n'
    elif isinstance(part, Image):
        yield _image(part)
    elif isinstance(part, Call):
        yield from _call(part)
    elif isinstance(part, Result):
        state, style = _state(part)
        name = escape(f"{part.name} {part.call_id}".strip())
        yield f"<details><summary{style}>Result of {name}: {state}</summary>\n"
        yield from _result(part)
        yield "</details>\n"
    else:
        yield f"<details><summary>Block of type {escape(part.type)}</summary>\n"
        yield f"<pre>{escape(part.json)}</pre></details>\n"


def _call(call: Call) -> Iterator[str]:
    state, style = ("no result", "") if call.result is None else _state(call.result)
    yield f"<details><summary{style}>Call of {escape(call.name)}: {state}</summary>\n"
    yield f"<pre>{escape(call.arguments)}</pre>\n"
    if call.result is not None:
        yield from _result(call.result)
    yield "</details>\n"


def _state(result: Result) -> tuple[str, str]:
    return ("failed", ' class="failed"') if result.failed else ("done", "")


def _result(result: Result) -> Iterator[str]:
    for part in result.parts:
        if isinstance(part, Text):
            yield f'<pre dir="auto">{escape(part.text)}</pre>\n'
        else:
            yield from _part(part)


def _image(image: Image) -> str:
    what = f"Image, {image.media_type}, {size_of(image.size_bytes)}"
    if image.data is None:
        return f'<p class="soft">[{escape(what)}: not shown]</p>\n'
    source = escape(f"data:{image.media_type};base64,{image.data}")
    return f'<p><img alt="{escape(what)}" src="{source}"></p>\n'
