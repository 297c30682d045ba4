"""Rules decide as their text says, wherever it was kept, and nothing makes a decision slow."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.errors import EncodeError
from a3s_store.models import (
    PermissionDecision,
    PermissionPolicy,
    PermissionRule,
    SessionConfig,
    ToolUseBlock,
)
from a3s_store.runtime.policies.globs import Glob
from a3s_store.runtime.policies.permissions import (
    MatchingRules,
    PermissionChecker,
    PermissionManager,
    PolicyChecker,
    decide,
    is_allowed,
    is_denied,
    matching_rules,
    requires_confirmation,
)
from a3s_store.testing import strategies
from a3s_store.wire import compact, decode, encode, freeze, parse
from tests.support import session, with_store

ALLOW, DENY, ASK = PermissionDecision.ALLOW, PermissionDecision.DENY, PermissionDecision.ASK


def allows(rule: str, tool: str, args: Mapping[str, Any]) -> bool:
    """Whether a rule is about this call."""
    return is_allowed(PermissionPolicy().with_rules(allow=rule), tool, args)


def bash(command: str) -> dict[str, str]:
    return {"command": command}


# -- Globs ----------------------------------------------------------------------------------------


def reference(pattern: str, text: str) -> bool:
    """5.1's globs by definition: try every way to split the text."""

    @functools.cache
    def rest(p: int, t: int) -> bool:
        if p == len(pattern):
            return t == len(text)
        if pattern.startswith("**", p):
            after = p + 3 if pattern.startswith("**/", p) else p + 2
            return rest(after, t) or (t < len(text) and text[t] != "\n" and rest(p, t + 1))
        if pattern[p] == "*":
            return rest(p + 1, t) or (t < len(text) and text[t] != "/" and rest(p, t + 1))
        if t == len(text):
            return False
        fits = text[t] != "/" if pattern[p] == "?" else text[t] == pattern[p]
        return fits and rest(p + 1, t + 1)

    return rest(0, 0)


@given(
    pattern=st.lists(st.sampled_from(["*", "**", "**/", "?", "/", "a", "b", "ab", "\n", "."])).map(
        "".join
    ),
    text=st.text(alphabet="ab/\n.", max_size=12),
)
@example(pattern="", text="")
@example(pattern="***", text="a/\n")
@example(pattern="a**b", text="ab")
@example(pattern="**\n", text="\n\n")
@example(pattern="aa", text="aaa")
def test_globs_match_as_they_are_defined(pattern: str, text: str) -> None:
    """5.1."""
    assert Glob.of(pattern).matches(text) == reference(pattern, text)


def test_every_short_glob_agrees_on_every_short_text() -> None:
    """5.1. Small enough to try them all."""
    texts = ["".join(t) for n in range(4) for t in itertools.product("a/\n", repeat=n)]
    for n in range(4):
        for parts in itertools.product(["*", "**", "?", "/", "a"], repeat=n):
            glob = Glob.of("".join(parts))
            for text in texts:
                assert glob.matches(text) == reference("".join(parts), text), (parts, text)


@given(st.text(), st.text())
def test_no_text_is_an_invalid_glob_and_a_literal_one_means_itself(one: str, two: str) -> None:
    """5.1. A glob that cannot be compiled, upstream's case for comparing prefixes, is not found."""
    assert isinstance(Glob.of(one).matches(two), bool)
    literal = one.replace("*", "(").replace("?", "[")
    assert Glob.of(literal).matches(two) == (literal == two)
    assert Glob.of(literal).matches(literal)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("**a" * 30, "a" * 50_000 + "b"),
        ("*a" * 30, "a" * 50_000 + "b"),
        ("**/" * 30 + "x", "a/" * 25_000),
        ("*?" * 30 + "/", "a" * 50_000),
        ("**ab*" * 30 + "!", "ab/" * 17_000),
    ],
)
def test_no_pattern_makes_a_long_text_slow(pattern: str, text: str) -> None:
    """5.1. With a regular expression each of these takes years."""
    rule = f"Bash({pattern})"
    assert not allows(rule, "bash", bash(text))
    assert allows(rule, "bash", bash(text + "x")) == (pattern[-1] == "x")


# -- Rules ----------------------------------------------------------------------------------------


def test_a_rule_without_a_pattern_means_every_call_of_the_tool() -> None:
    """5.1."""
    for rule in ("Bash", "Bash(*)"):
        assert allows(rule, "bash", bash("a\n/b"))
        assert allows(rule, "bash", {})
        assert not allows(rule, "read", bash("ls"))


def test_names_of_tools_are_the_same_in_any_case() -> None:
    """5.1. That of ASCII letters, as upstream's."""
    for tool in ("Bash", "bash", "BASH"):
        assert allows("BASH(cargo:*)", tool, bash("cargo test"))
    assert allows("Straße", "STRAßE", {})
    assert not allows("Straße", "STRASSE", {})
    assert not allows("task", "tas\N{KELVIN SIGN}", {})


def test_a_rule_about_a_server_means_all_its_tools() -> None:
    """5.1. By plain prefix, which does look at case; or by the whole name, which does not."""
    for tool in ("mcp__pencil", "mcp__pencil__draw", "mcp__pencil_draw"):
        assert allows("mcp__pencil", tool, {})
        assert allows("mcp__pen", tool, {})
    assert not allows("mcp__pencil", "mcp__other", {})
    assert not allows("mcp__pencil", "mcp__Pencil__draw", {})
    assert allows("mcp__pencil", "MCP__PENCIL", {})
    assert not allows("Bas", "bash", {})
    assert allows('mcp__pencil(**"red"**)', "mcp__pencil__draw", {"colour": "red"})
    assert not allows('mcp__pencil(**"red"**)', "mcp__pencil__draw", {"colour": "blue"})


@pytest.mark.parametrize(
    ("tool", "args", "text"),
    [
        ("Bash", {"command": "ls -l", "cwd": "/"}, "ls -l"),
        ("read", {"file_path": "a.py", "path": "b.py"}, "a.py"),
        ("write", {"file_path": "a.py", "content": "x"}, "a.py"),
        ("EDIT", {"file_path": "a.py"}, "a.py"),
        ("glob", {"pattern": "x", "path": "src"}, "x"),
        ("grep", {"pattern": "TODO", "path": "src"}, "TODO src"),
        ("grep", {"pattern": "TODO"}, "TODO "),
        ("grep", {"path": "src"}, " src"),
        ("ls", {"path": "src"}, "src"),
        ("web_fetch", {"url": "http://a", "n": 1, "a": 0.5}, '{"url":"http://a","n":1,"a":0.5}'),
        ("web_fetch", {}, "{}"),
        ("bash", {}, ""),
        ("bash", {"command": None}, ""),
        ("bash", {"command": ["ls"]}, ""),
        ("read", {"file_path": 7}, ""),
    ],
)
def test_each_tool_has_its_argument_text(tool: str, args: dict[str, Any], text: str) -> None:
    """5.1."""
    literal = text.replace("*", "").replace("?", "")
    assert allows(f"{tool}({literal})", tool, args)
    assert not allows(f"{tool}({literal}x)", tool, args)
    assert allows(f"{tool}({literal})", tool, freeze(args)), "frozen arguments are the same"


@given(strategies.json_values())
def test_other_tools_are_matched_by_their_arguments_as_they_are_written(value: Any) -> None:
    """5.1. The same text as in a saved call, so a pattern can be copied from one."""
    block = ToolUseBlock(id="1", name="other", input={"z": value, "a": 1})
    _, _, written = compact(encode(block)).decode().partition('"input":')
    assert allows(f"other({written[:-1]}:*)", "other", {"z": value, "a": 1})
    assert allows(f"other({written[:-1]}:*)", "other", block.input)
    assert not allows(f"other({written[:-1]}x:*)", "other", block.input)


def test_arguments_that_are_no_json_decide_nothing() -> None:
    """5.1. Neither allowed nor denied: the decision fails."""
    with pytest.raises(EncodeError):
        decide(PermissionPolicy().with_rules(deny="other(x)"), "other", {"n": float("nan")})


def test_a_prefix_needs_no_word_to_end_there() -> None:
    """5.1."""
    for command in ("cargo", "cargo build", "cargofoo", "cargo\nrm -rf /"):
        assert allows("Bash(cargo:*)", "bash", bash(command))
    for command in ("carg", " cargo", "npm run cargo"):
        assert not allows("Bash(cargo:*)", "bash", bash(command))
    assert allows("Bash(npm run:*)", "bash", bash("npm run test"))
    assert not allows("Bash(npm run:*)", "bash", bash("npm install"))
    assert allows("Bash(:*)", "bash", {})
    # Only at the end: here it is a glob.
    assert not allows("Bash(a:*b)", "bash", bash("a"))
    assert allows("Bash(a:*b)", "bash", bash("a:xb"))
    # What stands before it is no glob.
    assert not allows("Bash(c*:*)", "bash", bash("cargo"))


def test_one_star_stays_in_a_folder_and_two_do_not() -> None:
    """5.1."""
    assert allows("Read(src/*.rs)", "read", {"file_path": "src/main.rs"})
    assert not allows("Read(src/*.rs)", "read", {"file_path": "src/foo/bar.rs"})
    for path in ("src/main.rs", "src/foo/bar.rs", "src/a/b/c.rs"):
        assert allows("Read(src/**/*.rs)", "read", {"file_path": path})
    assert not allows("Read(src/**/*.rs)", "read", {"file_path": "lib/main.rs"})
    assert allows("Read(?.rs)", "read", {"file_path": "a.rs"})
    assert not allows("Read(a?b)", "read", {"file_path": "a/b"})


def test_what_means_something_to_a_regular_expression_means_itself() -> None:
    """5.1."""
    odd = r"a.b+c^d$e|f[g]{h}\i"
    assert allows(f"Bash({odd})", "bash", bash(odd))
    assert not allows("Bash(a.b)", "bash", bash("axb"))


def test_a_glob_must_match_the_whole_text_and_two_stars_only_one_line() -> None:
    """5.1. A command of two lines is not the one that was allowed; but `*` takes a line break."""
    assert allows("Bash(rm **)", "bash", bash("rm -rf a/b"))
    assert not allows("Bash(rm **)", "bash", bash("rm a\nrm b"))
    assert not allows("Bash(rm **)", "bash", bash("rm a\n"))
    assert not allows("Bash(ls)", "bash", bash("ls\n"))
    assert not allows("Bash(ls)", "bash", bash("ls -l"))
    assert allows("Bash(rm *)", "bash", bash("rm a\nrm b"))
    assert allows("Bash(ls?)", "bash", bash("ls\n"))


def test_a_malformed_rule_is_no_error_and_names_no_tool() -> None:
    """5.1."""
    for rule in ("Bash(ls", "Bash)", "Bash(ls) ", " Bash", "", "(", ")", "()", "Bash(ls)x"):
        assert not allows(rule, "bash", bash("ls"))
    assert allows("Bash(ls", "bash(LS", {}), "the whole text is the name"
    # The pattern goes from the first bracket to the last.
    assert allows("Bash(echo (a))", "bash", bash("echo (a)"))
    assert allows("Bash()", "bash", {})
    assert not allows("Bash()", "bash", bash("ls"))


# -- Policies -------------------------------------------------------------------------------------

RULES = st.lists(
    st.sampled_from(["Bash", "bash(ls:*)", "Bash(*)", "read", "Bash(l?)", "Bash(**x)", "bash("]),
    max_size=3,
)
POLICIES = st.builds(
    PermissionPolicy.with_rules,
    st.builds(PermissionPolicy, default_decision=st.sampled_from(PermissionDecision)),
    allow=RULES,
    deny=RULES,
    ask=RULES,
)
COMMANDS = st.sampled_from(["ls", "ls -l", "lx", "rm x", "", "a\nx"])
TOOLS = st.sampled_from(["bash", "Read", "write"])


@given(POLICIES, TOOLS, COMMANDS)
def test_deny_beats_all_and_allow_beats_ask(
    policy: PermissionPolicy, tool: str, command: str
) -> None:
    """5.2. And the helpers say the same in other words."""
    args = bash(command)
    found = matching_rules(policy, tool, args)
    expected = policy.default_decision
    for rules, decision in ((found.ask, ASK), (found.allow, ALLOW), (found.deny, DENY)):
        if rules:
            expected = decision
    assert decide(policy, tool, args) is expected
    assert PolicyChecker(policy).check(tool, args) is expected
    assert is_allowed(policy, tool, args) == (expected is ALLOW)
    assert is_denied(policy, tool, args) == (expected is DENY)
    assert requires_confirmation(policy, tool, args) == (expected is ASK)
    assert found.is_empty == (found == MatchingRules())
    denying = policy.with_rules(deny=tool)
    assert decide(denying, tool, args) is DENY
    assert decide(denying.evolve(enabled=False), tool, args) is ALLOW


def test_allow_beats_ask_and_deny_beats_allow() -> None:
    """5.2."""
    policy = PermissionPolicy.strict().with_rules(
        allow="Bash(cargo:*)", ask="Bash(*)", deny="Bash(cargo fmt:*)"
    )
    assert decide(policy, "bash", bash("cargo test")) is ALLOW
    assert decide(policy, "bash", bash("cargo fmt")) is DENY
    assert decide(policy, "bash", bash("npm install")) is ASK


def test_a_new_policy_asks_and_the_two_made_ones_differ() -> None:
    """5.2."""
    assert decide(PermissionPolicy(), "bash", bash("ls")) is ASK
    assert decide(PermissionPolicy.strict(), "bash", bash("ls")) is ASK
    assert decide(PermissionPolicy.permissive(), "bash", bash("ls")) is ALLOW
    never = PermissionPolicy(default_decision=DENY)
    assert decide(never, "bash", bash("ls")) is DENY
    assert PermissionPolicy().enabled


def test_a_policy_that_is_not_enabled_allows_everything() -> None:
    """5.2."""
    policy = PermissionPolicy(enabled=False, default_decision=DENY).with_rules(deny="Bash")
    assert decide(policy, "bash", bash("rm -rf /")) is ALLOW
    assert matching_rules(policy, "bash", {}).deny == (PermissionRule(rule="Bash"),)


def test_decisions_are_written_in_small_letters() -> None:
    """5.2."""
    assert [decision.value for decision in (ALLOW, DENY, ASK)] == ["allow", "deny", "ask"]


def test_rules_are_appended_and_those_there_stay_the_same_objects() -> None:
    """5.2, L26."""
    before = PermissionPolicy().with_rules(allow=["a", "b"], deny="c")
    after = before.with_rules(allow=("d",), ask=["e", "f"], deny="gh")
    assert [rule.rule for rule in after.allow] == ["a", "b", "d"]
    assert [rule.rule for rule in after.deny] == ["c", "gh"], "a text is one rule, not two letters"
    assert [rule.rule for rule in after.ask] == ["e", "f"]
    assert all(old is new for old, new in zip(before.allow, after.allow, strict=False))


def test_a_policy_made_for_development_decides_as_it_reads() -> None:
    """5.2."""
    policy = PermissionPolicy().with_rules(
        allow=("Bash(cargo:*)", "Bash(git status:*)", "Grep(*)", "Glob(*)", "Ls(*)"),
        deny=("Bash(rm -rf:*)", "Bash(sudo:*)"),
        ask=("Write(*)", "Edit(*)"),
    )
    assert is_allowed(policy, "bash", bash("cargo build"))
    assert is_allowed(policy, "grep", {"pattern": "TODO"})
    assert is_denied(policy, "bash", bash("rm -rf /"))
    assert is_denied(policy, "bash", bash("sudo apt install"))
    assert requires_confirmation(policy, "write", {"file_path": "/tmp/test.rs"})
    assert requires_confirmation(policy, "edit", {"file_path": "src/main.rs"})


# -- What was kept --------------------------------------------------------------------------------


def test_rules_read_from_a_store_decide_as_they_did(tmp_path: Path) -> None:
    """5.2, the gotcha: upstream's matched nothing once they had been on disk."""
    policy = PermissionPolicy().with_rules(
        allow="Bash(cargo:*)", deny="Read(**/.env)", ask="mcp__pencil"
    )
    config = SessionConfig(name="dev", workspace="/w", permission_policy=policy)

    async def through(store: SqliteSessionStore) -> None:
        await store.save(session(config=config))

    async def back(store: SqliteSessionStore) -> PermissionPolicy:
        data = await store.load("fix-login")
        assert data is not None
        assert data.config.permission_policy is not None
        return data.config.permission_policy

    with_store(tmp_path / "s.db", through)
    loaded = with_store(tmp_path / "s.db", back)
    assert loaded == policy
    assert loaded is not policy
    assert decide(loaded, "bash", bash("cargo test")) is ALLOW
    assert decide(loaded, "bash", bash("npm test")) is ASK
    assert decide(loaded, "read", {"file_path": "a/.env"}) is DENY
    assert matching_rules(loaded, "mcp__pencil__draw", {}).ask == policy.ask


@given(POLICIES, TOOLS, COMMANDS)
def test_both_written_forms_of_a_rule_decide_alike(
    policy: PermissionPolicy, tool: str, command: str
) -> None:
    """5.2. `{"rule": "..."}` and the bare text."""
    tree = encode(policy)
    again = decode(PermissionPolicy, parse(compact(tree)))
    for name in ("deny", "allow", "ask"):
        tree[name] = [rule["rule"] for rule in tree[name]]
    bare = decode(PermissionPolicy, parse(compact(tree)))
    expected = decide(policy, tool, bash(command))
    assert decide(again, tool, bash(command)) is expected
    assert decide(bare, tool, bash(command)) is expected


# -- Many sessions --------------------------------------------------------------------------------


def test_a_session_policy_replaces_the_global_one() -> None:
    """5.2."""
    manager = PermissionManager()
    assert manager.check("one", "bash", bash("ls")) is ASK
    manager.set_session_policy("one", PermissionPolicy().with_rules(allow="Bash(cargo:*)"))
    checker: PermissionChecker = manager.checker("one")
    assert checker.check("bash", bash("cargo build")) is ALLOW
    assert manager.check("two", "bash", bash("cargo build")) is ASK
    manager.global_policy = PermissionPolicy.permissive().with_rules(ask="read")
    assert manager.check("two", "read", {}) is ASK
    assert manager.check("two", "bash", {}) is ALLOW
    assert manager.check("one", "bash", {}) is ASK, "the session's default, not the global one"
    manager.remove_session_policy("one")
    manager.remove_session_policy("one")
    assert checker.check("bash", {}) is ALLOW
    assert manager.effective_policy("one") is manager.global_policy


def test_a_global_deny_always_wins() -> None:
    """5.2. Even over a session whose policy is not enabled; a global default does not."""
    manager = PermissionManager(
        PermissionPolicy(default_decision=DENY).with_rules(deny="Bash(rm:*)")
    )
    mine = PermissionPolicy().with_rules(allow="Bash(*)", deny="write")
    manager.set_session_policy("one", mine)
    assert manager.check("one", "bash", bash("rm -rf /")) is DENY
    assert manager.check("one", "bash", bash("ls")) is ALLOW
    assert manager.check("one", "write", {}) is DENY
    manager.set_session_policy("one", mine.evolve(enabled=False))
    assert manager.check("one", "bash", bash("rm -rf /")) is DENY
    assert manager.check("one", "write", {}) is ALLOW
    manager.global_policy = manager.global_policy.evolve(enabled=False)
    assert manager.check("one", "bash", bash("rm -rf /")) is ALLOW, "a policy that is off has none"
