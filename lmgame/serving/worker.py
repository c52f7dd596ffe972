"""The worker process: ``python -m lmgame.serving.worker '<settings as JSON>'``.

Started by the router, which passes two inherited file descriptors: the control
socket and the slabs. It ends when the router does, however that ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

from lmgame.errors import LmgameError
from lmgame.serving.channel import WorkerChannel
from lmgame.serving.engine import Engine
from lmgame.serving.prefix import PrefixStore
from lmgame.serving.role import Role, RoleName, Schedule
from lmgame.serving.slab import SlabMap

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What one worker process is told on its command line.

    Attributes:
        role: What it does.
        weights: The GGUF file.
        context: Tokens per sequence.
        slots: Sequences held at once.
        threads: CPU threads.
        crowded: Whether the workers have more threads than there are cores.
        niceness: Added to the process's nice value; 15 lets others go first.
        schedule: For colocated workers.
        chunk: Tokens per chunk of the ``chunked`` schedule.
        prefix_bytes: Memory for the states of earlier prompts.
        control: File descriptor of the control socket.
        slabs: File descriptor of the shared memory.
        parent: Process id of the router.
    """

    role: RoleName
    weights: str
    context: int
    slots: int
    threads: int
    crowded: bool
    niceness: int
    schedule: Schedule
    chunk: int
    prefix_bytes: int
    control: int
    slabs: int
    parent: int

    def to_json(self) -> str:
        """The command-line argument."""
        return json.dumps(asdict(self))


def _end_with(parent: int) -> None:
    """Have the kernel kill this process with its parent, where it offers that.

    The end of the control socket does the same everywhere, but only while this
    process still runs Python.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def main(argument: str) -> None:
    """Load the model, say so, work until the router goes away."""
    settings = WorkerSettings(**json.loads(argument))
    _end_with(settings.parent)
    # Ctrl-C in a terminal reaches every process of the group; the router decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(settings.niceness)
    channel = WorkerChannel(settings.control)
    try:
        engine = Engine(
            Path(settings.weights),
            context=settings.context,
            slots=settings.slots,
            threads=settings.threads,
        )
        # The first calls build graphs and touch memory; nobody should wait for that.
        engine.prefill([engine.vocabulary.eos] * 16, 0)
        state_bytes = engine.state_bytes()
    except LmgameError as error:
        channel.send({"op": "fatal", "message": str(error)})
        return
    channel.send({"op": "ready", "context": engine.context, "state_bytes": state_bytes})
    try:
        Role(
            engine,
            channel,
            SlabMap(settings.slabs),
            PrefixStore(settings.prefix_bytes),
            settings.schedule,
            settings.chunk,
        ).run()
    except Exception:
        traceback.print_exc()
        # Not sys.exit: the interpreter would wait for the reading thread.
        os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
