"""Messages and strategies of conversations, for tests of histories and merges."""

from __future__ import annotations

from hypothesis import strategies as st

from a3s_store.core.merging.history import SUMMARY_PREFIX
from a3s_store.models import ContentBlock, Message, TextBlock, ToolResultBlock, ToolUseBlock


def said(*texts: str) -> tuple[Message, ...]:
    """Return one message of the user for each text."""
    return tuple(map(Message.user, texts))


def summary(text: str = "earlier") -> Message:
    """A message that replaces others, as compaction makes it."""
    return Message.user(SUMMARY_PREFIX + text)


def call(*ids: str) -> Message:
    """A message with these tool calls."""
    blocks = tuple(ToolUseBlock(id=one, name="bash", input={}) for one in ids)
    return Message(role="assistant", content=blocks)


def result(*ids: str) -> Message:
    """A message with the results of these calls."""
    blocks = tuple(ToolResultBlock(tool_use_id=one, content="done") for one in ids)
    return Message(role="user", content=blocks)


_IDS = st.sampled_from(["a", "b", "c"])
_BLOCKS: st.SearchStrategy[ContentBlock] = st.one_of(
    st.sampled_from(["u", "v", "w"]).map(lambda text: TextBlock(text=text)),
    _IDS.map(lambda one: ToolUseBlock(id=one, name="bash", input={})),
    _IDS.map(lambda one: ToolResultBlock(tool_use_id=one, content="done")),
)
_MESSAGE = st.one_of(
    st.builds(
        lambda role, blocks: Message(role=role, content=tuple(blocks)),
        st.sampled_from(["user", "assistant"]),
        st.lists(_BLOCKS, max_size=3),
    ),
    st.sampled_from(["one", "two"]).map(summary),
)
# Conversations in which messages repeat, calls and results do not match, and summaries occur.
CONVERSATIONS: st.SearchStrategy[tuple[Message, ...]] = st.lists(_MESSAGE, max_size=8).map(tuple)
