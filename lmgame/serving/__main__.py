"""The server as :class:`lmgame.serving.launch.EmbeddedServer` starts it.

Reads the settings as one line of JSON from standard input, writes its address as
one line of JSON to standard output, and ends when standard input does.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import asdict

from pydantic import ValidationError

from lmgame.errors import LmgameError
from lmgame.serving.config import EmbeddedConfig
from lmgame.serving.server import Address, run_until_signalled


def _read_line(descriptor: int) -> bytes:
    # Unbuffered: the event loop watches the descriptor afterwards.
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            break
        line += byte
    return line


def _announce(address: Address) -> None:
    print(json.dumps(asdict(address)), flush=True)


def main() -> int:
    """Serve; 1 and one line on standard error when that is impossible."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    descriptor = sys.stdin.fileno()
    try:
        config = EmbeddedConfig.model_validate_json(_read_line(descriptor))
        run_until_signalled(config, on_listening=_announce, stop_at_end_of=descriptor)
    except (LmgameError, ValidationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
