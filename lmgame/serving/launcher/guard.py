"""Runs one program, and ends it when whoever started us is gone, killed or not.

It is run by its path, so that it holds the standard library alone:
``python guard.py GRACE_S PROGRAM ARGUMENT ...``, at the head of a session of its own, in
whose process group the program and what that starts stay. Its standard input is a pipe
that nobody writes to: the end of it means stop. It ends with the program's status, and
what the program left behind in the group is for the one who started us to end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(grace_s: float, program: list[str]) -> int:
    """Run a program until it ends, or until our input does.

    Args:
        grace_s: Seconds between asking it to end and ending it.
        program: Its command line.

    Returns:
        Its status; 128 and the number for one that a signal ended, 127 for none that runs.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # only the end of the pipe counts
    try:
        child = subprocess.Popen(program, stdin=subprocess.DEVNULL, preexec_fn=_begin)
    except OSError as error:
        print(f"{program[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127
    asked = threading.Event()
    threading.Thread(target=_end_with_input, args=(child, grace_s, asked), daemon=True).start()
    status = child.wait()
    if asked.is_set():  # nobody may be there any more to end what is left
        os.killpg(0, signal.SIGKILL)
    return status if status >= 0 else 128 - status


def _begin() -> None:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":  # should somebody kill the guard itself
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_with_input(child: subprocess.Popen[bytes], grace_s: float, asked: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    asked.set()
    os.killpg(0, signal.SIGTERM)  # which we ignore ourselves
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace_s)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
