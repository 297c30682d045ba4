"""Import from and export to upstream's directories: every file is reported, none half written."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pytest

from a3s_store import MemorySessionStore, SessionStore, SqliteSessionStore
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.jsonfiles.lock import DirectoryLock
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import InvalidIdError, StoreBusyError, StoreUnavailableError
from a3s_store.interop import (
    Progress,
    TransferEntry,
    TransferReport,
    export_directory,
    import_directory,
)
from a3s_store.testing import samples
from a3s_store.wire import encode, pretty
from tests.unit.backends.jsonfiles.file_samples import (
    checkpoint,
    files_in,
    run,
    session,
    snapshot,
    values,
)

T = TypeVar("T")
Opener: TypeAlias = Callable[[], Awaitable[SessionStore]]
UPSTREAM = Path(__file__).parents[1] / "data/upstream"
VERSIONS = ("2.6.0", "3.1.0")


async def _open_memory(_: Path) -> SessionStore:
    return MemorySessionStore()


async def _open_files(place: Path) -> SessionStore:
    return await FileSessionStore.open(place / "store")


STORES = {"memory": _open_memory, "file": _open_files}


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    opener = STORES[request.param]
    return lambda: opener(tmp_path)


def in_memory(work: Callable[[MemorySessionStore], Awaitable[T]]) -> T:
    async def whole() -> T:
        async with MemorySessionStore() as store:
            return await work(store)

    return asyncio.run(whole())


def outcomes(report: TransferReport) -> dict[str, str]:
    return {entry.path: entry.outcome for entry in report.entries}


def reasons(report: TransferReport) -> dict[str, str | None]:
    return {entry.path: entry.reason for entry in report.entries}


def everything(directory: Path) -> None:
    """Fill a directory with sessions, collections and checkpoints."""

    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("a/b", retained_artifact_uris=("a3s://kept",)))
        await store.save_snapshot(snapshot("plain", artifacts=None, run_records=()))
        await store.save_trace_events("alone/1", values("trace_events"))
        await store.save_artifacts("alone2", ())
        await store.save_loop_checkpoint("r/1", checkpoint("loop_checkpoint", "r/1", "a/b"))
        await store.save_workflow_checkpoint("w", checkpoint("workflow_checkpoint", "w"))

    run(directory, work)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_genuine_directory_comes_in_and_goes_out_byte_for_byte(
    tmp_path: Path, open_store: Opener, version: str
) -> None:
    source = UPSTREAM / version

    async def work() -> None:
        async with await open_store() as store:
            report = await import_directory(store, source)
            assert report.ok
            assert outcomes(report) == dict.fromkeys(files_in(source), "read")
            assert {entry.session_id for entry in report.entries} == set(await store.list())
            assert report.size_bytes == sum(map(len, files_in(source).values()))
            report = await export_directory(store, tmp_path / "out")
            assert report.ok
            assert outcomes(report) == dict.fromkeys(files_in(source), "written")
            assert report.size_bytes == sum(map(len, files_in(source).values()))

    asyncio.run(work())
    assert files_in(tmp_path / "out") == files_in(source)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_genuine_directory_is_read_in_its_place(tmp_path: Path, version: str) -> None:
    shutil.copytree(UPSTREAM / version, tmp_path / "own")

    async def work(store: FileSessionStore) -> None:
        assert await store.list() == ["Review-2026", "add_search.v2", "fix-login", "x"]
        for session_id in await store.list():
            loaded = await store.load_snapshot(session_id)
            assert loaded is not None
            await store.save_snapshot(loaded)

    run(tmp_path / "own", work)
    assert files_in(tmp_path / "own") == files_in(UPSTREAM / version)


def test_one_of_each_kind_comes_in_and_goes_out_byte_for_byte(
    tmp_path: Path, open_store: Opener
) -> None:
    everything(tmp_path / "in")
    before = files_in(tmp_path / "in")

    async def work() -> None:
        async with await open_store() as store:
            report = await import_directory(store, tmp_path / "in")
            assert report.ok
            assert outcomes(report) == dict.fromkeys(before, "read")
            assert await store.list() == ["a/b", "plain"]
            assert await store.load_trace_events("alone/1") == values("trace_events")
            assert await store.load_artifacts("alone2") == ()
            assert await store.load_snapshot("a/b") == snapshot(
                "a/b", retained_artifact_uris=("a3s://kept",)
            )
            report = await export_directory(store, tmp_path / "out")
            assert report.ok
            assert outcomes(report) == dict.fromkeys(before, "written")
            again = await export_directory(store, tmp_path / "out")
            assert outcomes(again) == dict.fromkeys(before, "skipped")
            assert set(reasons(again).values()) == {"already there"}
            assert again.size_bytes == 0

    asyncio.run(work())
    assert files_in(tmp_path / "in") == before
    assert files_in(tmp_path / "out") == before


def test_every_file_that_is_not_read_has_a_reason(tmp_path: Path) -> None:
    everything(tmp_path)
    before = set(files_in(tmp_path))
    strays = {
        "a_b.json.1.2.tmp": "a temporary file; its save did not finish",
        "loop_checkpoints/r.json.1.2.3.tmp": "a temporary file; its save did not finish",
        "a_b.1.2.3.tmp/artifacts.json": "a temporary file; its save did not finish",
        "v1/sessions/id_YQ.json": "the layout v1 of newer releases is not read",
        "v1/wal/session-store.ndjson": "the layout v1 of newer releases is not read",
        ".health_check": "left behind by a health check",
        "README.md": "not a file of a session store",
        "traces/deep/x.json": "not a file of a session store",
        "traces/x.txt": "not a file of a session store",
        "artifacts/a_b/old.json": "not a file of a session store",
        "other/x.json": "not a file of a session store",
        ".owners/gone_1": "nothing is stored under this id",
    }
    for name in strays:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'"gone/1"')
    (tmp_path / "artifacts/empty").mkdir()
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert report.ok
    assert outcomes(report) == {
        **dict.fromkeys(before, "read"),
        **dict.fromkeys(strays, "skipped"),
        "artifacts/empty/": "read",
    }
    assert {path: reason for path, reason in reasons(report).items() if reason} == strays
    assert [entry.path for entry in report.entries] == sorted(outcomes(report))
    assert report.count("skipped") == len(strays)


@pytest.mark.parametrize(
    "bad",
    [
        "a_b.json",
        "artifacts/a_b/artifacts.json",
        "traces/a_b.json",
        "runs/a_b.json",
        "verification/a_b.json",
        "subagent_tasks/a_b.json",
    ],
)
@pytest.mark.parametrize("keep", [0, 1, -1])
def test_a_bad_file_refuses_its_session_and_no_other(tmp_path: Path, bad: str, keep: int) -> None:
    everything(tmp_path)
    path = tmp_path / bad
    path.write_bytes(path.read_bytes()[:keep])

    async def work(store: MemorySessionStore) -> None:
        report = await import_directory(store, tmp_path)
        assert not report.ok
        mine = {name for name in files_in(tmp_path) if "a_b" in name}
        assert outcomes(report) == {
            name: "refused" if name in mine else "read" for name in files_in(tmp_path)
        }
        for name in mine:
            reason = reasons(report)[name]
            assert reason is not None
            assert reason.startswith(f"{bad}: ")
            assert str(tmp_path) not in reason
        assert await store.list() == ["plain"]
        for collection in samples.MAKERS:
            assert await getattr(store, f"load_{collection}")("a/b") is None
        assert await store.load_loop_checkpoint("r/1") is not None

    in_memory(work)


def test_the_reason_names_the_place_and_never_the_text(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save_snapshot(snapshot("x", trace_events=None)))
    run(tmp_path, lambda store: store.save_trace_events("x", values("trace_events", "classified")))
    path = tmp_path / "traces/x.json"
    path.write_bytes(path.read_bytes().replace(b'"exit_code": 0', b'"exit_code": "classified"'))
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert set(reasons(report).values()) == {
        "traces/x.json: trace_events[0].exit_code: expected an integer, found str"
    }


@pytest.mark.parametrize("session_id", ["", "other", "X", "x" * 1025])
def test_an_id_that_is_not_the_files_refuses_the_session(tmp_path: Path, session_id: str) -> None:
    """A renamed or copied file would otherwise replace another session."""
    (tmp_path / "x.json").write_bytes(pretty(encode(session(session_id))))
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces/x.json").write_bytes(b"[]")
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert outcomes(report) == {"x.json": "refused", "traces/x.json": "refused"}


def test_what_upstream_kept_under_the_empty_id_is_refused_and_says_so(tmp_path: Path) -> None:
    for name in ("artifacts", "traces"):
        (tmp_path / name).mkdir()
    (tmp_path / ".json").write_bytes(pretty(encode(session(""))))
    (tmp_path / "traces/.json").write_bytes(b"[]")
    (tmp_path / "artifacts/artifacts.json").write_bytes(b'{"artifacts": []}')
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert outcomes(report) == dict.fromkeys(files_in(tmp_path), "refused")
    (tmp_path / ".json").unlink()
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert outcomes(report) == dict.fromkeys(files_in(tmp_path), "refused")
    for reason in reasons(report).values():
        assert reason is not None
        assert ".json: the session id is empty" in reason


def test_what_upstream_could_keep_under_a_dot_comes_in(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces/..json").write_bytes(b"[]")

    async def work(store: MemorySessionStore) -> None:
        assert (await import_directory(store, tmp_path)).ok
        assert await store.load_trace_events(".") == ()

    in_memory(work)


def test_a_claim_of_another_name_refuses_what_it_is_for(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save_trace_events("a/b", ()))
    (tmp_path / ".owners/a_b").write_bytes(b'"c/d"')
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert outcomes(report) == {".owners/a_b": "refused", "traces/a_b.json": "refused"}
    assert str(reasons(report)["traces/a_b.json"]).startswith(".owners/a_b: ")


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
def test_links_are_not_followed(tmp_path: Path) -> None:
    everything(tmp_path / "in")
    (tmp_path / "in/traces").rename(tmp_path / "outside")
    (tmp_path / "in/traces").symlink_to(tmp_path / "outside")
    (tmp_path / "in/plain.json").rename(tmp_path / "plain.json")
    (tmp_path / "in/plain.json").symlink_to(tmp_path / "plain.json")
    (tmp_path / "in/link").symlink_to(tmp_path / "outside")
    (tmp_path / "in/artifacts/a_b").rename(tmp_path / "artifacts")
    (tmp_path / "in/artifacts/a_b").symlink_to(tmp_path / "artifacts")
    os.mkfifo(tmp_path / "in/pipe.json")
    report = in_memory(lambda store: import_directory(store, tmp_path / "in"))
    assert outcomes(report)["traces"] == "refused", "what upstream reads through it is missing"
    assert outcomes(report)["link"] == "skipped"
    assert outcomes(report)["pipe.json"] == "refused"
    assert outcomes(report)["artifacts/a_b"] == "refused"
    assert outcomes(report)["a_b.json"] == "refused"
    assert outcomes(report)["plain.json"] == "refused"
    assert outcomes(report)["runs/plain.json"] == "refused"
    assert "not a regular file" in str(reasons(report)["runs/plain.json"])


@pytest.mark.parametrize("kind", ["loop_checkpoint", "workflow_checkpoint"])
def test_a_bad_checkpoint_is_refused_alone(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / f"{kind}s"
    folder.mkdir()
    good = pretty(encode(checkpoint(kind, "good")))
    (folder / "good.json").write_bytes(good)
    (folder / "copy.json").write_bytes(good)
    (folder / "half.json").write_bytes(good[:50])
    future = checkpoint(kind, "future").evolve(schema_version=2)
    (folder / "future.json").write_bytes(pretty(encode(future)))
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert {Path(path).stem: outcome for path, outcome in outcomes(report).items()} == {
        "good": "read",
        "copy": "refused",
        "half": "refused",
        "future": "refused",
    }


def _document(**changes: Any) -> dict[str, Any]:
    whole = snapshot("demo/1", retained_artifact_uris=("a3s://x",))
    tree: dict[str, Any] = json.loads(pretty(encode(whole)))
    return {**tree, **changes}


def test_a_newer_snapshot_document_is_taken_apart(tmp_path: Path) -> None:
    tree = _document(trace_events=None)
    del tree["subagent_tasks"]
    (tmp_path / "demo_1.json").write_text(json.dumps(tree))
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces/demo_1.json").write_bytes(b"damaged, and not looked at")

    async def work(store: MemorySessionStore) -> None:
        report = await import_directory(store, tmp_path)
        assert report.ok
        assert outcomes(report) == {"demo_1.json": "read", "traces/demo_1.json": "skipped"}
        assert await store.load_snapshot("demo/1") == snapshot(
            "demo/1", trace_events=(), subagent_tasks=(), retained_artifact_uris=("a3s://x",)
        )

    in_memory(work)


def test_the_documented_snapshot_with_empty_collections_reads(tmp_path: Path) -> None:
    """The example of the format, with its own key for the retained URIs."""
    tree = {
        "schema_version": 1,
        "session": encode(session("demo/1")),
        "artifacts": [],
        "retained_artifact_uris": [],
        "trace_events": [],
        "run_records": [],
        "verification_reports": [],
        "subagent_tasks": [],
    }
    (tmp_path / "demo_1.json").write_bytes(pretty(tree))

    async def work(store: MemorySessionStore) -> None:
        assert (await import_directory(store, tmp_path)).ok
        empty: dict[str, Any] = {key: () for key, value in tree.items() if value == []}
        expected = SessionSnapshot(session=session("demo/1"), **empty)
        assert await store.load_snapshot("demo/1") == expected

    in_memory(work)


@pytest.mark.parametrize(
    "changes",
    [{"schema_version": 2}, {"session": None}, {"run_records": [{}]}, {"later": 1}],
)
def test_a_snapshot_document_we_cannot_keep_whole_is_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    (tmp_path / "demo_1.json").write_text(json.dumps(_document(**changes)))
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert outcomes(report) == {"demo_1.json": "refused"}


def test_repeated_sequences_of_old_runs_are_no_reason_to_refuse(tmp_path: Path) -> None:
    (record,) = values("run_records")
    record = record.evolve(events=record.events * 3)
    (tmp_path / "x.json").write_bytes(pretty(encode(snapshot("x", run_records=(record,)))))
    assert in_memory(lambda store: import_directory(store, tmp_path)).ok


def test_unknown_keys_around_artifacts_are_named(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save_snapshot(snapshot("x")))
    path = tmp_path / "artifacts/x/artifacts.json"
    tree = {**json.loads(path.read_bytes()), "later": 1}
    path.write_text(json.dumps(tree))
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert report.ok
    reason = reasons(report)["artifacts/x/artifacts.json"]
    assert reason == "without the unknown keys later"
    path.write_text(json.dumps({**tree, "k" * 40: 1, **{f"n{number}": 1 for number in range(20)}}))
    report = in_memory(lambda store: import_directory(store, tmp_path))
    reason = reasons(report)["artifacts/x/artifacts.json"] or ""
    assert reason.startswith(f"without the unknown keys {'k' * 12}…, later, n0, ")
    assert reason.endswith(" and 12 more")


def test_retained_uris_without_a_session_are_refused_rather_than_lost(tmp_path: Path) -> None:
    (tmp_path / "artifacts/x").mkdir(parents=True)
    text = b'{"artifacts": [], "retained_uris": ["a"]}'
    (tmp_path / "artifacts/x/artifacts.json").write_bytes(text)
    report = in_memory(lambda store: import_directory(store, tmp_path))
    assert outcomes(report) == {"artifacts/x/artifacts.json": "refused"}


def test_a_claim_is_told_from_a_temporary_file(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save_trace_events("a/x.tmp", ()))

    async def work(store: MemorySessionStore) -> None:
        assert (await import_directory(store, tmp_path)).count("read") == 2
        assert await store.load_trace_events("a/x.tmp") == ()

    in_memory(work)


async def _conflicting(store: SessionStore) -> None:
    await store.save_snapshot(snapshot("a/b", "other"))
    await store.save_trace_events("alone/1", ())
    await store.save_loop_checkpoint("r/1", checkpoint("loop_checkpoint", "r/1", "a/b", at=9))
    await store.save_workflow_checkpoint("w", checkpoint("workflow_checkpoint", "w", at=9))
    await store.save(session("alone2"))


@pytest.mark.parametrize("mode", ["refuse", "skip", "replace"])
def test_what_else_is_there_is_treated_as_asked(tmp_path: Path, mode: Any) -> None:
    everything(tmp_path)

    async def work(store: MemorySessionStore) -> None:
        await _conflicting(store)
        report = await import_directory(store, tmp_path, on_conflict=mode)
        free = {name for name in files_in(tmp_path) if name.split("/")[-1] == "plain.json"}
        word = {"refuse": "refused", "skip": "skipped", "replace": "read"}[mode]
        assert outcomes(report) == {
            name: "read" if name in free else word for name in files_in(tmp_path)
        }
        assert report.ok is (mode != "refuse")
        replaced = mode == "replace"
        loaded = await store.load_snapshot("a/b")
        assert loaded == (
            snapshot("a/b", retained_artifact_uris=("a3s://kept",))
            if replaced
            else snapshot("a/b", "other")
        )
        assert await store.load_trace_events("alone/1") == (
            values("trace_events") if replaced else ()
        )
        assert await store.load_artifacts("alone2") == (() if replaced else None)
        again = await import_directory(store, tmp_path, on_conflict=mode)
        assert all(entry.outcome != "read" for entry in again.entries)

    in_memory(work)


def test_refusing_is_what_happens_unasked_and_other_words_are_none(tmp_path: Path) -> None:
    everything(tmp_path)

    async def work(store: MemorySessionStore) -> None:
        await store.save_snapshot(snapshot("a/b", "other"))
        report = await import_directory(store, tmp_path)
        assert outcomes(report)["a_b.json"] == "refused"
        assert await store.load_snapshot("a/b") == snapshot("a/b", "other")
        unknown: Any = "merge"
        for transfer in (import_directory, export_directory):
            with pytest.raises(ValueError, match="on_conflict"):
                await transfer(store, tmp_path, on_conflict=unknown)

    in_memory(work)


class _StopError(Exception):
    pass


def test_an_interrupted_import_is_finished_by_the_next_one(
    tmp_path: Path, open_store: Opener
) -> None:
    """An exception of `progress` ends the transfer and is raised."""
    everything(tmp_path / "in")
    total = 6

    async def work() -> None:
        async with await open_store() as store:
            for stop in range(1, total):
                seen: list[Progress] = []

                def tell(step: Progress, seen: list[Progress] = seen, stop: int = stop) -> None:
                    seen.append(step)
                    if step.done == stop:
                        raise _StopError

                with pytest.raises(_StopError):
                    await import_directory(store, tmp_path / "in", progress=tell)
                assert [step.done for step in seen] == list(range(1, stop + 1))
                assert {step.total for step in seen} == {total}
            report = await import_directory(store, tmp_path / "in")
            assert report.ok
            # Each was whole: the first import had begun all of these six together.
            assert report.count("read") == 0
            await export_directory(store, tmp_path / "out")

    asyncio.run(work())
    assert files_in(tmp_path / "out") == files_in(tmp_path / "in")


def test_collections_left_without_their_session_are_completed(tmp_path: Path) -> None:
    """Equal ones are no conflict, others are."""
    everything(tmp_path)

    async def work(store: MemorySessionStore) -> None:
        await store.save_trace_events("a/b", values("trace_events"))
        await store.save_trace_events("plain", values("trace_events", "another"))
        report = await import_directory(store, tmp_path)
        assert outcomes(report)["a_b.json"] == "read"
        assert outcomes(report)["plain.json"] == "refused"
        assert await store.load_trace_events("plain") == values("trace_events", "another")

    in_memory(work)


def test_ids_that_share_a_file_are_refused_by_an_export(tmp_path: Path) -> None:
    async def work(store: MemorySessionStore) -> None:
        for session_id in ("a/b", "a_b", "good", ".", "x" * 300):
            await store.save_snapshot(snapshot(session_id))
        await store.save_loop_checkpoint("r/1", checkpoint("loop_checkpoint", "r/1"))
        await store.save_loop_checkpoint("r_1", checkpoint("loop_checkpoint", "r_1"))
        report = await export_directory(store, tmp_path)
        refused = [entry for entry in report.entries if entry.outcome == "refused"]
        assert {entry.session_id for entry in refused} == {"a_b", ".", "x" * 300, "s"}
        assert all(entry.reason for entry in refused)
        assert {entry.path for entry in refused if entry.session_id == "."} == {""}

    in_memory(work)
    assert run(tmp_path, lambda store: store.list()) == ["a/b", "good"]
    assert run(tmp_path, lambda store: store.load_snapshot("a/b")) == snapshot("a/b")


def test_an_export_of_some_sessions_takes_their_loop_checkpoints_along(tmp_path: Path) -> None:
    async def work(store: MemorySessionStore) -> None:
        for session_id in ("one", "two"):
            await store.save(session(session_id))
            run_id = f"r-{session_id}"
            await store.save_loop_checkpoint(
                run_id, checkpoint("loop_checkpoint", run_id, session_id)
            )
        await store.save_workflow_checkpoint("w", checkpoint("workflow_checkpoint", "w"))
        await store.save_trace_events("alone", ())
        report = await export_directory(
            store, tmp_path, session_ids=["two", "alone", "two", "gone"]
        )
        assert outcomes(report) == {
            "two.json": "written",
            "traces/alone.json": "written",
            "loop_checkpoints/r-two.json": "written",
            "gone.json": "refused",
        }
        assert reasons(report)["gone.json"] == "nothing is stored under this id"
        with pytest.raises(ValueError, match="session_ids"):
            await export_directory(store, tmp_path, session_ids="two")
        with pytest.raises(InvalidIdError):
            await export_directory(store, tmp_path, session_ids=[""])

    in_memory(work)
    assert sorted(files_in(tmp_path)) == [
        "loop_checkpoints/r-two.json",
        "traces/alone.json",
        "two.json",
    ]


class _Plain:
    """A store with the methods of the protocol and no others."""

    def __init__(self, inner: MemorySessionStore) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == "inventory":
            raise AttributeError(name)
        return getattr(self._inner, name)


def test_a_store_that_cannot_tell_all_it_holds_is_gone_through_by_its_list(tmp_path: Path) -> None:
    async def work(inner: MemorySessionStore) -> None:
        await inner.save_snapshot(snapshot("s"))
        await inner.save_trace_events("alone", ())
        await inner.save_loop_checkpoint("run-1", checkpoint("loop_checkpoint", "run-1"))
        await inner.save_loop_checkpoint("run-9", checkpoint("loop_checkpoint", "run-9"))
        store: Any = _Plain(inner)
        report = await export_directory(store, tmp_path)
        assert report.ok
        assert len(report.notes) == 1
        assert "were not searched for" in report.notes[0]
        assert "loop_checkpoints/run-1.json" in outcomes(report)
        assert "loop_checkpoints/run-9.json" not in outcomes(report)
        assert not (await export_directory(inner, tmp_path)).notes
        assert (await import_directory(store, tmp_path)).ok

    in_memory(work)


def test_a_damaged_session_of_the_source_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    everything(tmp_path / "in")
    (tmp_path / "in/plain.json").write_bytes(b"{")
    (tmp_path / "in/traces/a_b.json").write_bytes(b"")
    (tmp_path / "in/loop_checkpoints/r_1.json").write_bytes(b'{"run_id": "r/1", ')

    async def work(store: FileSessionStore) -> None:
        report = await export_directory(store, tmp_path / "out")
        assert {name for name, word in outcomes(report).items() if word == "refused"} == {
            "plain.json",
            "a_b.json",
            "loop_checkpoints/r_1.json",
        }

    run(tmp_path / "in", work)
    assert sorted(files_in(tmp_path / "out")) == [
        ".owners/alone_1",
        "artifacts/alone2/artifacts.json",
        "traces/alone_1.json",
        "workflow_checkpoints/w.json",
    ]


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    async def work(store: MemorySessionStore) -> None:
        with pytest.raises(StoreUnavailableError) as caught:
            await import_directory(store, tmp_path / "none")
        assert caught.value.op == "import_directory"

    in_memory(work)
    assert not (tmp_path / "none").exists()


def test_a_store_that_stays_locked_ends_the_transfer(tmp_path: Path) -> None:
    """Files are not refused for an error of the store."""
    everything(tmp_path / "in")

    async def work(store: FileSessionStore) -> None:
        with (
            DirectoryLock(tmp_path / "busy", 0).exclusive(),
            pytest.raises(StoreBusyError),
        ):
            await import_directory(store, tmp_path / "in")

    run(tmp_path / "busy", work, timeout=0)


def test_a_report_is_a_frozen_value_of_frozen_values() -> None:
    entry = TransferEntry(path="x.json", outcome="read", session_id="x", size_bytes=3)
    report = TransferReport(entries=(entry,))
    for value, name in (
        (entry, "path"),
        (report, "entries"),
        (Progress(done=1, total=2, current="x"), "done"),
    ):
        with pytest.raises(AttributeError):
            setattr(value, name, None)
    assert (report.ok, report.size_bytes, report.count("read")) == (True, 3, 1)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_an_export_says_what_upstreams_files_have_no_place_for(tmp_path: Path, kind: str) -> None:
    """And writes what it would without: the engine reads the directory."""

    async def exported(store: Any, name: str, ids: list[str]) -> tuple[TransferReport, set[str]]:
        folder = tmp_path / name
        report = await export_directory(store, folder, session_ids=ids)
        return report, {str(one.relative_to(folder)) for one in folder.rglob("*")}

    async def use(store: Any) -> None:
        for name in ("plain", "labelled", "trashed", "files"):
            await store.save(session(name))
        plain, files = await exported(store, "plain", ["plain"])
        assert plain.notes == ()
        await store.update("labelled", labels={"a": "b"})
        await store.trash("trashed")
        await store.put_bytes("files", "plot", b"x", media_type="a/b")
        assert (await exported(store, "again", ["plain"])) == (plain, files)
        report, _ = await exported(store, "all", ["files", "labelled", "trashed"])
        assert report.ok
        assert report.notes == (
            "labels, metadata, pins and marks of archive and trash of 2 sessions are not exported",
            "byte artifacts of 1 session are not exported",
        )
        assert "Note: byte artifacts of 1 session" in str(report)
        await store.stream("s").append(1)
        report, _ = await exported(store, "streams", ["plain"])
        assert report.notes == ("streams are not exported",)

    async def main() -> None:
        if kind == "memory":
            async with MemorySessionStore() as store:
                await use(store)
        else:
            async with SqliteSessionStore.open(tmp_path / "a.a3s") as file:
                await use(file)

    asyncio.run(main())
