"""Credentials of a configuration are in no file; everything else is stored as it was given."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import (
    BaseStore,
    FileSessionStore,
    MemorySessionStore,
    SecretRedactor,
    SqliteSessionStore,
)
from a3s_store.core.redaction import credential_names
from a3s_store.core.redaction.blanking import blanked
from a3s_store.core.redaction.credential_names import CredentialNames
from a3s_store.core.redaction.redactor import BUILT_IN
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import (
    ClassificationRule,
    FeatureToggles,
    LaneHandlerConfig,
    LlmConfigData,
    Message,
    PermissionPolicy,
    PermissionRule,
    RedactionStrategy,
    RetryPolicyConfig,
    SecurityConfig,
    SensitivityLevel,
    SessionConfig,
    SessionLane,
    SessionQueueConfig,
    TextBlock,
    ToolUseBlock,
)
from tests.support import all_rows, changes, messages, session, statements_changed

SECRET = "9f8e7d6c5b4a3f2e1d0c"
ROOT = Path(__file__).parents[3]

CREDENTIALS = (
    *("api_key", "apiKey", "API_KEY", "apikey", "ApiKey", "x-api-key", "OPENAI_API_KEY", "api.key"),
    *("openai_key", "openaiapikey", "api_key_2", "api_keys", "secretKey", "aws_secret_access_key"),
    *(
        "private_key",
        "privateKeyPem",
        "client-key-data",
        "signing_key",
        "Ocp-Apim-Subscription-Key",
    ),
    *("token", "auth_token", "authToken", "accessToken", "github_token", "access_tokens", "XToken"),
    *("password", "DB_PASSWORD", "dbpassword", "passwd", "passphrase", "password2", "db_pass"),
    *("secret", "clientSecret", "client_secrets", "credentials", "awsCredentials", "cookie"),
    *("Authorization", "Proxy-Authorization", "Set-Cookie", "connectionString", "ａｐｉ＿ｋｅｙ"),
)
OTHERS = (
    *(
        "key",
        "keys",
        "public_key",
        "primary_key",
        "publicKeyPem",
        "cacheKey",
        "sort_key",
        "hostKey",
    ),
    *("max_tokens", "maxTokens", "prompt_tokens", "tokens", "token_count", "total_tokens", "total"),
    *("token_type", "token_limit", "tokenizer", "eos_token", "pad_token_id", "next_page_token"),
    *("api_key_env", "apiKeyName", "password_file", "secret_name", "access_key_id", "token_url"),
    *("use_token", "no_password", "is_secret", "PWD", "OLDPWD", "monkey", "keyboard", "secretary"),
    *("author", "authority", "base_url", "model", "", "compass", "passive", "user", "id", "キー"),
)


@pytest.mark.parametrize("name", CREDENTIALS)
def test_these_names_are_those_of_credentials(name: str) -> None:
    assert BUILT_IN.match(name) is not None


@pytest.mark.parametrize("name", OTHERS)
def test_these_names_are_not(name: str) -> None:
    assert BUILT_IN.match(name) is None


@pytest.mark.parametrize("name", ["FASTLY_KEY", "MAIL_PASS", "X-Auth", "GH_PAT", "MYSQL_PWD"])
def test_some_names_are_those_of_credentials_in_headers_and_environments_alone(name: str) -> None:
    assert BUILT_IN.match(name) is None
    assert BUILT_IN.match(name, headers=True) is not None


@pytest.mark.parametrize(
    "name",
    [
        *("env", "ENV", "envs", "extraEnv", "environ", "environment", "dotenv", "headers"),
        *("env_vars", "envVars", "EnvVars", "envvars", "env-variables", "environVars"),
        *("environmentVariables", "environment_variables", "environmentvariables"),
    ],
)
def test_an_environment_is_one_in_each_of_its_spellings(name: str) -> None:
    assert blank({name: {"FASTLY_KEY": SECRET, "A": "b"}}) == {name: {"FASTLY_KEY": "", "A": "b"}}
    assert blank({name: [{"name": "MAIL_PASS", "value": SECRET}]})[name][0]["value"] == ""


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "PUBLIC_KEY", "key", "auth", "CACHE_KEY"])
def test_and_these_not_even_there(name: str) -> None:
    assert BUILT_IN.match(name, headers=True) is None


def blank(value: Any, names: CredentialNames = BUILT_IN) -> Any:
    """The JSON value as it is stored in a configuration."""
    return blanked(SessionConfig(extra={"here": value}), names).extra["here"]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ({"api_key": SECRET}, {"api_key": ""}),
        ([[{"a": {"apiKey": SECRET}}]], [[{"a": {"apiKey": ""}}]]),
        ({"api_keys": {"x": SECRET, "n": 3}}, {"api_keys": {"x": "", "n": 3}}),
        ({"credentials": {"a": [{"b": SECRET}]}}, {"credentials": {"a": [{"b": ""}]}}),
        ({"token": {"value": SECRET, "kind": "x"}}, {"token": {"value": "", "kind": "x"}}),
        ({"token": [SECRET]}, {"token": [""]}),
        ({"password": 123456}, {"password": ""}),
        ({"name": "API_KEY", "value": SECRET}, {"name": "API_KEY", "value": ""}),
        ({"headers": [["Authorization", SECRET]]}, {"headers": [["Authorization", ""]]}),
        ({"headers": {"X-Own": f"Bearer {SECRET}"}}, {"headers": {"X-Own": "Bearer "}}),
        ({"headers": f"A: b\nCookie: {SECRET}"}, {"headers": "A: b\nCookie: "}),
        ({"env": {"FASTLY_KEY": SECRET}}, {"env": {"FASTLY_KEY": ""}}),
        ({"env": [f"FASTLY_KEY={SECRET}", "A=b"]}, {"env": ["FASTLY_KEY=", "A=b"]}),
        (["--api-key", SECRET, "-v"], ["--api-key", "", "-v"]),
        ([f"--token={SECRET}"], ["--token="]),
        (f"run --token={SECRET} -v", "run --token= -v"),
        (f"run --api-key {SECRET} next1 -v", "run --api-key '' next1 -v"),
        (f'run --api-key "{SECRET}"', "run --api-key ''"),
        (f'{{"run": "x --token {SECRET}"}}', '{"run": "x --token \'\'"}'),
        (
            {"environmentVariables": {"FASTLY_KEY": SECRET}},
            {"environmentVariables": {"FASTLY_KEY": ""}},
        ),
        ({"env_vars": [f"FASTLY_KEY={SECRET}"]}, {"env_vars": ["FASTLY_KEY="]}),
        (f"curl -H 'X: Bearer {SECRET}'", "curl -H 'X: Bearer '"),
        (f"https://me:{SECRET}@host/v1", "https://host/v1"),
        (f"https://{SECRET}@host", "https://host"),
        (f"postgres://me:{SECRET}@host/db", "postgres://me@host/db"),
        (f"redis://:{SECRET}@host", "redis://host"),
        (f"https://host/?key={SECRET}&alt=sse", "https://host/?key=&alt=sse"),
        (f"https://host/#access_token={SECRET}", "https://host/#access_token="),
        (f"Server=h;Password={SECRET};", "Server=h;Password=;"),
        (f'{{"a": 1, "password": "{SECRET}\\""}}', '{"a": 1, "password": ""}'),
        (
            {"api_key": {"type": "string", "default": SECRET}},
            {"api_key": {"type": "string", "default": ""}},
        ),
    ],
)
def test_a_credential_is_blanked_wherever_configuration_has_one(value: Any, stored: Any) -> None:
    assert blank(value) == stored
    assert blank(stored) == stored


@pytest.mark.parametrize(
    "value",
    [
        {"api_key": None, "token": "", "password": True, "secret": {}, "cookies": []},
        {"token": 5, "max_tokens": 4096, "total": 3, "tokens": {"prompt": 1}, "secrets": 2},
        {
            "properties": {"api_key": {"type": "string", "description": "yours"}},
            "required": ["api_key"],
        },
        {"name": "tokenizer", "value": "bpe"},
        ["--no-password", "host", "--sort-key", "name", "Basic setup guide"],
        "git@github.com:a/b.git and ssh://git@host/a and https://host:8080/a@1",
        "use --token to log in, with --api-key $KEY1234 or --password <at-least-8-characters>",
        {"variables": {"FASTLY_KEY": "x"}, "input_variables": ["A_KEY=x"]},
        "the password is set; see https://host/?page=2&sort=key",
        '{"a": "unclosed',
        {"env": "production", "headers": {"Accept": "text/html"}},
    ],
)
def test_nothing_else_is_blanked(value: Any) -> None:
    before = SessionConfig(extra={"here": value})
    assert blanked(before, BUILT_IN) is before


ADDRESS = f"https://me:{SECRET}@host/repo"


def test_texts_of_known_fields_lose_passwords_of_addresses_and_arguments() -> None:
    llm = LlmConfigData(
        provider=ADDRESS, model=f"m --token={SECRET}", base_url=f"{ADDRESS}?api-key={SECRET}"
    )
    assert blanked(llm, BUILT_IN) == LlmConfigData(
        provider="https://host/repo", model="m --token=", base_url="https://host/repo?api-key="
    )
    config = blanked(
        SessionConfig(
            name=f"mirror of {ADDRESS}",
            workspace=f"run --api-key {SECRET}",
            queue_config=SessionQueueConfig(
                storage_path=f"redis://:{SECRET}@host/0",
                retry_policy=RetryPolicyConfig(strategy=ADDRESS, initial_delay_ms=1),
            ),
            security_config=security(network_whitelist=("host", ADDRESS, f"--token={SECRET}")),
        ),
        BUILT_IN,
    )
    assert SECRET not in repr(config)
    assert (config.name, config.workspace) == ("mirror of https://host/repo", "run --api-key ''")
    assert config.queue_config is not None
    assert config.queue_config.storage_path == "redis://host/0"
    assert config.security_config is not None
    assert config.security_config.network_whitelist == ("host", "https://host/repo", "--token=")


def test_a_system_prompt_is_left_to_the_hook_but_where_all_of_it_is_an_address() -> None:
    prose = f"password=none; the repository is {ADDRESS}"
    config = SessionConfig(system_prompt=prose)
    assert blanked(config, BUILT_IN) is config, "texts for a model are no configuration"
    assert blanked(config.evolve(system_prompt=f" {ADDRESS}\n"), BUILT_IN) == config.evolve(
        system_prompt=" https://host/repo\n"
    )
    assert SECRET not in SecretRedactor()(prose)


def test_ids_rules_and_patterns_keep_their_meaning() -> None:
    config = SessionConfig(
        parent_id=ADDRESS,
        permission_policy=PermissionPolicy(
            deny=(PermissionRule(rule=f"Bash(git clone {ADDRESS}:*)"),)
        ),
        security_config=security(
            classification_rules=(
                ClassificationRule(
                    name="addresses",
                    pattern="https://[^:]+:[^@]+@",
                    level=SensitivityLevel.SENSITIVE,
                    description="such as token=...",
                ),
            ),
            dangerous_commands=("curl --token=.*",),
        ),
    )
    assert blanked(config, BUILT_IN) is config


def security(**given: Any) -> SecurityConfig:
    empty: dict[str, Any] = {
        "enabled": True,
        "classification_rules": (),
        "redaction_strategy": RedactionStrategy.MASK,
        "network_whitelist": (),
        "dangerous_commands": (),
        "features": FeatureToggles(
            output_sanitizer=True,
            taint_tracking=True,
            tool_interceptor=True,
            injection_defense=True,
        ),
    }
    return SecurityConfig(**empty | given)


def test_unknown_keys_of_every_part_of_a_configuration_are_looked_at() -> None:
    handler = LaneHandlerConfig(extra={"token": SECRET})
    queue = SessionQueueConfig(lane_handlers={SessionLane.QUERY: handler}, extra={"apiKey": SECRET})
    config = blanked(SessionConfig(queue_config=queue), BUILT_IN)
    assert config.queue_config is not None
    assert config.queue_config.extra == {"apiKey": ""}
    assert config.queue_config.lane_handlers[SessionLane.QUERY].extra == {"token": ""}


TEXTS = (
    *(
        "",
        "x",
        "a=b",
        "token=x",
        "--api-key",
        "--token abc123 def456",
        "://a:b@c",
        "https://u:p@h",
        "Bearer x",
        "type",
    ),
    *('"k": "v"', '{"secret": "s"}', "Cookie: x", "string", "https://h/?sig=1"),
)
KEYS = (*CREDENTIALS, *OTHERS, "headers", "env", "name", "value", "type")
SCALARS = st.none() | st.booleans() | st.integers(-5, 5)
JSON = st.recursive(
    SCALARS | st.sampled_from(TEXTS) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_blanking_twice_is_blanking_once(value: Any) -> None:
    once = blanked(SessionConfig(extra={"here": value}), BUILT_IN)
    assert blanked(once, BUILT_IN) is once


def test_hostile_texts_take_one_pass() -> None:
    for text in (
        '"a":"\\',
        "://",
        "a=",
        "?",
        '"',
        "Bearer ",
        "-" * 60,
        "\\",
        "A:\n",
        " --token a",
        "--a =",
        "a://",
    ):
        long = text * (300_000 // len(text))
        blank({"headers": long, "x": [long]})


# -- Settings -------------------------------------------------------------------------------------


def test_names_are_added_and_allowed() -> None:
    names = CredentialNames(add=("pin", "webhookUrl"), allow=("csrf_token", "username"))
    value = {"PIN": "1234", "webhook-url": SECRET, "csrfToken": "kept", "authToken": SECRET}
    stored = {"PIN": "", "webhook-url": "", "csrfToken": "kept", "authToken": ""}
    assert blank(value, names) == stored
    assert blank({"credentials": {"username": "u", "x": "y"}}, names) == {
        "credentials": {"username": "u", "x": ""}
    }
    assert blank({"pin_code": "1234"}, names) == {"pin_code": "1234"}


def test_one_text_is_no_list_of_names() -> None:
    with pytest.raises(TypeError, match="tuple"):
        CredentialNames(add="pin")


def test_every_list_is_in_the_document() -> None:
    page = (ROOT / "docs" / "secrets.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"[a-z0-9]+", page.lower()))
    lists = ("SECRETS", "OTHER_TOKENS", "TOKENS", "KEYS", "OTHER_KEYS", "IN_HEADERS", "HEADERS")
    words = {word for name in (*lists, "ENVIRONMENTS") for word in getattr(credential_names, name)}
    words |= credential_names.IN_ADDRESSES | {w for pair in credential_names.PAIRS for w in pair}
    assert words - documented == set()


# -- Stores ---------------------------------------------------------------------------------------

Use = Callable[[BaseStore], Awaitable[None]]


def in_each_store(folder: Path, use: Use, **options: Any) -> None:
    async def main() -> None:
        async with MemorySessionStore(**options) as memory:
            await use(memory)
        async with SqliteSessionStore.open(folder / "s.a3s", **options) as sqlite:
            await use(sqlite)
        async with FileSessionStore.open(folder / "files", **options) as files:
            await use(files)

    asyncio.run(main())


def files_with(folder: Path, text: str) -> list[str]:
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and text.encode() in path.read_bytes()
    ]


def configured(count: int = 4) -> Any:
    """A session with credentials in each part of its configuration."""
    extra = {"apiKey": SECRET, "headers": {"x-api-key": SECRET}, "deep": [{"auth_token": SECRET}]}
    return session(
        count=count,
        config=SessionConfig(extra=extra),
        llm_config=LlmConfigData(
            provider="p", model="m", base_url=f"https://me:{SECRET}@h/", extra=extra
        ),
        extra={"api_key": SECRET, **extra},
    )


def test_no_store_has_a_credential_and_digests_agree(tmp_path: Path) -> None:
    digests: set[str] = set()
    snapshot = SessionSnapshot(session=configured())

    async def use(store: BaseStore) -> None:
        await store.save_snapshot(snapshot)
        loaded = await store.load_snapshot("fix-login")
        assert loaded is not None
        assert loaded == store.redacted(snapshot)
        assert SECRET not in repr([loaded.session.extra, loaded.session.config.extra])
        assert await store.save_snapshot_cas(snapshot, loaded.digest())
        digests.add(loaded.digest())
        digests.add(store.redacted(snapshot).digest())

    in_each_store(tmp_path, use)
    assert len(digests) == 1
    assert files_with(tmp_path, SECRET) == []


def test_with_a_redaction_hook_too(tmp_path: Path) -> None:
    async def use(store: BaseStore) -> None:
        await store.save(configured())
        loaded = await store.load("fix-login")
        assert loaded is not None
        assert loaded.llm_config is not None
        assert loaded.llm_config.extra["apiKey"] == ""
        assert loaded.llm_config.provider == "P"

    in_each_store(tmp_path, use, redact=lambda t: t.upper() if t == "p" else t)
    assert files_with(tmp_path, SECRET) == []


def test_conversations_are_stored_as_they_are(tmp_path: Path) -> None:
    call = ToolUseBlock(id="t1", name="get", input={"api_key": SECRET, "headers": {"Cookie": "c"}})
    text = TextBlock(text=f"https://me:{SECRET}@h/", extra={"token": SECRET})
    saved = session().evolve(messages=(Message(role="assistant", content=(call, text)),))

    async def use(store: BaseStore) -> None:
        await store.save(saved)
        assert await store.load("fix-login") == saved

    in_each_store(tmp_path, use)


def test_a_store_that_is_told_so_has_everything(tmp_path: Path) -> None:
    async def use(store: BaseStore) -> None:
        await store.save(configured())
        assert await store.load("fix-login") == configured()

    in_each_store(tmp_path, use, credentials=None)


def test_one_more_message_costs_rows_of_one_message(tmp_path: Path) -> None:
    """Equal configurations stay equal, and the same one stays the same object."""

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "s.a3s") as store:
            costs = []
            for length in (50, 500):
                saved = configured(length).evolve(id=f"s{length}")
                await store.save(saved)
                before = await statements_changed(store)
                await store.save(saved.evolve(messages=(*saved.messages, *messages(1))))
                costs.append(await statements_changed(store) - before)
            assert costs[0] == costs[1] <= 5
            once, again = (store.redacted(SessionSnapshot(session=saved)) for _ in range(2))
            assert once.session.llm_config is again.session.llm_config

    asyncio.run(main())


def test_what_an_earlier_release_stored_is_loaded_and_goes_with_the_next_save(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path, credentials=None) as store:
            await store.save(configured())
        before = all_rows(path)
        async with SqliteSessionStore.open(path) as store:
            loaded = await store.load("fix-login")
            assert loaded == configured()
            assert loaded is not None
            await store.save(loaded)
            blank = await store.load("fix-login")
            assert blank is not None
            assert SECRET not in repr([blank.extra, blank.config.extra])
        written = changes(before, all_rows(path))
        assert "message" not in written

    asyncio.run(main())


@pytest.mark.parametrize("options", [{}, {"credentials": None}])
def test_a_second_import_or_export_finds_everything_there(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    from a3s_store.interop import export_directory, import_directory

    async def main() -> None:
        async with FileSessionStore.open(tmp_path / "from", credentials=None) as files:
            await files.save(configured())
        async with SqliteSessionStore.open(tmp_path / "s.a3s", **options) as store:
            for outcome in ("read", "skipped"):
                report = await import_directory(store, tmp_path / "from")
                assert {entry.outcome for entry in report.entries} == {outcome}
            for outcome in ("written", "skipped"):
                report = await export_directory(store, tmp_path / "to")
                assert {entry.outcome for entry in report.entries} == {outcome}

    asyncio.run(main())
    assert bool(files_with(tmp_path / "to", SECRET)) is bool(options)


def test_salvage_changes_no_value(tmp_path: Path) -> None:
    from a3s_store import salvage

    path, new = tmp_path / "s.a3s", tmp_path / "new.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path, credentials=None) as store:
            await store.save(configured())
        assert (await salvage(path, new)).ok
        async with SqliteSessionStore.open(new) as store:
            assert await store.load("fix-login") == configured()

    asyncio.run(main())


@pytest.mark.parametrize("redact", [None, lambda text: text.replace("hunter2", "***")])
def test_a_live_session_keeps_its_credentials_and_a_restored_one_has_none(
    tmp_path: Path, redact: Any
) -> None:
    """On every store, and no save is a merge: nothing was changed elsewhere."""
    from a3s_store.runtime import SessionManager

    async def use(store: BaseStore) -> None:
        async with SessionManager().with_store(store) as sessions:
            live = await sessions.create_session("s")
            live.session.config = live.session.config.evolve(extra={"apiKey": SECRET})
            for count in range(1, 4):
                talk = tuple(Message.user(f"{n} hunter2") for n in range(count))
                live.session.replace_messages(talk)
                assert (await live.save()).kind == "saved"
                assert live.session.config.extra == {"apiKey": SECRET}
                assert not live.is_dirty
        async with SessionManager().with_store(store) as sessions:
            live = await sessions.open_session("s")
            assert live.session.config.extra == {"apiKey": ""}
            assert not live.is_dirty

    in_each_store(tmp_path, use, redact=redact)
    assert files_with(tmp_path, SECRET) == []


def test_a_save_of_another_live_session_leaves_the_credentials_of_this_one(tmp_path: Path) -> None:
    from a3s_store.runtime import SessionManager

    async def use(store: BaseStore) -> None:
        async with (
            SessionManager().with_store(store) as one,
            SessionManager().with_store(store) as two,
        ):
            live = await one.create_session("s")
            live.session.config = live.session.config.evolve(extra={"apiKey": SECRET})
            live.session.replace_messages((Message.user("hi"),))
            await live.save()
            other = await two.open_session("s")
            other.session.replace_messages((*other.session.messages, Message.user("there")))
            assert (await other.save()).kind == "saved"
            await live.reload()
            assert len(live.session.messages) == 2
            assert live.session.config.extra == {"apiKey": SECRET}

    in_each_store(tmp_path, use)


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: stored.evolve(
            config=stored.config.evolve(extra={**stored.config.extra, "theme": "light"})
        ),
        lambda stored: stored.evolve(llm_config=stored.llm_config.evolve(model="other")),
        lambda stored: stored.evolve(
            llm_config=stored.llm_config.evolve(extra={**stored.llm_config.extra, "top_p": 2})
        ),
    ],
    ids=["a key of the configuration", "the model", "a key of the model"],
)
def test_what_others_change_beside_a_credential_leaves_the_live_one(
    tmp_path: Path, change: Any
) -> None:
    """The blank stored in its place is not taken for a change by another."""
    from a3s_store.runtime import SessionManager

    async def use(store: BaseStore) -> None:
        async with SessionManager().with_store(store) as sessions:
            live = await sessions.create_session("s")
            extra = {"apiKey": SECRET, "headers": {"X-Api-Key": SECRET}, "theme": "dark"}
            live.session.config = live.session.config.evolve(
                name=ADDRESS, workspace=ADDRESS, extra=extra
            )
            live.session.llm_config = LlmConfigData(
                provider="p", model="m", base_url="https://host/v1", extra={"accessToken": SECRET}
            )
            await live.save()
            stored = await store.load("s")
            assert stored is not None
            await store.save(change(stored))
            live.session.add_message(Message.user("ours"))
            await live.save()
            assert live.session.config.extra["apiKey"] == SECRET
            assert live.session.config.extra["headers"] == {"X-Api-Key": SECRET}
            assert (live.session.config.name, live.session.config.workspace) == (ADDRESS, ADDRESS)
            model = live.session.llm_config
            assert model is not None
            assert (model.base_url, model.extra["accessToken"]) == ("https://host/v1", SECRET)

    in_each_store(tmp_path, use)
    assert files_with(tmp_path, SECRET) == []
