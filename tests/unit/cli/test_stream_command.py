"""`stream`: streams and items as text and as JSON, changes, and names that are refused."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from a3s_store import NewItem, SqliteSessionStore
from tests.unit.cli.cli_runs import environment, invoke, make_store

UNUSABLE = ("nan", "inf", "1e300", "1e14", "1e-9", "0", "-1")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = make_store(tmp_path / "agent.a3s")

    async def fill() -> None:
        async with SqliteSessionStore.open(path) as opened:
            await opened.stream("app/log").append({"n": 1}, b"\x00\xff", metadata={"m": 1})
            await opened.stream("app/kv").append(NewItem("dark", id="theme", labels={"l": "1"}))
            await opened.stream("other").append(*range(30))

    asyncio.run(fill())
    return path


def tree(store: Path, *given: str) -> Any:
    done = invoke("stream", given[0], store, *given[1:], "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_streams_are_listed_by_the_beginning_of_their_names(store: Path) -> None:
    assert [one["name"] for one in tree(store, "list")] == ["app/kv", "app/log", "other"]
    listed = tree(store, "list", "app/")
    assert [(one["name"], one["count"], one["metadata"]) for one in listed] == [
        ("app/kv", 1, None),
        ("app/log", 2, {"m": 1}),
    ]
    lines = invoke("stream", "list", store).stdout.splitlines()
    assert [line.split()[:2] for line in lines[-3:]] == [
        ["app/kv", "1"],
        ["app/log", "2"],
        ["other", "30"],
    ]
    assert "no such streams" in invoke("stream", "list", store, "none").output


def test_items_are_shown(store: Path) -> None:
    items = tree(store, "show", "app/log")["items"]
    assert [one.get("value") for one in items] == [{"n": 1}, None]
    assert items[1]["base64"] == "AP8="
    assert [one["value"] for one in tree(store, "show", "other", "--last", "2")["items"]] == [
        28,
        29,
    ]
    (item,) = tree(store, "show", "app/kv", "--id", "theme")["items"]
    assert (item["value"], item["labels"], item["version"]) == ("dark", {"l": "1"}, 1)
    assert len(tree(store, "show", "app/kv", "--id-prefix", "th")["items"]) == 1
    text = invoke("stream", "show", store, "app/log").stdout
    assert '{"n": 1}' in text
    assert "2 bytes" in text


def test_items_are_put_and_deleted(store: Path) -> None:
    assert tree(store, "put", "app/kv", '"light"', "--id", "theme")["version"] == 2
    assert tree(store, "put", "new", "[1, null]")["inserted"] is True
    assert tree(store, "put", "new", "text", "--bytes", "--ttl", "1000")["next"] == 2
    shown = tree(store, "show", "new")["items"]
    assert (shown[0]["value"], shown[1]["base64"]) == ([1, None], "dGV4dA==")
    assert shown[1]["expires_at_ms"] is not None
    assert tree(store, "delete", "app/kv", "--id", "theme") == {"stream": "app/kv", "deleted": 1}
    assert "30 items deleted" in invoke("stream", "delete", store, "other").output
    assert [one["name"] for one in tree(store, "list")] == ["app/kv", "app/log", "new"]


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        (("show", "none"), 1, "there is no stream 'none'"),
        (("delete", "none"), 1, "there is no stream 'none'"),
        (("show", "app/kv", "--id", "x"), 1, "there is no item 'x'"),
        (("delete", "app/kv", "--id", "x"), 1, "there is no item 'x'"),
        (("put", "app/kv", "text"), 2, "no JSON"),
        (("put", "app/kv", "NaN"), 2, "nan is not a JSON number"),
        (("put", "app/kv", "1" * 5000), 2, "too many digits"),
        (("put", "app/kv", "[" * 100_000), 2, "nested too deep"),
        (("put", "app/kv", "[" * 500 + "]" * 500), 2, "levels deep"),
        *((("put", "app/kv", "1", "--ttl", ttl), 2, "--ttl") for ttl in UNUSABLE),
        (("show", "x" * 1025), 2, "1024 bytes"),
    ],
)
def test_failures_say_what_to_do(
    store: Path, given: tuple[str, ...], status: int, said: str
) -> None:
    done = invoke("stream", given[0], store, *given[1:])
    assert said in done.output
    assert done.exit_code != 0
    assert (done.exit_code == 2) == (status == 2)


def test_a_closed_standard_input_is_an_error_of_usage(store: Path) -> None:
    command = '"$0" -m a3s_store stream put "$1" app/kv - <&-'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, str(store)],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "standard input is closed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_value_with_as_many_levels_as_a_store_takes_is_shown(store: Path) -> None:
    value: Any = ["€", {}, []]
    for _ in range(250):
        value = [value, 1]
    text = json.dumps(value)
    assert invoke("stream", "put", store, "deep", text).exit_code == 0
    done = invoke("stream", "show", store, "deep", "--json")
    assert done.exit_code == 0, done.output
    (shown,) = json.loads(done.stdout)["items"]
    assert shown["value"] == value
    assert done.stdout == json.dumps(json.loads(done.stdout), indent=2, ensure_ascii=False) + "\n"
