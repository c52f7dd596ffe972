"""HTML from templates, with foreign text in it.

Whatever a template prints is text: it is made legible (control characters, text
direction marks and half characters become visible), then escaped. Pages load
nothing from elsewhere; their policy (CSP) says so to the browser.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from unicodedata import category

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from lmgame import figure
from lmgame.client.trouble import clean
from lmgame.game import Json

_KEPT = "\n\t\u200c\u200d"
"""Line ends and tabs; joiners, which some scripts and emoji need."""
_PICTURES = {**{chr(code): chr(0x2400 + code) for code in range(32)}, "\x7f": "\u2421"}
NAME, SETTING = 80, 300
"""Characters of a name, and of a setting's value, that are shown."""


def legible(text: str) -> str:
    """Text in which nothing is invisible and nothing reorders or ends anything.

    Control characters become their pictures, format characters (bidirectional
    marks among them), lone surrogates and what is no character their numbers.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_legible(char) for char in text.replace("\r\n", "\n"))


def _legible(char: str) -> str:
    if char in _KEPT or char.isprintable():
        return char
    if char in _PICTURES:
        return _PICTURES[char]
    return char if category(char) in ("Zs", "Co") else f"⟨U+{ord(char):04X}⟩"


@dataclass(frozen=True, slots=True)
class Cut:
    """The beginning of a text, and how many characters were left out."""

    text: str
    left: int


class Quota:
    """Bounds what a page repeats of foreign texts.

    Args:
        each: Characters of one text.
        total: Characters of all texts together; None: no bound.
    """

    def __init__(self, each: int, total: int | None = None) -> None:
        self._each, self._left = each, total

    def cut(self, text: str) -> Cut:
        """As much of a text as there is room for."""
        room = self._each if self._left is None else min(self._each, self._left)
        kept = text[:room]
        if self._left is not None:
            self._left -= len(kept)
        return Cut(kept, len(text) - len(kept))


def settings(state: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """Settings as names and values on one line each, bounded."""
    return tuple((clean(name, NAME), _value(value)) for name, value in state.items())


def _value(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return clean(text, SETTING)


def source(name: str) -> str:
    """The text of a file beside the code, such as ``page.css``."""
    return (files("lmgame") / name).read_text(encoding="utf-8")


def inline(name: str) -> Markup:
    """A style or script of ours, to stand in a page as it is."""
    return Markup(source(name))  # ours, not foreign


def fingerprint(text: str) -> str:
    """The hash by which a policy allows an inline style or script (CSP 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    made = Environment(
        autoescape=True,
        finalize=_finalize,
        loader=FunctionLoader(source),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.globals["figure"] = figure
    return made


def _finalize(value: object) -> object:
    return legible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def render(template: str, values: Mapping[str, object]) -> str:
    """Fill in a template, named as :func:`source` does."""
    return _environment().get_template(template).render(values) + "\n"
