"""Upstream's two ways of saving, step for step, with orjson in the place of serde_json.

`upstream-files` is the file store of 3.3.0 (and the one whose figures upstream published): the
session's file goes to a temporary name, is synced and renamed, without a sync of the folder; each
collection is a file of its own that is truncated and written in place, unsynced.
`upstream-document` is the store of later releases: the whole snapshot is one document, and a log
gets an entry before and after it, synced both times, under a lock. Both write everything again
with each save.

Only the steps that touch the disk are upstream's; encoding is this package's, in Python, where
upstream's is compiled. The bytes and syncs compare exactly, the time of short histories flatters
neither side by more than that.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import orjson

from a3s_store import SessionSnapshot
from a3s_store.models import (
    RunRecord,
    SessionData,
    SubagentTaskSnapshot,
    ToolArtifact,
    TraceEvent,
    VerificationReport,
)
from a3s_store.wire import canonical, compact, decode, decode_many, encode, pretty
from benchmarks.engine import Engine, Keeps

_COLLECTIONS: dict[str, tuple[str, type[Any]]] = {
    "trace_events": ("traces", TraceEvent),
    "run_records": ("runs", RunRecord),
    "verification_reports": ("verification", VerificationReport),
    "subagent_tasks": ("subagent_tasks", SubagentTaskSnapshot),
}


def replace_file(path: Path, data: bytes) -> None:
    """Upstream's atomic write: temporary name, sync, rename; the folder is not synced."""
    staged = path.with_name(f"{path.name}.{time.time_ns()}.{os.getpid()}.tmp")
    with staged.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)


class _OnThread(Engine):
    """An engine of plain functions, each run on a thread as upstream's runtime does."""

    keeps: ClassVar[Keeps] = "everything"

    def put(self, snapshot: SessionSnapshot) -> None:
        """Save a session."""
        raise NotImplementedError

    def get(self, session_id: str) -> Any:
        """Load a session."""
        raise NotImplementedError

    async def seed(self, snapshot: SessionSnapshot) -> None:
        await self.save(snapshot)

    async def save(self, prepared: Any) -> None:
        await asyncio.to_thread(self.put, prepared)

    async def load(self, session_id: str) -> Any:
        return await asyncio.to_thread(self.get, session_id)


class UpstreamFiles(_OnThread):
    """One file for the session and one for each collection, all rewritten whole."""

    label = "upstream 3.3.0 files"
    durable = False  # only the session's content is synced, and no name is

    async def open(self) -> None:
        folders = [folder for folder, _ in _COLLECTIONS.values()]
        for name in (*folders, "artifacts"):
            (self.folder / name).mkdir(exist_ok=True)

    def put(self, snapshot: SessionSnapshot) -> None:
        session_id = snapshot.session.id
        replace_file(self.folder / f"{session_id}.json", pretty(encode(snapshot.session)))
        if snapshot.artifacts is not None:
            own = self.folder / "artifacts" / session_id
            own.mkdir(exist_ok=True)
            trees = [encode(value) for value in snapshot.artifacts]
            (own / "artifacts.json").write_bytes(pretty({"artifacts": trees}))
        for name, (folder, _) in _COLLECTIONS.items():
            values = getattr(snapshot, name)
            if values is not None:
                path = self.folder / folder / f"{session_id}.json"
                path.write_bytes(pretty([encode(value) for value in values]))

    def get(self, session_id: str) -> SessionData | SessionSnapshot:
        tree = orjson.loads((self.folder / f"{session_id}.json").read_bytes())
        session = decode(SessionData, tree)
        if self.form == "messages":
            return session
        found: dict[str, Any] = {}
        for name, (folder, model) in _COLLECTIONS.items():
            path = self.folder / folder / f"{session_id}.json"
            if path.exists():
                found[name] = tuple(decode_many(model, orjson.loads(path.read_bytes())))
        path = self.folder / "artifacts" / session_id / "artifacts.json"
        if path.exists():
            artifacts = orjson.loads(path.read_bytes())["artifacts"]
            found["artifacts"] = tuple(decode_many(ToolArtifact, artifacts))
        return SessionSnapshot(session=session, **found)

    async def summaries(self) -> Any:
        return await asyncio.to_thread(self._read_all)

    def _read_all(self) -> list[tuple[Any, ...]]:
        """A summary of each session: there is no way but to read its whole file."""
        found = []
        for path in self.folder.glob("*.json"):
            tree = orjson.loads(path.read_bytes())
            config, usage = tree["config"], tree["total_usage"]
            times = (tree["created_at"], tree["updated_at"])
            counts = (len(tree["messages"]), usage["total_tokens"], tree["total_cost"])
            found.append((tree["id"], config["name"], config["workspace"], *times, *counts))
        return sorted(found, key=lambda row: -row[4])


class UpstreamDocument(_OnThread):
    """One document for everything, between two synced entries of a log, under a lock."""

    label = "upstream document and log"
    durable = False  # no name is synced

    async def open(self) -> None:
        self._lock = threading.Lock()
        self._sessions = self.folder / "v1" / "sessions"
        self._log = self.folder / "v1" / "wal" / "session-store.ndjson"
        self._sessions.mkdir(parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.touch()

    def _path(self, session_id: str) -> Path:
        name = base64.urlsafe_b64encode(session_id.encode()).decode().rstrip("=")
        return self._sessions / f"id_{name}.json"

    def put(self, snapshot: SessionSnapshot) -> None:
        if os.name != "posix":
            raise NotImplementedError("the lock of this port is flock()")
        import fcntl

        tree = encode(snapshot)
        digest = "sha256:" + hashlib.sha256(canonical(tree)).hexdigest()
        # The log's own file is locked in place of a lock file, which would take the same two calls.
        with self._lock, self._log.open("r+b") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            # Upstream reads the next number from the log each time; the log is never trimmed.
            sequence = sum(1 for _ in log) // 2 + 1
            self._note(log.fileno(), sequence, "intent", snapshot.session.id, digest)
            replace_file(self._path(snapshot.session.id), pretty(tree))
            self._note(log.fileno(), sequence, "committed", snapshot.session.id, digest)

    def _note(self, log: int, sequence: int, phase: str, session_id: str, digest: str) -> None:
        entry = {
            "schema": "a3s.code.session-store-wal-entry.v1",
            "sequence": sequence,
            "sessionId": session_id,
            "snapshotDigest": digest,
            "phase": phase,
            "recordedAtMs": time.time_ns() // 1_000_000,
        }
        identity = hashlib.sha256(canonical(entry)).hexdigest()
        os.write(log, compact(entry | {"entryDigest": f"sha256:{identity}"}) + b"\n")
        os.fsync(log)

    def get(self, session_id: str) -> SessionSnapshot:
        return decode(SessionSnapshot, orjson.loads(self._path(session_id).read_bytes()))
