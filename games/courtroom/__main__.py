"""``python -m lmgame.games.courtroom FILE``: proves the cases of a file, for their author."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from lmgame.errors import ConfigError

from .check import describe
from .draft import read


def main(arguments: Sequence[str]) -> int:
    """Print the proof of each file; the exit status is 2 when one has none."""
    if not arguments:
        print("usage: python -m lmgame.games.courtroom FILE...", file=sys.stderr)
        return 2
    for path in arguments:
        try:
            for source in read(path):
                print(describe(source))
        except ConfigError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
