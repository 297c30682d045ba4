"""Who wins when a session is resumed: the caller, what was stored, the default."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from a3s_store.models import (
    AutoDelegationConfig,
    ConfirmationPolicy,
    LlmConfigData,
    PermissionDecision,
    PermissionPolicy,
    PermissionRule,
    SessionConfig,
    SessionQueueConfig,
)
from a3s_store.runtime.options import (
    SessionOptions,
    apply_persisted_runtime_options,
    apply_to_config,
    model_config_from_name,
    persisted_model_name,
    persisted_model_ref,
)
from a3s_store.runtime.policies.confirmation import ConfirmationManager
from a3s_store.runtime.policies.permissions import PolicyChecker
from tests.support import session

DENY = PermissionPolicy(deny=(PermissionRule(rule="bash"),))
ASKS = ConfirmationPolicy(enabled=True, default_timeout_ms=7)
STORED = SessionConfig(
    queue_config=SessionQueueConfig(query_max_concurrency=7),
    confirmation_policy=ASKS,
    permission_policy=DENY,
    max_context_length=9_000,
    max_parallel_tasks=3,
    auto_delegation=AutoDelegationConfig(enabled=True),
)
DATA = session(
    config=STORED,
    llm_config=LlmConfigData(provider="openai", model="gpt-4o"),
    model_name="anthropic/old",
    tenant_id="t",
    principal="p",
    agent_template_id="a",
    correlation_id="c",
)


def test_runtime_options_prefer_llm_config() -> None:
    """Sections 1.3, 1.4, 1.8: the configuration wins over the name, and the id is always set."""
    merged = apply_persisted_runtime_options(SessionOptions(session_id="other"), DATA)
    assert (merged.session_id, merged.model) == ("fix-login", "openai/gpt-4o")


def test_runtime_options_fall_back_to_model_name() -> None:
    """Section 1.8."""
    data = DATA.evolve(llm_config=None)
    merged = apply_persisted_runtime_options(SessionOptions(), data)
    assert merged.model == "anthropic/old"


def test_what_the_caller_leaves_open_comes_from_what_is_stored() -> None:
    """Section 1.3, with what later releases added."""
    merged = apply_persisted_runtime_options(SessionOptions(), DATA)
    assert merged.queue_config == STORED.queue_config
    assert merged.confirmation_policy == ASKS
    assert merged.permission_policy == DENY
    assert merged.max_parallel_tasks == 3
    assert merged.auto_delegation == STORED.auto_delegation
    labels = (merged.tenant_id, merged.principal, merged.agent_template_id, merged.correlation_id)
    assert labels == ("t", "p", "a", "c")
    assert not merged.auto_save


OWN: dict[str, Any] = {
    "model": "local/llama",
    "queue_config": SessionQueueConfig(query_max_concurrency=1),
    "confirmation_policy": ConfirmationPolicy(default_timeout_ms=1),
    "permission_policy": PermissionPolicy(enabled=False),
    "max_parallel_tasks": 1,
    "auto_delegation": AutoDelegationConfig(max_tasks=1),
    "tenant_id": "mine",
    "principal": "me",
    "agent_template_id": "x",
    "correlation_id": "y",
    "max_context_tokens": 5,
}


@pytest.mark.parametrize("name", OWN)
def test_the_caller_wins(name: str) -> None:
    """Section 1.3."""
    merged = apply_persisted_runtime_options(SessionOptions(**{name: OWN[name]}), DATA)
    assert getattr(merged, name) == OWN[name]


def test_a_manager_of_the_callers_keeps_the_stored_policy_out() -> None:
    """Section 1.3: used only when there is neither a manager nor a policy."""
    manager = ConfirmationManager(ConfirmationPolicy(), emit=lambda event: None)
    merged = apply_persisted_runtime_options(SessionOptions(confirmation_manager=manager), DATA)
    assert merged.confirmation_policy is None
    assert merged.confirmation_manager is manager


def test_a_checker_of_the_callers_keeps_the_stored_policy_out() -> None:
    """Section 1.3."""
    checker = PolicyChecker(PermissionPolicy(enabled=False))
    merged = apply_persisted_runtime_options(SessionOptions(permission_checker=checker), DATA)
    assert merged.permission_policy is None
    assert merged.permission_checker is checker


def test_a_stored_permission_policy_comes_with_its_checker() -> None:
    """Section 1.3: by way of with_permission_policy."""
    merged = apply_persisted_runtime_options(SessionOptions(), DATA)
    assert merged.permission_checker is not None
    assert merged.permission_checker.check("bash", {}) is PermissionDecision.DENY


def test_what_neither_says_stays_open() -> None:
    bare = session(config=SessionConfig())
    merged = apply_persisted_runtime_options(SessionOptions(auto_save=True), bare)
    assert merged == attrs.evolve(SessionOptions(auto_save=True), session_id="fix-login")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 9_000),
        ({"model": "local/llama"}, None),
        ({"max_context_tokens": 5}, 5),
        ({"model": "local/llama", "max_context_tokens": 5}, 5),
    ],
)
def test_the_stored_window_is_not_that_of_another_model(
    given: dict[str, Any], expected: int | None
) -> None:
    """Section 1.7."""
    merged = apply_persisted_runtime_options(SessionOptions(**given), DATA)
    assert merged.max_context_tokens == expected


def test_options_reach_the_configuration_and_leave_unknown_keys() -> None:
    """Section 1.6: the length is cut off at 32 bits."""
    config = SessionConfig(name="n", extra={"novel": 1})
    made = apply_to_config(SessionOptions(max_context_tokens=2**40, permission_policy=DENY), config)
    assert made == config.evolve(max_context_length=2**32 - 1, permission_policy=DENY)
    assert made.extra == {"novel": 1}


@pytest.mark.parametrize(
    ("llm", "name", "expected"),
    [
        (("openai", "gpt-4o"), "anthropic/old", "openai/gpt-4o"),
        (None, "anthropic/claude", "anthropic/claude"),
        (None, "claude", None),
        (None, "", None),
        (None, "unknown", None),
        (None, None, None),
    ],
)
def test_the_model_a_stored_session_refers_to(
    llm: tuple[str, str] | None, name: str | None, expected: str | None
) -> None:
    """Section 1.4."""
    config = None if llm is None else LlmConfigData(provider=llm[0], model=llm[1])
    assert persisted_model_ref(session(llm_config=config, model_name=name)) == expected


@pytest.mark.parametrize(("name", "expected"), [("", None), ("unknown", None), ("x", "x")])
def test_the_name_of_a_model_that_never_was_is_none(name: str, expected: str | None) -> None:
    """Section 1.4."""
    assert persisted_model_name(name) == expected


@pytest.mark.parametrize(
    ("name", "parts"),
    [("a/b/c", ("a", "b/c")), ("/x", ("", "x")), ("x/", ("x", "")), ("x", None), (None, None)],
)
def test_a_models_name_is_split_at_the_first_slash(
    name: str | None, parts: tuple[str, str] | None
) -> None:
    """Section 1.4."""
    config = model_config_from_name(name)
    assert (None if config is None else (config.provider, config.model)) == parts


def test_model_config_never_persists_secrets() -> None:
    """Sections 1.4, 1.8."""
    config = model_config_from_name("openai/gpt-4o")
    assert config is not None
    assert (config.api_key, config.base_url) == (None, None)
