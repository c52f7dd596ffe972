"""A Python that has vLLM, SGLang and Dynamo, as far as the launcher can tell.

Written to a file and made executable it stands in for ``backend.python``: asked for
versions it answers, told to run a server's module it serves /health over a real socket.
FAKE_DIR holds what happened (``journal``: a line for each start and end) and what is to
happen: ``hold-PORT`` keeps that server unready, ``break-PORT`` lets it end with status 3.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmgame.serving.launcher.config import LaunchConfig

SOURCE = """\
#!{python}
import http.server, json, os, pathlib, signal, subprocess, sys, threading

FOLDER = pathlib.Path("{folder}")

def note(*words):
    with open(FOLDER / "journal", "a") as file:
        file.write(" ".join(map(str, words)) + "\\n")

if sys.argv[1] == "-c":
    print((FOLDER / "versions").read_text())
    sys.exit()
words = sys.argv[2:]
flag = next(one for one in ("--http-port", "--port") if one in words)
port = int(words[words.index(flag) + 1])
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
note("start", port, os.getpid(), child.pid)
print("\\x1b[31mfake\\x1b[0m", words[0], "\\x1b]0;title\\x07\\x9b2J\\u202eon", port)
print("warming up", "\\r" + "50 %", "\\r" + "100 %")

def end(*_):
    note("stop", port)
    os._exit(0)

signal.signal(signal.SIGTERM, end)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if (FOLDER / f"break-{{port}}").exists():
            print("out of memory: tried to allocate 80 GiB")
            sys.stdout.flush()
            os._exit(3)
        ready = not (FOLDER / f"hold-{{port}}").exists()
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(b'{{"data": [{{"id": "fake"}}]}}')

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""

VERSIONS = {"vllm": "0.32.0", "vllm-router": "0.1.17", "nixl": "1.0.0"}


@dataclass(frozen=True)
class Fake:
    folder: Path
    port: int

    @property
    def python(self) -> str:
        return str(self.folder / "python")

    def has(self, versions: dict[str, str]) -> None:
        (self.folder / "versions").write_text(json.dumps(versions))

    def tell(self, word: str) -> None:
        (self.folder / word).touch()

    def untell(self, word: str) -> None:
        (self.folder / word).unlink()

    def journal(self) -> list[list[str]]:
        path = self.folder / "journal"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def started(self) -> list[int]:
        return [int(line[1]) for line in self.journal() if line[0] == "start"]

    def processes(self) -> list[int]:
        """Every server, and what it started itself."""
        return [int(one) for line in self.journal() if line[0] == "start" for one in line[2:]]

    def settings(self, **more: object) -> dict[str, Any]:
        return {
            "python": self.python, "port": self.port, "worker_port": self.port + 1,
            "stop_s": 5, "start_s": 30, **more,
        }  # fmt: skip

    def command(self, *more: str) -> list[str]:
        words = [f"backend.{key}={value}" for key, value in self.settings().items()]
        return [
            *(sys.executable, "-m", "lmgame.cli", "serve", "backend=vllm_pd"),
            *("backend.model=fake", *words, *more),
        ]


def make(folder: Path, python: str = sys.executable) -> Fake:
    fake = Fake(folder, free_ports(8))
    Path(fake.python).write_text(SOURCE.format(python=python, folder=folder))
    Path(fake.python).chmod(0o755)
    fake.has(VERSIONS)
    return fake


def free_ports(count: int) -> int:
    """The first of some neighbouring ports that nobody has."""
    for _ in range(200):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
        if port + count < 65_000 and all(_free(port + one) for one in range(count)):
            return port
    raise AssertionError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("", port))
        except OSError:
            return False
        return True


def config(**settings: object) -> LaunchConfig:
    return LaunchConfig.model_validate({"kind": "vllm_pd", "model": "m", **settings})


def run(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
