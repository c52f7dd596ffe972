"""What a player is told: the rules file, without the actions that are not offered."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_MARK = re.compile(r"<!-- (?:for: ([a-z ]+)|end) -->\n")


@cache
def told(file: str, mode: str) -> str:
    """The text of a rules file for one kind of actions.

    What stands between ``<!-- for: MODE MODE -->`` and the next mark is told in
    those modes only.

    Args:
        file: The file's name in this folder.
        mode: ``all``, ``placements`` or ``inputs``.
    """
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    parts = _MARK.split(text)  # text, modes or None, text, ...
    shown = [parts[0]]
    for modes, part in zip(parts[1::2], parts[2::2], strict=True):
        if modes is None or mode in modes.split():
            shown.append(part)
    return "".join(shown)
