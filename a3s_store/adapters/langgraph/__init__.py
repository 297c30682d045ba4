"""LangGraph: `A3sSaver` keeps the checkpoints of graphs, `A3sStore` the memory across threads.

Needs the extra `langgraph`. For users: docs/langgraph-checkpoints.md, docs/langgraph-store.md.
"""

from a3s_store.adapters.langgraph.saver import A3sSaver
from a3s_store.adapters.langgraph.store import A3sStore, BlockingA3sStore

__all__ = ["A3sSaver", "A3sStore", "BlockingA3sStore"]
