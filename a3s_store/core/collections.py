"""The registry: one row for each kind of value kept beside a session, and which texts can be ids.

A collection is an ordered list kept under an id: absent (None) until it is saved, then a list,
which may be empty. Everything that differs between collections is in their rows here. Stores,
digests, snapshots, verification, salvage, deletion, import, export, the live session, the command
line and the testing kit read it from there; methods and fields that type checkers must see are
written by `python -m tools.generate`.

To add one: its model, its row here, its numbered SQL file, and that command.
docs/adding-a-collection.md shows it step by step.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from a3s_store import models
from a3s_store.errors import InvalidIdError

MAX_ID_BYTES: Final = 1024


@attrs.frozen(kw_only=True, eq=False, slots=False)
class TableLayout:
    """How the values of one model lie in a table.

    `find` returns the model, whose module is imported when it is first needed. `flat` names
    attributes that are models themselves: their fields are columns of this table, with the prefix
    given. `tagged` names one that is a union: its `type` is a column, and the rest of it another
    one, `payload`. `lists` has the attributes that are rows of their own, `elsewhere` those stored
    in other tables; with `only` all others are. Every other attribute is one column: a scalar as it
    is, anything nested as JSON. Unknown keys are in `extra`, unless another table of the same model
    has them (`keeps_extra`). `blob` names a text that may lie in the blob table. `added` has those
    added to a table that has row checksums, in the order of the table.
    """

    find: Callable[[], type]
    table: str
    flat: dict[str, str] = attrs.field(factory=dict)
    tagged: str | None = None
    lists: dict[str, TableLayout] = attrs.field(factory=dict)
    elsewhere: frozenset[str] = frozenset()
    only: tuple[str, ...] | None = None
    blob: str | None = None
    keeps_extra: bool = True
    added: tuple[str, ...] = ()

    @functools.cached_property
    def model(self) -> type:
        """The model."""
        return self.find()

    @functools.cached_property
    def in_other_tables(self) -> frozenset[str]:
        """The attributes that other tables have, lists apart."""
        if self.only is None:
            return self.elsewhere
        names = (field.name for field in attrs.fields(self.model))
        return frozenset(name for name in names if name not in self.only)


@attrs.frozen(kw_only=True, eq=False, slots=False)
class Collection:
    """One kind of list kept for a session.

    `name` is the word in `save_X` and `load_X`, the attribute of a snapshot, and the name of the
    collection in the database: it never changes once it is released. `word` is what people type
    on the command line. `since` is the number of the schema that brought its tables.

    `identity` is the attribute that tells an item from the others of its list, None without one:
    lists with an identity are merged item by item, the others as logs. `unique` says that no
    snapshot may have an identity twice. `session_id` is the attribute in which an item repeats the
    id of its session, None where it does not: a fork changes it, and it is checked; where it
    `may_be_unbound`, it is empty until the item belongs to a session. Both may be paths with dots.

    `folder` and `file` say where upstream stores it (`{}` is replaced by the file name made of the
    id); `wrapped` is the key under which upstream's file has the array, None when the file is the
    array.
    """

    name: str
    word: str
    rows: TableLayout
    since: int = 1
    identity: str | None = None
    unique: bool = False
    session_id: str | None = None
    may_be_unbound: bool = False
    folder: str
    file: str = "{}.json"
    wrapped: str | None = None

    @functools.cached_property
    def model(self) -> type:
        """The model of its values."""
        return self.rows.model

    def identity_of(self, item: Any) -> Any:
        """Return the identity of an item. The collection must have an `identity`."""
        assert self.identity is not None, self.name
        return operator.attrgetter(self.identity)(item)

    def session_of(self, item: Any) -> Any:
        """Return the session id that an item repeats. The collection must have a `session_id`."""
        assert self.session_id is not None, self.name
        return operator.attrgetter(self.session_id)(item)

    def bound_to(self, session_id: str, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """Return the values as those of another session."""
        if values is None or self.session_id is None:
            return values
        path = self.session_id.split(".")
        return tuple(
            value
            if self.may_be_unbound and not self.session_of(value)
            else _with_attribute(value, path, session_id)
            for value in values
        )


def _with_attribute(value: Any, path: list[str], new: Any) -> Any:
    name, *rest = path
    return value.evolve(**{name: _with_attribute(getattr(value, name), rest, new) if rest else new})


@attrs.frozen(kw_only=True, eq=False, slots=False)
class CheckpointKind:
    """One kind of checkpoint: a single value under the id of a run or a workflow.

    `key` is the attribute that repeats that id; the two must agree.
    """

    name: str
    key: str
    rows: TableLayout
    folder: str

    @functools.cached_property
    def model(self) -> type:
        """The model of the checkpoints."""
        return self.rows.model


MESSAGE_ROWS: Final = TableLayout(find=lambda: models.Message, table="message")

# Attributes of a session that a turn does not change. Their JSON keys have the same names.
CONFIG_PARTS: Final = ("config", "llm_config", "tool_names")

SESSION_ROWS: Final = TableLayout(
    find=lambda: models.SessionData,
    table="session",
    flat={"context_usage": "", "total_usage": ""},
    lists={
        "cost_records": TableLayout(find=lambda: models.LlmCostRecord, table="cost_record"),
        "tasks": TableLayout(find=lambda: models.Task, table="task"),
    },
    # The id is in `owner`, messages are in the message log, the rest is in `session_config`.
    elsewhere=frozenset({"id", "messages", *CONFIG_PARTS}),
)

CONFIG_ROWS: Final = TableLayout(
    find=lambda: models.SessionData,
    table="session_config",
    flat={"config": ""},
    keeps_extra=False,
    only=CONFIG_PARTS,
)

ARTIFACTS: Final = Collection(
    name="artifacts",
    word="artifacts",
    rows=TableLayout(find=lambda: models.ToolArtifact, table="artifact", blob="content"),
    identity="artifact_uri",
    folder="artifacts",
    file="{}/artifacts.json",
    wrapped="artifacts",
)
TRACE_EVENTS: Final = Collection(
    name="trace_events",
    word="traces",
    rows=TableLayout(find=lambda: models.TraceEvent, table="trace_event"),
    folder="traces",
)
RUN_RECORDS: Final = Collection(
    name="run_records",
    word="runs",
    rows=TableLayout(
        find=lambda: models.RunRecord,
        table="run",
        flat={"snapshot": ""},
        lists={
            "events": TableLayout(
                find=lambda: models.RunEventRecord, table="run_event", tagged="event"
            )
        },
    ),
    identity="snapshot.id",
    unique=True,
    session_id="snapshot.session_id",
    folder="runs",
)
VERIFICATION_REPORTS: Final = Collection(
    name="verification_reports",
    word="verification",
    rows=TableLayout(
        find=lambda: models.VerificationReport,
        table="verification_report",
        lists={
            "checks": TableLayout(find=lambda: models.VerificationCheck, table="verification_check")
        },
    ),
    folder="verification",
)
SUBAGENT_TASKS: Final = Collection(
    name="subagent_tasks",
    word="subagents",
    rows=TableLayout(
        find=lambda: models.SubagentTaskSnapshot,
        table="subagent_task",
        lists={
            "progress": TableLayout(
                find=lambda: models.SubagentProgressEntry, table="subagent_progress"
            )
        },
    ),
    identity="task_id",
    session_id="parent_session_id",
    may_be_unbound=True,
    folder="subagent_tasks",
)
REVIEW_FINDINGS: Final = Collection(
    name="review_findings",
    word="findings",
    rows=TableLayout(find=lambda: models.ReviewFinding, table="review_finding", tagged="subject"),
    since=8,
    identity="finding_id",
    unique=True,
    session_id="session_id",
    folder="review_findings",
)

# In upstream's order of saving.
COLLECTIONS: Final = (
    ARTIFACTS,
    TRACE_EVENTS,
    RUN_RECORDS,
    VERIFICATION_REPORTS,
    SUBAGENT_TASKS,
    REVIEW_FINDINGS,
)

LOOP_CHECKPOINTS: Final = CheckpointKind(
    name="loop_checkpoint",
    key="run_id",
    rows=TableLayout(
        find=lambda: models.LoopCheckpoint,
        table="loop_checkpoint",
        flat={"total_usage": ""},
        elsewhere=frozenset({"messages"}),
    ),
    folder="loop_checkpoints",
)
WORKFLOW_CHECKPOINTS: Final = CheckpointKind(
    name="workflow_checkpoint",
    key="workflow_id",
    rows=TableLayout(
        find=lambda: models.WorkflowCheckpoint,
        table="workflow_checkpoint",
        lists={
            "steps": TableLayout(
                find=lambda: models.WorkflowStepRecord,
                table="workflow_step",
                flat={"outcome": "outcome_"},
            )
        },
    ),
    folder="workflow_checkpoints",
)
CHECKPOINTS: Final = (LOOP_CHECKPOINTS, WORKFLOW_CHECKPOINTS)


def lists_inside(rows: TableLayout) -> Iterator[TableLayout]:
    """Yield the tables of the lists inside the values of a table, and inside those."""
    for inside in rows.lists.values():
        yield inside
        yield from lists_inside(inside)


def layouts() -> Iterator[TableLayout]:
    """Yield the tables of models: of sessions, collections and checkpoints, and of their lists."""
    kept = (*COLLECTIONS, *CHECKPOINTS)
    for rows in (SESSION_ROWS, CONFIG_ROWS, *(one.rows for one in kept)):
        yield rows
        yield from lists_inside(rows)


def check_id(text: Any, what: str = "session id") -> str:
    """Return the id, if it is a text of 1 to 1024 bytes of UTF-8 without NUL.

    Raises:
        InvalidIdError: it is not; the error never repeats the text itself.
    """
    # A subclass of str may be unequal to itself, or an enumeration, which no model takes.
    if type(text) is not str:
        raise InvalidIdError(f"a {what} is a str, not {type(text).__name__}")
    start: int | None = None
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        start = error.start  # and no more of it: it holds the text
    if start is not None:
        raise InvalidIdError(f"the {what} has a lone surrogate at {start}")
    if not size:
        raise InvalidIdError(f"the {what} is empty", hint="Give it at least one character")
    if size > MAX_ID_BYTES:
        raise InvalidIdError(
            f"the {what} has {size} bytes", hint=f"{MAX_ID_BYTES} are the most there can be"
        )
    if "\0" in text:
        raise InvalidIdError(f"the {what} has a NUL at {text.index(chr(0))}")
    return text
