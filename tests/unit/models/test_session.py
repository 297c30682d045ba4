"""States of a session, the threshold of compaction, and the builders of its policies."""

from __future__ import annotations

from a3s_store.models import (
    DEFAULT_AUTO_COMPACT_THRESHOLD,
    ConfirmationPolicy,
    PermissionDecision,
    PermissionPolicy,
    PermissionRule,
    SessionConfig,
    SessionData,
    SessionLane,
    SessionState,
    TimeoutAction,
)
from a3s_store.wire import decode, parse


def test_states_have_the_numbers_0_to_4() -> None:
    assert {state.value: state.number for state in SessionState} == {
        "Unknown": 0,
        "Active": 1,
        "Paused": 2,
        "Completed": 3,
        "Error": 4,
    }


def test_a_new_session_is_active() -> None:
    assert SessionData(id="a", created_at=1, updated_at=1).state is SessionState.ACTIVE


def test_the_threshold_of_a_configuration_is_the_public_constant() -> None:
    assert DEFAULT_AUTO_COMPACT_THRESHOLD == 0.8
    given = SessionConfig(auto_compact_threshold=DEFAULT_AUTO_COMPACT_THRESHOLD)
    assert given == SessionConfig(), "as a 32-bit float"
    absent = decode(
        SessionConfig,
        parse(
            b'{"name":"","workspace":"","system_prompt":null,"max_context_length":0,'
            b'"auto_compact":true}'
        ),
    )
    assert absent.auto_compact_threshold == given.auto_compact_threshold


def test_rules_are_appended_in_their_order_and_a_text_alone_is_one() -> None:
    policy = PermissionPolicy.permissive().with_rules(allow="read", deny=["bash", "write"])
    policy = policy.with_rules(ask="edit", deny="ls")
    assert policy.default_decision is PermissionDecision.ALLOW
    assert policy.allow == (PermissionRule(rule="read"),)
    assert [rule.rule for rule in policy.deny] == ["bash", "write", "ls"]
    assert policy.ask == (PermissionRule(rule="edit"),)
    assert PermissionPolicy.strict() == PermissionPolicy()


def test_a_policy_of_confirmation_that_is_on_differs_from_the_default_in_nothing_else() -> None:
    assert ConfirmationPolicy.on() == ConfirmationPolicy(enabled=True)
    policy = ConfirmationPolicy.on().with_yolo_lanes([SessionLane.QUERY])
    policy = policy.with_timeout(5, TimeoutAction.AUTO_APPROVE)
    assert policy.yolo_lanes == {SessionLane.QUERY}
    assert (policy.default_timeout_ms, policy.timeout_action) == (5, TimeoutAction.AUTO_APPROVE)
