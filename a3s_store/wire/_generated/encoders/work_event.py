"""Encoders of the models in `models/work_event.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    FrozenDict,
    ModelCodec,
    NotJsonError,
    add_extra,
    fields_of,
    located,
    wrong,
)


def memory_stored(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a MemoryStored."""
    fields: Any = fields_of(codec)
    encode_memory_id = fields["memory_id"].kind.encode
    encode_memory_type = fields["memory_type"].kind.encode
    encode_importance = fields["importance"].kind.encode
    encode_tags = fields["tags"].kind.item.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_memory_id = x.memory_id
            if type(v_memory_id) is not str:
                key = "memory_id"
                v_memory_id = encode_memory_id(v_memory_id)
                key = None
            v_memory_type = x.memory_type
            if type(v_memory_type) is not str:
                key = "memory_type"
                v_memory_type = encode_memory_type(v_memory_type)
                key = None
            v_importance = x.importance
            key = "importance"
            v_importance = encode_importance(v_importance)
            key = None
            v_tags = x.tags
            key = "tags"
            if type(v_tags) is not tuple:
                raise wrong("an array", v_tags)
            done = []
            for w in v_tags:
                if type(w) is not str:
                    w = encode_tags(w)
                done.append(w)
            v_tags = done
            key = done = None
            o: dict[str, Any] = {
                "type": "memory_stored",
                "memory_id": v_memory_id,
                "memory_type": v_memory_type,
                "importance": v_importance,
                "tags": v_tags,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def memory_recalled(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a MemoryRecalled."""
    fields: Any = fields_of(codec)
    encode_memory_id = fields["memory_id"].kind.encode
    encode_content = fields["content"].kind.encode
    encode_relevance = fields["relevance"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_memory_id = x.memory_id
            if type(v_memory_id) is not str:
                key = "memory_id"
                v_memory_id = encode_memory_id(v_memory_id)
                key = None
            v_content = x.content
            if type(v_content) is not str:
                key = "content"
                v_content = encode_content(v_content)
                key = None
            v_relevance = x.relevance
            key = "relevance"
            v_relevance = encode_relevance(v_relevance)
            key = None
            o: dict[str, Any] = {
                "type": "memory_recalled",
                "memory_id": v_memory_id,
                "content": v_content,
                "relevance": v_relevance,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def memories_searched(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a MemoriesSearched."""
    fields: Any = fields_of(codec)
    encode_query = fields["query"].kind.encode
    encode_tags = fields["tags"].kind.item.encode
    encode_result_count = fields["result_count"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_query = x.query
            if v_query is not None and type(v_query) is not str:
                key = "query"
                v_query = encode_query(v_query)
                key = None
            v_tags = x.tags
            key = "tags"
            if type(v_tags) is not tuple:
                raise wrong("an array", v_tags)
            done = []
            for w in v_tags:
                if type(w) is not str:
                    w = encode_tags(w)
                done.append(w)
            v_tags = done
            key = done = None
            v_result_count = x.result_count
            if not (type(v_result_count) is int and 0 <= v_result_count <= 18446744073709551615):
                key = "result_count"
                v_result_count = encode_result_count(v_result_count)
                key = None
            o: dict[str, Any] = {
                "type": "memories_searched",
                "query": v_query,
                "tags": v_tags,
                "result_count": v_result_count,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def memory_cleared(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a MemoryCleared."""
    fields: Any = fields_of(codec)
    encode_tier = fields["tier"].kind.encode
    encode_count = fields["count"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_tier = x.tier
            if type(v_tier) is not str:
                key = "tier"
                v_tier = encode_tier(v_tier)
                key = None
            v_count = x.count
            if not (type(v_count) is int and 0 <= v_count <= 18446744073709551615):
                key = "count"
                v_count = encode_count(v_count)
                key = None
            o: dict[str, Any] = {"type": "memory_cleared", "tier": v_tier, "count": v_count}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def subagent_start(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SubagentStart."""
    fields: Any = fields_of(codec)
    encode_task_id = fields["task_id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_parent_session_id = fields["parent_session_id"].kind.encode
    encode_agent = fields["agent"].kind.encode
    encode_description = fields["description"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_task_id = x.task_id
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = encode_task_id(v_task_id)
                key = None
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_parent_session_id = x.parent_session_id
            if type(v_parent_session_id) is not str:
                key = "parent_session_id"
                v_parent_session_id = encode_parent_session_id(v_parent_session_id)
                key = None
            v_agent = x.agent
            if type(v_agent) is not str:
                key = "agent"
                v_agent = encode_agent(v_agent)
                key = None
            v_description = x.description
            if type(v_description) is not str:
                key = "description"
                v_description = encode_description(v_description)
                key = None
            o: dict[str, Any] = {
                "type": "subagent_start",
                "task_id": v_task_id,
                "session_id": v_session_id,
                "parent_session_id": v_parent_session_id,
                "agent": v_agent,
                "description": v_description,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def subagent_progress(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SubagentProgress."""
    fields: Any = fields_of(codec)
    encode_task_id = fields["task_id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_status = fields["status"].kind.encode
    encode_metadata = fields["metadata"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_task_id = x.task_id
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = encode_task_id(v_task_id)
                key = None
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_status = x.status
            if type(v_status) is not str:
                key = "status"
                v_status = encode_status(v_status)
                key = None
            v_metadata = x.metadata
            if not (
                type(v_metadata) is str or (type(v_metadata) is FrozenDict and v_metadata.plain)
            ):
                key = "metadata"
                v_metadata = encode_metadata(v_metadata)
                key = None
            o: dict[str, Any] = {
                "type": "subagent_progress",
                "task_id": v_task_id,
                "session_id": v_session_id,
                "status": v_status,
                "metadata": v_metadata,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def subagent_end(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SubagentEnd."""
    fields: Any = fields_of(codec)
    encode_task_id = fields["task_id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_agent = fields["agent"].kind.encode
    encode_output = fields["output"].kind.encode
    encode_success = fields["success"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_task_id = x.task_id
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = encode_task_id(v_task_id)
                key = None
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_agent = x.agent
            if type(v_agent) is not str:
                key = "agent"
                v_agent = encode_agent(v_agent)
                key = None
            v_output = x.output
            if type(v_output) is not str:
                key = "output"
                v_output = encode_output(v_output)
                key = None
            v_success = x.success
            if not (v_success is True or v_success is False):
                key = "success"
                v_success = encode_success(v_success)
                key = None
            o: dict[str, Any] = {
                "type": "subagent_end",
                "task_id": v_task_id,
                "session_id": v_session_id,
                "agent": v_agent,
                "output": v_output,
                "success": v_success,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def planning_start(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PlanningStart."""
    fields: Any = fields_of(codec)
    encode_prompt = fields["prompt"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_prompt = x.prompt
            if type(v_prompt) is not str:
                key = "prompt"
                v_prompt = encode_prompt(v_prompt)
                key = None
            o: dict[str, Any] = {"type": "planning_start", "prompt": v_prompt}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def planning_end(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a PlanningEnd."""
    fields: Any = fields_of(codec)
    encode_plan = fields["plan"].kind.encode
    codec_plan = fields["plan"].kind.codec
    cls_plan = fields["plan"].kind.cls
    encode_estimated_steps = fields["estimated_steps"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_plan = x.plan
            key = "plan"
            v_plan = codec_plan.encode(v_plan) if type(v_plan) is cls_plan else encode_plan(v_plan)
            key = None
            v_estimated_steps = x.estimated_steps
            if not (
                type(v_estimated_steps) is int and 0 <= v_estimated_steps <= 18446744073709551615
            ):
                key = "estimated_steps"
                v_estimated_steps = encode_estimated_steps(v_estimated_steps)
                key = None
            o: dict[str, Any] = {
                "type": "planning_end",
                "plan": v_plan,
                "estimated_steps": v_estimated_steps,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def step_start(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a StepStart."""
    fields: Any = fields_of(codec)
    encode_step_id = fields["step_id"].kind.encode
    encode_description = fields["description"].kind.encode
    encode_step_number = fields["step_number"].kind.encode
    encode_total_steps = fields["total_steps"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_step_id = x.step_id
            if type(v_step_id) is not str:
                key = "step_id"
                v_step_id = encode_step_id(v_step_id)
                key = None
            v_description = x.description
            if type(v_description) is not str:
                key = "description"
                v_description = encode_description(v_description)
                key = None
            v_step_number = x.step_number
            if not (type(v_step_number) is int and 0 <= v_step_number <= 18446744073709551615):
                key = "step_number"
                v_step_number = encode_step_number(v_step_number)
                key = None
            v_total_steps = x.total_steps
            if not (type(v_total_steps) is int and 0 <= v_total_steps <= 18446744073709551615):
                key = "total_steps"
                v_total_steps = encode_total_steps(v_total_steps)
                key = None
            o: dict[str, Any] = {
                "type": "step_start",
                "step_id": v_step_id,
                "description": v_description,
                "step_number": v_step_number,
                "total_steps": v_total_steps,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def step_end(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a StepEnd."""
    fields: Any = fields_of(codec)
    encode_step_id = fields["step_id"].kind.encode
    encode_status = fields["status"].kind.encode
    cls_status = fields["status"].kind.cls
    encode_step_number = fields["step_number"].kind.encode
    encode_total_steps = fields["total_steps"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_step_id = x.step_id
            if type(v_step_id) is not str:
                key = "step_id"
                v_step_id = encode_step_id(v_step_id)
                key = None
            v_status = x.status
            key = "status"
            v_status = v_status._value_ if type(v_status) is cls_status else encode_status(v_status)
            key = None
            v_step_number = x.step_number
            if not (type(v_step_number) is int and 0 <= v_step_number <= 18446744073709551615):
                key = "step_number"
                v_step_number = encode_step_number(v_step_number)
                key = None
            v_total_steps = x.total_steps
            if not (type(v_total_steps) is int and 0 <= v_total_steps <= 18446744073709551615):
                key = "total_steps"
                v_total_steps = encode_total_steps(v_total_steps)
                key = None
            o: dict[str, Any] = {
                "type": "step_end",
                "step_id": v_step_id,
                "status": v_status,
                "step_number": v_step_number,
                "total_steps": v_total_steps,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def goal_extracted(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a GoalExtracted."""
    fields: Any = fields_of(codec)
    encode_goal = fields["goal"].kind.encode
    codec_goal = fields["goal"].kind.codec
    cls_goal = fields["goal"].kind.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_goal = x.goal
            key = "goal"
            v_goal = codec_goal.encode(v_goal) if type(v_goal) is cls_goal else encode_goal(v_goal)
            key = None
            o: dict[str, Any] = {"type": "goal_extracted", "goal": v_goal}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def goal_progress(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a GoalProgress."""
    fields: Any = fields_of(codec)
    encode_goal = fields["goal"].kind.encode
    encode_progress = fields["progress"].kind.encode
    encode_completed_steps = fields["completed_steps"].kind.encode
    encode_total_steps = fields["total_steps"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_goal = x.goal
            if type(v_goal) is not str:
                key = "goal"
                v_goal = encode_goal(v_goal)
                key = None
            v_progress = x.progress
            key = "progress"
            v_progress = encode_progress(v_progress)
            key = None
            v_completed_steps = x.completed_steps
            if not (
                type(v_completed_steps) is int and 0 <= v_completed_steps <= 18446744073709551615
            ):
                key = "completed_steps"
                v_completed_steps = encode_completed_steps(v_completed_steps)
                key = None
            v_total_steps = x.total_steps
            if not (type(v_total_steps) is int and 0 <= v_total_steps <= 18446744073709551615):
                key = "total_steps"
                v_total_steps = encode_total_steps(v_total_steps)
                key = None
            o: dict[str, Any] = {
                "type": "goal_progress",
                "goal": v_goal,
                "progress": v_progress,
                "completed_steps": v_completed_steps,
                "total_steps": v_total_steps,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def goal_achieved(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a GoalAchieved."""
    fields: Any = fields_of(codec)
    encode_goal = fields["goal"].kind.encode
    encode_total_steps = fields["total_steps"].kind.encode
    encode_duration_ms = fields["duration_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_goal = x.goal
            if type(v_goal) is not str:
                key = "goal"
                v_goal = encode_goal(v_goal)
                key = None
            v_total_steps = x.total_steps
            if not (type(v_total_steps) is int and 0 <= v_total_steps <= 18446744073709551615):
                key = "total_steps"
                v_total_steps = encode_total_steps(v_total_steps)
                key = None
            v_duration_ms = x.duration_ms
            if not (
                type(v_duration_ms) is int
                and -9223372036854775808 <= v_duration_ms <= 9223372036854775807
            ):
                key = "duration_ms"
                v_duration_ms = encode_duration_ms(v_duration_ms)
                key = None
            o: dict[str, Any] = {
                "type": "goal_achieved",
                "goal": v_goal,
                "total_steps": v_total_steps,
                "duration_ms": v_duration_ms,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
