"""Write docs/rules.md: for each rule of upstream's behaviour the tests that show it.

    python -m tests.rules

A test names its rules in its docstring, by the names below. The table is made of these docstrings;
a test checks that it is up to date and that every rule has a test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "rules.md"
PLACES: Final = (
    "tests/unit/runtime",
    "tests/unit/runtime/context",
    "tests/unit/runtime/management",
    "tests/unit/runtime/observation",
    "tests/unit/runtime/persistence",
    "tests/unit/runtime/policies",
    "tests/unit/runtime/queue",
    "tests/unit/runtime/runs",
    "tests/unit/runtime/state",
    "tests/unit/agent_memory",
    "tests/unit/backends/sqlite/test_agent_memory_store.py",
    "tests/property/test_session_machine.py",
    "tests/faults/test_small_agent.py",
)

# Rules by name, in the order of the description of upstream's behaviour that they are from.
RULES: Final = {
    "P1": "a result replaces the history and appends its reports; nothing is written",
    "P2": "a save without a store is a no-op",
    "P3": "the order of the steps of a save that is made in steps",
    "P4": "the first failing step ends it, its error unchanged",
    "P5": "a save that succeeded is logged",
    "P6": "an automatic save never raises",
    "1.2": "what a load returns and raises",
    "1.3": "who wins when a session is resumed",
    "1.4": "references to models, and that no secret is saved",
    "1.5": "how the other parts are restored",
    "1.6": "what a save holds",
    "P10": "usage adds up with saturation and cache counters",
    "P11": "the state between saves is seeded, replaced, moved",
    "P12": "repeated saves lose nothing that was stored",
    "P13": "a save is one call of the store",
    "P14": "an invalid snapshot is refused before, a failure named after",
    "P15": "what a store returns is validated again",
    "P16": "finished rounds of a run that did not end well are kept",
    "P17": "a checkpoint is cleared, and a failure there is a warning",
    "P18": "restoring raises limits, and evicts nothing",
    "1.7": "single flight, the end of a run, close, registry, going on with a run",
    "1.8": "upstream's own tests of this contract",
    "L1": "which ids a live session may have",
    "L2": "what a new session is",
    "L3": "events are broadcast, 100 at most wait",
    "L4": "the queue is made and not started",
    "L5": "confirmation is on",
    "L6": "no permission rules, and asking by default",
    "L7": "the parent is the configuration's",
    "L8": "where memories are, and the provider made of them",
    "L9": "a security guard only where it is asked for",
    "L10": "the configured context length is not applied by the session",
    "3.2": "the state machine",
    "L20": "adding a message",
    "L21": "clearing",
    "L22": "setting tasks",
    "L23": "counting active tasks",
    "L24": "context providers",
    "L25": "live policies are not the stored ones",
    "L26": "adding rules",
    "L27": "checking a permission",
    "L28": "the queue's calls",
    "3.4": "to and from what is stored",
    "U1": "usage is added without cache counters",
    "U2": "cost by exact name of the model",
    "U3": "a cost record is always appended",
    "U4": "how full the context is",
    "U5": "a context of size 0",
    "U6": "the label without a model's name",
    "3.5": "prices, sums of costs, metrics of tools",
    "C1": "30 messages or fewer stay",
    "C2": "first 2, summary, last 20",
    "C3": "how the middle is put to the model",
    "C4": "what the summary looks like",
    "C5": "a model that fails",
    "C6": "what compaction touches",
    "C7": "when it is time, in 32-bit floats",
    "C8": "pruning tool output",
    "4.2": "a kept tool result keeps its call (an option)",
    "5.1": "the grammar of rules",
    "5.2": "the order of decisions, managers, rules read from disk",
    "5.4": "the decision flow of a tool call",
    "6.1": "the confirmation policy",
    "6.2": "lanes of tools",
    "H1": "asking",
    "H2": "answering",
    "H3": "running out of time",
    "H4": "cancelling",
    "H5": "what is pending",
    "H6": "a new policy is for later questions",
    "6.3": "the texts a model is told",
    "6.4": "upstream's own tests of confirmation",
    "7.1": "the queue's configuration",
    "Q1": "order and lanes",
    "Q2": "before start, after stop",
    "Q3": "timeouts",
    "Q4": "retries and giving up",
    "Q5": "dead letters",
    "Q6": "metrics",
    "Q7": "statistics",
    "Q8": "alerts",
    "7.3": "handlers inside, outside, both",
    "8": "memories",
    "9": "context providers",
    "10": "the session manager",
    "R1": "beginning a run",
    "R2": "recording an event",
    "R3": "what an event makes of a run",
    "R4": "trimming",
    "R5": "runs that ended stay so",
    "R6": "records, and replacing them",
    "R7": "pages of events",
    "11.2": "trace events",
    "11.3": "subagent tasks",
    "K1": "keeping a loop checkpoint",
    "K2": "after each round; a failure does not fail the run",
    "K3": "removed when the run ends",
    "K4": "orphans",
    "K5": "versions",
    "K6": "whose it is",
    "K7": "the latest, or none",
    "A1": "limits of artifacts",
    "A2": "putting, and what goes",
    "A3": "content-addressed",
    "A4": "pins and collection",
    "A5": "a saved set comes back complete",
    "S3x": "what must hold within a snapshot",
    "N1": "saving a snapshot has no fallback in fragments",
    "N2": "a snapshot can be loaded from fragments, and replaces them",
    "N3": "session and fragments are loaded from the snapshot",
    "N4": "a fragment saved later changes the snapshot",
    "N5": "what is stored does not change with the caller's values",
    "N6": "lists are sorted and name original ids",
}
_UPSTREAM: Final = "tests/conformance/test_upstream_names.py"
_FOLDER: Final = "a3s_store/testing/conformance"
_SUITE: Final = f"{_FOLDER}/snapshots.py"
# Rules of stores: their tests and checks do not name the rules.
OF_STORES: Final = {
    "N1": [f"{_UPSTREAM}::test_aggregate_save_default_fails_without_fragmented_side_effects"],
    "N2": [
        f"{_SUITE}::a_snapshot_is_put_together_from_parts",
        f"{_SUITE}::a_snapshot_replaces_everything",
    ],
    "N3": [f"{_SUITE}::a_snapshot_comes_back_as_it_was_saved"],
    "N4": [f"{_FOLDER}/compare_and_swap.py::any_change_makes_a_digest_stale"],
    "N5": [f"{_UPSTREAM}::test_memory_store_replaces_complete_snapshot_generation_atomically"],
    "N6": [f"{_FOLDER}/sessions.py::list_answers_the_saved_ids_sorted"],
}
_NAME: Final = re.compile(r"(?<![\w.])(?:[A-Z]\d+x?|\d+(?:\.\d+)?)(?![\w%]|\.\d)")


def functions(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the functions and classes of a module, and methods, with their docstrings."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    for node in module.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for one in inner:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                yield one.name, ast.get_docstring(one) or ""
        if isinstance(node, ast.ClassDef):
            yield node.name, ast.get_docstring(node) or ""


def named(docstring: str) -> set[str]:
    """Return the rules that a docstring names: `L1`, `Section 3.2`, `5.1`, `P13, section 1.8`."""
    head = docstring.split("\n\n", 1)[0]
    # A whole number is a section only behind the word "section", or at the beginning of the text.
    found = set(_NAME.findall(head)) & set(RULES)
    sections = {"8", "9", "10"}
    said = set(re.findall(r"[Ss]ection (\d+)", head)) | set(re.findall(r"\A(\d+)[.:,]", head))
    return {name for name in found if name not in sections or name in said}


def table() -> dict[str, list[str]]:
    """Return the tests of each rule, as `file::function`."""
    shown: dict[str, list[str]] = {rule: list(OF_STORES.get(rule, [])) for rule in RULES}
    for place in PLACES:
        files = sorted((ROOT / place).glob("*.py")) if (ROOT / place).is_dir() else [ROOT / place]
        for path in files:
            for name, docstring in functions(path):
                if name.startswith(("test_", "Test")):
                    for rule in named(docstring):
                        shown[rule].append(f"{path.relative_to(ROOT).as_posix()}::{name}")
    return shown


def page() -> str:
    """Return the text of docs/rules.md."""
    lines = [
        "# Rules and their tests",
        "",
        "Upstream's rules about sessions and stores, and the tests that show each of them here.",
        "[sessions.md](sessions.md#differences-from-upstream) lists the differences. Made by",
        "`python -m tests.rules` from the docstrings of the tests; do not edit.",
        "",
        "| rule | subject | shown by |",
        "|---|---|---|",
    ]
    for rule, tests in table().items():
        by_file: dict[str, list[str]] = {}
        for test in tests:
            path, _, name = test.partition("::")
            by_file.setdefault(path, []).append(name)
        cells = [
            f"[{Path(path).name}](../{path}): " + ", ".join(f"`{name}`" for name in names)
            for path, names in by_file.items()
        ]
        lines.append(f"| {rule} | {RULES[rule]} | {'<br>'.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    missing = [rule for rule, tests in table().items() if not tests]
    print("rules without a test:", ", ".join(missing) or "none")


if __name__ == "__main__":
    main()
