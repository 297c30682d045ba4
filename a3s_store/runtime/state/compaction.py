"""Compaction: when a conversation is too long, and which messages are replaced by a summary.

The application's `Summarizer` asks a model for the summary. The functions here take messages and
return messages; the session replaces its own.

Invariants: 1. nothing is changed in place, and a message that stays is the same object; 2. an error
leaves the caller's messages as they were; 3. unless upstream's cut is asked for, and if each tool
result follows its call, every result that stays has its call, and the first of the recent messages
is no result; 4. a round of calls and results is never cut, however long it is.

Upstream: session/compaction.rs of the first releases (runtime 4.1), whose exact cut is
`keep_pairs=False`; the newest keeps pairs (4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from a3s_store.core.clean import Cleaner
from a3s_store.core.merging.history import SUMMARY_PREFIX as SUMMARY_PREFIX
from a3s_store.core.tool_pairs import calls_of, results_of
from a3s_store.errors import CompactionError
from a3s_store.models import (
    DEFAULT_AUTO_COMPACT_THRESHOLD,
    ContentBlock,
    Message,
    TextBlock,
    ToolResultBlock,
    ToolResultText,
    ToolUseBlock,
)
from a3s_store.runtime.state.cleaning import OnCleaned, ignore_cleaned
from a3s_store.wire import compact as to_json
from a3s_store.wire.numbers import to_f32
from a3s_store.wire.text import exact

KEEP_INITIAL: Final = 2
KEEP_RECENT: Final = 20
MIN_MESSAGES: Final = 30
TOOL_OUTPUT_PROTECT: Final = 40_000  # tokens
MIN_PRUNE_SAVINGS: Final = 20_000  # tokens
_BYTES_PER_TOKEN: Final = 4
PRUNED: Final = "[output pruned — re-read file or re-run command if needed]"
COMPACT_TEMPLATE: Final = """\
Summarise the conversation below. Your summary takes the place of these messages: the assistant that
goes on working knows of them only what you write.

Say, each where there is something to say:
- what the user asked for, in the user's own words;
- which files were read, written or changed, and how;
- which commands were run, and what came of them;
- what went wrong, and whether it is solved;
- what was decided, and which wishes and limits the user named;
- what is done, and what is to be done next.

If the conversation begins with a summary, carry over what is in it. Leave out the contents of files
and long outputs. Stay below 600 words.

Conversation:

{conversation}
"""


class Summarizer(Protocol):
    """The application's call of a model."""

    async def summarize(self, prompt: str) -> str:
        """Return the model's reply to one user message of this text, without other context."""


def should_auto_compact(
    used: int, maximum: int, threshold: float = DEFAULT_AUTO_COMPACT_THRESHOLD
) -> bool:
    """Whether a context reaches the threshold, a fraction of `maximum` (C7).

    `used` and `maximum` are tokens. The comparison is in 32-bit floats, the precision in which both
    are stored: 160 000 of 200 000 reach 0.8. A `maximum` of 0 is never reached.
    """
    if maximum == 0:
        return False
    return to_f32(to_f32(used) / to_f32(maximum)) >= to_f32(threshold)


async def compact(
    messages: Sequence[Message],
    summarizer: Summarizer | None,
    *,
    keep_pairs: bool = True,
    cleaned: OnCleaned = ignore_cleaned,
) -> tuple[Message, ...] | None:
    """Return the first 2 messages, a summary of the middle, and the last 20; None if unchanged.

    30 messages or fewer stay as they are, and the model is not asked (C1, C2). Only texts are
    summarised, not tool calls and their results (C3). Without a summarizer only the last 20 stay.

    `keep_pairs` moves the cuts, since most models refuse a call without its results and a result
    without its call: a call stays among the first messages only with its results, a result among
    the last only with its call. Where nothing is left to cut then (`is_one_round`), old tool output
    of the round is replaced by a notice, as in `prune_tool_outputs`, except results that the model
    has not seen; None when that saves too little. False cuts where upstream's first releases cut.
    A summary that cannot be written is cleaned; `cleaned` is called with the number of texts.

    Raises:
        CompactionError: the model failed, with the error as `__cause__`, or returned no text.
    """
    found = _cuts(messages, with_summary=summarizer is not None, keep_pairs=keep_pairs)
    if found is None:
        return None
    head, cut = found
    if keep_pairs and _is_round_alone(messages, head, cut):
        return _prune(messages, cut, _seen(messages))
    if summarizer is None:
        return tuple(messages[cut:])
    summary = await _summary_of(messages[head:cut], summarizer, cleaned)
    return (*messages[:head], summary, *messages[cut:])


def is_one_round(messages: Sequence[Message], *, with_summary: bool = True) -> bool:
    """Whether a conversation is long enough for `compact`, and all of it is one round of tools.

    Then nothing can be summarised (`with_summary`) or dropped without separating a call from its
    results, except the summary of an earlier time.
    """
    found = _cuts(messages, with_summary=with_summary, keep_pairs=True)
    return found is not None and _is_round_alone(messages, *found)


def estimated_tokens(messages: Sequence[Message]) -> int:
    """Estimate the tokens of texts, calls and results of a conversation: their bytes by 4."""
    return sum(_tokens(block) for message in messages for block in message.content)


def keep_recent(
    messages: Sequence[Message], count: int = KEEP_RECENT, *, keep_pairs: bool = True
) -> tuple[Message, ...] | None:
    """Return the last messages, None when there are no others. `keep_pairs` as in `compact`.

    Upstream: a session manager's `compact` without a client (runtime 10).
    """
    cut = len(messages) - count
    if keep_pairs and cut > 0:
        cut = _whole_tail(messages, cut, 0)
    return tuple(messages[cut:]) if cut > 0 else None


async def _summary_of(
    messages: Sequence[Message], summarizer: Summarizer, cleaned: OnCleaned
) -> Message:
    conversation = "\n\n".join(f"{message.role}: {message.text}" for message in messages)
    hint = "The conversation is as it was; compact it again"
    try:
        answer = await summarizer.summarize(
            COMPACT_TEMPLATE.replace("{conversation}", conversation)
        )
    except Exception as error:
        what = "Failed to generate conversation summary"
        raise CompactionError(what, op="compact", hint=hint) from error
    if not isinstance(answer, str) or not answer.strip():
        # An empty summary would lose half of the conversation.
        what = "Compaction model returned an empty summary"
        raise CompactionError(what, op="compact", hint=hint)
    cleaner = Cleaner()
    summary = SUMMARY_PREFIX + cleaner.text(str.__str__(answer))
    if cleaner.count:
        cleaned("summary", cleaner.count)
    return Message.user(summary)


def _cuts(
    messages: Sequence[Message], *, with_summary: bool, keep_pairs: bool
) -> tuple[int, int] | None:
    """Return how many first messages stay and where the last begin; None when there are too few."""
    if len(messages) <= (MIN_MESSAGES if with_summary else KEEP_RECENT):
        return None
    head, cut = KEEP_INITIAL if with_summary else 0, len(messages) - KEEP_RECENT
    if keep_pairs:
        head = _whole_head(messages, head)
        cut = _whole_tail(messages, cut, head)
    return head, cut


def _is_round_alone(messages: Sequence[Message], head: int, cut: int) -> bool:
    """Whether a round of tools reaches back from the last messages to the first."""
    if cut == len(messages) - KEEP_RECENT:
        return False
    return cut <= KEEP_INITIAL or (
        # A summary of a summary loses text and saves nothing.
        0 < head == cut - 1 and messages[head].text.startswith(SUMMARY_PREFIX)
    )


def _seen(messages: Sequence[Message]) -> int:
    """Return how many messages the model was given: those before the last that it made."""
    return max(
        (at for at, one in enumerate(messages) if one.role == "assistant" or calls_of(one)),
        default=0,
    )


def _whole_head(messages: Sequence[Message], head: int) -> int:
    """Return how many of the first messages stay so that each call has its results among them."""
    while head > 0:
        waiting: set[str] = set()
        for message in messages[:head]:
            waiting.difference_update(results_of(message))
            waiting.update(calls_of(message))
        if not waiting:
            break
        head -= 1
    return head


def _whole_tail(messages: Sequence[Message], cut: int, head: int) -> int:
    """Return where the last messages begin, near `cut`, so that their results have their calls.

    The call of a result is the nearest one of its id before it: some providers reuse ids.
    """
    last_call: dict[str, int] = {}
    # For each message, the first one that must stay with it, and whether one of its calls is
    # missing or among the first messages, which have the results of their calls.
    needs: list[int] = []
    orphan: list[bool] = []
    for index, message in enumerate(messages):
        found = [last_call.get(result, -1) for result in results_of(message)]
        orphan.append(any(call < head for call in found))
        needs.append(min((call for call in found if call >= head), default=index))
        last_call.update(dict.fromkeys(calls_of(message), index))
    while cut < len(messages) and orphan[cut]:
        cut += 1
    for index in range(len(messages) - 1, -1, -1):
        # A message that is added by this moves the end of the loop too.
        if index < cut:
            break
        cut = min(cut, needs[index])
    return cut


def prune_tool_outputs(messages: Sequence[Message]) -> tuple[Message, ...] | None:
    """Return the messages with old tool output replaced by a notice; None if it saves little (C8).

    The newest 40 000 tokens of output stay, at 4 bytes of UTF-8 text a token; the last output that
    stays may go beyond. Less than 20 000 tokens are not replaced.
    """
    return _prune(messages, 0, len(messages))


def _prune(messages: Sequence[Message], start: int, stop: int) -> tuple[Message, ...] | None:
    """Replace output in messages `start` to `stop`; see `prune_tool_outputs`."""
    outputs = [
        (at, position, tokens)
        for at in range(start, len(messages))
        for position, block in enumerate(messages[at].content)
        if (tokens := _output_tokens(block))
    ]
    if sum(tokens for *_, tokens in outputs) <= TOOL_OUTPUT_PROTECT:
        return None
    protected = savings = 0
    pruned: dict[int, set[int]] = {}
    for at, position, tokens in reversed(outputs):
        if protected < TOOL_OUTPUT_PROTECT:
            protected += tokens
        elif at < stop:
            savings += tokens
            pruned.setdefault(at, set()).add(position)
    if savings < MIN_PRUNE_SAVINGS:
        return None
    return tuple(
        _without_output(message, pruned[at]) if at in pruned else message
        for at, message in enumerate(messages)
    )


def _tokens(block: ContentBlock) -> int:
    if isinstance(block, TextBlock):
        return _size(block.text) // _BYTES_PER_TOKEN
    if isinstance(block, ToolUseBlock):
        return len(to_json(exact(block.input))) // _BYTES_PER_TOKEN
    return _output_tokens(block)


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _output_tokens(block: ContentBlock) -> int:
    if not isinstance(block, ToolResultBlock):
        return 0
    return _size(_output_text(block)) // _BYTES_PER_TOKEN


def _output_text(block: ToolResultBlock) -> str:
    if isinstance(block.content, str):
        return block.content
    return "\n".join(part.text for part in block.content if isinstance(part, ToolResultText))


def _without_output(message: Message, positions: set[int]) -> Message:
    content = tuple(
        block.evolve(content=PRUNED)
        if position in positions and isinstance(block, ToolResultBlock) and block.content != PRUNED
        else block
        for position, block in enumerate(message.content)
    )
    if all(new is old for new, old in zip(content, message.content, strict=True)):
        return message
    return message.evolve(content=content)
