from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unicodedata import category

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lmgame.errors import ServerError
from lmgame.markup import legible
from lmgame.serving.launcher.journal import LINE, Journal, plain
from lmgame.serving.launcher.supervise import check_ports
from tests.waiting import wait_for

from .fake import Fake, make, run
from .test_plan import plan


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    made = make(tmp_path)
    yield made
    for pid in made.processes():  # only after a test that failed
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)


def gone(fake: Fake) -> bool:
    return not any(psutil.pid_exists(pid) for pid in fake.processes())


def serving(fake: Fake, *more: str) -> subprocess.Popen[str]:
    ours = run(fake.command(*more))
    assert ours.stdout is not None
    line = ours.stdout.readline()
    assert line.startswith(f"serving fake on http://127.0.0.1:{fake.port}/v1 (1 prefill + 1 "), (
        ours.communicate()
    )
    return ours


def ended(ours: subprocess.Popen[str], fake: Fake) -> tuple[int, str]:
    """Its status and what it said, when all that it started is gone."""
    _, said = ours.communicate(timeout=60)
    wait_for(lambda: gone(fake), "every process to be gone")
    return ours.returncode, said


def test_the_router_waits_for_every_worker(fake: Fake) -> None:
    decode = fake.port + 3
    fake.tell(f"hold-{decode}")
    ours = run(fake.command())
    assert ours.stderr is not None
    line = ""
    while "prefill-0 is ready" not in line:
        line = ours.stderr.readline()
        assert line, "it ended"
    assert sorted(fake.started()) == [fake.port + 1, decode]
    fake.untell(f"hold-{decode}")
    wait_for(lambda: fake.port in fake.started(), "the router to start")
    assert ours.stdout is not None
    assert ours.stdout.readline().startswith("serving fake on")
    ours.terminate()
    assert ended(ours, fake)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(fake: Fake, number: int) -> None:
    ours = serving(fake)
    ours.send_signal(number)
    status, said = ended(ours, fake)
    assert status == 0
    assert "Traceback" not in said
    stopped = [int(line[1]) for line in fake.journal() if line[0] == "stop"]
    assert sorted(stopped) == sorted(fake.started())


def test_nothing_outlives_us_when_we_are_killed(fake: Fake) -> None:
    ours = serving(fake)
    assert len(fake.processes()) == 6  # three servers, and a child of each
    ours.kill()
    assert ended(ours, fake)[0] == -signal.SIGKILL


def test_a_guard_that_is_killed_takes_its_server_along(fake: Fake) -> None:
    ours = serving(fake)
    guards = [
        one for one in psutil.Process(ours.pid).children() if "guard.py" in str(one.cmdline())
    ]
    assert len(guards) == 3
    guards[0].kill()
    status, said = ended(ours, fake)
    assert status == 1
    assert "prefill-0 ended by SIGKILL; all others were stopped." in said


def test_a_server_that_ends_is_named_and_all_others_are_stopped(fake: Fake) -> None:
    ours = serving(fake)
    fake.tell(f"break-{fake.port + 3}")
    with socket.create_connection(("127.0.0.1", fake.port + 3)) as ask:
        ask.sendall(b"GET / HTTP/1.0\r\n\r\n")
        status, said = ended(ours, fake)
    assert status == 1
    error = said[said.index("lmgame: error: ") :]
    assert "decode-0 ended with status 3; all others were stopped." in error
    assert "\n  out of memory: tried to allocate 80 GiB" in error
    assert "prefill" not in error
    assert len(fake.started()) == 3  # nothing was started again


def test_a_server_that_ends_while_starting(fake: Fake) -> None:
    fake.tell(f"break-{fake.port + 1}")
    status, said = ended(run(fake.command()), fake)
    assert status == 1
    assert "prefill-0 ended with status 3" in said
    assert fake.port not in fake.started()


def test_a_server_that_does_not_become_ready(fake: Fake) -> None:
    fake.tell(f"hold-{fake.port + 3}")
    status, said = ended(run([*fake.command(), "backend.start_s=2"]), fake)
    assert status == 1
    assert f"not ready after 2 s: decode-0. http://127.0.0.1:{fake.port + 3}/health" in said


def test_what_servers_say_is_named_and_harmless(fake: Fake) -> None:
    ours = serving(fake)
    ours.terminate()
    _, said = ended(ours, fake)
    lines = said.splitlines()
    assert (
        f"prefill-0 | fake vllm.entrypoints.cli.main ⟨U+009B⟩2J⟨U+202E⟩on {fake.port + 1}" in lines
    )
    assert any(line.startswith("router    | fake vllm_router.launch_router") for line in lines)
    assert "decode-0  | 100 %" in lines
    assert "\x1b" not in said


def test_a_port_that_somebody_has_is_told_before_anything_starts(fake: Fake) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", fake.port + 3))
        other.listen()
        status, said = ended(run(fake.command()), fake)
    assert status == 1
    assert f"port {fake.port + 3}, meant for decode-0, is taken" in said
    assert "backend.worker_port=" in said
    assert not fake.journal()


def test_free_ports_are_fine(fake: Fake) -> None:
    whole = plan(port=fake.port, worker_port=fake.port + 1)
    check_ports(whole.processes)
    with socket.socket() as other:
        other.bind(("127.0.0.1", fake.port))
        other.listen()
        with pytest.raises(ServerError, match=r"meant for router, .* give backend\.port= another"):
            check_ports(whole.processes)


@given(st.text(max_size=50) | st.text("\x1b[]m;0123\x07\x9b\\K", max_size=50))
def test_a_line_is_one_line_without_commands_to_a_terminal(text: str) -> None:
    line = plain(text, legible)
    commands = {one for one in line if category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert commands <= set("\t\u200c\u200d")  # tabs, and what some scripts need


def test_long_lines_are_cut() -> None:
    assert plain("x" * (LINE + 5), legible) == "x" * LINE + "… (5 characters more)"


def test_colour_is_for_terminals() -> None:
    told = []
    for terminal in (True, False):
        page = io.StringIO()
        console = Console(
            file=page, force_terminal=terminal, color_system="standard" if terminal else None
        )
        journal = Journal(["a", "router"], legible, console)
        journal.add("a", "[bold]no markup[/bold] " + "x" * 200)
        assert journal.tail("a") == ["[bold]no markup[/bold] " + "x" * 200]
        told.append(page.getvalue())
    assert "\x1b[" in told[0]
    assert told[1] == "a      | [bold]no markup[/bold] " + "x" * 200 + "\n"
