"""No value that enters a live session can keep everything else from being saved."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from a3s_store import MemorySessionStore
from a3s_store.errors import EncodeError
from a3s_store.models import ContextUsage, LlmConfigData, Message, SessionConfig, TokenUsage
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.manager import SessionManager
from a3s_store.runtime.state.usage import ModelPricing
from tests.unit.runtime.live import Echo, Summaries

HALF = "half an emoji \ud83d"
MARKED = "half an emoji \N{REPLACEMENT CHARACTER}"

REFUSED: dict[str, Callable[[Session], Any]] = {
    "config": lambda s: setattr(s, "config", s.config.evolve(system_prompt=HALF)),
    "context_usage": lambda s: setattr(s, "context_usage", ContextUsage(percent=math.nan)),
    "total_usage": lambda s: setattr(s, "total_usage", TokenUsage(prompt_tokens=-1)),
    "total_cost nan": lambda s: setattr(s, "total_cost", math.nan),
    "total_cost inf": lambda s: setattr(s, "total_cost", math.inf),
    "total_cost negative": lambda s: setattr(s, "total_cost", -0.5),
    "total_cost huge": lambda s: setattr(s, "total_cost", 10**400),
    "model_name": lambda s: setattr(s, "model_name", HALF),
    "llm_config": lambda s: setattr(s, "llm_config", LlmConfigData(provider=HALF, model="m")),
    "thinking_enabled": lambda s: setattr(s, "thinking_enabled", "yes"),
    "thinking_budget": lambda s: setattr(s, "thinking_budget", 10**5000),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_attribute_refuses_what_could_not_be_saved_and_keeps_its_value(what: str) -> None:
    session = Session("main")
    name = what.partition(" ")[0]
    before = getattr(session, name)
    with pytest.raises(EncodeError) as caught:
        REFUSED[what](session)
    assert name in caught.value.path
    assert getattr(session, name) is before


@pytest.mark.parametrize(
    "given",
    [
        {"budget": -1},
        {"thinking": True, "budget": 10**400},
        {"thinking": True, "model": LlmConfigData(provider="p", model=HALF)},
    ],
    ids=str,
)
def test_settings_that_could_not_be_saved_are_refused_as_a_whole(given: dict[str, Any]) -> None:
    async def main() -> None:
        async with SessionManager(agent=Echo()).with_store(MemorySessionStore()) as sessions:
            live = await sessions.create_session("main")
            with pytest.raises(EncodeError):
                await sessions.configure("main", **given)
            assert live.session.thinking_enabled is False
            assert live.session.thinking_budget is None
            assert live.session.llm_config is None
            await sessions.generate("main", "hello")

    asyncio.run(main())


def test_a_session_with_a_configuration_that_could_not_be_saved_is_not_made() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        async with SessionManager(agent=Echo()).with_store(store) as sessions:
            with pytest.raises(EncodeError):
                await sessions.create_session("main", SessionConfig(system_prompt=HALF))
            assert await store.list() == []
            await sessions.create_session("main", SessionConfig(system_prompt="a whole one"))
            await sessions.generate("main", "hello")
        assert await store.list() == ["main"]

    asyncio.run(main())


def test_a_made_title_is_cleaned_and_the_session_is_saved() -> None:
    class Titles(Summaries):
        async def summarize(self, prompt: str) -> str:
            return HALF

    async def main() -> None:
        store = MemorySessionStore()
        manager = SessionManager(agent=Echo(), summarizer=Titles()).with_store(store)
        async with manager as sessions:
            await sessions.create_session("main")
            await sessions.generate("main", "hello")
            assert await sessions.generate_title("main") == MARKED
            await sessions.generate("main", "again")
        stored = await store.load("main")
        assert stored is not None
        assert stored.config.name == MARKED
        assert Message.user("again") in stored.messages

    asyncio.run(main())


def test_a_cost_beyond_every_float_is_as_none(caplog: pytest.LogCaptureFixture) -> None:
    prices = {"m": ModelPricing(input_per_million=1e308, output_per_million=0.0)}
    session = Session("main", prices=prices)
    session.model_name = "m"
    used = TokenUsage(prompt_tokens=10**9, total_tokens=10**9)
    session.update_usage(used)
    assert session.total_cost == 0.0
    (record,) = session.cost_records
    assert record.cost_usd is None
    assert session.total_usage == used
    assert "gives no cost" in caplog.text
