"""Comparisons for checks; their errors name the difference, with and without pytest.

Values are compared by type and by canonical JSON as well as by `==`, because True == 1 in Python
and not in JSON.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.protocol import SessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import LoopCheckpoint
from a3s_store.wire import Model, canonical, encode


def same(expected: Any, actual: Any, what: str) -> None:
    """Raise AssertionError unless both are equal, have the same type and the same JSON."""
    if type(expected) is not type(actual) or expected != actual or bits(expected) != bits(actual):
        raise AssertionError(f"{what}: {_difference(expected, actual)}")


def _difference(expected: Any, actual: Any) -> str:
    """Return both values; of long ones the text around the first difference."""
    one, other = str(bits(expected)), str(bits(actual))
    if max(len(one), len(other)) <= 400:
        return f"expected {one}, got {other}"
    pairs = enumerate(zip(one, other, strict=False))
    place = next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
    around = slice(max(0, place - 80), place + 120)
    return f"expected ...{one[around]}..., got ...{other[around]}... (from character {place} on)"


def holds(condition: object, what: str) -> None:
    """Raise AssertionError with the text `what` when the condition is false."""
    if not condition:
        raise AssertionError(what)


async def raises(
    kinds: type[BaseException] | tuple[type[BaseException], ...],
    what: str,
    call: Callable[..., Awaitable[Any]],
    *args: Any,
    **kwargs: Any,
) -> BaseException:
    """Return the error that the call raised; AssertionError when it raised none or another one."""
    names = " or ".join(k.__name__ for k in (kinds if isinstance(kinds, tuple) else (kinds,)))
    try:
        result = await call(*args, **kwargs)
    except kinds as error:
        return error
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{what}: expected {names}, got {_short(found)}") from error
    raise AssertionError(f"{what}: expected {names}, but it returned {_short(result)}")


def bits(value: Any) -> Any:
    """Return the value with its types, and models as canonical JSON, for an exact comparison."""
    if isinstance(value, Model):
        return type(value).__name__, canonical(encode(value))
    if isinstance(value, tuple | list):
        return [bits(item) for item in value]
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    return type(value).__name__, value


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 400 else f"{text[:300]} ... ({len(text)} characters)"


def keeps(store: SessionStore, capability: str) -> bool:
    """Return whether the store promises a capability that is not the subject of the check."""
    promised: bool = getattr(store.capabilities(), capability)
    return promised


def kept(store: SessionStore, snapshot: SessionSnapshot) -> SessionSnapshot:
    """Return the snapshot, without its collections if the store does not promise collections."""
    if keeps(store, "collections"):
        return snapshot
    return SessionSnapshot(session=snapshot.session)


def kept_collections(store: SessionStore) -> tuple[str, ...]:
    """Return the names of the collections that the store promises to keep."""
    return tuple(one.name for one in COLLECTIONS) if keeps(store, "collections") else ()


async def save_run(store: SessionStore, checkpoint: LoopCheckpoint) -> None:
    """Save the checkpoint of a run, if the store promises checkpoints."""
    if keeps(store, "checkpoints"):
        await store.save_loop_checkpoint(checkpoint.run_id, checkpoint)


async def same_run(store: SessionStore, expected: LoopCheckpoint | None, run_id: str) -> None:
    """Compare the stored checkpoint of a run, if the store promises checkpoints."""
    if keeps(store, "checkpoints"):
        same(expected, await store.load_loop_checkpoint(run_id), f"load_loop_checkpoint {run_id}")


async def contents(store: SessionStore, *ids: str) -> dict[str, Any]:
    """Return the results of all loads for these ids, as ids of sessions, runs and workflows."""
    found: dict[str, Any] = {"list": await store.list()}
    for one in ids:
        found[f"exists {one}"] = await store.exists(one)
        found[f"load {one}"] = await store.load(one)
        found[f"load_snapshot {one}"] = await store.load_snapshot(one)
        found[f"load_loop_checkpoint {one}"] = await store.load_loop_checkpoint(one)
        found[f"load_workflow_checkpoint {one}"] = await store.load_workflow_checkpoint(one)
        for collection in COLLECTIONS:
            found[f"load_{collection.name} {one}"] = await load_collection(
                store, collection.name, one
            )
    return found


def unchanged(before: dict[str, Any], after: dict[str, Any], what: str) -> None:
    """Raise AssertionError for the first load with another result than before."""
    for load, result in before.items():
        same(result, after[load], f"{what}: {load}")


async def save_collection(
    store: SessionStore, collection: str, session_id: Any, values: Any
) -> None:
    """Call the store's `save_X` of the collection X."""
    await getattr(store, f"save_{collection}")(session_id, values)


async def load_collection(store: SessionStore, collection: str, session_id: Any) -> Any:
    """Call the store's `load_X` of the collection X."""
    return await getattr(store, f"load_{collection}")(session_id)
