"""A table of a site: columns, cells, and what they are sorted by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lmgame import figure


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell.

    Attributes:
        text: The text.
        sort: What the column is sorted by: a figure, or the text itself.
        note: Smaller, below the text.
        link: A relative address.
        kind: A style's name.
    """

    text: str
    sort: float | None = None
    note: str = ""
    link: str = ""
    kind: str = ""

    @property
    def value(self) -> str:
        """What the page's script sorts by; nothing where that is the text."""
        return "" if self.sort is None else f"{self.sort:.9g}"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading.

    Attributes:
        name: What it says.
        told: What it means, in a few words.
        words: Whether its cells are words, not figures.
        choose: Whether the page offers a choice of its values, to filter by.
    """

    name: str
    told: str = ""
    words: bool = False
    choose: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table.

    Attributes:
        key: Unique on its page.
        caption: What it shows.
        columns: Its headings; the ``pinned`` first ones stay in sight.
        rows: One cell a column; the cell of the column ``head`` names the row.
        tools: Whether it can be filtered.
    """

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    head: int = 0
    tools: bool = False
    choices: dict[int, tuple[str, ...]] = field(default_factory=dict)


def words(text: str, note: str = "", link: str = "", kind: str = "") -> Cell:
    """A cell of words."""
    return Cell(text, None, note, link, kind)


def whole(value: int, kind: str = "") -> Cell:
    """A count; nothing stands out about none."""
    return Cell(f"{value:,}", value, kind=kind if value else "none")


def measured(text: str, value: float | None, note: str = "") -> Cell:
    """A figure that may be missing."""
    if value is None or text == figure.NONE:
        return Cell(figure.NONE, None, kind="none")
    return Cell(text, value, "" if note == figure.NONE else note)


def seconds(value: float | None) -> Cell:
    """A time."""
    return measured(figure.time(value), value)
