"""Killed workers, killed servers, Ctrl-C: what was asked is served, nothing stays behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from lmgame.errors import ServerError
from lmgame.serving import EmbeddedConfig, EmbeddedServer
from tests.waiting import wait_for

from .support import MODEL, in_use, openai_client, read_metrics, serving, wait_idle

pytestmark = pytest.mark.engine

USER: Any = [{"role": "user", "content": "Count from one to one hundred in words."}]


@pytest.fixture
def server(disaggregated: EmbeddedServer) -> EmbeddedServer:
    """Workers may be killed: they come back. The server itself must not be."""
    return disaggregated


def worker_pid(server: EmbeddedServer, name: str) -> int:
    return next(int(w["pid"]) for w in server.health()["workers"] if w["name"] == name)


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def reply(server: EmbeddedServer, tokens: int = 60, messages: Any = USER) -> str:  # noqa: ANN401  # the SDK's own type is a union of eight
    with openai_client(server) as client:
        answer = client.chat.completions.create(
            model=MODEL, messages=messages, max_tokens=tokens, extra_body={"ignore_eos": True}
        )
    return answer.choices[0].message.content or ""


def disturbed(server: EmbeddedServer, name: str, tokens: int, kill_at: int, messages: Any) -> str:  # noqa: ANN401  # as above
    """The reply during which the worker of this name is killed."""
    pieces: list[str] = []
    facts: dict[str, Any] = {}
    with openai_client(server) as client:
        chunks = client.chat.completions.create(
            model=MODEL,
            messages=messages,
            max_tokens=tokens,
            stream=True,
            extra_body={"ignore_eos": True},
        )
        for number, chunk in enumerate(chunks):
            if number == kill_at:
                os.kill(worker_pid(server, name), signal.SIGKILL)
            pieces.append(chunk.choices[0].delta.content or "")
            facts = (chunk.model_extra or {}).get("lmgame", facts)
    assert facts["attempts"] == 2
    return "".join(pieces)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("Count from one to one hundred in words.", marks=pytest.mark.slow),
        "Tell me a long story about a red fox and the moon.",
        pytest.param("Explain how bread is made, step by step. " * 12, marks=pytest.mark.slow),
    ],
    ids=["counting", "story", "long prompt"],
)
def test_a_decode_worker_killed_mid_reply(server: EmbeddedServer, question: str) -> None:
    """A prefill of prompt and known tokens together would round differently (80 tokens on)."""
    wait_idle(server)
    messages = [{"role": "user", "content": question}]
    expected = reply(server, 150, messages)
    before = read_metrics(server)
    assert disturbed(server, "decode-0", 150, 75, messages) == expected
    after = read_metrics(server)
    restarts = 'lmgame_worker_restarts_total{role="decode"}'
    assert after[restarts] == before.get(restarts, 0) + 1
    # The first token was known, so the second prefill made none; decode chose the rest once.
    repeated = 'lmgame_repeated_prefills_total{role="prefill"}'
    assert after[repeated] == before.get(repeated, 0) + 1
    made, prefills = "lmgame_generated_tokens_total", "lmgame_prefills_total"
    role = '{role="prefill"}'
    assert after[made + role] - before[made + role] == 1
    assert after[prefills + role] - before[prefills + role] == 1
    role = '{role="decode"}'
    assert after[made + role] - before[made + role] == 149
    wait_idle(server)


@pytest.mark.slow
def test_a_colocated_worker_killed_mid_reply(weights_path: Path) -> None:
    with serving(mode="colocated", replicas=1, schedule="chunked", chunk=16) as server:
        expected = reply(server, 120)
        assert disturbed(server, "colocated-0", 120, 80, USER) == expected


def test_a_prefill_worker_killed_mid_prompt(server: EmbeddedServer) -> None:
    wait_idle(server)
    messages: Any = [{"role": "user", "content": "word " * 400}]
    results: list[Any] = []

    def ask() -> None:
        with openai_client(server) as client:
            results.append(
                client.chat.completions.create(
                    model=MODEL,
                    messages=messages,
                    max_tokens=3,
                    extra_body={"ignore_eos": True},
                )
            )

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(lambda: "lmgame_slabs_in_use" in in_use(server), "the prefill to begin")
    os.kill(worker_pid(server, "prefill-0"), signal.SIGKILL)
    thread.join()
    assert results[0].model_extra["lmgame"]["attempts"] == 2
    assert results[0].usage.completion_tokens == 3
    wait_idle(server)


@pytest.mark.slow
def test_many_requests_survive_a_killed_worker(server: EmbeddedServer) -> None:
    wait_idle(server)
    expected = reply(server, 24)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(reply(server, 24))) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(in_use(server)) > 1, "work to be under way")
    os.kill(worker_pid(server, "decode-0"), signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert answers == [expected] * 6
    wait_idle(server)


@pytest.mark.slow
def test_a_request_that_outlives_three_workers_gets_a_clear_error(weights_path: Path) -> None:
    with serving() as server, openai_client(server) as client:
        over = threading.Event()

        def kill_whoever_works() -> None:
            while not over.wait(0.02):
                for worker in server.health().get("workers", []):
                    if worker["name"] == "decode-0" and worker["slots_in_use"]:
                        with contextlib.suppress(psutil.NoSuchProcess):
                            psutil.Process(worker["pid"]).kill()

        killer = threading.Thread(target=kill_whoever_works)
        chunks = client.chat.completions.create(
            model=MODEL, messages=USER, stream=True, extra_body={"ignore_eos": True}
        )
        killer.start()
        with pytest.raises(openai.APIError, match="3 workers died while serving this"):
            for _ in chunks:
                pass
        over.set()
        killer.join()
        wait_idle(server)
        assert reply(server, 3)


@pytest.mark.slow
def test_workers_that_keep_dying_end_the_server(weights_path: Path) -> None:
    with serving(decode_workers=1) as server:
        killed: set[int] = set()

        def dead() -> bool:
            for process in descendants(server.pid) if psutil.pid_exists(server.pid) else []:
                if process.pid not in killed:
                    killed.add(process.pid)
                    process.kill()
            try:
                server.check()
            except ServerError as error:
                assert "died 5 times in a row" in str(error)  # noqa: PT017  # ends the wait
                return True
            return False

        wait_for(dead, "the server to give up", 30)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prefill-0", "decode-0"])
def test_deaths_with_work_in_between_do_not_end_the_server(
    server: EmbeddedServer, name: str
) -> None:
    """Seven deaths within seconds, but after each restart a reply is served."""
    for _ in range(7):
        os.kill(worker_pid(server, name), signal.SIGKILL)
        wait_for(lambda: server.health().get("status") != "ok", "the death to be noticed")
        wait_idle(server)
        assert reply(server, 3)
    server.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_everything_quickly(weights_path: Path, number: signal.Signals) -> None:
    code = "from lmgame.serving import *; run(EmbeddedConfig(port=0, context=256))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith(f"serving {MODEL} on http://127.0.0.1:")
    workers = descendants(process.pid)
    assert len(workers) == 2
    url = line.split()[3]
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        stream = client.chat.completions.create(
            model=MODEL, messages=USER, stream=True, extra_body={"ignore_eos": True}
        )
        next(iter(stream))
        process.send_signal(number)
        _, errors = process.communicate(timeout=3)
        stream.close()
    assert process.returncode == 0
    assert errors == ""
    assert gone(workers)


@pytest.mark.slow
def test_nohup_is_respected(weights_path: Path) -> None:
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from lmgame.serving import *; run(EmbeddedConfig(port=0, context=256))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().split()[3]
    process.send_signal(signal.SIGHUP)
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        assert client.chat.completions.create(model=MODEL, messages=USER, max_tokens=2).choices
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=3)
    assert process.returncode == 0


def test_a_killed_router_takes_its_workers_along(weights_path: Path) -> None:
    with serving() as server:
        workers = descendants(server.pid)
        assert len(workers) == 2
        os.kill(server.pid, signal.SIGKILL)
        wait_for(lambda: gone(workers), "the workers to end", 3)
        with pytest.raises(ServerError, match="-9"):
            wait_for(lambda: server.check(), "the server's end to be noticed", 3)


def test_a_killed_owner_takes_the_server_along(weights_path: Path) -> None:
    code = (
        "import time; from lmgame.serving import *\n"
        "with EmbeddedServer(EmbeddedConfig(port=0, context=256)) as s:\n"
        "    print(s.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    family = [psutil.Process(pid), *descendants(pid)]
    assert len(family) == 3
    owner.kill()
    owner.communicate()
    wait_for(lambda: gone(family), "server and workers to end", 4)


def test_shared_memory_has_no_name(server: EmbeddedServer) -> None:
    reply(server, 4)
    names = [p.name for p in Path("/dev/shm").glob("*lmgame*")] if sys.platform == "linux" else []
    assert names == []


def test_a_port_in_use_is_named(weights_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedServer(EmbeddedConfig(port=port))
        with pytest.raises(ServerError, match=rf"port {port} .*backend\.port="), server:
            pass


def test_missing_weights_say_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LMGAME_CACHE", str(tmp_path))
    server = EmbeddedServer(EmbeddedConfig(port=0))
    with pytest.raises(ServerError, match=r"missing; fetch .*lmgame\.serving\.weights"), server:
        pass


def test_weights_that_llama_cpp_cannot_read(tmp_path: Path, weights_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    with weights_path.open("rb") as file:
        path.write_bytes(file.read(5_000_000))
    server = EmbeddedServer(EmbeddedConfig(port=0, weights=str(path)))
    with pytest.raises(ServerError, match=r"cannot load .*cut\.gguf"), server:
        pass


@pytest.mark.slow
def test_a_full_queue_is_refused(weights_path: Path) -> None:
    with serving(queue=2) as server, openai_client(server) as client:
        outcomes: list[int] = []

        def ask() -> None:
            try:
                client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": "x " * 200}], max_tokens=1
                )
                outcomes.append(200)
            except openai.RateLimitError as error:
                assert error.response.headers["Retry-After"] == "1"  # noqa: PT017  # in a thread
                outcomes.append(429)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(set(outcomes)) == [200, 429]
        assert outcomes.count(200) >= 3


@pytest.mark.slow
def test_several_workers_of_each_kind_share_the_work(weights_path: Path) -> None:
    with serving(prefill_workers=2, decode_workers=2, slots=2, context=128) as server:
        facts: list[tuple[int, int]] = []

        def ask() -> None:
            with openai_client(server) as client:
                answer = client.chat.completions.create(
                    model=MODEL, messages=USER, max_tokens=5, extra_body={"ignore_eos": True}
                )
            seen = (answer.model_extra or {})["lmgame"]
            facts.append((seen["prefill_worker"], seen["decode_worker"]))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {p for p, _ in facts} == {0, 1}
        assert {d for _, d in facts} == {0, 1}
        wait_idle(server)
