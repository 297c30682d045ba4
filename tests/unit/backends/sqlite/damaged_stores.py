"""For tests of salvage: a store with everything, the content of each page, and damage."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import random
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.rows import statements
from a3s_store.backends.sqlite.salvage import row_recovery, session_recovery, stored_tables
from a3s_store.backends.sqlite.salvage import run as salvaging
from a3s_store.backends.sqlite.salvage.page_reader import Cell, Image, Node
from a3s_store.backends.sqlite.salvage.session_recovery import Kept
from a3s_store.core.collections import COLLECTIONS, LOOP_CHECKPOINTS
from a3s_store.core.drafts import Draft
from a3s_store.core.reports import Damage
from a3s_store.models import ImageBlock, ImageSource, Message
from a3s_store.testing import samples
from tests.everything import memory
from tests.support import session

PAGE = 4096
_NOISE = random.Random(5)
LOOP, WORKFLOW = "checkpoint of a loop", "checkpoint of a workflow"
MEMORIES = "memories of an owner"
DRAFT = "draft of a run"


def noise(length: int) -> str:
    """A text that cannot be compressed."""
    return "".join(_NOISE.choices("abcdefghijklmnopqrstuvwxyz 0123456789", k=length))


def talk(tag: str, count: int) -> tuple[Message, ...]:
    """Messages that are all different, a few to a page."""
    return samples.talk(*(f"{tag} {number} {noise(300)}" for number in range(count)))


def image(size: int) -> Message:
    """A message with an image of so many bytes."""
    source = ImageSource(media_type="image/png", data=noise(size))
    return Message(role="user", content=(ImageBlock(source=source),))


async def fill(store: SqliteSessionStore) -> None:
    """Everything a store can hold: some of it on one page, some on many."""
    await store.save_snapshot(samples.rich_snapshot("rich"))
    long = session("long", messages=talk("long", 60))
    for length in (20, 40, 60):
        await store.save(long.evolve(messages=long.messages[:length]))
    await store.fork("long", "fork", 30)
    await store.save(session("fork", messages=long.messages[:30] + talk("fork", 10)))
    compacted = session("compacted", messages=talk("compacted", 30))
    await store.save(compacted)
    after = samples.talk("the summary") + compacted.messages[-3:]
    await store.save(compacted.evolve(messages=after))
    pictures = session("pictures", messages=(*samples.talk("a", "b"), image(30_000)))
    await store.save(pictures)
    artifacts = (samples.artifact("1", noise(40_000)), samples.artifact("2", "x" * 40_000))
    await store.save_artifacts("pictures", artifacts)
    costs = tuple(samples.cost_record(model=f"model-{number}") for number in range(80))
    await store.save(session("many", 1, cost_records=costs))
    events = tuple(samples.trace_event(str(number), details=None) for number in range(80))
    await store.save_trace_events("many", events)
    tasks = tuple(
        samples.subagent_task(str(number), description=noise(500), progress=())
        for number in range(10)
    )
    await store.save_subagent_tasks("many", tasks)
    await store.save_run_records("collections only", (samples.run_record("1", 60),))
    loop = samples.loop_checkpoint("run-1", "long", messages=long.messages[:50] + talk("more", 3))
    await store.save_loop_checkpoint("run-1", loop)
    draft = Draft(position=53, text=noise(9_000), reasoning_content="a thought", updated_at_ms=7)
    await store.save_draft("run-1", draft)
    await store.save_workflow_checkpoint("wf", samples.workflow_checkpoint("wf"))
    for owner in ("long", "an agent"):
        await store.memories(owner).store_all(
            memory(number, noise(9_000 if number == 5 else 300)) for number in range(25)
        )
        await store.memories(owner).delete(memory(7).id)


def make(path: Path) -> Path:
    """A closed store with everything."""

    async def save() -> None:
        async with SqliteSessionStore.open(path) as store:
            await fill(store)

    asyncio.run(save())
    return path


def contents(path: Path) -> dict[str, Any]:
    """Everything in a store by id, as ordinary loads return it."""

    async def read() -> dict[str, Any]:
        found: dict[str, Any] = {}
        async with SqliteSessionStore.open(path) as store:
            inventory = await store.inventory()
            for session_id in inventory.sessions:
                found[session_id] = await store.load_snapshot(session_id)
            for session_id in inventory.collections_only:
                found[session_id] = {
                    collection.name: await getattr(store, f"load_{collection.name}")(session_id)
                    for collection in COLLECTIONS
                }
            for key in inventory.loop_checkpoints:
                found[f"{LOOP} {key}"] = await store.load_loop_checkpoint(key)
                found[f"{DRAFT} {key}"] = await store.load_draft(key)
            for key in inventory.workflow_checkpoints:
                found[f"{WORKFLOW} {key}"] = await store.load_workflow_checkpoint(key)
            for owner in await store.memory_owners():
                found[f"{MEMORIES} {owner}"] = await store.memories(owner).items()
        return found

    return asyncio.run(read())


@attrs.frozen
class Salvaged:
    """Everything found in a file: owners and checkpoints by id, and the damage of the file.

    Memories, by whose they are, are among the checkpoints, and so are drafts.
    """

    owners: dict[str, Kept]
    checkpoints: dict[str, Any]
    damage: list[Damage]


def salvaged(path: Path) -> Salvaged:
    """The values that `salvage` would write."""
    with contextlib.closing(row_recovery.scratch()) as conn:
        damage, _ = salvaging.read(path, conn, threading.Event())
        found = session_recovery.contents(conn)
        names = {"loop_checkpoint": LOOP, "workflow_checkpoint": WORKFLOW}
        return Salvaged(
            {name: session_recovery.session(conn, name) for name in found.owners},
            {
                f"{names[kind.name]} {key}": session_recovery.checkpoint(conn, kind, key)
                for kind, key in found.checkpoints
            }
            | {
                f"{DRAFT} {key}": session_recovery.draft(conn, key)
                for kind, key in found.checkpoints
                if kind is LOOP_CHECKPOINTS
            }
            | {
                f"{MEMORIES} {owner}": session_recovery.memories(conn, owner)
                for owner in found.memories
            },
            damage,
        )


# -- What lies where ------------------------------------------------------------------------------


class Layout:
    """By page of an intact file: the owners and checkpoints with rows in it."""

    def __init__(self, path: Path) -> None:
        self.owners: dict[int, set[str]] = collections.defaultdict(set)
        self.table: dict[int, str] = {}
        self.inner: set[int] = set()
        with contextlib.closing(row_recovery.scratch()) as self._conn, Image(path) as self._image:
            row_recovery.recover_rows(self._image, self._conn, lambda: None)
            self._ids = dict(self._conn.execute("SELECT owner_key, id FROM owner"))
            self._on = self._owners_of_branches()
            for name, root in self._roots().items():
                self._walk(name, root)

    def pages(self, table: str) -> list[int]:
        """The pages of a table, or of an index."""
        return [page for page, name in self.table.items() if name == table]

    def _roots(self) -> dict[str, int]:
        """The first page of each tree, by name, from the tree of the schema itself."""
        found: dict[str, int] = {}
        waiting = [1]
        while waiting:
            node = self._node(waiting.pop())
            waiting += self._image.children(node)
            for cell in self._entries(node):
                row = self._image.values(cell)
                if row is not None and row[3]:
                    found[row[1]] = row[3]
        return found

    def _node(self, page: int) -> Node:
        node = self._image.node(page)
        assert node is not None
        return node

    def _entries(self, node: Node) -> list[Cell]:
        return [cell for cell in self._image.cells(node) if cell is not None]

    def _walk(self, name: str, page: int) -> None:
        node = self._node(page)
        self.table[page] = name
        for child in self._image.children(node):
            self.inner.add(page)
            self._walk(name, child)
        table = stored_tables.all_tables().get(name)
        for cell in self._entries(node) if table is not None else ():
            assert table is not None
            values = list(self._image.values(cell) or ())
            if table.key is not None:
                values[table.key] = cell.rowid
            owners = self._owners(name, dict(zip(table.columns, values, strict=True)))
            self.owners[page] |= owners
            overflow, left = cell.overflow, cell.size - len(cell.body)
            while left > 0:
                self.table[overflow] = "overflow"
                self.owners[overflow] |= owners
                data = self._image.page(overflow)
                assert data is not None
                overflow, left = int.from_bytes(data[:4], "big"), left - PAGE + 4

    def _owners_of_branches(self) -> dict[int, set[str]]:
        """The owners with messages on a branch."""
        heads: dict[int, set[str]] = collections.defaultdict(set)
        for key, branch in self._conn.execute("SELECT owner_key, head_branch FROM generation"):
            heads[branch].add(self._ids[key])
        for run, branch in self._conn.execute("SELECT run_id, head_branch FROM loop_checkpoint"):
            heads[branch].add(f"{LOOP} {run}")
        found: dict[int, set[str]] = collections.defaultdict(set)
        for branch, source in self._conn.execute(
            "SELECT branch_key, source_branch FROM branch_segment"
        ):
            found[source] |= heads[branch]
            found[branch] |= heads[branch]
        return found

    def _owners(self, table: str, row: dict[str, Any]) -> set[str]:
        if "owner_key" in row:
            return {self._ids[row["owner_key"]]}
        parents = {packed: parent for packed, _, parent in statements.packed_tables()}
        parent = parents.get(table, "")
        if parent == "owner":
            return {self._ids[row[f"{table}_key"] >> 32]}
        if parent and parent != "workflow_checkpoint":
            sql = f"SELECT owner_key FROM {parent} WHERE {parent}_key = ?"
            return {
                self._ids[key] for (key,) in self._conn.execute(sql, (row[f"{table}_key"] >> 32,))
            }
        if table in {"message", "branch", "branch_segment", "branch_chain"}:
            return self._on[row["branch_key"]]
        if table == "blob":
            return self._owners_of_blob(row["blob_key"])
        if table == "loop_checkpoint":
            return {f"{LOOP} {row['run_id']}", f"{DRAFT} {row['run_id']}"}
        if table == "draft":
            return {f"{DRAFT} run-1"}
        if table == "workflow_checkpoint":
            return {f"{WORKFLOW} {row['workflow_id']}"}
        if table == "workflow_step":
            return {f"{WORKFLOW} wf"}
        if table in {"agent_memory", "agent_memory_total"}:
            return {f"{MEMORIES} {row['owner']}"}
        # Salvage makes the commit log of the new store anew.
        assert table in {"message_blob", "commit_log", "unfinished"}, table
        return set()

    def _owners_of_blob(self, key: int) -> set[str]:
        sql = "SELECT owner_key FROM artifact WHERE blob_key = ?"
        found = {self._ids[owner] for (owner,) in self._conn.execute(sql, (key,))}
        sql = (
            "SELECT branch_key FROM message_blob JOIN message USING (message_key) "
            "WHERE blob_key = ?"
        )
        for (branch,) in self._conn.execute(sql, (key,)):
            found |= self._on[branch]
        return found


# -- Damage, and what must be so whatever it is ---------------------------------------------------


def zeroed(data: bytes, page: int) -> bytes:
    """With a page of zeros."""
    return data[: (page - 1) * PAGE] + bytes(PAGE) + data[page * PAGE :]


def swapped(data: bytes, one: int, other: int) -> bytes:
    """With two pages in each other's place."""
    found = bytearray(data)
    for page, by in ((one, other), (other, one)):
        found[(page - 1) * PAGE : page * PAGE] = data[(by - 1) * PAGE : by * PAGE]
    return bytes(found)


def flipped(data: bytes, byte: int, bit: int) -> bytes:
    """With one bit flipped."""
    found = bytearray(data)
    found[byte] ^= 1 << bit
    return bytes(found)


def is_part(found: Iterable[Any], saved: Sequence[Any]) -> bool:
    """Return whether these are some of the saved values, in their order."""
    rest = iter(saved)
    return all(any(one == value for value in rest) for one in found)


class Truth:
    """The content of an intact store, compared with the values recovered from a damaged copy."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self.whole = salvaged(path)
        self.layout = Layout(path)
        self.pages = len(self.data) // PAGE
        assert not self.whole.damage
        assert not any(kept.damage for kept in self.whole.owners.values())

    def check(self, found: Salvaged, *pages: int) -> None:
        """Values without a row in these pages are intact, and none is new."""
        hurt = {owner for page in pages for owner in self.layout.owners.get(page, ())}
        for name, kept in self.whole.owners.items():
            if name not in hurt:
                assert found.owners[name] == kept, name
        for name, recovered in self.whole.checkpoints.items():
            if name not in hurt:
                assert found.checkpoints[name] == recovered, name
        self.check_nothing_invented(found)

    def check_nothing_invented(self, found: Salvaged) -> None:
        """Every value was saved there, in this order; so was every message of a conversation."""
        for name, kept in found.owners.items():
            if name.startswith("recovered-") or kept == (was := self.whole.owners[name]):
                continue
            self._check_conversation(name, kept)
            for collection in COLLECTIONS:
                saved, again = (_values(one, collection) for one in (was, kept))
                assert is_part(map(_plain, again), [*map(_plain, saved)]), (name, collection.name)
                _check_lists(again, saved)
            if kept.snapshot is not None and was.snapshot is not None:
                mine, session = kept.snapshot.session, was.snapshot.session
                assert is_part(mine.cost_records, session.cost_records)
                assert is_part(mine.tasks, session.tasks)
        for name, recovered in found.checkpoints.items():
            if name.startswith(MEMORIES):
                # Of an owner with a damaged id only the damage is recovered.
                was_there = self.whole.checkpoints.get(name)
                assert is_part(recovered.value, () if was_there is None else was_there.value)
                continue
            saved = self.whole.checkpoints[name].value
            if name.startswith(DRAFT):
                assert recovered.value in (None, saved)
                continue
            if recovered.value is not None and name.startswith(LOOP):
                assert is_part(recovered.value.messages, saved.messages)
            elif recovered.value is not None:
                assert is_part(recovered.value.steps, saved.steps)

    def _check_conversation(self, name: str, kept: Kept) -> None:
        was = self.whole.owners[name]
        saved = [messages for _, messages in was.earlier]
        saved += [was.snapshot.session.messages] if was.snapshot is not None else []
        again = [messages for _, messages in kept.earlier]
        again += [kept.snapshot.session.messages] if kept.snapshot is not None else []
        for messages in again:
            assert any(is_part(messages, one) for one in saved), name


def _values(kept: Kept, collection: Any) -> tuple[Any, ...]:
    if kept.snapshot is not None:
        return getattr(kept.snapshot, collection.name) or ()
    return kept.collections.get(collection, ())


_LISTS = ("events", "checks", "progress")


def _plain(value: Any) -> Any:
    """A value without the lists inside it, of which part may be lost."""
    return value.evolve(**{name: () for name in _LISTS if hasattr(value, name)})


def _check_lists(found: Sequence[Any], saved: Sequence[Any]) -> None:
    """The lists inside values have only values that were saved in this collection.

    Not: in this value. A row proves what it holds, not whose it is: where the number that says so
    is damaged, a list is told to be not what was saved last, and has it all the same.
    """
    for value in found:
        for name in _LISTS:
            if hasattr(value, name):
                every = [inner for one in saved for inner in getattr(one, name)]
                assert all(inner in every for inner in getattr(value, name))


def leftovers(folder: Path) -> set[str]:
    """The names in a folder."""
    return {path.name for path in folder.iterdir()}


def rows_of(path: Path, sql: str) -> list[Any]:
    """Return the result of a statement on a closed store."""
    conn = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return conn.execute(sql).fetchall()
    finally:
        conn.close()
