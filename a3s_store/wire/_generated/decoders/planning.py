"""Decoders of the models in `models/planning.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    MISSING,
    ModelCodec,
    NotJsonError,
    absent,
    draft_of,
    fields_of,
    located,
    unknown,
    wrong,
)


def task(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a Task."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_id = fields["id"].kind.decode
    decode_content = fields["content"].kind.decode
    decode_status = fields["status"].kind.decode
    member_status = fields["status"].kind.members.get
    decode_priority = fields["priority"].kind.decode
    member_priority = fields["priority"].kind.members.get
    absent_priority = absent(fields["priority"])
    decode_tool = fields["tool"].kind.decode
    decode_dependencies = fields["dependencies"].kind.item.decode
    absent_dependencies = absent(fields["dependencies"])
    decode_success_criteria = fields["success_criteria"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_id = o["id"]
            if type(v_id) is not str:
                key = "id"
                v_id = decode_id(v_id)
                key = None
            v_content = o.get("content", MISSING)
            w = o.get("description", MISSING)
            if w is not MISSING:
                if v_content is not MISSING:
                    what = "is another name of content, which is there too"
                    raise NotJsonError(what).at("description")
                v_content = w
            if v_content is MISSING:
                raise NotJsonError("is missing").at("content")
            if type(v_content) is not str:
                key = "content"
                v_content = decode_content(v_content)
                key = None
            v_status = o["status"]
            key = "status"
            m = member_status(v_status) if type(v_status) is str else None
            v_status = decode_status(v_status) if m is None else m
            key = None
            if len(o) == 3:
                v_priority = absent_priority
                v_tool = None
                v_dependencies = absent_dependencies
                v_success_criteria = None
                extra = EMPTY
            else:
                n = 3
                if "priority" in o:
                    v_priority = o["priority"]
                    n += 1
                    key = "priority"
                    m = member_priority(v_priority) if type(v_priority) is str else None
                    v_priority = decode_priority(v_priority) if m is None else m
                    key = None
                else:
                    v_priority = absent_priority
                if "tool" in o:
                    v_tool = o["tool"]
                    n += 1
                    if v_tool is not None and type(v_tool) is not str:
                        key = "tool"
                        v_tool = decode_tool(v_tool)
                        key = None
                else:
                    v_tool = None
                if "dependencies" in o:
                    v_dependencies = o["dependencies"]
                    n += 1
                    key = "dependencies"
                    if type(v_dependencies) is not list:
                        raise wrong("an array", v_dependencies)
                    done = []
                    for w in v_dependencies:
                        if type(w) is not str:
                            w = decode_dependencies(w)
                        done.append(w)
                    v_dependencies = tuple(done)
                    key = done = None
                else:
                    v_dependencies = absent_dependencies
                if "success_criteria" in o:
                    v_success_criteria = o["success_criteria"]
                    n += 1
                    if v_success_criteria is not None and type(v_success_criteria) is not str:
                        key = "success_criteria"
                        v_success_criteria = decode_success_criteria(v_success_criteria)
                        key = None
                else:
                    v_success_criteria = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.id = v_id
        x.content = v_content
        x.status = v_status
        x.priority = v_priority
        x.tool = v_tool
        x.dependencies = v_dependencies
        x.success_criteria = v_success_criteria
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def execution_plan(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ExecutionPlan."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_goal = fields["goal"].kind.decode
    codec_steps = fields["steps"].kind.item.codec
    decode_complexity = fields["complexity"].kind.decode
    member_complexity = fields["complexity"].kind.members.get
    decode_required_tools = fields["required_tools"].kind.item.decode
    decode_estimated_steps = fields["estimated_steps"].kind.decode

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
            v_steps = o["steps"]
            key = "steps"
            if type(v_steps) is not list:
                raise wrong("an array", v_steps)
            done = []
            for w in v_steps:
                w = codec_steps.decode(w)
                done.append(w)
            v_steps = tuple(done)
            key = done = None
            v_complexity = o["complexity"]
            key = "complexity"
            m = member_complexity(v_complexity) if type(v_complexity) is str else None
            v_complexity = decode_complexity(v_complexity) if m is None else m
            key = None
            v_required_tools = o["required_tools"]
            key = "required_tools"
            if type(v_required_tools) is not list:
                raise wrong("an array", v_required_tools)
            done = []
            for w in v_required_tools:
                if type(w) is not str:
                    w = decode_required_tools(w)
                done.append(w)
            v_required_tools = tuple(done)
            key = done = None
            v_estimated_steps = o["estimated_steps"]
            if not (
                type(v_estimated_steps) is int and 0 <= v_estimated_steps <= 18446744073709551615
            ):
                key = "estimated_steps"
                v_estimated_steps = decode_estimated_steps(v_estimated_steps)
                key = None
            if len(o) == 5:
                extra = EMPTY
            else:
                n = 5
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.goal = v_goal
        x.steps = v_steps
        x.complexity = v_complexity
        x.required_tools = v_required_tools
        x.estimated_steps = v_estimated_steps
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def agent_goal(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a AgentGoal."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_description = fields["description"].kind.decode
    decode_success_criteria = fields["success_criteria"].kind.item.decode
    decode_progress = fields["progress"].kind.decode
    decode_achieved = fields["achieved"].kind.decode
    decode_created_at = fields["created_at"].kind.decode
    decode_achieved_at = fields["achieved_at"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_description = o["description"]
            if type(v_description) is not str:
                key = "description"
                v_description = decode_description(v_description)
                key = None
            v_success_criteria = o["success_criteria"]
            key = "success_criteria"
            if type(v_success_criteria) is not list:
                raise wrong("an array", v_success_criteria)
            done = []
            for w in v_success_criteria:
                if type(w) is not str:
                    w = decode_success_criteria(w)
                done.append(w)
            v_success_criteria = tuple(done)
            key = done = None
            v_progress = o["progress"]
            key = "progress"
            v_progress = decode_progress(v_progress)
            key = None
            v_achieved = o["achieved"]
            if not (v_achieved is True or v_achieved is False):
                key = "achieved"
                v_achieved = decode_achieved(v_achieved)
                key = None
            v_created_at = o["created_at"]
            if not (
                type(v_created_at) is int
                and -9223372036854775808 <= v_created_at <= 9223372036854775807
            ):
                key = "created_at"
                v_created_at = decode_created_at(v_created_at)
                key = None
            if len(o) == 5:
                v_achieved_at = None
                extra = EMPTY
            else:
                n = 5
                if "achieved_at" in o:
                    v_achieved_at = o["achieved_at"]
                    n += 1
                    if v_achieved_at is not None and not (
                        type(v_achieved_at) is int
                        and -9223372036854775808 <= v_achieved_at <= 9223372036854775807
                    ):
                        key = "achieved_at"
                        v_achieved_at = decode_achieved_at(v_achieved_at)
                        key = None
                else:
                    v_achieved_at = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.description = v_description
        x.success_criteria = v_success_criteria
        x.progress = v_progress
        x.achieved = v_achieved
        x.created_at = v_created_at
        x.achieved_at = v_achieved_at
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
