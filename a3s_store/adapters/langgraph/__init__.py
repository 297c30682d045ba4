"""LangGraph: `A3sSaver` keeps the checkpoints of graphs, `A3sStore` the memory across threads.

Needs the extra `langgraph`. docs/adapters.md is for users.
"""

from a3s_store.adapters.langgraph.saver import A3sSaver

__all__ = ["A3sSaver"]
