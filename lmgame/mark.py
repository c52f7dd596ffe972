"""Where in a reply the writer says: this is my answer.

Only the form of a reply is looked at here, never what a game allows. Every
pattern takes time linear in the text: replies are hostile input.
"""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

_KEYS = "action|move|answer|choice|decision|command|play"
_DECORATION = " \t\r\n*_`\"'#>"

_KEYED = re.compile(
    rf"(?<![\w-])(?<!last )(?<!previous )(?:final_)?(?:{_KEYS})(?: is)?"
    r"[*_`\"')\]]{0,4}\s{0,3}[:=]+",
    re.IGNORECASE,
)
"""``action:`` and its like; the rest of the line is the answer, or the next line."""
_SAID = re.compile(
    rf"\b(?:my|the|best|final|next|chosen)\s(?:(?:best|final|next|chosen|correct)\s){{0,2}}"
    rf"(?:{_KEYS})\s(?:is|will be|would be)[*_ :]{{1,4}}",
    re.IGNORECASE,
)
"""``the best move is``; counts only if an action follows at once."""
_HEADING = re.compile(
    r"(?:#{1,6}|\*\*|__)[ *_]{0,4}(?:(?:my|the|final|next|best) ){0,2}"
    rf"(?:{_KEYS})[*_ :#]{{0,8}}",
    re.IGNORECASE,
)
_TAG = re.compile(
    rf"<({_KEYS}|final_answer)>((?:(?!</?(?:{_KEYS}|final_answer)>)[^\0]){{0,300}})</\1>",
    re.IGNORECASE,
)
_BOX = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]{0,200}\}){1,400})\}")
_BRACKET = re.compile(r"\[([^\[\]\n]{1,120})\](?!\()")
_ENTRY = re.compile(
    rf"[\"']?\b(?:{_KEYS}|final_answer)[\"']?\s{{0,5}}[:=]\s{{0,5}}"
    r"(?:\"([^\"\n]{0,300})\"|'([^'\n]{0,300})'|([^\"',{}\[\]\n]{1,300}))",
    re.IGNORECASE,
)
_KEY = re.compile(rf"(?:final_?|best_?|next_?|chosen_?|my_?)?(?:{_KEYS})", re.IGNORECASE)
_THINK_OPEN = re.compile(
    r"<(think|thinking|thought|reasoning|scratchpad|reflection)>|\[THINK\]|◁think▷"
    r"|<\|channel\|>\s?(?:analysis|commentary)\s?<\|message\|>",
    re.IGNORECASE,
)
_THINK_CLOSE = re.compile(
    r"</(?:think|thinking|thought|reasoning|scratchpad|reflection)>|\[/THINK\]|◁/think▷"
    r"|<\|end\|>|<\|channel\|>\s?final\s?<\|message\|>",
    re.IGNORECASE,
)
_STYLE = re.compile(r"\\(?:text|mathrm|mathbf|texttt)\{([^{}]{0,200})\}")
_INVISIBLE = re.compile(
    r"[\u200b-\u200f\u2060\ufeff\u00ad]|\x1b\[[0-9;?]{0,20}[A-Za-z]"
    r"|</s>|<\|(?:im_end|eot_id|eom_id|endoftext|end_of_text)\|>"
)
"""What no reader of the text would see, and the end tokens that some servers leak."""
_QUOTES = {ord(curly): ord(plain) for curly, plain in zip("“”‘’", "\"\"''", strict=True)}
_LONGEST_LINE = 2000
_OBJECTS = 50
"""JSON objects that are looked at, the last ones."""


def without_thinking(reply: str) -> str:
    """A reply without what the model thought before it, and in plain characters.

    What stands before a closing mark that was never opened is thinking too: some
    chat templates open it for the model. So is what follows an opening mark that
    is never closed.
    """
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", reply)).translate(_QUOTES)
    kept, position, opened = [], 0, False
    for mark in _marks(text):
        if mark[2] and not opened:
            kept.append(text[position : mark[0]])
            opened = True
        elif not mark[2]:
            if not opened:
                kept = []
            opened, position = False, mark[1]
        if opened:
            position = mark[1]
    if not opened:
        kept.append(text[position:])
    return "".join(kept)


def _marks(text: str) -> list[tuple[int, int, bool]]:
    """Where thinking begins (True) and ends, in order."""
    opening = [(*found.span(), True) for found in _THINK_OPEN.finditer(text)]
    closing = [(*found.span(), False) for found in _THINK_CLOSE.finditer(text)]
    return sorted(opening + closing)


class Mark(NamedTuple):
    """A passage that is marked as an answer.

    Attributes:
        start: Where it begins in the text.
        end: Where it ends.
        text: The passage.
        strict: Whether an action must follow at once for it to be a mark at all.
    """

    start: int
    end: int
    text: str
    strict: bool = False


def answers(text: str) -> list[Mark]:
    """The passages of a text that are marked as an answer, in order of their end.

    A line that holds a tag, a box, brackets or an object says it there, so these
    count and the line as a whole does not.
    """
    inner = [
        *(Mark(*one.span(), one[2]) for one in _TAG.finditer(text)),
        *(Mark(*one.span(), _plain(one[1])) for one in _BOX.finditer(text)),
        *(Mark(*one.span(), one[1]) for one in _BRACKET.finditer(text)),
        *_objects(text),
    ]
    starts = sorted(one.start for one in inner)
    spans = [(one.start, one.end) for one in inner]
    outer = [one for one in _lines(text) if not _holds(one, starts)]
    outer = [one for one in outer if not any(a < one.start < b for a, b in spans[-_OBJECTS:])]
    found = sorted([*inner, *outer], key=lambda one: one.end)
    plain = [one._replace(text=one.text.strip(_DECORATION)) for one in found]
    return [one for one in plain if one.text]


def _holds(mark: Mark, starts: list[int]) -> bool:
    """Whether another mark begins inside this one."""
    place = bisect_left(starts, mark.start)
    return place < len(starts) and starts[place] < mark.end


def _plain(boxed: str) -> str:
    """LaTeX without its commands for style and space."""
    return re.sub(r"\\[ ,;:!]", " ", _STYLE.sub(r"\1", boxed))


def _lines(text: str) -> Iterator[Mark]:
    """Lines that say what they are, and fenced blocks of one line."""
    position, expected = 0, False
    block: list[Mark] | None = None
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        bare = line.strip()
        if not bare:
            continue
        if bare.startswith(("```", "~~~")):
            if block is not None and len(block) == 1:
                yield block[0]
            block = [] if block is None else None
            continue
        whole = Mark(start, position, bare[:_LONGEST_LINE])
        if block is not None:
            block.append(whole)
        keyed = [one.end() for one in _KEYED.finditer(line, 0, _LONGEST_LINE)]
        if expected and not keyed:
            yield whole
        expected = _HEADING.fullmatch(bare[:100]) is not None
        for number, at in enumerate(keyed):
            if line[at:].strip(_DECORATION):
                # Later marks in a line end no later, but they are the later ones.
                yield Mark(start + at, position - len(keyed) + number, line[at:_LONGEST_LINE])
            else:
                expected = True
        for one in _SAID.finditer(line, 0, _LONGEST_LINE):
            yield Mark(start + one.end(), position, line[one.end() : _LONGEST_LINE], True)


def bare_lines(text: str) -> list[str]:
    """The last two lines that say anything, without decoration; at least one."""
    lines: list[str] = []
    for line in reversed(text.splitlines()):
        bare = line.strip(_DECORATION + "-•.!").strip()
        if bare and not bare.startswith("```"):
            lines.append(bare)
        if len(lines) == 2:
            break
    return lines[::-1] or [""]


def _objects(text: str) -> Iterator[Mark]:
    """What JSON objects give as the action, also where their JSON is sloppy."""
    for start, end in _braces(text)[-_OBJECTS:]:
        for said in _values(text[start:end]):
            yield Mark(start, end, said)


def _values(source: str) -> list[str]:
    """The action of one object, the likelier reading last."""
    try:
        value = json.loads(source)
    except (ValueError, RecursionError):
        return ["".join(one.groups("")) for one in _ENTRY.finditer(source)]
    return _told(value, 0)


def _told(value: object, depth: int) -> list[str]:
    if isinstance(value, list) and depth <= 5:
        return [said for inner in value[-_OBJECTS:] for said in _told(inner, depth + 1)]
    if not isinstance(value, dict) or depth > 5:
        return []
    found: list[str] = []
    for key, inner in value.items():
        if isinstance(inner, dict | list) and not _KEY.fullmatch(key):
            found += _told(inner, depth + 1)
        elif isinstance(inner, str) and key == "arguments":
            found += _values(inner)
    for key, inner in value.items():
        if _KEY.fullmatch(key):
            found += [_flat(value), _flat(inner)]
    return found


def _flat(value: object) -> str:
    """Scalars in order, apart by spaces: ``{"action": "place", "c": 3}`` is "place 3"."""
    if isinstance(value, dict):
        return " ".join(_flat(inner) for inner in value.values() if not isinstance(inner, dict))
    if isinstance(value, list):
        return " ".join(_flat(inner) for inner in value if not isinstance(inner, dict | list))
    return "" if value is None else str(value)


def _braces(text: str) -> list[tuple[int, int]]:
    """Outermost ``{...}``, by counting braces outside of strings."""
    spans, depth, start, quoted, escaped = [], 0, 0, False, False
    for position, letter in enumerate(text):
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = quoted
        elif letter == '"' and depth:
            quoted = not quoted
        elif letter == "{" and not quoted:
            if not depth:
                start = position
            depth += 1
        elif letter == "}" and depth and not quoted:
            depth -= 1
            if not depth:
                spans.append((start, position + 1))
    return spans
