"""`doctor` says how a store is and writes nothing; `erase` leaves nothing of a session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.models import LoopCheckpoint, Message, ToolUseBlock
from a3s_store.pairs import repair_pairs
from tests.support import database, session, with_store
from tests.unit.cli.cli_runs import SESSION_ID, files_under, invoke, make_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """In a folder of its own, which no other user may write to."""
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    return make_store(folder / "s.db", session("other"))


def test_a_store_in_order_is_well(store: Path) -> None:
    done = invoke("doctor", store)
    assert done.exit_code == 0, done.output
    for word in ("0600", "wal", "never", "state", "well", "sqlite"):
        assert word in done.stdout
    told = json.loads(invoke("doctor", store, "--json").stdout)
    assert told["state"] == "well"
    assert told["facts"]["permissions"] == "0600"
    assert [one for one in told["advice"] if one["attention"]] == []


def test_the_doctor_writes_nothing(store: Path) -> None:
    store.chmod(0o644)
    before = files_under(store.parent)
    assert invoke("doctor", store).exit_code == 1
    assert files_under(store.parent) == before
    assert store.stat().st_mode & 0o777 == 0o644, "narrowing is for those who open it to write"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_what_needs_attention_exits_with_1(store: Path) -> None:
    store.chmod(0o644)
    done = invoke("doctor", store)
    assert done.exit_code == 1
    assert "Attention: Other users may open the file (permissions 0644)" in done.stdout
    assert "needs attention" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="links and modes are POSIX's")
def test_what_would_be_refused_is_said_as_well(store: Path) -> None:
    os.link(store, store.with_name("t.db"))
    done = invoke("doctor", store, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert "will not be opened" in told["advice"][0]["text"]
    assert "2 names" in told["advice"][0]["text"]
    assert told["facts"]["hard_links"] == 2


def damage_structure(store: Path) -> None:
    """Overwrite the beginning of a page of SQLite's own."""
    data = bytearray(store.read_bytes())
    with database(store) as conn:
        (page,) = conn.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'generation'"
        ).fetchone()
    data[(page - 1) * 4096 : (page - 1) * 4096 + 200] = b"\xff" * 200
    store.write_bytes(data)


def test_a_damaged_structure_exits_with_4(store: Path) -> None:
    damage_structure(store)
    done = invoke("doctor", store)
    assert done.exit_code == 4
    assert "Attention: The store is damaged" in done.stdout
    assert json.loads(invoke("doctor", store, "--json").stdout)["state"] == "damaged"


def test_damage_that_verify_found_exits_with_4(store: Path) -> None:
    note = '{"at": 1779100000, "depth": "deep", "damage": 2}'
    with database(store) as conn:
        conn.execute("INSERT INTO meta (name, value) VALUES ('last_verify', ?)", (note,))
        conn.commit()
    done = invoke("doctor", store)
    assert done.exit_code == 4
    assert "found 2 damaged" in done.stdout


def test_a_database_cut_to_nothing_exits_with_4(store: Path) -> None:
    store.write_bytes(b"")
    store.with_name("s.db-wal").write_bytes(b"x" * 100)
    assert invoke("doctor", store).exit_code == 4


def test_the_doctor_makes_no_store(tmp_path: Path) -> None:
    assert invoke("doctor", tmp_path / "none.db").exit_code == 3
    (tmp_path / "empty.db").touch()
    assert invoke("doctor", tmp_path / "empty.db").exit_code == 3
    (tmp_path / "letter.db").write_text("dear ada")
    assert invoke("doctor", tmp_path / "letter.db").exit_code == 1
    assert sorted(files_under(tmp_path)) == ["empty.db", "letter.db"]
    assert (tmp_path / "letter.db").read_text() == "dear ada"


def test_a_store_that_is_open_elsewhere_can_be_looked_at(store: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from a3s_store.cli.app import app\n"
        "app(['doctor', sys.argv[1]], standalone_mode=True)\n"
    )

    def look() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, str(store)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    async def use(opened: SqliteSessionStore) -> None:
        await opened.save(session("third"))
        done = look()
        assert done.returncode == 0, done.stderr
        assert "well" in done.stdout
        await opened.save(session("fourth"))

    with_store(store, use)
    assert "fourth" in invoke("list", store).stdout


def call(name: str) -> Message:
    return Message(role="assistant", content=(ToolUseBlock(id=name, name="ls", input={}),))


BROKEN = (Message.user("go"), call("a"), Message.user("go on"), Message.tool_result("b", "text"))


def test_broken_pairs_are_counted_by_session_and_are_no_damage(store: Path) -> None:
    async def use(opened: SqliteSessionStore) -> None:
        await opened.save(session("broken").evolve(messages=BROKEN))
        await opened.save(session("waiting").evolve(messages=(call("c"),)))

    with_store(store, use)
    before = files_under(store.parent)
    done = invoke("doctor", store)
    assert done.exit_code == 1
    assert "1 call without result, 1 result without call" in done.stdout
    told = json.loads(invoke("doctor", store, "--json").stdout)
    assert told["state"] == "needs attention"
    counts = ("session_id", "calls_without_result", "results_without_call", "open_calls")
    assert [tuple(one[name] for name in counts) for one in told["pairs"]] == [
        ("broken", 1, 1, 0),
        ("waiting", 0, 0, 1),
    ]
    assert told["fixed"] == []
    assert invoke("verify", store, "--deep").exit_code == 0
    assert files_under(store.parent).keys() == before.keys()


def test_a_round_that_waits_needs_no_attention(store: Path) -> None:
    async def use(opened: SqliteSessionStore) -> None:
        await opened.save(session("waiting").evolve(messages=(call("c"),)))

    with_store(store, use)
    done = invoke("doctor", store)
    assert done.exit_code == 0
    assert "The last round of 1 session waits for results" in done.stdout


def test_fix_repairs_pairs_and_what_was_there_stays_as_a_generation(store: Path) -> None:
    async def fill(opened: SqliteSessionStore) -> None:
        await opened.save(session("broken").evolve(messages=BROKEN))
        # A run that was interrupted may go on with the call that waits.
        await opened.save(session("waiting").evolve(messages=(*BROKEN, call("c"))))
        await opened.save_loop_checkpoint(
            "run-1",
            LoopCheckpoint(
                run_id="run-1", session_id="waiting", turn=1, messages=BROKEN, checkpoint_ms=1
            ),
        )

    with_store(store, fill)
    done = invoke("doctor", store, "--fix")
    assert done.exit_code == 0, done.output
    assert "Repaired broken: 1 call without result, 1 result without call." in done.stderr

    async def look(opened: SqliteSessionStore) -> None:
        broken, waiting = await opened.load("broken"), await opened.load("waiting")
        assert broken is not None
        assert waiting is not None
        assert broken.messages == repair_pairs(BROKEN)
        assert waiting.messages == (*repair_pairs(BROKEN), call("c"))
        assert broken.updated_at == session("broken").updated_at
        number = await opened.generation("broken")
        older = await opened.load("broken", generation=number - 1)
        assert older is not None
        assert older.messages == BROKEN

    with_store(store, look)
    assert json.loads(invoke("doctor", store, "--fix", "--json").stdout)["fixed"] == []


def test_nothing_is_fixed_in_a_damaged_store(store: Path) -> None:
    async def fill(opened: SqliteSessionStore) -> None:
        await opened.save(session("broken").evolve(messages=BROKEN))

    with_store(store, fill)
    damage_structure(store)
    damaged = store.read_bytes()
    assert invoke("doctor", store, "--fix").exit_code == 4
    assert store.read_bytes() == damaged


def test_an_erased_session_is_in_no_byte_of_the_file(store: Path) -> None:
    pieces = [b"login", b"pytest"]
    data = store.read_bytes()
    assert all(piece in data for piece in pieces)
    done = invoke("erase", store, SESSION_ID, "--yes", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["found"] == [SESSION_ID]
    data = store.read_bytes()
    assert b"pytest" not in data
    assert SESSION_ID.encode() not in data
    assert "other" in invoke("list", store).stdout


def test_erasing_asks_first_and_what_is_declined_is_not_done(store: Path) -> None:
    before = files_under(store.parent)
    assert invoke("erase", store, "other").exit_code == 1
    assert invoke("erase", store, "no-such-user").exit_code == 3
    assert files_under(store.parent) == before


def test_erasing_what_is_gone_finishes_and_says_so(store: Path) -> None:
    with_store(store, lambda opened: opened.delete("other"))
    done = invoke("erase", store, "other", "--yes")
    assert done.exit_code == 0
    assert "Nothing was stored under 'other' any more" in done.stderr


def test_a_wrong_id_is_said_and_nothing_is_written(store: Path) -> None:
    before = files_under(store.parent)
    for ids in (["wrong"], ["other", "wrong"]):
        done = invoke("erase", store, *ids, "--yes")
        assert done.exit_code == 3
        assert "nothing was ever saved under 'wrong'" in done.stderr
    assert files_under(store.parent) == before


def test_keys_in_the_store_are_told_by_place_and_never_shown(store: Path) -> None:
    key = "ghp" + "_16C7e42F292c6912E7710c838347Ae178B4a"
    assert json.loads(invoke("doctor", store, "--json").stdout)["secrets"] is None
    clean = json.loads(invoke("doctor", store, "--secrets", "--json").stdout)["secrets"]
    assert clean == {"places": [], "found": 0, "unreadable": 0}
    with_store(store, lambda opened: opened.save(session("s", messages=(Message.user(key),))))
    before = store.read_bytes()
    done = invoke("doctor", store, "--secrets")
    assert done.exit_code == 1
    assert "GitHub token: messages[0].content[0].text of session 's'" in done.stderr
    assert "Found in the store: 1 key" in " ".join(done.stdout.split())
    as_json = invoke("doctor", store, "--secrets", "--json")
    assert json.loads(as_json.stdout)["secrets"]["found"] == 1
    assert key not in done.output + as_json.output
    assert store.read_bytes() == before


def test_copies_beside_the_store_are_named_and_erased_in_when_asked(store: Path) -> None:
    copy = store.with_name(store.name + ".replaced")
    copy.write_bytes(store.read_bytes())
    told = invoke("doctor", store)
    assert copy.name in " ".join(told.stdout.split())
    assert json.loads(invoke("doctor", store, "--json").stdout)["facts"]["copies"] == [copy.name]
    done = invoke("erase", store, SESSION_ID, "--yes", "--json")
    assert json.loads(done.stdout)["copies"] == [
        {"path": str(copy), "kind": "replaced", "why": None}
    ]
    done = invoke("erase", store, SESSION_ID, "--yes")
    assert "--copies erases it there" in " ".join(done.stderr.split())
    done = invoke("erase", store, SESSION_ID, "--yes", "--copies")
    assert done.exit_code == 0
    assert "Also erased in" in done.stderr
    assert SESSION_ID.encode() not in copy.read_bytes()


def test_a_fork_is_named_and_both_are_erased_together(store: Path) -> None:
    async def fork(opened: SqliteSessionStore) -> None:
        await opened.fork("other", "copy")

    with_store(store, fork)
    done = invoke("erase", store, "other", "--yes")
    assert done.exit_code == 1
    assert "'copy'" in done.stderr
    assert invoke("erase", store, "other", "copy", "--yes").exit_code == 0
    assert "other" not in invoke("list", store).stdout


def test_one_advice_is_given_for_what_is_wrong_with_the_file(store: Path) -> None:
    damage_structure(store)
    (said,) = json.loads(invoke("doctor", store, "--json").stdout)["advice"][:1]
    assert said["text"].count("salvage") == 1
    assert "Keep the file as it is" in said["text"]


def test_an_index_that_is_not_ours_is_to_be_dropped_and_nothing_is_to_be_salvaged(
    store: Path,
) -> None:
    with database(store) as conn:
        conn.execute("CREATE INDEX mine ON message (role)")
        conn.commit()
    done = invoke("doctor", store)
    assert done.exit_code != 0
    assert "DROP INDEX" in done.output
    assert "salvage" not in done.output
