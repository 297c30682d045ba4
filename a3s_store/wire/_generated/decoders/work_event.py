"""Decoders of the models in `models/work_event.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    ModelCodec,
    NotJsonError,
    draft_of,
    fields_of,
    located,
    unknown,
    wrong,
)


def memory_stored(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a MemoryStored."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_memory_id = fields["memory_id"].kind.decode
    decode_memory_type = fields["memory_type"].kind.decode
    decode_importance = fields["importance"].kind.decode
    decode_tags = fields["tags"].kind.item.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_memory_id = o["memory_id"]
            if type(v_memory_id) is not str:
                key = "memory_id"
                v_memory_id = decode_memory_id(v_memory_id)
                key = None
            v_memory_type = o["memory_type"]
            if type(v_memory_type) is not str:
                key = "memory_type"
                v_memory_type = decode_memory_type(v_memory_type)
                key = None
            v_importance = o["importance"]
            key = "importance"
            v_importance = decode_importance(v_importance)
            key = None
            v_tags = o["tags"]
            key = "tags"
            if type(v_tags) is not list:
                raise wrong("an array", v_tags)
            done = []
            for w in v_tags:
                if type(w) is not str:
                    w = decode_tags(w)
                done.append(w)
            v_tags = tuple(done)
            key = done = None
            if len(o) == 5 and "type" in o:
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.memory_id = v_memory_id
        x.memory_type = v_memory_type
        x.importance = v_importance
        x.tags = v_tags
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def memory_recalled(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a MemoryRecalled."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_memory_id = fields["memory_id"].kind.decode
    decode_content = fields["content"].kind.decode
    decode_relevance = fields["relevance"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_memory_id = o["memory_id"]
            if type(v_memory_id) is not str:
                key = "memory_id"
                v_memory_id = decode_memory_id(v_memory_id)
                key = None
            v_content = o["content"]
            if type(v_content) is not str:
                key = "content"
                v_content = decode_content(v_content)
                key = None
            v_relevance = o["relevance"]
            key = "relevance"
            v_relevance = decode_relevance(v_relevance)
            key = None
            if len(o) == 4 and "type" in o:
                extra = EMPTY
            else:
                n = 3 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.memory_id = v_memory_id
        x.content = v_content
        x.relevance = v_relevance
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def memories_searched(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a MemoriesSearched."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_tags = fields["tags"].kind.item.decode
    decode_result_count = fields["result_count"].kind.decode
    decode_query = fields["query"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_tags = o["tags"]
            key = "tags"
            if type(v_tags) is not list:
                raise wrong("an array", v_tags)
            done = []
            for w in v_tags:
                if type(w) is not str:
                    w = decode_tags(w)
                done.append(w)
            v_tags = tuple(done)
            key = done = None
            v_result_count = o["result_count"]
            if not (type(v_result_count) is int and 0 <= v_result_count <= 18446744073709551615):
                key = "result_count"
                v_result_count = decode_result_count(v_result_count)
                key = None
            if len(o) == 3 and "type" in o:
                v_query = None
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                if "query" in o:
                    v_query = o["query"]
                    n += 1
                    if v_query is not None and type(v_query) is not str:
                        key = "query"
                        v_query = decode_query(v_query)
                        key = None
                else:
                    v_query = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.query = v_query
        x.tags = v_tags
        x.result_count = v_result_count
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def memory_cleared(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a MemoryCleared."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_tier = fields["tier"].kind.decode
    decode_count = fields["count"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_tier = o["tier"]
            if type(v_tier) is not str:
                key = "tier"
                v_tier = decode_tier(v_tier)
                key = None
            v_count = o["count"]
            if not (type(v_count) is int and 0 <= v_count <= 18446744073709551615):
                key = "count"
                v_count = decode_count(v_count)
                key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.tier = v_tier
        x.count = v_count
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def subagent_start(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SubagentStart."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_task_id = fields["task_id"].kind.decode
    decode_session_id = fields["session_id"].kind.decode
    decode_parent_session_id = fields["parent_session_id"].kind.decode
    decode_agent = fields["agent"].kind.decode
    decode_description = fields["description"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_task_id = o["task_id"]
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = decode_task_id(v_task_id)
                key = None
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_parent_session_id = o["parent_session_id"]
            if type(v_parent_session_id) is not str:
                key = "parent_session_id"
                v_parent_session_id = decode_parent_session_id(v_parent_session_id)
                key = None
            v_agent = o["agent"]
            if type(v_agent) is not str:
                key = "agent"
                v_agent = decode_agent(v_agent)
                key = None
            v_description = o["description"]
            if type(v_description) is not str:
                key = "description"
                v_description = decode_description(v_description)
                key = None
            if len(o) == 6 and "type" in o:
                extra = EMPTY
            else:
                n = 5 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.task_id = v_task_id
        x.session_id = v_session_id
        x.parent_session_id = v_parent_session_id
        x.agent = v_agent
        x.description = v_description
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def subagent_progress(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SubagentProgress."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_task_id = fields["task_id"].kind.decode
    decode_session_id = fields["session_id"].kind.decode
    decode_status = fields["status"].kind.decode
    decode_metadata = fields["metadata"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_task_id = o["task_id"]
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = decode_task_id(v_task_id)
                key = None
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_status = o["status"]
            if type(v_status) is not str:
                key = "status"
                v_status = decode_status(v_status)
                key = None
            v_metadata = o["metadata"]
            if type(v_metadata) is not str:
                key = "metadata"
                v_metadata = decode_metadata(v_metadata)
                key = None
            if len(o) == 5 and "type" in o:
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.task_id = v_task_id
        x.session_id = v_session_id
        x.status = v_status
        x.metadata = v_metadata
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def subagent_end(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SubagentEnd."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_task_id = fields["task_id"].kind.decode
    decode_session_id = fields["session_id"].kind.decode
    decode_agent = fields["agent"].kind.decode
    decode_output = fields["output"].kind.decode
    decode_success = fields["success"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_task_id = o["task_id"]
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = decode_task_id(v_task_id)
                key = None
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_agent = o["agent"]
            if type(v_agent) is not str:
                key = "agent"
                v_agent = decode_agent(v_agent)
                key = None
            v_output = o["output"]
            if type(v_output) is not str:
                key = "output"
                v_output = decode_output(v_output)
                key = None
            v_success = o["success"]
            if not (v_success is True or v_success is False):
                key = "success"
                v_success = decode_success(v_success)
                key = None
            if len(o) == 6 and "type" in o:
                extra = EMPTY
            else:
                n = 5 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.task_id = v_task_id
        x.session_id = v_session_id
        x.agent = v_agent
        x.output = v_output
        x.success = v_success
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def planning_start(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PlanningStart."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_prompt = fields["prompt"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_prompt = o["prompt"]
            if type(v_prompt) is not str:
                key = "prompt"
                v_prompt = decode_prompt(v_prompt)
                key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.prompt = v_prompt
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def planning_end(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a PlanningEnd."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    codec_plan = fields["plan"].kind.codec
    decode_estimated_steps = fields["estimated_steps"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_plan = o["plan"]
            key = "plan"
            v_plan = codec_plan.decode(v_plan)
            key = None
            v_estimated_steps = o["estimated_steps"]
            if not (
                type(v_estimated_steps) is int and 0 <= v_estimated_steps <= 18446744073709551615
            ):
                key = "estimated_steps"
                v_estimated_steps = decode_estimated_steps(v_estimated_steps)
                key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.plan = v_plan
        x.estimated_steps = v_estimated_steps
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def step_start(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a StepStart."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_step_id = fields["step_id"].kind.decode
    decode_description = fields["description"].kind.decode
    decode_step_number = fields["step_number"].kind.decode
    decode_total_steps = fields["total_steps"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_step_id = o["step_id"]
            if type(v_step_id) is not str:
                key = "step_id"
                v_step_id = decode_step_id(v_step_id)
                key = None
            v_description = o["description"]
            if type(v_description) is not str:
                key = "description"
                v_description = decode_description(v_description)
                key = None
            v_step_number = o["step_number"]
            if not (type(v_step_number) is int and 0 <= v_step_number <= 18446744073709551615):
                key = "step_number"
                v_step_number = decode_step_number(v_step_number)
                key = None
            v_total_steps = o["total_steps"]
            if not (type(v_total_steps) is int and 0 <= v_total_steps <= 18446744073709551615):
                key = "total_steps"
                v_total_steps = decode_total_steps(v_total_steps)
                key = None
            if len(o) == 5 and "type" in o:
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.step_id = v_step_id
        x.description = v_description
        x.step_number = v_step_number
        x.total_steps = v_total_steps
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def step_end(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a StepEnd."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_step_id = fields["step_id"].kind.decode
    decode_status = fields["status"].kind.decode
    member_status = fields["status"].kind.members.get
    decode_step_number = fields["step_number"].kind.decode
    decode_total_steps = fields["total_steps"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_step_id = o["step_id"]
            if type(v_step_id) is not str:
                key = "step_id"
                v_step_id = decode_step_id(v_step_id)
                key = None
            v_status = o["status"]
            key = "status"
            m = member_status(v_status) if type(v_status) is str else None
            v_status = decode_status(v_status) if m is None else m
            key = None
            v_step_number = o["step_number"]
            if not (type(v_step_number) is int and 0 <= v_step_number <= 18446744073709551615):
                key = "step_number"
                v_step_number = decode_step_number(v_step_number)
                key = None
            v_total_steps = o["total_steps"]
            if not (type(v_total_steps) is int and 0 <= v_total_steps <= 18446744073709551615):
                key = "total_steps"
                v_total_steps = decode_total_steps(v_total_steps)
                key = None
            if len(o) == 5 and "type" in o:
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.step_id = v_step_id
        x.status = v_status
        x.step_number = v_step_number
        x.total_steps = v_total_steps
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def goal_extracted(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a GoalExtracted."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    codec_goal = fields["goal"].kind.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_goal = o["goal"]
            key = "goal"
            v_goal = codec_goal.decode(v_goal)
            key = None
            if len(o) == 2 and "type" in o:
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.goal = v_goal
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def goal_progress(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a GoalProgress."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_goal = fields["goal"].kind.decode
    decode_progress = fields["progress"].kind.decode
    decode_completed_steps = fields["completed_steps"].kind.decode
    decode_total_steps = fields["total_steps"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_goal = o["goal"]
            if type(v_goal) is not str:
                key = "goal"
                v_goal = decode_goal(v_goal)
                key = None
            v_progress = o["progress"]
            key = "progress"
            v_progress = decode_progress(v_progress)
            key = None
            v_completed_steps = o["completed_steps"]
            if not (
                type(v_completed_steps) is int and 0 <= v_completed_steps <= 18446744073709551615
            ):
                key = "completed_steps"
                v_completed_steps = decode_completed_steps(v_completed_steps)
                key = None
            v_total_steps = o["total_steps"]
            if not (type(v_total_steps) is int and 0 <= v_total_steps <= 18446744073709551615):
                key = "total_steps"
                v_total_steps = decode_total_steps(v_total_steps)
                key = None
            if len(o) == 5 and "type" in o:
                extra = EMPTY
            else:
                n = 4 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.goal = v_goal
        x.progress = v_progress
        x.completed_steps = v_completed_steps
        x.total_steps = v_total_steps
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def goal_achieved(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a GoalAchieved."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_goal = fields["goal"].kind.decode
    decode_total_steps = fields["total_steps"].kind.decode
    decode_duration_ms = fields["duration_ms"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_goal = o["goal"]
            if type(v_goal) is not str:
                key = "goal"
                v_goal = decode_goal(v_goal)
                key = None
            v_total_steps = o["total_steps"]
            if not (type(v_total_steps) is int and 0 <= v_total_steps <= 18446744073709551615):
                key = "total_steps"
                v_total_steps = decode_total_steps(v_total_steps)
                key = None
            v_duration_ms = o["duration_ms"]
            if not (
                type(v_duration_ms) is int
                and -9223372036854775808 <= v_duration_ms <= 9223372036854775807
            ):
                key = "duration_ms"
                v_duration_ms = decode_duration_ms(v_duration_ms)
                key = None
            if len(o) == 4 and "type" in o:
                extra = EMPTY
            else:
                n = 3 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.goal = v_goal
        x.total_steps = v_total_steps
        x.duration_ms = v_duration_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
