"""Permissions: whether a call of a tool is allowed, denied or asked about, by rules of a policy.

A rule is `Tool` or `Tool(pattern)`. The pattern is matched with one text made of the call's
arguments: the command of `bash`, the path of `read`. Only the text of a rule is stored; it is
compiled when it is first used, and cached by the text, so a policy read from disk decides as it did
before it was saved. (Upstream stored the text and lost the compiled parts beside it: a policy that
it read back matched nothing.)

Invariants: 1. deny wins over allow, allow over ask, and a global deny over a session's policy; 2.
every text is a rule; a malformed one names a tool that does not exist; 3. the time of a decision
grows with the lengths of rule and text, never exponentially (see `globs`). Upstream: permissions.rs
(runtime 5.1, 5.2). Left out: rules on lanes, names of tools as globs, the guard with modes (5.3).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import attrs

from a3s_store.models import PermissionDecision, PermissionPolicy, PermissionRule
from a3s_store.runtime.policies.globs import Glob
from a3s_store.wire import compact, freeze
from a3s_store.wire.text import exact

_MCP: Final = "mcp__"
# The arguments that a pattern is matched with, by the tool's name.
_ARGUMENTS: Final = {
    "bash": ("command",),
    "read": ("file_path",),
    "write": ("file_path",),
    "edit": ("file_path",),
    "glob": ("pattern",),
    "grep": ("pattern", "path"),
    "ls": ("path",),
}
_CAPITALS: Final = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


class PermissionChecker(Protocol):
    """Decides about calls of tools: a policy, or an application's object in its place."""

    def check(self, tool: str, args: Mapping[str, Any]) -> PermissionDecision:
        """Return whether the call is allowed, denied or asked about."""
        ...


def decide(policy: PermissionPolicy, tool: str, args: Mapping[str, Any]) -> PermissionDecision:
    """Return the policy's decision about a call; Allow when the policy is not enabled.

    A `default_decision` that this release does not know counts as Deny.

    Raises:
        EncodeError: a rule needs the arguments as JSON, and they are none.

    Upstream: `PermissionPolicy::check` (runtime 5.2).
    """
    if not policy.enabled:
        return PermissionDecision.ALLOW
    call = _Call(tool, args)
    if call.meets(policy.deny):
        return PermissionDecision.DENY
    if call.meets(policy.allow):
        return PermissionDecision.ALLOW
    if call.meets(policy.ask):
        return PermissionDecision.ASK
    default = policy.default_decision
    # An unknown one may be stricter than all others.
    return default if isinstance(default, PermissionDecision) else PermissionDecision.DENY


def is_allowed(policy: PermissionPolicy, tool: str, args: Mapping[str, Any]) -> bool:
    """Whether the policy allows the call without asking."""
    return decide(policy, tool, args) is PermissionDecision.ALLOW


def is_denied(policy: PermissionPolicy, tool: str, args: Mapping[str, Any]) -> bool:
    """Whether the policy denies the call."""
    return decide(policy, tool, args) is PermissionDecision.DENY


def requires_confirmation(policy: PermissionPolicy, tool: str, args: Mapping[str, Any]) -> bool:
    """Whether the policy has a human asked about the call."""
    return decide(policy, tool, args) is PermissionDecision.ASK


@attrs.frozen
class MatchingRules:
    """The rules of a policy that match one call, list by list, in their order."""

    deny: tuple[PermissionRule, ...] = ()
    allow: tuple[PermissionRule, ...] = ()
    ask: tuple[PermissionRule, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no rule matches the call, so that the default decides."""
        return not (self.deny or self.allow or self.ask)


def matching_rules(policy: PermissionPolicy, tool: str, args: Mapping[str, Any]) -> MatchingRules:
    """Return every rule that matches a call, whether the policy is enabled or not.

    Upstream: `PermissionPolicy::get_matching_rules`.
    """
    call = _Call(tool, args)
    return MatchingRules(
        deny=tuple(rule for rule in policy.deny if call.meets((rule,))),
        allow=tuple(rule for rule in policy.allow if call.meets((rule,))),
        ask=tuple(rule for rule in policy.ask if call.meets((rule,))),
    )


@attrs.frozen
class PolicyChecker:
    """A `PermissionChecker` that decides by one policy."""

    policy: PermissionPolicy

    def check(self, tool: str, args: Mapping[str, Any]) -> PermissionDecision:
        """Return the policy's decision about the call."""
        return decide(self.policy, tool, args)


class PermissionManager:
    """The policies of many sessions, and a global one for sessions without one.

    A session's policy replaces the global one, but a global deny rule applies to every session,
    also to one with a disabled policy. Upstream: `PermissionManager` (runtime 5.2), which ignores
    whether a policy is enabled.
    """

    def __init__(self, global_policy: PermissionPolicy | None = None) -> None:
        self.global_policy = PermissionPolicy() if global_policy is None else global_policy
        self._of_session: dict[str, PermissionPolicy] = {}

    def set_session_policy(self, session_id: str, policy: PermissionPolicy) -> None:
        """Give a session its own policy."""
        self._of_session[session_id] = policy

    def remove_session_policy(self, session_id: str) -> None:
        """Remove a session's own policy; does nothing when it has none."""
        self._of_session.pop(session_id, None)

    def effective_policy(self, session_id: str) -> PermissionPolicy:
        """Return the session's own policy, else the global one."""
        return self._of_session.get(session_id, self.global_policy)

    def check(self, session_id: str, tool: str, args: Mapping[str, Any]) -> PermissionDecision:
        """Return the decision about a call in this session."""
        if self.global_policy.enabled and _Call(tool, args).meets(self.global_policy.deny):
            return PermissionDecision.DENY
        return decide(self.effective_policy(session_id), tool, args)

    def checker(self, session_id: str) -> PermissionChecker:
        """Return a checker for one session, by the policies as they are at each call."""
        return _OfSession(self, session_id)


@attrs.frozen
class _OfSession:
    manager: PermissionManager
    session_id: str

    def check(self, tool: str, args: Mapping[str, Any]) -> PermissionDecision:
        return self.manager.check(self.session_id, tool, args)


class _Call:
    """One call of a tool; the text of its arguments is made when a rule first needs it."""

    def __init__(self, tool: str, args: Mapping[str, Any]) -> None:
        self._tool = tool
        self._name = same_name(tool)
        self._args = args

    def meets(self, rules: Iterable[PermissionRule]) -> bool:
        """Whether one of the rules matches this call."""
        return any(self._matches(_compiled(rule.rule)) for rule in rules)

    def _matches(self, rule: _Compiled) -> bool:
        if rule.name != self._name and not (rule.server and self._tool.startswith(rule.server)):
            return False
        if rule.prefix is not None:
            return self._text.startswith(rule.prefix)
        return rule.glob is None or rule.glob.matches(self._text)

    @functools.cached_property
    def _text(self) -> str:
        names = _ARGUMENTS.get(self._name)
        if names is None:
            return compact(exact(freeze(self._args))).decode()
        found = (self._args.get(name) for name in names)
        return " ".join(value if isinstance(value, str) else "" for value in found)


@attrs.frozen
class _Compiled:
    """The parts of a rule. Without prefix and glob it matches every call of the tool."""

    name: str
    server: str
    prefix: str | None = None
    glob: Glob | None = None


@functools.lru_cache(maxsize=4096)
def _compiled(rule: str) -> _Compiled:
    """Return the parts of a rule's text. Upstream: `PermissionRule::parse_rule` (runtime 5.1)."""
    tool, bracket, rest = rule.partition("(")
    if not bracket or not rest.endswith(")"):
        tool, pattern = rule, "*"
    else:
        pattern = rest[:-1]
    name, server = same_name(tool), tool if tool.startswith(_MCP) else ""
    if pattern == "*":
        return _Compiled(name, server)
    if pattern.endswith(":*"):
        return _Compiled(name, server, prefix=pattern[:-2])
    return _Compiled(name, server, glob=Glob.of(pattern))


def same_name(name: str) -> str:
    """Return a tool's name in lower case: ASCII letters only, as upstream compares names."""
    return name.lower() if name.isascii() else name.translate(_CAPITALS)
