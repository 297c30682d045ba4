"""The results that the application's own code returns: of a call of a tool, and of a run."""

from __future__ import annotations

import attrs

from a3s_store.core.clean import Cleaner
from a3s_store.errors import EncodeError
from a3s_store.models import Message, TokenUsage, VerificationReport
from a3s_store.wire import Json


def _exit_code(instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    if not -(2**31) <= value < 2**31:
        raise EncodeError("beyond 32 bits", model="ToolOutput", path="exit_code")


@attrs.frozen(kw_only=True)
class ToolOutput:
    """The result of a tool's call. `is_error` is whether the exit code is not 0, unless given.

    `metadata` is any JSON. Texts that cannot be written, such as the names of some files, are
    cleaned (`a3s_store.clean_text`); `cleaned` is how many. Raises EncodeError for what else could
    not be saved: a content that is no text, a number that is none, an exit code beyond 32 bits.
    """

    content: str
    exit_code: int = attrs.field(default=0, validator=_exit_code)
    metadata: Json | None = None
    is_error: bool = attrs.field(
        default=attrs.Factory(lambda self: self.exit_code != 0, takes_self=True)
    )
    cleaned: int = attrs.field(init=False, default=0, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.content, str):
            raise EncodeError("is no text", model="ToolOutput", path="content")
        cleaner = Cleaner()
        # A plain str, whatever subclass of it the tool has.
        object.__setattr__(self, "content", cleaner.text(str.__str__(self.content)))
        object.__setattr__(self, "metadata", cleaner.frozen_json(self.metadata))
        object.__setattr__(self, "cleaned", cleaner.count)

    @classmethod
    def error(cls, text: str) -> ToolOutput:
        """The result of a call that failed, or was not made: this text, and exit code 1."""
        return cls(content=text, exit_code=1)


@attrs.frozen(kw_only=True)
class AgentResult:
    """What a run came to. `messages` is the whole conversation, `usage` that of the whole run.

    `verification_reports` are those that no checkpoint was told of before. Upstream: `AgentResult`.
    """

    text: str
    messages: tuple[Message, ...]
    usage: TokenUsage = attrs.field(factory=TokenUsage)
    tool_calls_count: int = 0
    verification_reports: tuple[VerificationReport, ...] = ()
