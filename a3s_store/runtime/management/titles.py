"""Titles of sessions, made by the application's model from the first messages."""

from __future__ import annotations

from typing import Final

from a3s_store.core.clean import Cleaner
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.state.compaction import Summarizer

# How many messages a title is made of, how much of each, and how long it gets, in characters.
TITLE_MESSAGES: Final = 4
TITLE_EACH: Final = 200
TITLE_LENGTH: Final = 80
_PROMPT: Final = (
    "Give the following conversation a title of at most eight words. "
    "Reply with the title alone.\n\n"
)


async def make_title(session: Session, summarizer: Summarizer) -> str:
    """Return a title of the conversation, at most 80 characters; it may be empty.

    Text that cannot be written is cleaned, and the session tells of it (TextCleaned). Raises what
    the summarizer raises.
    """
    lines = [f"{one.role}: {one.text[:TITLE_EACH]}" for one in session.messages[:TITLE_MESSAGES]]
    cleaner = Cleaner()
    title = cleaner.text(await summarizer.summarize(_PROMPT + "\n".join(lines))).strip()
    if cleaner.count:
        session.text_cleaned("title", cleaner.count)
    return title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 3] + "..."
