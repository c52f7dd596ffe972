"""Sokoban: push every box onto a goal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Json, Outcome, State, digest
from lmgame.picture import Picture
from lmgame.rng import Rng

from .generator import GRADES, HARDEST, generate
from .render import draw
from .room import BOX, BOX_ON_GOAL, FLOOR, GOAL, MOVES, PLAYER, PLAYER_ON_GOAL
from .text import Snapshot, write
from .xsb import read_levels

STAY = "stay"
MENU = (*MOVES, STAY)
MOST_LEVELS, MOST_MOVES = 1000, 10_000
SOLVED, SPENT = "all levels solved", "out of moves"

_FREE = frozenset(map(ord, FLOOR + GOAL))
_BOXES = frozenset(map(ord, BOX + BOX_ON_GOAL))
_GOALS = frozenset(map(ord, GOAL + PLAYER_ON_GOAL + BOX_ON_GOAL))
# A cell by what it shows: with the player in it, with a box in it, with neither.
_PLAYER = bytes.maketrans(b"-.", b"@+")
_BOX = bytes.maketrans(b"-.", b"$*")
_EMPTY = bytes.maketrans(b"@+$*", b"-.-.")

_WORD = rf"(?:(?:move|push|go|step|walk)\s{{1,3}})?(?:{'|'.join(MENU)})"
# Not part of a longer word: "upright", "left-hand" and "bottom-left" are no moves.
_ACTION = re.compile(rf"(?<![\w-]){_WORD}(?![\w-])", re.IGNORECASE | re.ASCII)
_LONGEST = 100  # characters; more than any action needs
_CODES = {text: code for code, text in enumerate(MENU)}


class Sokoban(Game):
    """Sokoban: push boxes onto goals, several levels in a row.

    Description:
        A warehouse keeper walks in a room with walls, boxes and goals. Boxes can
        be pushed, one at a time, and never pulled. A level is solved when every
        box is on a goal; then the next one begins. Levels come from a seeded
        generator, which proves each of them solvable and knows the fewest pushes
        it takes, or from a level file.

    Observation (text):
        A line ``level 2 of 6, 187 moves left``, then the rows of the level in the
        notation of XSokoban: ``#`` wall, ``-`` floor, ``.`` goal, ``$`` box,
        ``*`` box on a goal, ``@`` player, ``+`` player on a goal. Cells that
        nobody can ever reach are walls. ``parse_text`` reads it.

    Observation (image):
        The same facts in palette colours, 24 pixels a cell, under a line
        ``LEVEL 2/6  MOVES 187``. The picture has the size of the match's largest
        level (240 by 230 pixels by default); smaller ones stand in its middle.

    Actions:
        ``up``, ``down``, ``left``, ``right``: one step; a box in the way is pushed
        if the cell behind it is free. ``choices`` are the steps that are not
        blocked. The default, ``stay``, is always legal and never offered: it uses
        a move up and does nothing. ``push up``, ``move up`` and the like are read
        as ``up``.

    Score:
        Boxes on goals, summed over the levels: all boxes of the solved ones, and
        of the present one those that are on goals now. This is the measure of
        Lmgame-Bench (arXiv 2505.15146), on levels of our own.

    Starting state:
        The first level as generated or as it stands in the file; in generated
        levels no box is on a goal. The seed decides the generated levels; the
        levels of a file come in its order whatever the seed.

    End:
        ``all levels solved``, or ``out of moves``: the moves of a level are used
        up and it is not solved; levels after it are not played. Boxes that can
        no longer be brought to a goal do not end a level.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action, a step
        into a wall, a push of a box that a wall or another box blocks.

    Time:
        None of its own: the world waits. The tick counts moves since the reset.

    Arguments:
        difficulty (int): 1 to 5, of the generated levels: from 7x7 cells with one
            box and 4 pushes or more to 9x8 cells with four boxes and 12 to 26
            pushes; see GRADES. Default 0: from 1 to 5 in the course of the match.
        levels (int): How many levels, 1 to 1000; of a file at most as many as it
            holds. Default 6, as in Lmgame-Bench.
        limit (int): Moves for each level, 1 to 10000; default 200, likewise. A
            generated level needs at most 150.
        file (str): A level file in the notation of XSokoban, instead of generated
            levels; default none.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="Sokoban-v1",
        seats=("player",),
        score="boxes on goals",
        menu=MENU,
        decisions=1200,  # 200 a level, six levels
        heavy=True,
    )

    def __init__(
        self, difficulty: int = 0, levels: int = 6, limit: int = 200, file: str | None = None
    ) -> None:
        _require("difficulty", difficulty, 0, HARDEST)
        _require("levels", levels, 1, MOST_LEVELS)
        _require("limit", limit, 1, MOST_MOVES)
        if file is not None and not isinstance(file, str):
            raise ConfigError(f"file={file!r} is not the path of a level file")
        self.difficulty, self.limit = difficulty, limit
        self.rules = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")
        self._boards = () if file is None else read_levels(file, levels)
        self.levels = len(self._boards) or levels
        boards = digest("\n\n".join(self._boards).encode()) if file is not None else None
        self._arguments: list[Json] = [difficulty, self.levels, limit, boards]
        self._size = self._largest()
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begin a new match at its first level."""
        self._rng = Rng(seed)
        self._tick = self._pushes = self._done = 0
        self._over = ""
        self._begin(0)

    def _grade(self, level: int) -> int:
        return self.difficulty or 1 + HARDEST * level // self.levels

    def _largest(self) -> tuple[int, int]:
        """Columns and rows of the largest level there can be."""
        if self._boards:
            rows = [board.split("\n") for board in self._boards]
            return max(len(one[0]) for one in rows), max(len(one) for one in rows)
        grades = [GRADES[self._grade(level)] for level in range(self.levels)]
        return max(grade.width for grade in grades), max(grade.height for grade in grades)

    def _board(self, rng: Rng, level: int) -> str:
        if self._boards:
            return self._boards[level]
        return generate(rng.split(level).state, self._grade(level)).board

    def _begin(self, level: int) -> None:
        self._level, self._moves = level, 0
        self._lay(self._board(self._rng, level))

    def _lay(self, board: str) -> None:
        """Take a board as the present position."""
        stride = board.index("\n") + 1
        self._shifts = (-stride, stride, -1, 1, 0)
        self._cells = bytearray(board.encode())
        self._player = max(board.find(PLAYER), board.find(PLAYER_ON_GOAL))
        self._placed = board.count(BOX_ON_GOAL)
        self._boxes = board.count(BOX) + self._placed

    def acting(self) -> tuple[int, ...]:
        """The player, until the match is over."""
        return () if self._over else (0,)

    def actions(self, seat: int) -> Actions:
        """The steps that are not blocked."""
        self._check_acting(seat)
        choices = tuple(move for code, move in enumerate(MOVES) if not self._obstacle(code))
        return Actions(choices or (STAY,), STAY)

    def canonical(self, seat: int, text: str) -> str:
        """One of ``up``, ``down``, ``left``, ``right``, ``stay``."""
        self._check_acting(seat)
        code = _parse(text)
        self._check_free(code)
        return MENU[code]

    def find(self, reply: str) -> list[str]:
        """Words like "up" or "Push left" that are not part of longer words."""
        return [match.group() for match in _ACTION.finditer(reply)]

    def apply(self, actions: Mapping[int, str]) -> None:
        """Do the player's move; the next level begins at once when one is solved."""
        if len(actions) != 1:
            raise IllegalAction(f"give one action for one seat, not {len(actions)}")
        for seat, text in actions.items():
            self._check_acting(seat)
            code = _CODES.get(text)
            code = _parse(text) if code is None else code
            self._check_free(code)
            self._go(code)

    def _go(self, code: int) -> None:
        """One move that is not blocked."""
        cells, here = self._cells, self._player
        shift = self._shifts[code]
        there = here + shift
        if cells[there] in _BOXES:
            beyond = there + shift
            self._placed += (cells[beyond] in _GOALS) - (cells[there] in _GOALS)
            cells[beyond] = _BOX[cells[beyond]]
            self._pushes += 1
        cells[here] = _EMPTY[cells[here]]
        cells[there] = _PLAYER[_EMPTY[cells[there]]]
        self._player = there
        self._moves += 1
        self._tick += 1
        if self._placed == self._boxes:
            if self._level + 1 == self.levels:
                self._over = SOLVED
            else:
                self._done += self._boxes
                self._begin(self._level + 1)
        elif self._moves == self.limit:
            self._over = SPENT

    def _obstacle(self, code: int) -> str:
        """What blocks a move, or nothing."""
        cells, shift = self._cells, self._shifts[code]
        there = self._player + shift
        if cells[there] in _FREE or not shift:
            return ""
        if cells[there] not in _BOXES:
            return "there is a wall"
        if cells[there + shift] in _FREE:
            return ""
        behind = "another box" if cells[there + shift] in _BOXES else "a wall"
        return f"the box cannot be pushed, {behind} is behind it"

    def _check_free(self, code: int) -> None:
        obstacle = self._obstacle(code)
        if obstacle:
            raise IllegalAction(f"{MENU[code]} is blocked: {obstacle}")

    def _check_acting(self, seat: int) -> None:
        if self._over:
            raise IllegalAction("the match is over")
        if seat != 0:
            raise IllegalAction(f"there is no seat {seat}")

    def _snapshot(self) -> Snapshot:
        left = self.limit - self._moves
        return Snapshot(self._cells.decode(), self._level + 1, self.levels, left)

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self._snapshot())

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        seen, size = self._snapshot(), self._size
        return lambda: draw(seen, *size)

    @property
    def tick(self) -> int:
        """Moves since the reset."""
        return self._tick

    def scores(self) -> tuple[float, ...]:
        """Boxes on goals, summed over the levels."""
        return (float(self._done + self._placed),)

    def outcome(self) -> Outcome | None:
        """The boxes, and whether all levels are solved."""
        return Outcome(self.scores(), None, self._over) if self._over else None

    def statistics(self, seat: int) -> dict[str, float]:
        """Levels solved, and counts since the reset."""
        solved = self._level + (self._over == SOLVED)
        return {"solved": solved, "moves": self._tick, "pushes": self._pushes}

    def save(self) -> State:
        """The whole state; it also names the arguments it belongs to."""
        return {
            "game": self.spec.id,
            "arguments": [*self._arguments],
            "seed": self._rng.state,
            "level": self._level,
            "board": self._cells.decode(),
            "moves": self._moves,
            "tick": self._tick,
            "pushes": self._pushes,
            "done": self._done,
        }

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        if not isinstance(state, dict) or state.get("game") != self.spec.id:
            other = state.get("game") if isinstance(state, dict) else state
            raise StateError(f"this is {self.spec.id}, but the state was saved by {other!r:.60}")
        if state.get("arguments") != self._arguments:
            raise StateError(
                "the state was saved with difficulty, levels, limit, file = "
                f"{state.get('arguments')!r:.80}; this game has {self._arguments!r:.80}"
            )
        if state.keys() != self.save().keys():
            raise StateError("the saved state has the wrong keys")
        tick = _count(state, "tick", self.levels * self.limit)
        level = _count(state, "level", self.levels - 1)
        moves = _count(state, "moves", min(tick, self.limit))
        pushes, done = _count(state, "pushes", tick), _count(state, "done", 1 << 62)
        rng = Rng(_count(state, "seed", (1 << 64) - 1))
        board = _position(state["board"], self._board(rng, level))
        if BOX not in board and level + 1 < self.levels:
            raise StateError(f"saved level {level} is solved, but not the last")
        self._rng = rng
        self._level, self._moves, self._tick = level, moves, tick
        self._pushes, self._done = pushes, done
        self._lay(board)
        self._over = SOLVED if BOX not in board else SPENT if moves == self.limit else ""


def _parse(text: str) -> int:
    """The number in MENU of an action in any spelling that Sokoban.find finds."""
    if len(text) <= _LONGEST and _ACTION.fullmatch(text.strip()) is not None:
        return _CODES[text.split()[-1].lower()]
    shown = text if len(text) <= 40 else text[:40] + "..."
    raise IllegalAction(f"{shown!r} is not an action: write up, down, left or right")


def _require(name: str, value: int, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name}={value!r} is not a whole number from {least} to {most}")


def _count(state: State, name: str, most: int) -> int:
    value = state[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise StateError(f"saved {name} is {value!r:.40}, not a whole number from 0 to {most}")
    return value


def _position(board: Json, level: str) -> str:
    """A saved board, if it can come of this level."""
    if not isinstance(board, str) or not set(board) <= set(level) | set("-.@+$*"):
        raise StateError("the saved board is not rows of cells")
    if _fixed(board) != _fixed(level):
        raise StateError("the saved board has other walls or goals than the level of its number")
    players = board.count(PLAYER) + board.count(PLAYER_ON_GOAL)
    boxes = [text.count(BOX) + text.count(BOX_ON_GOAL) for text in (board, level)]
    if players != 1 or boxes[0] != boxes[1]:
        raise StateError(f"the saved board has {players} players and {boxes[0]} boxes")
    return board


def _fixed(board: str) -> str:
    """The board without its player and boxes."""
    return board.translate(str.maketrans("@+$*", "-.-."))
