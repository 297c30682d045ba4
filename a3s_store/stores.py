"""Everything that the author of a store needs, under promised names.

`BaseStore` has all the methods of `SessionStore`; a backend implements the dozen under "The port".
`MinimalStore` makes a store of upstream's five methods. `a3s_store.testing.conformance` tests
either. docs/writing-a-store.md has an example of each.

| names | for |
|---|---|
| `BaseStore`, `Opening` | the class to derive from, the object that its `open()` returns |
| `MinimalStore`, `MinimalBackend` | a store made of five methods, and these methods |
| `Batch`, `LoadResult` | what `_commit` is given, what `_fetch` returns |
| `Collection`, `COLLECTIONS`, `CheckpointKind`, `CHECKPOINTS`, `LOOP_CHECKPOINTS`, \
`WORKFLOW_CHECKPOINTS`, `QUEUE_CHECKPOINT_PREFIX` | what is stored beside sessions |
| `Capabilities`, `Health`, `Inventory` | what the port returns |
| `encode`, `compact`, `parse`, `decode` | a value to JSON bytes, and JSON bytes to a value |
| `encode_batch`, `Trees` | all of a batch as JSON objects, for `compact` |
| `Driver`, `during`, `explain` | translating a driver's errors, with operation and place |
| `sessions_below` | the sessions that are deleted with the tree of one |

Errors are in `a3s_store.errors`, models in `a3s_store.models`.
"""

from a3s_store.core.base.minimal import MinimalBackend, MinimalStore
from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX as QUEUE_CHECKPOINT_PREFIX
from a3s_store.core.base.store import BaseStore, Opening
from a3s_store.core.batch import Batch, LoadResult, Trees, encode_batch
from a3s_store.core.collections import (
    CHECKPOINTS,
    COLLECTIONS,
    LOOP_CHECKPOINTS,
    WORKFLOW_CHECKPOINTS,
    CheckpointKind,
    Collection,
)
from a3s_store.core.protocol import Capabilities, Health, Inventory
from a3s_store.core.session_tree import below as sessions_below
from a3s_store.errors import Driver, during, explain
from a3s_store.wire import compact, decode, encode, parse

__all__ = [
    "CHECKPOINTS",
    "COLLECTIONS",
    "LOOP_CHECKPOINTS",
    "QUEUE_CHECKPOINT_PREFIX",
    "WORKFLOW_CHECKPOINTS",
    "BaseStore",
    "Batch",
    "Capabilities",
    "CheckpointKind",
    "Collection",
    "Driver",
    "Health",
    "Inventory",
    "LoadResult",
    "MinimalBackend",
    "MinimalStore",
    "Opening",
    "Trees",
    "compact",
    "decode",
    "during",
    "encode",
    "encode_batch",
    "explain",
    "parse",
    "sessions_below",
]
