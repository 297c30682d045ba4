"""Transcripts as HTML: what they may consist of, that no text runs, pairs, branches and pages."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, SessionSnapshot
from a3s_store.exporters import html as html_module
from a3s_store.exporters.html import html
from a3s_store.exporters.loading import Loaded, loaded
from a3s_store.interop import export_transcripts, import_history
from a3s_store.models import Message, SessionData, ToolUseBlock
from tests.unit.exporters.export_values import HOSTILE, Parsed, session_saying
from tests.unit.importers.history_files import CLAUDE, CLAUDE_ID, HISTORIES
from tools import chromium

ALLOWED = {
    "html": {"lang"}, "head": set(), "body": set(), "title": set(), "style": set(),
    "meta": {"charset", "http-equiv", "content", "name"}, "a": {"class", "href"},
    "header": set(), "h1": set(), "h3": set(), "dl": set(), "dt": set(), "dd": set(),
    "details": set(), "summary": {"class"}, "table": set(), "tr": set(), "th": {"scope"},
    "td": {"class"}, "ul": set(), "ol": set(), "li": set(), "fieldset": set(), "legend": set(),
    "input": {"type", "name", "id", "checked"}, "label": {"for"}, "br": set(),
    "nav": {"aria-label"}, "pre": {"dir"}, "time": set(),
    "main": {"id", "tabindex", "aria-label"}, "div": {"class", "dir"},
    "article": {"class", "aria-label"}, "p": {"class"}, "img": {"alt", "src"},
}  # fmt: skip


def document(snapshot: SessionSnapshot) -> str:
    return "".join(html(Loaded(snapshot=snapshot).transcript()))


def check_structure(text: str) -> Parsed:
    parsed = Parsed(text)
    assert parsed.open == [], "an element is not closed"
    for tag, attributes in parsed.elements:
        assert tag in ALLOWED, tag
        assert set(attributes) <= ALLOWED[tag], (tag, attributes)
        if tag == "a":
            assert re.fullmatch(r"#conversation|[a-z0-9-]+\.html", attributes["href"] or "")
        if tag == "img":
            assert re.fullmatch(
                r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+", attributes["src"] or ""
            )
    digest = base64.b64encode(hashlib.sha256(parsed.style.encode()).digest()).decode()
    assert parsed.policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return parsed


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_text_wherever_it_stands(text: str) -> None:
    check_structure(document(session_saying(text)))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_shown_and_changes_no_element(text: str) -> None:
    parsed = check_structure(document(session_saying(text)))
    plain = check_structure(document(session_saying("plain")))
    around = [[one for one, _ in found.elements][:8] for found in (parsed, plain)]
    assert around[0] == around[1]
    if text.isprintable() and text.strip():
        assert any(text in one for one in parsed.texts)


def test_control_and_reordering_characters_are_shown_as_escapes() -> None:
    text = document(session_saying("a\x00\x1b\u202e\u2066b\u200d\ufe0f"))
    assert not re.search("[\x00\x1b\u202e\u2066]", text)
    assert "a\\u{0}\\u{1b}\\u{202e}\\u{2066}b\u200d\ufe0f" in text


def test_calls_and_results_are_paired_by_round_not_by_id() -> None:
    rounds: list[Message] = []
    for n in range(3):
        call = ToolUseBlock(id="same", name=f"tool{n}", input={})
        rounds += [
            Message(role="assistant", content=(call,)),
            Message.tool_result("same", f"result {n}", is_error=n == 1),
        ]
    session = SessionData(id="s", messages=tuple(rounds), created_at=1, updated_at=1)
    text = document(SessionSnapshot(session=session))
    found = re.findall(
        r"Call of (tool\d): (\w+)</summary>\n<pre>\{\}</pre>\n<pre[^>]*>(.*?)<", text
    )
    assert found == [
        ("tool0", "done", "result 0"),
        ("tool1", "failed", "result 1"),
        ("tool2", "done", "result 2"),
    ]
    assert len(Parsed(text).articles) == 3, "messages that are results alone are folded"


async def branched(store: MemorySessionStore) -> dict[int, list[str]]:
    """Import the fixture, add a nested branch, and return the headings of each branch."""
    await import_history(store, CLAUDE)
    first = (await store.branches(CLAUDE_ID))[1]
    await store.switch_branch(CLAUDE_ID, first.generation)
    await store.rewind(CLAUDE_ID, 8)
    await store.append(CLAUDE_ID, [Message.assistant("another end")])
    expected = {}
    for branch in await store.branches(CLAUDE_ID):
        session = await store.load(CLAUDE_ID, generation=branch.generation)
        assert session is not None
        found = Loaded(snapshot=SessionSnapshot(session=session)).transcript().entries
        expected[branch.generation] = [f"{one.position + 1}. {one.role}" for one in found]
    return expected


def test_each_branch_has_its_messages_and_shared_ones_are_written_once() -> None:
    async def main() -> tuple[dict[int, list[str]], str]:
        async with MemorySessionStore() as store:
            expected = await branched(store)
            found = await loaded(store, CLAUDE_ID, branches=True)
            assert found is not None
            return expected, "".join(html(found.transcript()))

    expected, text = asyncio.run(main())
    assert len(expected) == 4
    parsed = check_structure(text)
    for generation, headings in expected.items():
        shown = [name for classes, name in parsed.articles if f"b{generation}" in classes]
        assert shown == headings
    assert text.count("The login fails since yesterday") == 1


def test_a_long_conversation_is_a_folder_of_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html_module, "MOST_MESSAGES", 10)
    monkeypatch.setattr("a3s_store.exporters.formats.MOST_MESSAGES", 10)

    async def main() -> None:
        async with MemorySessionStore() as store:
            many = tuple(Message.user(f"text {n}") for n in range(25))
            session = SessionData(id="s", messages=many, created_at=1, updated_at=1)
            await store.save(session)
            await store.save(session.evolve(messages=(*many[:20], Message.user("other"))))
            report = await export_transcripts(store, tmp_path, format="html")
            assert report.ok
            again = await export_transcripts(store, tmp_path, format="html")
            assert again.count("written") == 0

    asyncio.run(main())
    folder = tmp_path / "s"
    assert sorted(one.name for one in folder.iterdir()) == [
        "branch-1-0001.html",
        "index.html",
        "messages-0001.html",
        "messages-0002.html",
        "messages-0003.html",
    ]
    for one in folder.iterdir():
        check_structure(one.read_text(encoding="utf-8"))
    contents = (folder / "index.html").read_text(encoding="utf-8")
    left = "Branch of generation 1, after message 20 of the present conversation"
    assert re.findall(r'href="(.*?)">(.*?)<', contents) == [
        ("messages-0001.html", "Messages 1 to 10"),
        ("messages-0002.html", "Messages 11 to 20"),
        ("messages-0003.html", "Messages 21 to 21"),
        ("branch-1-0001.html", f"{left}: messages 21 to 25"),
    ]


# -- In a browser --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Page]:
    if chromium.installed() is None:
        pytest.skip("chromium is not installed")
    with chromium.page() as page:
        page.emulate(width=900, height=1000)
        yield page


def problems(page: chromium.Page) -> list[Any]:
    kinds = {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"}
    return [one for one in page.events if one["method"] in kinds]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_runs_or_loads_anything_in_a_browser(
    browser: chromium.Page, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "a.html"
    file.write_text(document(session_saying(text)), encoding="utf-8")
    browser.requests.clear()
    browser.open(file)
    for element in ("details", "summary", "article", "img"):
        browser.value(
            f"document.querySelectorAll('{element}').forEach(e => {{ e.open = true;"
            " e.dispatchEvent(new MouseEvent('mouseover', {bubbles: true})); e.focus() })"
        )
    assert browser.value("window.pwned === undefined")
    assert (
        browser.value("document.querySelectorAll('script,iframe,form,object,base,link').length")
        == 0
    )
    assert [one for one in browser.requests if not one.startswith("data:image/png;")] == [
        file.as_uri()
    ]
    assert browser.value("document.images.length === [...document.images].filter("
                         "i => i.complete && i.naturalWidth === 1).length")  # fmt: skip
    assert problems(browser) == []


def test_assistive_technology_is_told_of_every_part(browser: chromium.Page, tmp_path: Path) -> None:
    async def main() -> dict[int, list[str]]:
        async with MemorySessionStore() as store:
            expected = await branched(store)
            await export_transcripts(store, tmp_path, format="html", session_ids=[CLAUDE_ID])
            return expected

    expected = asyncio.run(main())
    browser.open(tmp_path / f"{CLAUDE_ID}.html")
    told = browser.accessible()
    roles = [role for role, _ in told]
    assert told[0] == ("RootWebArea", "Fix the login")
    assert ("link", "Skip to the conversation") in told
    assert ("heading", "Fix the login") in told
    assert ("main", "Conversation") in told
    assert ("group", "Branches") in told
    assert roles.count("radio") == len(expected)
    assert all(name for role, name in told if role in {"radio", "DisclosureTriangle", "article"})
    present = max(expected)
    articles = [name for role, name in told if role == "article"]
    assert articles == expected[present], "hidden branches are hidden from it, too"


def test_branches_are_switched_and_calls_unfolded_by_keyboard(
    browser: chromium.Page, tmp_path: Path
) -> None:
    async def main() -> dict[int, list[str]]:
        async with MemorySessionStore() as store:
            expected = await branched(store)
            await export_transcripts(store, tmp_path, format="html", session_ids=[CLAUDE_ID])
            return expected

    expected = asyncio.run(main())
    browser.open(tmp_path / f"{CLAUDE_ID}.html")
    shown = (
        "[...document.querySelectorAll('article')].filter(a => a.checkVisibility())"
        ".map(a => a.getAttribute('aria-label'))"
    )
    newest_first = sorted(expected, reverse=True)
    browser.value(f"document.getElementById('c{newest_first[0]}').focus()")
    for generation in newest_first:
        assert browser.value(shown) == expected[generation]
        browser.press("ArrowDown", 40)
    browser.value("document.querySelector('article summary').focus()")
    browser.press(" ", 32)
    assert browser.value("document.querySelector('article details').open")


def test_colours_follow_the_reader_and_paper_shows_what_is_folded(
    browser: chromium.Page, tmp_path: Path
) -> None:
    file = tmp_path / "a.html"
    file.write_text(document(session_saying("text")), encoding="utf-8")
    browser.open(file)
    colours = "getComputedStyle(document.body).backgroundColor"
    browser.emulate(width=900, height=1000, scheme="light")
    assert browser.value(colours) == "rgb(255, 255, 255)"
    browser.emulate(width=900, height=1000, scheme="dark")
    assert browser.value(colours) == "rgb(22, 22, 22)"
    first = "document.querySelector('article details pre')"
    folded = f"{first}.checkVisibility() && {first}.getBoundingClientRect().height > 0"
    assert not browser.value(folded)
    browser.emulate(width=900, height=1000, media="print")
    browser.open(file)
    assert browser.value(folded)
    browser.emulate(width=320, height=600)
    assert browser.value("document.documentElement.scrollWidth <= 320"), "nothing is cut off"
    browser.emulate(width=900, height=1000)


def test_exports_of_the_fixtures_are_well_formed(tmp_path: Path) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            await import_history(store, HISTORIES)
            assert (await export_transcripts(store, tmp_path, format="html")).ok

    asyncio.run(main())
    files = list(tmp_path.glob("*.html"))
    assert len(files) == 11
    for file in files:
        check_structure(file.read_text(encoding="utf-8"))
