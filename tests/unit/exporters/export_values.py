"""What the tests of exporters need: sessions with every block, hostile texts, a parser of HTML."""

from __future__ import annotations

from html.parser import HTMLParser

from a3s_store import SessionSnapshot
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    LlmCostRecord,
    Message,
    SessionConfig,
    SessionData,
    SubagentStatus,
    SubagentTaskSnapshot,
    TextBlock,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
    UnknownBlock,
)

# One pixel.
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
    "rkJggg=="
)

# Each sets `pwned` or loads something, if a browser takes it for more than text.
HOSTILE = (
    "<script>window.pwned=1</script>",
    "</style><script>window.pwned=1</script>",
    "</title></head><body onload=window.pwned=1>",
    '"><img src=x onerror=window.pwned=1>',
    "' onmouseover='window.pwned=1' autofocus onfocus='window.pwned=1",
    "<svg onload=window.pwned=1><animate onbegin=window.pwned=1>",
    "</details></article></main><iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<iframe src=javascript:parent.pwned=1></iframe>",
    "<a href=javascript:window.pwned=1 id=x>x</a>",
    "<meta http-equiv=refresh content='0;url=https://example.invalid/'>",
    "<base href=https://example.invalid/>",
    "<link rel=stylesheet href=https://example.invalid/a.css>",
    "<style>@import 'https://example.invalid/a.css';*{display:none}</style>",
    "<form action=https://example.invalid/><button autofocus>x</button></form>",
    "<object data=https://example.invalid/></object><embed src=https://example.invalid/>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;&#60;script&#62;",
    "<!-- --><![CDATA[<script>window.pwned=1</script>]]>",
    "<template><script>window.pwned=1</script></template><noscript><img src=x></noscript>",
    'image/png;base64,AAAA" onerror="window.pwned=1',
    "data:text/html,<script>window.pwned=1</script>",
    "\u202etpircs\u202c \x00\x1b[31m\ufeff",
    "```\n# heading\n[x](javascript:window.pwned=1)\n````\n<script>window.pwned=1</script>",
)


def session_saying(text: str, session_id: str = "s") -> SessionSnapshot:
    """Return a session with a text in every place that a transcript shows."""
    image = ImageSource(media_type="image/png", data=PNG)
    odd_image = ImageSource(media_type=text or "x", data=text)
    messages = (
        Message(role="user", content=(TextBlock(text=text), ImageBlock(source=image))),
        Message(
            role="assistant",
            reasoning_content=text,
            content=(
                ToolUseBlock(id=text, name=text, input={text: [text, 1]}),
                ToolUseBlock(id="open", name="open", input=text),
                UnknownBlock(type=f"x{text}", body={"a": text}),
            ),
        ),
        Message(
            role="user",
            content=(
                ToolResultBlock(
                    tool_use_id=text,
                    content=(
                        ToolResultText(text=text),
                        ToolResultImage(source=odd_image),
                        ToolResultImage(source=image),
                    ),
                    is_error=True,
                ),
                ToolResultBlock(tool_use_id=f"lost{text}", content=text),
            ),
        ),
        Message(role=text, content=(ImageBlock(source=odd_image),)),
    )
    cost = LlmCostRecord(
        model=text, provider=text, prompt_tokens=1, completion_tokens=2, total_tokens=3,
        cost_usd=0.5, timestamp="2026-01-01T00:00:00Z",
    )  # fmt: skip
    task = SubagentTaskSnapshot(
        task_id="t", parent_session_id=session_id, child_session_id=text, agent=text,
        description=text, status=SubagentStatus.COMPLETED, started_ms=1, updated_ms=1,
    )  # fmt: skip
    session = SessionData(
        id=session_id, config=SessionConfig(name=text, workspace=text), messages=messages,
        model_name=text, parent_id=text, cost_records=(cost,), total_cost=0.5,
        created_at=1, updated_at=2,
    )  # fmt: skip
    return SessionSnapshot(session=session, subagent_tasks=(task,))


class Parsed(HTMLParser):
    """The elements, attributes and texts of a document; `parts` has the messages of each class."""

    VOID = frozenset({"meta", "br", "img", "input"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.style = ""
        self.policy = ""
        # For each message: the classes of the part around it, and its heading.
        self.articles: list[tuple[set[str], str]] = []
        self._classes: list[set[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert len(given) == len(attrs), "an attribute is repeated"
        self.elements.append((tag, given))
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag == "div":
            self._classes.append(set((given.get("class") or "").split()))
        if tag == "article":
            around = self._classes[-1] if self._classes else set()
            self.articles.append((around, given["aria-label"] or ""))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "an element is closed that is not the last opened one"
        if tag == "div":
            self._classes.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)
