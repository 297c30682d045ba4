"""A value that no store can write costs its own field, never the conversation.

Every attribute of a session refuses such a value where it is set; here they are put in by force, as
code that goes around that would.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from a3s_store import MemorySessionStore
from a3s_store.errors import EncodeError, SessionNotSavedError
from a3s_store.models import (
    LlmConfigData,
    LlmCostRecord,
    Message,
    PersistenceFailed,
    SessionConfig,
    Task,
    TaskStatus,
    TokenUsage,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.runtime import SessionManager
from tests.support import trace
from tests.unit.runtime.live import Echo

BAD = "half \ud83d"
FORCED: dict[str, Any] = {
    "config": SessionConfig(name=BAD),
    "total_usage": TokenUsage(prompt_tokens=-1),
    "total_cost": float("nan"),
    "model_name": BAD,
    "llm_config": LlmConfigData(provider=BAD, model="m"),
    "thinking_budget": -1,
    "parent_id": BAD,
    "tasks": (Task(id=BAD, content="x", status=TaskStatus.PENDING),),
    "cost_records": (
        LlmCostRecord(
            model=BAD,
            provider="",
            prompt_tokens=1,
            completion_tokens=1,
            total_tokens=2,
            timestamp="2026-05-18T10:00:00Z",
        ),
    ),
    "verification_reports": (VerificationReport(subject=BAD, status=VerificationStatus.PASSED),),
}


@pytest.mark.parametrize("part", FORCED)
def test_the_conversation_is_saved_although_a_part_cannot_be(part: str) -> None:
    async def main() -> None:
        store = MemorySessionStore()
        sessions = SessionManager(agent=Echo()).with_store(store)
        live = await sessions.create_session("main")
        events = live.session.events.subscribe()
        good = getattr(live.session, part)
        live.session.__dict__[part] = FORCED[part]
        live.session.add_message(Message.user("kept"))
        outcome = await live.save()
        assert (outcome.kind, outcome.parts) == ("partly_saved", (part,))
        assert isinstance(outcome.error, EncodeError)
        saved = await store.load_snapshot("main")
        assert saved is not None
        assert saved.session.messages == (Message.user("kept"),)
        # The same value is not tried again, and closing says what is missing.
        assert (await live.save()).kind == "unchanged"
        live.session.add_message(Message.user("and this too"))
        await live.persistence.auto_save_if_enabled("generate")
        failed = [one for one in events.pending() if isinstance(one, PersistenceFailed)]
        assert [one.part for one in failed] == []
        live.session.__dict__[part] = good
        live.session.add_message(Message.user("repaired"))
        assert (await live.save()).kind == "saved"
        await sessions.shutdown()

    asyncio.run(main())


def test_an_event_names_the_part_and_closing_raises() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        sessions = SessionManager(agent=Echo()).with_store(store)
        live = await sessions.create_session("main")
        events = live.session.events.subscribe()
        live.session.trace._events.append(trace(1).evolve(name=BAD))
        live.session.trace._listed = None
        await sessions.generate("main", "hello")
        failed = [one for one in events.pending() if isinstance(one, PersistenceFailed)]
        assert {one.part for one in failed} <= {"trace_events", None}
        saved = await store.load_snapshot("main")
        assert saved is not None
        assert [message.text for message in saved.session.messages] == [
            "hello",
            "you said: hello",
        ]
        assert saved.trace_events in (None, ())
        live.session.model_name = "another"
        live.session.__dict__["total_cost"] = float("inf")
        with pytest.raises(SessionNotSavedError, match="saved in part"):
            await sessions.close_session("main")
        assert sessions.discard_unsaved("main")

    asyncio.run(main())
