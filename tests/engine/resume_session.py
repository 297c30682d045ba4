"""Let the genuine engine resume a session directory and say what it made of it.

Run it under an interpreter that has one version of the `a3s-code` wheel installed:

    python resume_session.py DIRECTORY SESSION_ID

DIRECTORY is laid out as the engine's own file store lays it out, and **the engine saves into it**,
so give a copy. The driver starts a scripted model server on 127.0.0.1, has the engine resume
SESSION_ID from DIRECTORY, sends one more prompt, replies with a fixed text, and has the session
saved. The workspace named in the session need not exist.

On success it prints one JSON object and exits 0:

    engine              version of the wheel
    session_id          the id the engine gave the resumed session
    model               the model the engine asked for: the session's own, or "fallback" if it
                        has none or one the scripted server cannot stand in for
    history_messages    number of messages the model was sent, without the system prompt
    history             those messages, as the model server received them
    system_prompt_seen  the system prompt the model was sent, or null
    reply               what the engine answered to the prompt
    saved               true: the file now holds two messages more, the prompt and its reply
    kept                whether every earlier message is still in the file, unchanged

Otherwise it says why on stderr and exits non-zero. It ends by itself within 60 seconds whatever the
engine does, and nothing in it contacts any address but 127.0.0.1.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import importlib.metadata
import importlib.util
import json
import os
import signal
import socketserver
import sys
import tempfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT = "what did we do so far?"
REPLY = "We did everything that stands above this line; there is nothing left to do."
FALLBACK = ("scripted", "fallback")
# The engine speaks a dialect to these providers that the model server does not know.
NOT_OPENAI = {"anthropic", "claude"}

REPORT_AFTER_SECONDS = 50
KILL_AFTER_SECONDS = 58

Json = dict[str, Any]


class ModelServer(ThreadingHTTPServer):
    """An OpenAI-compatible model on an ephemeral local port that always returns REPLY."""

    daemon_threads = True

    def __init__(self) -> None:
        self.requests: list[Json] = []
        super().__init__(("127.0.0.1", 0), ModelHandler)

    def server_bind(self) -> None:
        # The inherited method also looks up its own host name, which may ask a name server.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class ModelHandler(BaseHTTPRequestHandler):
    """Records each chat request and replies at once or as a stream, as requested."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body: Json = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/chat/completions"):
            self.send_error(404)
            return
        cast("ModelServer", self.server).requests.append(body)
        if body.get("stream"):
            self.answer("text/event-stream", streamed_reply(str(body["model"])))
        else:
            self.answer("application/json", json.dumps(whole_reply(str(body["model"]))))

    def answer(self, content_type: str, text: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing: stdout and stderr belong to the result."""


def completion(kind: str, model: str, choice: Json) -> Json:
    return {"id": "reply-1", "object": kind, "created": 0, "model": model, "choices": [choice]}


def usage() -> Json:
    return {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def whole_reply(model: str) -> Json:
    message = {"role": "assistant", "content": REPLY}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return completion("chat.completion", model, choice) | {"usage": usage()}


def streamed_reply(model: str) -> str:
    delta = {"role": "assistant", "content": REPLY}
    text = {"index": 0, "delta": delta, "finish_reason": None}
    stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
    kind = "chat.completion.chunk"
    chunks = [completion(kind, model, text), completion(kind, model, stop) | {"usage": usage()}]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


@contextmanager
def model_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        # A short poll, because shutting down waits for the poll under way.
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def session_file(directory: Path, session_id: str) -> Path:
    """The path the engine's file store uses for this id."""
    name = session_id.replace("/", "_").replace("\\", "_").replace("..", "_")
    return directory / f"{name}.json"


def read_session(path: Path) -> Json:
    try:
        session = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SystemExit(f"cannot read the session file {path}: {error}") from error
    if not isinstance(session, dict):
        raise SystemExit(f"the session file {path} holds no JSON object")
    return session


def persisted_model(session: Json) -> tuple[str, str] | None:
    """The provider and model the engine will restore, by its own rule."""
    if config := session.get("llm_config"):
        return str(config.get("provider")), str(config.get("model"))
    provider, slash, model = str(session.get("model_name") or "").partition("/")
    return (provider, model) if slash else None


def can_serve(model: tuple[str, str]) -> bool:
    # The engine's configuration language garbles provider names outside ASCII.
    provider, name = model
    return provider not in NOT_OPENAI and provider.isascii() and (provider + name).isprintable()


def engine_config(url: str, models: list[tuple[str, str]]) -> str:
    """Configuration text that sends every one of these models to our server."""
    default = json.dumps("/".join(FALLBACK), ensure_ascii=False)
    blocks = [f"default_model = {default}\n"]
    for pair in models:
        provider, model = (json.dumps(name, ensure_ascii=False) for name in pair)
        blocks.append(
            f'providers {provider} {{\n  apiKey = "unused"\n  baseUrl = "{url}"\n'
            f"  models {model} {{\n    name = {model}\n  }}\n}}\n"
        )
    return "\n".join(blocks)


def resume(agent: Any, boot: Any, session_id: str, options: Any) -> Any:
    """Resume inside a slash command: called from a plain thread the wheel drops the store."""
    resumed: list[Any] = []
    failures: list[Exception] = []

    def handler(*_arguments: object) -> str:
        try:
            resumed.append(agent.resume_session(session_id, options))
        except Exception as error:
            failures.append(error)
        return "resumed" if resumed else "failed"

    boot.register_command("resume-for-test", "Resume the session under test", handler)
    result = boot.send("/resume-for-test")
    if failures:
        raise SystemExit(f"the engine cannot resume {session_id!r}: {failures[0]}")
    if not resumed:
        raise SystemExit(f"the engine did not run the resuming command: {result.text}")
    return resumed[0]


def load_engine() -> Any:
    """Import the wheel, unless it carries no engine: some versions download theirs on import."""
    spec = importlib.util.find_spec("a3s_code")
    if spec is None:
        raise SystemExit("this interpreter has no a3s-code wheel installed")
    places = spec.submodule_search_locations or []
    if not any(list(Path(place).glob("_native.*")) for place in places):
        raise SystemExit("this a3s-code wheel carries no engine and would download one: refused")
    return importlib.import_module("a3s_code")


def session_options(engine: Any, directory: Path, model: tuple[str, str] | None) -> Any:
    options = engine.SessionOptions()
    options.session_store = engine.FileSessionStore(str(directory))
    # Planning would put a classifying request of its own before the one we want to see.
    options.planning_mode = "disabled"
    if model and not can_serve(model):
        options.model = "/".join(FALLBACK)
    return options


def converse(directory: Path, session_id: str, model: tuple[str, str] | None) -> Json:
    """Resume, send PROMPT, save; return what the engine and the model server saw."""
    engine = load_engine()
    # The default model is not the session's, so that the request shows which one was restored.
    models = [FALLBACK, model] if model and model != FALLBACK else [FALLBACK]
    with model_server() as server:
        agent = engine.Agent.create(engine_config(server.url, models))
        boot = agent.session(os.environ["HOME"])
        options = session_options(engine, directory, model)
        session = resume(agent, boot, session_id, options)
        reply = session.send(PROMPT).text
        # An automatic save only logs its errors; this one raises them.
        session.save()
        session.close()
    if not server.requests:
        raise SystemExit("the engine never asked the model server")
    return describe(server.requests[0], str(session.session_id), str(reply))


def describe(request: Json, session_id: str, reply: str) -> Json:
    messages: list[Json] = request["messages"]
    history = [message for message in messages if message["role"] != "system"]
    prompts = [message["content"] for message in messages if message["role"] == "system"]
    return {
        "engine": importlib.metadata.version("a3s-code"),
        "session_id": session_id,
        "model": request["model"],
        "history_messages": len(history),
        "history": history,
        "system_prompt_seen": prompts[0] if prompts else None,
        "reply": reply,
    }


def check_saved(before: list[Json], after: list[Json]) -> Json:
    """Whether the saved list is the old one with our prompt and our reply behind it."""
    texts = [block.get("text") for message in after[-2:] for block in message["content"]]
    if len(after) != len(before) + 2 or texts != [PROMPT, REPLY]:
        raise SystemExit(
            f"the engine saved {len(after)} messages after {len(before)}, the last being {texts}"
        )
    return {"saved": True, "kept": after[:-2] == before}


def run(directory: Path, session_id: str) -> Json:
    session = read_session(session_file(directory, session_id))
    try:
        result = converse(directory, session_id, persisted_model(session))
    except (RuntimeError, ImportError, OSError, ValueError, TypeError) as error:
        raise SystemExit(f"the engine failed: {type(error).__name__}: {error}") from error
    # The engine goes on under the id inside the file, which need not be the one asked for.
    saved = read_session(session_file(directory, result["session_id"]))
    return result | check_saved(session["messages"], saved["messages"])


def set_time_limit() -> None:
    # Neither needs the interpreter lock, so they work even while the engine holds it. The first
    # shows where it hangs; the second is for a process that hangs on its way out.
    faulthandler.dump_traceback_later(REPORT_AFTER_SECONDS, exit=True)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(KILL_AFTER_SECONDS)


def isolate(home: str) -> None:
    """Hide the user's agents, skills and proxies: they must not decide what a test sees."""
    os.environ["HOME"] = home
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


def main() -> None:
    parser = argparse.ArgumentParser(description="Have the genuine engine resume a session.")
    parser.add_argument("directory", type=Path, help="session directory; it is written to")
    parser.add_argument("session_id")
    arguments = parser.parse_args()
    set_time_limit()
    with tempfile.TemporaryDirectory() as home:
        isolate(home)
        result = run(arguments.directory.absolute(), arguments.session_id)
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
