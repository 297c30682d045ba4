"""Comparisons that say what differs, with or without pytest's rewriting of assert.

Values are compared by type and by canonical JSON as well as by `==`: lists and the values of other
people's stores may hold what Python finds equal and JSON does not, True and 1.
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
    """Raises AssertionError unless both are equal, of the same type and the same as JSON."""
    if type(expected) is not type(actual) or expected != actual or bits(expected) != bits(actual):
        raise AssertionError(f"{what}: {_difference(expected, actual)}")


def _difference(expected: Any, actual: Any) -> str:
    """Both values, or what stands around the first place where two long ones differ."""
    one, other = repr(expected), repr(actual)
    if one == other:  # equal to look at: it is the JSON that differs
        one, other = str(bits(expected)), str(bits(actual))
    if max(len(one), len(other)) <= 400:
        return f"expected {one}, got {other}"
    pairs = enumerate(zip(one, other, strict=False))
    place = next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
    around = slice(max(0, place - 80), place + 120)
    return f"expected ...{one[around]}..., got ...{other[around]}... (from character {place} on)"


def holds(condition: object, what: str) -> None:
    """Raises AssertionError with `what` when the condition is false."""
    if not condition:
        raise AssertionError(what)


async def raises(
    kinds: type[BaseException] | tuple[type[BaseException], ...],
    what: str,
    call: Callable[..., Awaitable[Any]],
    *args: Any,
    **kwargs: Any,
) -> BaseException:
    """The error that this call raised. Raises AssertionError when it raised none, or another."""
    names = " or ".join(k.__name__ for k in (kinds if isinstance(kinds, tuple) else (kinds,)))
    try:
        answer = await call(*args, **kwargs)
    except kinds as error:
        return error
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{what}: expected {names}, got {_short(found)}") from error
    raise AssertionError(f"{what}: expected {names}, got the answer {_short(answer)}")


def bits(value: Any) -> Any:
    """The value with every model in it as its canonical JSON, so that equal means the same."""
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
    """Whether the store promises it: what a check leaves out where it is about something else."""
    promised: bool = getattr(store.capabilities(), capability)
    return promised


def kept(store: SessionStore, snapshot: SessionSnapshot) -> SessionSnapshot:
    """The snapshot, without its collections for a store that does not promise these."""
    if keeps(store, "collections"):
        return snapshot
    return SessionSnapshot(session=snapshot.session)


def kept_collections(store: SessionStore) -> tuple[str, ...]:
    """The names of the collections that the store promises to keep."""
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
    """Everything the store answers about these ids, taken as session, run and workflow ids."""
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
    """Raises AssertionError naming the first answer that is not what it was."""
    for question, answer in before.items():
        same(answer, after[question], f"{what}: {question}")


async def save_collection(
    store: SessionStore, collection: str, session_id: Any, values: Any
) -> None:
    """The store's `save_{family}`."""
    await getattr(store, f"save_{collection}")(session_id, values)


async def load_collection(store: SessionStore, collection: str, session_id: Any) -> Any:
    """The store's `load_{family}`."""
    return await getattr(store, f"load_{collection}")(session_id)
