"""Histories of aider: what is a prompt, a reply and output, and names for sessions without ids."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore
from a3s_store.interop import import_history
from tests.unit.importers.history_files import HISTORIES, in_memory, said

FILE = HISTORIES / "aider" / ".aider.chat.history.md"


def test_each_start_is_a_session_of_prompts_replies_and_output() -> None:
    async def use(store: MemorySessionStore) -> None:
        report = await import_history(store, FILE)
        assert report.ok
        first, second = await store.list()
        assert (first, second) == ("aider-2026-03-01T090000", "aider-2026-03-01T090000-2")
        session = await store.load(first)
        assert session is not None
        assert session.created_at == 1772355600
        assert said(session.messages) == [
            "tool: /usr/bin/aider\nModel: example-model with diff edit format",
            "user: add a greeting\nin hello.py",
            'assistant: I add it to `hello.py`:\n\n```python\nprint("hello")\n```',
            "tool: Tokens: 2.1k sent, 50 received.\nApplied edit to hello.py",
            "user: /exit",
        ]
        session = await store.load(second)
        assert session is not None
        assert said(session.messages) == ["user: again", "assistant: Done."]

    in_memory(use)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 480), max_size=4))
def test_a_file_that_grows_is_continued(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    whole = FILE.read_bytes()
    file = tmp_path_factory.mktemp("aider") / "history.md"

    async def use(store: MemorySessionStore) -> dict[str, list[str]]:
        for cut in [*sorted(cuts), len(whole)]:
            file.write_bytes(whole[:cut])
            report = await import_history(store, file, format="aider")
            assert not report.count("refused")
        found = {}
        for session_id in await store.list():
            session = await store.load(session_id)
            assert session is not None
            found[session_id] = said(session.messages)
        return found

    grown = in_memory(use)
    cuts = []
    assert grown == in_memory(use)
