"""Values that must be kept exactly: ends of ranges, texts, floats, opaque JSON, unknown keys."""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.protocol import SessionStore
from a3s_store.models import (
    LlmConfigData,
    Message,
    RunEventRecord,
    SessionConfig,
    SessionData,
    TextBlock,
    TokenUsage,
    ToolUseBlock,
    UnknownBlock,
    UnknownEvent,
)
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    bits,
    contents,
    holds,
    keeps,
    kept,
    kept_collections,
    same,
    same_run,
    save_run,
)
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import U64_MAX, session, talk
from a3s_store.wire import canonical, compact, encode

_GROUP = "values"

TEXTS: Final = (
    *(
        "",
        " ",
        "\x00",
        "a\x00b",
        "\r\n\t\b\f",
        "\x1f\x7f\x80\x9f",
        "\u2028\u2029",
        "\ufeff",
        "\ufffe",
    ),
    *(
        "\uffff\U0010ffff",
        "\U0001f600",
        "e\u0301 \u00e9",
        "\u202eabc",
        '"',
        "\\",
        "\\ud800",
        "\\u0000",
    ),
    *("'; --", "null", "1", "-0", "1e400", "NaN", "{}", '{"a":1}', "\u0627\u0644 \u65e5\u672c"),
)


@required_by(_GROUP)
async def any_text_survives(store: SessionStore) -> None:
    """Any text is loaded as saved: NUL, line separators, accents in both forms, JSON, SQL."""
    for text in (*TEXTS, "".join(TEXTS)):
        saved = session(
            "s",
            (text, text),
            config=SessionConfig(name=text, workspace=text, system_prompt=text),
            tool_names=(text, text),
            model_name=text,
            extra={text or "empty": text, "inside": {text: [text]}},
        )
        await store.save(saved)
        same(saved, await store.load("s"), f"load of {text!a}")
        pieces = (samples.artifact(text, text), samples.artifact("after"))
        if keeps(store, "collections"):
            await store.save_artifacts("s", pieces)
            same(pieces, await store.load_artifacts("s"), f"artifact of {text!a}")


@required_by(_GROUP)
async def the_largest_integers_survive(store: SessionStore) -> None:
    """Integers are loaded as saved up to 2**64 - 1, beyond signed columns and floats."""
    for number in (0, 2**53 + 1, 2**63 - 1, 2**63, U64_MAX):
        usage = TokenUsage(prompt_tokens=number, total_tokens=number, cache_read_tokens=number)
        records = (samples.cost_record(prompt_tokens=number),)
        saved = session("s", total_usage=usage, thinking_budget=number, cost_records=records)
        await store.save(saved)
        same(saved, await store.load("s"), f"session with {number}")
        loop = samples.loop_checkpoint("r", turn=number, checkpoint_ms=number)
        await save_run(store, loop)
        await same_run(store, loop, "r")
        if not keeps(store, "collections"):
            continue
        run = samples.run_record(created_at_ms=number, updated_at_ms=number, event_count=number)
        event = run.events[0].evolve(sequence=number, timestamp_ms=number)
        run = run.evolve(events=(event, event))
        await store.save_run_records("s", (run,))
        same((run,), await store.load_run_records("s"), f"run with {number}")
        trace = (samples.trace_event(duration_ms=number, output_bytes=number),)
        await store.save_trace_events("s", trace)
        same(trace, await store.load_trace_events("s"), f"trace event with {number}")
        task = (samples.subagent_task(started_ms=number, finished_ms=number),)
        await store.save_subagent_tasks("s", task)
        same(task, await store.load_subagent_tasks("s"), f"task with {number}")


@required_by(_GROUP)
async def floats_survive_to_the_last_bit(store: SessionStore) -> None:
    """Floats are loaded to the last bit: the smallest, the largest, -0.0 and 0.1 + 0.2."""
    for number in (
        0.0,
        -0.0,
        5e-324,
        2.2250738585072014e-308,
        0.1 + 0.2,
        1e16,
        1.7976931348623157e308,
    ):
        for sign in (number, -number):
            saved = session("s", total_cost=sign, extra={"x": sign, "y": [sign]})
            await store.save(saved)
            same(saved, await store.load("s"), f"load of {sign!r}")


@required_by(_GROUP)
async def opaque_json_survives(store: SessionStore) -> None:
    """A field of opaque JSON may have any JSON value, 100 levels deep too."""
    deep: Any = "bottom"
    for level in range(100):
        deep = [deep] if level % 2 else {"level": deep}
    odd: tuple[Any, ...] = (
        None,
        True,
        0,
        2**64,
        -(2**70),
        1e300,
        "",
        [],
        {},
        [[]],
        samples.ODD_JSON,
    )
    for value in (*odd, deep):
        call = ToolUseBlock(id="c", name="n", input=value)
        saved = session("s").evolve(messages=(Message(role="assistant", content=(call,)),))
        await store.save(saved)
        same(saved, await store.load("s"), f"tool input {value!r:.40}")
        trace = (samples.trace_event(details=value),) if keeps(store, "collections") else None
        if trace is not None:
            await store.save_trace_events("s", trace)
        same(trace, await store.load_trace_events("s"), f"details {value!r:.40}")


@required_by(_GROUP)
async def none_and_empty_are_different(store: SessionStore) -> None:
    """None, False, 0, "" and () are distinguished in every field."""
    for model_name in (None, "", "x", None):
        for budget in (None, 0):
            saved = session(
                "s", model_name=model_name, thinking_budget=budget, tenant_id=model_name
            )
            await store.save(saved)
            same(saved, await store.load("s"), f"{model_name!r} and {budget!r}")
    for success in (None, False, True) if keeps(store, "collections") else ():
        for finished in (None, 0):
            task = (samples.subagent_task(success=success, finished_ms=finished, output=None),)
            await store.save_subagent_tasks("s", task)
            same(task, await store.load_subagent_tasks("s"), f"{success!r} and {finished!r}")
    for tools in ((), ("",), ("", "")):
        await store.save(session("s", tool_names=tools))
        same(tools, getattr(await store.load("s"), "tool_names", None), "tool_names")


@required_by(_GROUP)
async def unknown_keys_survive(store: SessionStore) -> None:
    """Unknown keys are kept at every depth, null and empty ones too, until a save without them."""
    extra: dict[str, Any] = {
        "null": None,
        "empty": {},
        "new": samples.ODD_JSON,
        "Messages": [],
        "": 0,
    }
    message = Message(role="user", content=(TextBlock(text="t", extra=extra),), extra=extra)
    saved = session(
        "s",
        config=SessionConfig(extra=extra),
        total_usage=TokenUsage(extra=extra),
        cost_records=(samples.cost_record(extra=extra),),
        llm_config=LlmConfigData(provider="p", model="m", extra=extra),
        extra=extra,
    ).evolve(messages=(message, message.evolve(extra={})))
    for one in (saved, saved.evolve(extra={}), saved, saved.evolve(config=SessionConfig())):
        await store.save(one)
        same(one, await store.load("s"), "the session")
    for collection in kept_collections(store):
        make = samples.MAKERS[collection]
        values = (make("1").evolve(extra=extra), make("1"), make("2").evolve(extra=extra))
        await getattr(store, f"save_{collection}")("s", values)
        same(values, await getattr(store, f"load_{collection}")("s"), collection)


@required_by(_GROUP)
async def types_nobody_knows_survive(store: SessionStore) -> None:
    """Blocks and events of unknown types are loaded as saved, with all their keys."""
    body: dict[str, Any] = {"z": 1, "a": {"type": "text"}, "null": None, "text": "x"}
    for tag in ("", "Text", "thinking", "from tomorrow", "\U0001f600"):
        block = UnknownBlock(type=tag, body=body)
        saved = session("s").evolve(messages=(Message(role="user", content=(block, block)),))
        await store.save(saved)
        same(saved, await store.load("s"), f"a block of type {tag!r}")
        event = RunEventRecord(sequence=0, timestamp_ms=0, event=UnknownEvent(type=tag, body=body))
        run = samples.run_record().evolve(events=(event, event))
        if keeps(store, "collections"):
            await store.save_run_records("s", (run,))
            same((run,), await store.load_run_records("s"), f"an event of type {tag!r}")


@required_by(_GROUP)
async def keys_keep_their_order(store: SessionStore) -> None:
    """Keys of opaque objects keep their order, so exported files have the same bytes."""
    saved = kept(store, samples.rich_snapshot("s"))
    await store.save_snapshot(saved)
    loaded = await store.load_snapshot("s")
    same(compact(encode(saved)), compact(encode(loaded)), "the JSON of the snapshot")


@required_by(_GROUP)
async def a_secret_is_never_kept(store: SessionStore) -> None:
    """The api_key of a saved session is in no loaded value."""
    secret = "sk-do-not-keep"
    config = LlmConfigData(provider="p", model="m", api_key=secret)
    await store.save(session("s", llm_config=config))
    loaded = await store.load("s")
    assert loaded is not None
    assert loaded.llm_config is not None
    same(None, loaded.llm_config.api_key, "api_key")
    holds(secret.encode() not in canonical(encode(loaded)), "the secret is in the session's JSON")
    holds(secret not in str(bits(await contents(store, "s"))), "the secret is in a loaded value")


@required_by(_GROUP)
async def credentials_of_configuration_are_never_kept(store: SessionStore) -> None:
    """Credentials in configuration are stored as empty texts; conversations are unchanged."""
    secret = "do-not-keep"
    given: dict[str, Any] = {
        "apiKey": secret,
        "headers": {"X-Api-Key": secret, "X-Trace": "on"},
        "env": [f"SERVICE_TOKEN={secret}", "LANG=C"],
        "max_tokens": 4096,
        "public_key": "ssh-ed25519 AAAA",
        "auth_token": None,
    }
    stored = {
        **given,
        "apiKey": "",
        "headers": {"X-Api-Key": "", "X-Trace": "on"},
        "env": ["SERVICE_TOKEN=", "LANG=C"],
    }
    call = ToolUseBlock(id="t", name="get", input={"api_key": "of a conversation"})
    url = "https://{}localhost:1/v1"

    def made(extra: dict[str, Any], user: str) -> SessionData:
        llm = LlmConfigData(provider="p", model="m", base_url=url.format(user), extra=extra)
        config = SessionConfig(extra={"mcp": [extra]})
        made = session("s", config=config, llm_config=llm, extra=extra)
        return made.evolve(messages=(Message(role="assistant", content=(call,)),))

    await store.save(made(given, f"me:{secret}@"))
    loaded = await store.load("s")
    same(made(stored, ""), loaded, "the session")
    assert loaded is not None
    holds(secret.encode() not in canonical(encode(loaded)), "the secret is in the session's JSON")
    await store.save(loaded)
    same(loaded, await store.load("s"), "the session, saved again")


@required_by(_GROUP)
async def statuses_and_counts_are_as_given(store: SessionStore) -> None:
    """A store recomputes nothing: statuses and counts are stored even where they do not agree."""
    snapshot = kept(store, samples.rich_snapshot("s"))
    await store.save_snapshot(snapshot)
    loaded = await store.load_snapshot("s")
    assert loaded is not None
    same(snapshot.verification_reports, loaded.verification_reports, "reports")
    same(snapshot.run_records, loaded.run_records, "runs")
    same(snapshot.session.context_usage, loaded.session.context_usage, "context usage")


@required_by(_GROUP)
async def large_values_survive(store: SessionStore) -> None:
    """A message of 2 MB, 3 000 messages and a run of 2 000 events are loaded as saved."""
    big = "\u00e9\x00x" * 500_000
    saved = session("big", (big, "small", big))
    await store.save(saved)
    same(saved, await store.load("big"), "messages of 2 MB")
    long = session("long").evolve(messages=talk(*map(str, range(3000))))
    await store.save(long)
    longer = long.evolve(messages=(*long.messages, Message.user("last")))
    await store.save(longer)
    same(longer, await store.load("long"), "3001 messages")
    if not keeps(store, "collections"):
        return
    run = samples.run_record(events=2000)
    await store.save_run_records("long", (run,))
    same((run,), await store.load_run_records("long"), "2000 events")
    pieces = (samples.artifact("1", big), samples.artifact("2", big))
    await store.save_artifacts("long", pieces)
    same(pieces, await store.load_artifacts("long"), "equal artifacts of 2 MB")
