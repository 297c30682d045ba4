"""The peers: distributions to install, suites to run, and the adapters that are tested."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Peer:
    """One interface of a framework, with its suite.

    `package` is the distribution whose version the extra's range must have. `environment` names
    the environment, which peers of one framework share, and `requirements` are its pins. The suite
    is `program` of `plugins/`, or, in the unpacked sdist `source`, the `tests` under pytest with
    the plugin `swap`. `own` are our tests of the adapter, which need the framework, too.
    """

    title: str
    adapter: str
    extra: str
    package: str
    suite: str
    expected: int
    environment: str
    requirements: tuple[str, ...]
    program: str | None = None
    source: str | None = None
    tests: tuple[str, ...] = ()
    swap: str | None = None
    own: tuple[str, ...] = ()


_LANGGRAPH: Final = (
    "langgraph-checkpoint==4.3.2",
    "langgraph-checkpoint-conformance==0.0.2",
    "langgraph-checkpoint-sqlite==3.1.2",
    "pytest-asyncio>=1,<2",
)

PEERS: Final[dict[str, Peer]] = {
    "langgraph-saver": Peer(
        title="LangGraph, checkpointer",
        adapter="a3s_store.adapters.langgraph.A3sSaver",
        extra="langgraph",
        package="langgraph-checkpoint",
        suite="langgraph-checkpoint-conformance 0.0.2, all capabilities",
        expected=81,
        environment="langgraph",
        requirements=_LANGGRAPH,
        program="langgraph_kit.py",
        own=("tests/unit/adapters/test_langgraph_saver.py", "tests/unit/adapters/test_pages.py"),
    ),
    "langgraph-store": Peer(
        title="LangGraph, store",
        adapter="a3s_store.adapters.langgraph.A3sStore",
        extra="langgraph",
        package="langgraph-checkpoint",
        suite="langgraph-checkpoint-sqlite 3.1.2, `test_async_store.py`, vectors included",
        expected=39,
        environment="langgraph",
        requirements=_LANGGRAPH,
        source="langgraph-checkpoint-sqlite==3.1.2",
        tests=("tests/test_async_store.py",),
        swap="swap_langgraph_store",
        own=("tests/unit/adapters/test_langgraph_store.py",),
    ),
    "openai-agents": Peer(
        title="OpenAI Agents SDK, session",
        adapter="a3s_store.adapters.openai_agents.A3sSession",
        extra="openai-agents",
        package="openai-agents",
        suite="`test_session.py` and `test_session_limit.py` of its sdist",
        expected=53,
        environment="openai-agents",
        requirements=(
            "openai-agents==0.24.0",
            "pytest-asyncio>=1,<2",
            "inline-snapshot>=0.20.7",
        ),
        source="openai-agents==0.24.0",
        tests=("tests/memory/test_session.py", "tests/memory/test_session_limit.py"),
        swap="swap_openai_session",
        own=("tests/unit/adapters/test_openai_agents.py", "tests/unit/adapters/test_pages.py"),
    ),
    "strands": Peer(
        title="Strands Agents, session repository",
        adapter="a3s_store.adapters.strands.A3sSessionRepository",
        extra="strands",
        package="strands-agents",
        suite="`test_repository_session_manager.py` of its sdist",
        expected=51,
        environment="strands",
        requirements=("strands-agents==1.62.0", "pytest-asyncio>=1,<2", "moto>=5,<6"),
        source="strands-agents==1.62.0",
        tests=("tests/strands/session/test_repository_session_manager.py",),
        swap="swap_strands_repository",
        own=("tests/unit/adapters/test_strands.py", "tests/unit/adapters/test_pages.py"),
    ),
}
