"""Adapters: what agent frameworks keep, in a store of this package. One extra for each framework.

| import | extra | replaces |
|---|---|---|
| `a3s_store.adapters.langgraph.A3sSaver` | `langgraph` | LangGraph's checkpointers |
| `a3s_store.adapters.langgraph.A3sStore` | `langgraph` | LangGraph's `BaseStore` |
| `a3s_store.adapters.openai_agents.A3sSession` | `openai-agents` | the SDK's `SQLiteSession` |
| `a3s_store.adapters.strands.A3sSessionRepository` | `strands` | Strands' repositories |

This package imports no framework; each of its modules imports one. All of them use promised names
of this package alone: streams, and transactions over them.
"""
