"""A small agent that can be killed at any moment and resumes its work when it is started again.

    python examples/small_agent.py STORE FOLDER [--pause SECONDS]

The agent writes a text into FOLDER and counts its words, with three real tools (write, read, bash)
and a scripted model. Its session is stored in STORE, a SQLite file. Kill it while it works, for
instance between two rounds with `--pause 1`, and start it again with the same STORE: it resumes
after the last finished round. No message is lost, and no finished round is done twice.

To make it a real agent, replace `ScriptedModel` by calls of your model.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from a3s_store import SqliteSessionStore
from a3s_store.models import (
    ContentBlock,
    Message,
    PermissionPolicy,
    PermissionRule,
    SessionConfig,
    TextBlock,
    TokenUsage,
    ToolDefinition,
    ToolResultBlock,
    ToolUseBlock,
)
from a3s_store.runtime import (
    ActiveRun,
    AgentResult,
    SessionManager,
    ToolOutput,
    by_name,
    tool_execution,
)

SESSION = "word-count"
PROMPT = "Write a line about each season and count the words of all four."

# These run without a question to a human; a denied call stays denied, whatever the model says.
POLICY = PermissionPolicy(
    allow=(
        PermissionRule(rule="write(**.txt)"),
        PermissionRule(rule="read"),
        PermissionRule(rule="bash(wc *)"),
    ),
    deny=(PermissionRule(rule="bash(rm:*)"),),
)


# -- Tools ----------------------------------------------------------------------------------------


@attrs.frozen
class FolderTool:
    """A tool that works in one folder, with the definition that a model is offered."""

    definition: ToolDefinition
    work: Callable[[Mapping[str, Any]], Awaitable[ToolOutput]]

    @property
    def name(self) -> str:
        """The name by which the model calls it."""
        return self.definition.name

    async def run(self, args: Mapping[str, Any]) -> ToolOutput:
        """Do the call; an exception becomes the text of a failed call."""
        return await self.work(args)


def tools_in(folder: Path) -> list[FolderTool]:
    """Return three tools that write files, read files and run commands in a folder."""

    async def write(args: Mapping[str, Any]) -> ToolOutput:
        path = inside(folder, args["file_path"])
        await asyncio.to_thread(path.write_text, args["content"], encoding="utf-8")
        return ToolOutput(content=f"{len(args['content'])} characters written")

    async def read(args: Mapping[str, Any]) -> ToolOutput:
        path = inside(folder, args["file_path"])
        return ToolOutput(content=await asyncio.to_thread(path.read_text, encoding="utf-8"))

    async def bash(args: Mapping[str, Any]) -> ToolOutput:
        process = await asyncio.create_subprocess_shell(
            args["command"],
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        text = output.decode(errors="replace").strip()
        return ToolOutput(content=text, exit_code=process.returncode or 0)

    return [
        FolderTool(defined("write", "Write a file", "file_path", "content"), write),
        FolderTool(defined("read", "Read a file", "file_path"), read),
        FolderTool(defined("bash", "Run a command", "command"), bash),
    ]


def defined(name: str, description: str, *arguments: str) -> ToolDefinition:
    """Return the definition of a tool with arguments that are all texts."""
    properties = {argument: {"type": "string"} for argument in arguments}
    return ToolDefinition(
        name=name,
        description=description,
        parameters={"type": "object", "properties": properties, "required": list(arguments)},
    )


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file in the folder. Raises ValueError for a file outside of it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"{name} is outside the folder")
    return path


# -- The model ------------------------------------------------------------------------------------

SEASONS = {
    "spring": "Buds open while the rain still falls.",
    "summer": "Long evenings, warm stones, and crickets.",
    "autumn": "Leaves turn, and the harvest comes in.",
    "winter": "Snow lies quietly on the fields.",
}


class ScriptedModel:
    """Replies to a conversation as a model does, but always by the same script."""

    def __init__(self) -> None:
        self._script: list[tuple[str, dict[str, str]]] = [
            *(("write", {"file_path": f"{s}.txt", "content": t}) for s, t in SEASONS.items()),
            ("bash", {"command": "rm -f winter.txt"}),
            ("read", {"file_path": "winter.txt"}),
            ("bash", {"command": "wc -w spring.txt summer.txt autumn.txt winter.txt"}),
        ]

    async def answer(self, system: str, messages: tuple[Message, ...]) -> Message:
        asked = max(n for n, message in enumerate(messages) if message.text == PROMPT)
        done = [message for message in messages[asked:] if message.role == "assistant"]
        if len(done) == len(self._script):
            (result,) = messages[-1].content
            assert isinstance(result, ToolResultBlock)
            return Message.assistant(f"Four lines are written.\n{result.content}")
        name, args = self._script[len(done)]
        call = ToolUseBlock(id=f"call-{len(done)}", name=name, input=args)
        return Message(role="assistant", content=(TextBlock(text=f"Now {name}."), call))


# -- The loop -------------------------------------------------------------------------------------


class SmallAgent:
    """Asks the model and runs the tools it calls, until it calls none."""

    def __init__(self, model: ScriptedModel, tools: Sequence[FolderTool], pause: float) -> None:
        self._model = model
        self._tools = by_name(tools)
        self._pause = pause

    async def run(self, run: ActiveRun) -> AgentResult:
        messages = run.messages
        while True:
            reply = await self._model.answer(run.system_prompt, messages)
            run.add_usage(TokenUsage(prompt_tokens=10, completion_tokens=2, total_tokens=12))
            messages += (reply,)
            calls = [block for block in reply.content if isinstance(block, ToolUseBlock)]
            if not calls:
                return AgentResult(
                    text=reply.text,
                    messages=messages,
                    usage=run.usage,
                    tool_calls_count=run.tool_calls_count,
                )
            messages += (await self._results(run, calls),)
            # A later crash does not lose this round.
            await run.checkpoint(messages)
            print(f"round {run.turn}: {reply.text}", flush=True)
            await asyncio.sleep(self._pause)

    async def _results(self, run: ActiveRun, calls: list[ToolUseBlock]) -> Message:
        blocks: list[ContentBlock] = []
        for call in calls:
            begun = run.session.clock()
            output = await run.call_tool(call, self._tools)
            run.session.trace.record(
                tool_execution(
                    call.name,
                    success=not output.is_error,
                    exit_code=output.exit_code,
                    duration_ms=run.session.clock() - begun,
                    output_bytes=len(output.content.encode()),
                )
            )
            blocks.append(
                ToolResultBlock(
                    tool_use_id=call.id, content=output.content, is_error=output.is_error
                )
            )
        return Message(role="user", content=tuple(blocks))


# -- The program ----------------------------------------------------------------------------------


async def work(store_path: Path, folder: Path, pause: float) -> AgentResult | None:
    """Do the work, or the rest of it; return None when it was done before."""
    folder.mkdir(parents=True, exist_ok=True)
    tools = tools_in(folder)
    agent = SmallAgent(ScriptedModel(), tools, pause)
    async with (
        SqliteSessionStore.open(store_path) as store,
        SessionManager(agent=agent).with_store(store) as sessions,
    ):
        config = SessionConfig(name="Word count", permission_policy=POLICY)
        offered = [tool.definition for tool in tools]
        live = await sessions.open_session(SESSION, config, tools=offered)
        for checkpoint in await live.interrupted_runs():
            print(f"going on after round {checkpoint.turn}", flush=True)
            return await live.resume_run(checkpoint.run_id, agent)
        if live.session.messages:
            return None
        return await sessions.generate(SESSION, PROMPT)


def main() -> None:
    """Run the program; see the docstring of the module."""
    parser = argparse.ArgumentParser(description="An agent that survives being killed.")
    parser.add_argument("store", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds after each round")
    given = parser.parse_args()
    result = asyncio.run(work(given.store, given.folder, given.pause))
    print("done before" if result is None else result.text)


if __name__ == "__main__":
    main()
