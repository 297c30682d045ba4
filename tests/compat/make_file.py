"""Makes the file of a released format that later releases must be able to open, and what it holds.

    python -m tests.compat.make_file

writes `files/schema-<number>-<release>.a3s.gz` and `.json` beside it, for the schema and version of
the checkout it is run in. A file of a release that is out is never made again: its bytes are what
that release wrote. Before a release (and only then: when the schema of the coming one has changed)
run it and commit both files. With the same code it makes the same content each time.

In it: every collection with every field set, awkward texts and numbers, artifacts and images large
enough to be blobs (one of them shared), a conversation that grew, was compacted, rewound and
forked, one whose oldest messages were dropped, loop checkpoints on its branches, a workflow,
collections without a session, saved-empty next to never-saved ones, deleted sessions, one of them
made again, a claimed run, generations of all that, memories, labels, streams of items in order and
by key, and byte artifacts.
The file is compressed since most of it is pages that are nearly empty.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import random
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store import SqliteSessionStore, __version__
from a3s_store.agent_memory import MemoryItem, MemoryType
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.base.queue_entries import QueueEntry
from a3s_store.core.changes import RunCheckpoint, SessionChanges
from a3s_store.core.drafts import Draft
from a3s_store.core.listing.values import SessionFilter
from a3s_store.core.streams.values import Item, NewItem
from a3s_store.models import ImageBlock, ImageSource, Message, TextBlock
from a3s_store.testing import samples
from a3s_store.wire import encode, pretty

FILES: Final = Path(__file__).parent / "files"
NOW: Final = 1_800_000_000.0


async def fill(store: SqliteSessionStore) -> None:
    """Save everything, in the order in which an engine might."""
    rich = samples.rich_snapshot("rich")
    # Texts of the released file, which never change.
    await store.save_snapshot(rich.evolve(session=rich.session.evolve(parent_id="nobody")))
    await _one_that_grew(store)
    await _one_that_slid(store)
    await _ones_with_blobs(store)
    await store.save_trace_events("families only", [samples.trace_event("1")])
    await store.save_verification_reports("families only", [])
    await store.save(samples.session("gone", ("nobody will read this",)))
    await store.delete("gone")
    await store.save(samples.session("名前 / ünï 🙂", ("an id in many scripts",)))
    await store.save_workflow_checkpoint("flow-1", samples.workflow_checkpoint("flow-1"))
    await store.save_loop_checkpoint("run-rich", samples.loop_checkpoint("run-rich", "rich"))
    await _live_sessions(store)
    await _memories(store)
    await _streams(store)
    await store.update("grew", labels={"kind": "ünï 🙂"}, metadata={"since": [1]}, pinned=True)


async def _one_that_slid(store: SqliteSessionStore) -> None:
    """The oldest messages dropped, the first one changed, and gone back to in between."""
    texts = [f"slides {number}" for number in range(12)]
    for first in (0, 1, 3):
        await store.save(samples.session("slid", tuple(texts[first : first + 8])))
    await store.save(samples.session("slid", ("changed", *texts[4:11])))
    await store.rewind("slid", 5)
    await store.save(samples.session("slid", ("changed", *texts[4:8], "goes on")))


async def _live_sessions(store: SqliteSessionStore) -> None:
    """Saves with an id, a made name, a claimed run, and a session made again after a delete."""
    for number in range(2):
        saved = await store.save_changes(
            SessionChanges(
                session_id="live",
                save_id=bytes(range(number, 16 + number)),
                session=samples.session("live", ("a",)),
                name_source="made",
            ),
            on=None,
        )
        if not number:
            await store.delete("live")
    checkpoint = samples.loop_checkpoint("run-live", "live")
    run = RunCheckpoint(checkpoint=checkpoint, base_length=1, claimed_by="a token")
    await store.save_changes(
        SessionChanges(session_id="live", save_id=bytes(16), checkpoint=run, begins_run=True),
        on=saved.revision,
    )


async def _memories(store: SqliteSessionStore) -> None:
    """Memories with every field set, replaced, deleted, of a session's owner and of another."""
    every = [
        MemoryItem(
            id=f"memory {number}",
            content=content,
            timestamp=f"2026-05-18T10:00:{number:02}.000000001Z",
            importance=number / 8,
            tags=("success", "ünï 🙂"),
            memory_type=kind,
            metadata={"prompt": content, "": "\u2028"},
            access_count=2**32 - 1,
            last_accessed="2026-05-19T00:00:00Z" if number else None,
            extra={"later": [2**70, -0.0]} if number else {},
        )
        for number, (kind, content) in enumerate(
            zip(MemoryType, ("use tabs", "名前", "nul \0 in it", "x" * 9_000), strict=True)
        )
    ]
    for owner in ("rich", "an agent 🙂"):
        await store.memories(owner).store_all(every)
    await store.memories("rich").store(every[1].evolve(importance=-0.0))
    await store.memories("rich").delete("memory 2")
    await store.memories("gone").store(every[0])
    await store.memories("gone").clear()


async def _streams(store: SqliteSessionStore) -> None:
    """An event log with a hole, keys with versions, a stream of a session, and byte artifacts."""
    log = store.stream("host\x1flog")
    await log.append("first", None, [1, 2.5, {"ünï": "🙂"}], b"\0bytes", metadata={"format": 1})
    await log.pop()
    await log.append(NewItem("last", labels={"of": "run-rich", "kind": "event"}))
    keys = store.stream("keys")
    for value in ({"n": 1}, {"n": 2}):
        await keys.put("a", value, labels={"of": "run-rich"}, metadata={"m": value})
    await keys.put("b", b"\0bytes", ttl=timedelta(days=40_000))
    await keys.put("gone", True)
    await keys.delete("gone")
    await store.stream("tied", session="rich").append({"large": "a line again and again\n" * 2_000})
    await store.stream("deleted").append(1)
    await store.delete_streams("deleted")
    for size in (3, 300_000):
        data = bytes(range(250)) * (size // 250) or b"abc"
        await store.put_bytes("rich", "report.bin", data, media_type="application/octet-stream")


async def _one_that_grew(store: SqliteSessionStore) -> None:
    texts = tuple(f"message {number}" for number in range(24))
    for length in (2, 8, 9, 24):
        await store.save(samples.session("grew", texts[:length]))
    late = samples.session("grew", (*texts, "after a tool", "and another"))
    await store.save_loop_checkpoint(
        "run-grew", samples.loop_checkpoint("run-grew", "grew", messages=late.messages)
    )
    draft = Draft(
        position=26,
        text="a reply that goes on",
        reasoning_content="hm",
        updated_at_ms=int(NOW) * 1000,
    )
    await store.save_draft("run-grew", draft)
    entries = [
        QueueEntry(kind=kind, command_id=f"command {number}", value={"payload": [number, "ü"]})
        for number, kind in enumerate(("external_task", "dead_letter"))
    ]
    await store.save_queue_entries("grew", claimed_by="a live session", put=entries)
    await store.save(samples.session("grew", ("a summary", *texts[20:])))
    await store.rewind("grew", 3)
    await store.save(samples.session("grew", ("a summary", *texts[20:22], "another way")))
    await store.fork("grew", "forked", at=2)
    await store.save(samples.session("forked", ("a summary", texts[20], "on its own")))
    await store.save_run_records("grew", [samples.run_record("1", events=5)])
    await store.save_run_records("grew", [samples.run_record("1", events=9)])


async def _ones_with_blobs(store: SqliteSessionStore) -> None:
    noise = random.Random(1).randbytes(18_000)
    picture = Message(
        role="user",
        content=(
            TextBlock(text="look"),
            ImageBlock(
                source=ImageSource(
                    media_type="image/png",
                    data=base64.b64encode(noise).decode("ascii"),
                )
            ),
        ),
    )
    large = "the same line again and again\n" * 1_000
    for name in ("blobs", "blobs too"):
        await store.save(samples.session(name, ()).evolve(messages=(picture,)))
        await store.save_artifacts(
            name, [samples.artifact("1", content=large), samples.artifact("2", content="small")]
        )


async def describe(store: SqliteSessionStore) -> dict[str, Any]:
    """All values of the store as JSON, which later releases compare with the file."""
    inventory = await store.inventory()
    sessions: dict[str, Any] = {}
    for session_id in inventory.sessions:
        snapshot = await store.load_snapshot(session_id)
        assert snapshot is not None
        generations = []
        for found in await store.generations(session_id):
            past = await store.load(session_id, generation=found.number)
            generations.append(
                {
                    "number": found.number,
                    "length": found.length,
                    "digest": found.digest,
                    "saved_at_ms": found.saved_at_ms,
                    "messages_sha256": None if past is None else _digest(past.messages),
                }
            )
        sessions[session_id] = {
            "snapshot": _plain(snapshot),
            "digest": snapshot.digest(),
            "generations": generations,
        }
    alone = {
        session_id: {
            "trace_events": _values(await store.load_trace_events(session_id)),
            "verification_reports": _values(await store.load_verification_reports(session_id)),
            "artifacts": _values(await store.load_artifacts(session_id)),
        }
        for session_id in inventory.collections_only
    }
    loops = {
        key: _plain(await store.load_loop_checkpoint(key)) for key in inventory.loop_checkpoints
    }
    flows = {
        key: _plain(await store.load_workflow_checkpoint(key))
        for key in inventory.workflow_checkpoints
    }
    described = {
        "sessions": sessions,
        "families_only": alone,
        "loop_checkpoints": loops,
        "workflow_checkpoints": flows,
    }
    owners = await store.memory_owners()
    if owners:  # files of schema 1 have none
        described["memories"] = {
            owner: _values(await store.memories(owner).items()) for owner in owners
        }
    streams = {info.name: info for info in await store.streams(limit=100)}
    if streams:  # files before schema 14 have none
        described["streams"] = {
            name: {
                "session_id": info.session_id,
                "next": info.next,
                "metadata": info.metadata,
                "items": [_item(item) for item in await store.stream(name).items()],
            }
            for name, info in streams.items()
        }
        described["bytes"] = {
            session_id: await _bytes(store, session_id) for session_id in inventory.sessions
        }
    page = await store.sessions(SessionFilter(pinned=None, archived=None, trashed=None), limit=1000)
    if any(one.labels or one.pinned for one in page):  # files before schema 12 have none
        described["hosts"] = {
            one.id: [dict(one.labels), one.pinned, one.archived, one.trashed_at_ms] for one in page
        }
    drafts = {key: await store.load_draft(key) for key in inventory.loop_checkpoints}
    if any(drafts.values()):  # files before schema 4 have none
        described["drafts"] = {
            key: attrs.asdict(draft) for key, draft in drafts.items() if draft is not None
        }
    return described


def _item(item: Item) -> dict[str, Any]:
    found = attrs.asdict(item, recurse=False) | {"labels": dict(item.labels)}
    if isinstance(item.value, bytes):
        found["value"] = {"base64": base64.b64encode(item.value).decode("ascii")}
    return found


async def _bytes(store: SqliteSessionStore, session_id: str) -> list[dict[str, Any]]:
    found = []
    for one in await store.list_bytes(session_id):
        async with store.open_bytes(session_id, one.name, version=one.version) as reader:
            assert reader is not None
            data = await reader.read()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        found.append(attrs.asdict(one) | {"size": len(data), "digest": digest})
    return found


def _digest(values: Sequence[Any]) -> str:
    """Of past conversations, which repeat each other: their JSON would be most of the file."""
    text = b"".join(pretty(encode(value)) for value in values)
    return hashlib.sha256(text).hexdigest()


def _plain(value: Any) -> Any:
    """The JSON of a value, as dicts and lists; a value that is None stays None."""
    return None if value is None else json.loads(pretty(encode(value)))


def _values(values: Any) -> list[Any] | None:
    return None if values is None else [_plain(value) for value in values]


def main() -> None:
    """Write both files."""

    async def make(path: Path) -> dict[str, Any]:
        async with SqliteSessionStore.open(path, clock=lambda: NOW) as store:
            await fill(store)
        async with SqliteSessionStore.open(path, clock=lambda: NOW) as store:
            return await describe(store)

    name = f"schema-{migrate.newest()}-{__version__}"
    FILES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.a3s"
        expected = asyncio.run(make(path))
        data = path.read_bytes()
    (FILES / f"{name}.a3s.gz").write_bytes(gzip.compress(data, 9, mtime=0))
    text = json.dumps(expected, indent=1, ensure_ascii=False, sort_keys=True)
    (FILES / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
