"""Other packages' session stores, measured beside ours.

`PEERS` names all of them; looking at it imports none. `missing` says which packages one would still
need, and `available` leaves out those that need any. What a save of each does (how many
transactions and syncs, and whether it is durable) stands in the docstring of its module.
"""

from __future__ import annotations

from typing import Final

from benchmarks.engine import Engine
from benchmarks.peers.agno_db import Agno, AgnoAsync
from benchmarks.peers.google_adk import GoogleAdk, GoogleAdkDatabase
from benchmarks.peers.langgraph_saver import LangGraph, LangGraphOnOurs
from benchmarks.peers.openai_agents import OpenAIAgents, OpenAIAgentsAsync, OpenAIAgentsOnOurs
from benchmarks.peers.peer import Peer
from benchmarks.peers.strands_files import Strands

__all__ = ["ADAPTERS", "PEERS", "available", "missing"]

_PEERS: Final[dict[str, type[Peer]]] = {
    "langgraph": LangGraph,
    "openai-agents": OpenAIAgents,
    "openai-agents-async": OpenAIAgentsAsync,
    "google-adk": GoogleAdk,
    "google-adk-database": GoogleAdkDatabase,
    "strands": Strands,
    "agno": Agno,
    "agno-async": AgnoAsync,
}

PEERS: Final[dict[str, type[Engine]]] = {**_PEERS}

# Our adapters, each by the peer whose interface it has; measured beside it by one workload alone.
ADAPTERS: Final[dict[str, type[Engine]]] = {
    "langgraph": LangGraphOnOurs,
    "openai-agents": OpenAIAgentsOnOurs,
}


def missing(name: str) -> tuple[str, ...]:
    """The distributions this peer needs that are not installed. KeyError if there is no such."""
    return _PEERS[name].missing()


def available() -> dict[str, type[Engine]]:
    """The peers whose packages are installed."""
    return {name: engine for name, engine in PEERS.items() if not missing(name)}
