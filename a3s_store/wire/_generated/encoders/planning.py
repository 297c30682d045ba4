"""Encoders of the models in `models/planning.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    ModelCodec,
    NotJsonError,
    add_extra,
    fields_of,
    located,
    wrong,
)


def task(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a Task."""
    fields: Any = fields_of(codec)
    encode_id = fields["id"].kind.encode
    encode_content = fields["content"].kind.encode
    encode_status = fields["status"].kind.encode
    cls_status = fields["status"].kind.cls
    encode_priority = fields["priority"].kind.encode
    cls_priority = fields["priority"].kind.cls
    encode_tool = fields["tool"].kind.encode
    default_dependencies = fields["dependencies"].default
    encode_dependencies = fields["dependencies"].kind.item.encode
    encode_success_criteria = fields["success_criteria"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_id = x.id
            if type(v_id) is not str:
                key = "id"
                v_id = encode_id(v_id)
                key = None
            v_content = x.content
            if type(v_content) is not str:
                key = "content"
                v_content = encode_content(v_content)
                key = None
            v_status = x.status
            key = "status"
            v_status = v_status._value_ if type(v_status) is cls_status else encode_status(v_status)
            key = None
            v_priority = x.priority
            key = "priority"
            v_priority = (
                v_priority._value_
                if type(v_priority) is cls_priority
                else encode_priority(v_priority)
            )
            key = None
            o: dict[str, Any] = {
                "id": v_id,
                "content": v_content,
                "status": v_status,
                "priority": v_priority,
            }
            v_tool = x.tool
            if v_tool is not None:
                if type(v_tool) is not str:
                    key = "tool"
                    v_tool = encode_tool(v_tool)
                    key = None
                o["tool"] = v_tool
            v_dependencies = x.dependencies
            if v_dependencies != default_dependencies:
                key = "dependencies"
                if type(v_dependencies) is not tuple:
                    raise wrong("an array", v_dependencies)
                done = []
                for w in v_dependencies:
                    if type(w) is not str:
                        w = encode_dependencies(w)
                    done.append(w)
                v_dependencies = done
                key = done = None
                o["dependencies"] = v_dependencies
            v_success_criteria = x.success_criteria
            if v_success_criteria is not None:
                if type(v_success_criteria) is not str:
                    key = "success_criteria"
                    v_success_criteria = encode_success_criteria(v_success_criteria)
                    key = None
                o["success_criteria"] = v_success_criteria
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def execution_plan(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ExecutionPlan."""
    fields: Any = fields_of(codec)
    encode_goal = fields["goal"].kind.encode
    encode_steps = fields["steps"].kind.item.encode
    codec_steps = fields["steps"].kind.item.codec
    cls_steps = fields["steps"].kind.item.cls
    encode_complexity = fields["complexity"].kind.encode
    cls_complexity = fields["complexity"].kind.cls
    encode_required_tools = fields["required_tools"].kind.item.encode
    encode_estimated_steps = fields["estimated_steps"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_goal = x.goal
            if type(v_goal) is not str:
                key = "goal"
                v_goal = encode_goal(v_goal)
                key = None
            v_steps = x.steps
            key = "steps"
            if type(v_steps) is not tuple:
                raise wrong("an array", v_steps)
            done = []
            for w in v_steps:
                w = codec_steps.encode(w) if type(w) is cls_steps else encode_steps(w)
                done.append(w)
            v_steps = done
            key = done = None
            v_complexity = x.complexity
            key = "complexity"
            v_complexity = (
                v_complexity._value_
                if type(v_complexity) is cls_complexity
                else encode_complexity(v_complexity)
            )
            key = None
            v_required_tools = x.required_tools
            key = "required_tools"
            if type(v_required_tools) is not tuple:
                raise wrong("an array", v_required_tools)
            done = []
            for w in v_required_tools:
                if type(w) is not str:
                    w = encode_required_tools(w)
                done.append(w)
            v_required_tools = done
            key = done = None
            v_estimated_steps = x.estimated_steps
            if not (
                type(v_estimated_steps) is int and 0 <= v_estimated_steps <= 18446744073709551615
            ):
                key = "estimated_steps"
                v_estimated_steps = encode_estimated_steps(v_estimated_steps)
                key = None
            o: dict[str, Any] = {
                "goal": v_goal,
                "steps": v_steps,
                "complexity": v_complexity,
                "required_tools": v_required_tools,
                "estimated_steps": v_estimated_steps,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def agent_goal(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a AgentGoal."""
    fields: Any = fields_of(codec)
    encode_description = fields["description"].kind.encode
    encode_success_criteria = fields["success_criteria"].kind.item.encode
    encode_progress = fields["progress"].kind.encode
    encode_achieved = fields["achieved"].kind.encode
    encode_created_at = fields["created_at"].kind.encode
    encode_achieved_at = fields["achieved_at"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_description = x.description
            if type(v_description) is not str:
                key = "description"
                v_description = encode_description(v_description)
                key = None
            v_success_criteria = x.success_criteria
            key = "success_criteria"
            if type(v_success_criteria) is not tuple:
                raise wrong("an array", v_success_criteria)
            done = []
            for w in v_success_criteria:
                if type(w) is not str:
                    w = encode_success_criteria(w)
                done.append(w)
            v_success_criteria = done
            key = done = None
            v_progress = x.progress
            key = "progress"
            v_progress = encode_progress(v_progress)
            key = None
            v_achieved = x.achieved
            if not (v_achieved is True or v_achieved is False):
                key = "achieved"
                v_achieved = encode_achieved(v_achieved)
                key = None
            v_created_at = x.created_at
            if not (
                type(v_created_at) is int
                and -9223372036854775808 <= v_created_at <= 9223372036854775807
            ):
                key = "created_at"
                v_created_at = encode_created_at(v_created_at)
                key = None
            v_achieved_at = x.achieved_at
            if v_achieved_at is not None and not (
                type(v_achieved_at) is int
                and -9223372036854775808 <= v_achieved_at <= 9223372036854775807
            ):
                key = "achieved_at"
                v_achieved_at = encode_achieved_at(v_achieved_at)
                key = None
            o: dict[str, Any] = {
                "description": v_description,
                "success_criteria": v_success_criteria,
                "progress": v_progress,
                "achieved": v_achieved,
                "created_at": v_created_at,
                "achieved_at": v_achieved_at,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
