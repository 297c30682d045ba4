"""Names, ids and layout numbers of adapters; none of these tests needs a framework."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import FileSessionStore, MemorySessionStore, NewItem
from a3s_store.adapters._calls import Calls
from a3s_store.adapters._layout import fields, joined, parted
from a3s_store.errors import DecodeError, SchemaTooNewError, UnsupportedError
from tests.programs import output_of

_TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from("\0\x1e\x1f012"))


@given(st.lists(_TEXTS, max_size=4))
def test_parts_come_back_and_make_a_name_without_nul(parts: list[str]) -> None:
    text = joined(*parts)
    assert parted(text) == tuple(parts)
    assert "\0" not in text


@given(st.lists(_TEXTS, min_size=1, max_size=3), st.lists(_TEXTS, min_size=1, max_size=3))
def test_a_name_begins_with_another_exactly_when_its_parts_do(
    short: list[str], long: list[str]
) -> None:
    assert joined(*long).startswith(joined(*short)) == (long[: len(short)] == short)


def test_items_of_older_layouts_are_read_and_those_of_newer_ones_refused() -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            stream = store.stream("s")
            await stream.append(NewItem(None, id="a", metadata=[2, "x"]), {"foreign": 1})
            known, foreign = await stream.items()
            assert fields(known, 3, "s") == fields(known, 2, "s") == ["x"]
            with pytest.raises(SchemaTooNewError, match="layout 2, this release reads up to 1"):
                fields(known, 1, "s")
            with pytest.raises(DecodeError, match="not stored by an adapter"):
                fields(foreign, 1, "s")

    asyncio.run(main())


def test_a_store_without_streams_is_refused(tmp_path: object) -> None:
    async def main() -> None:
        async with FileSessionStore.open(f"{tmp_path}/files") as store:
            with pytest.raises(UnsupportedError, match="needs a store with streams"):
                Calls(store)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("module", "framework", "extra"),
    [
        ("langgraph", "langgraph", "langgraph"),
        ("openai_agents", "agents", "openai-agents"),
        ("strands", "strands", "strands"),
    ],
)
def test_a_missing_framework_is_an_import_error_that_names_the_extra(
    module: str, framework: str, extra: str
) -> None:
    program = (
        f"import sys; sys.modules[{framework!r}] = None\n"
        f"try:\n    import a3s_store.adapters.{module}\n"
        "except ImportError as error:\n    print(error)\n"
    )
    assert f'pip install "a3s-store[{extra}]"' in output_of(program)


def test_the_package_of_adapters_imports_no_framework() -> None:
    program = "import a3s_store.adapters, sys; print(*sys.modules)"
    loaded = output_of(program).split()
    assert {"langgraph", "langchain_core", "agents", "strands"}.isdisjoint(loaded)
