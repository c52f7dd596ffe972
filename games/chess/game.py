"""Chess for two seats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Json, Outcome, State
from lmgame.picture import Picture
from lmgame.rng import Rng

from . import fen
from .notation import find, parse
from .position import Position
from .render import draw
from .table import PAWN, UCI, WHITE
from .text import SIDES, Snapshot, snapshot, write

MOST_RANDOM = 20
SHORTEST, LONGEST = 2, 1000
FIFTY = 100  # half-moves
_VALUE = (0, 1, 3, 3, 5, 9, 0)  # the customary worth of the pieces in pawns


class Chess(Game):
    """Chess for two seats, by the rules of FIDE.

    Description:
        Chess as in FIDE's Laws (2023) with castling, en passant and promotion.
        Draws need no claim: stalemate, the third occurrence of a position, fifty
        moves without capture or pawn move, and too little material to mate are
        draws at once. A match that reaches ``limit`` half-moves is a draw too,
        so every match ends.

    Observation (text):
        A line ``you are white; white to move``, with ``, in check`` if so; the
        board from white's side, rank 8 first, with coordinates, ``PNBRQK`` white,
        ``pnbrqk`` black, ``.`` empty; a line with castling rights, the en passant
        square, the fifty-move clock in half-moves, the move number, the half-move
        and the limit, and how often this position has been on the board; the FEN.
        The en passant square is named only where a capture on it is legal.
        ``parse_text`` reads it.

    Observation (image):
        The same facts, 496 by 356 pixels, palette colours: the board from white's
        side with coordinates, a ring on the en passant square, a red square under
        a king in check; at its right the seat, the side to move, the castling
        rights that are left, the clock, the move, the half-move and its limit,
        and how often the position was seen.

    Actions:
        From square to square in UCI: ``e2e4``, ``e1g1`` (castling), ``e7e8q``
        (promotion). Read as well: SAN such as ``Nf3``, ``exd5``, ``O-O``,
        ``e8=Q``, with or without check and capture marks, and ``Ng1-f3``.
        ``choices`` are all legal moves in the order of squares. The default is
        the first of them.

    Score:
        1 for the winner, 0 for the loser; 0.5 each for a draw and while the
        match goes on, so a match that is cut short is a draw.

    Starting state:
        The initial position after ``opening`` random legal half-moves from the
        seed: language models know openings by heart, and two deterministic agents
        would otherwise play one game for ever. The default of two gives 400
        positions in which nobody can have lost anything worse than a pawn. Longer
        ones are drawn again until material is equal, nobody is in check and the
        match is not over. Who is better off is settled by playing every seed with
        the seats swapped: the opening is the same.

    End:
        ``checkmate``; ``stalemate``, ``threefold repetition``, ``fifty moves``,
        ``insufficient material`` (kings with one knight or with bishops on one
        colour only) or ``limit of half-moves``. Mate comes before all others.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no move, a move
        that the rules forbid (named: empty square, not your piece, your king in
        check, where the piece can go), SAN that fits several moves, a promotion
        without its piece.

    Time:
        None; seats take turns, and a tick is a half-move of this match.

    Arguments:
        opening (int): Random half-moves before the match, 0 to 20; default 2.
        limit (int): Half-moves since the initial position after which it is a
            draw, 2 to 1000 and more than ``opening``; default 300.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="Chess-v1", seats=SIDES, score="wins", menu=tuple(UCI.values())
    )
    rules = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")

    def __init__(self, opening: int = 2, limit: int = 300) -> None:
        _require("opening", opening, 0, MOST_RANDOM)
        _require("limit", limit, max(SHORTEST, opening + 1), LONGEST)
        self.opening, self.limit = opening, limit
        self.reset(0)

    def reset(self, seed: int) -> None:
        """The initial position, and random half-moves from the seed."""
        rng = Rng(seed)
        while True:
            self._begin()
            for _ in range(self.opening):
                if self._reason:
                    break
                self._play(rng.choice(list(self._legal)))
            if self._reason == "" and self._even():
                break

    def _begin(self) -> None:
        self._position = fen.read(fen.INITIAL)
        self._moves: list[str] = []
        self._seen: Counter[tuple[bytes, int, int, int]] = Counter()
        self._captures, self._checks = [0, 0], [0, 0]
        self._arrive()

    def _even(self) -> bool:
        """Whether an opening is fair enough to begin with."""
        return _material(self._position) == 0 and not self._position.in_check()

    def _play(self, uci: str) -> None:
        position, number = self._position, self._legal[uci]
        start, end = number & 63, number >> 6 & 63
        passant = end == position.passant and abs(position.board[start]) == PAWN
        self._position = position.after(number)
        self._arrive()
        if len(self._moves) >= self.opening:
            seat = _seat(position)
            self._captures[seat] += bool(position.board[end]) or passant
            self._checks[seat] += self._check
        self._moves.append(uci)

    def _arrive(self) -> None:
        """After every move: what is legal, and whether the match is over."""
        position = self._position
        self._legal = {UCI[number]: number for number in position.legal()}
        if position.clock == 0:
            self._seen.clear()
        key = position.key()
        self._seen[key] += 1
        self._check = position.in_check()
        self._reason = self._end(self._seen[key])

    def _end(self, seen: int) -> str:
        if not self._legal:
            return "checkmate" if self._check else "stalemate"
        if self._position.bare():
            return "insufficient material"
        if seen >= 3:
            return "threefold repetition"
        if self._position.clock >= FIFTY:
            return "fifty moves"
        return "limit of half-moves" if self._position.ply >= self.limit else ""

    def acting(self) -> tuple[int, ...]:
        """The side to move, until the match is over."""
        return () if self._reason else (_seat(self._position),)

    def actions(self, seat: int) -> Actions:
        """All legal moves; see the class."""
        self._require_turn(seat)
        choices = tuple(sorted(self._legal, key=_place))
        return Actions(choices, choices[0])

    def canonical(self, seat: int, text: str) -> str:
        """The move in UCI, e.g. ``e2e4``."""
        self._require_turn(seat)
        return parse(self._position, self._legal, text)

    def find(self, reply: str) -> list[str]:
        """Passages like "e2e4", "e7-e8q", "Nf3", "exd5", "O-O" or "1. e4"."""
        return find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Make the move of the side to move."""
        if len(actions) != 1:
            raise IllegalAction("one side moves at a time: give one action")
        for seat, text in actions.items():
            self._play(self.canonical(seat, text))

    def _require_turn(self, seat: int) -> None:
        if self._reason:
            raise IllegalAction(f"the match is over: {self._reason}")
        if seat != _seat(self._position):
            raise IllegalAction(f"it is {SIDES[_seat(self._position)]}'s turn")

    def _snapshot(self, seat: int) -> Snapshot:
        return snapshot(self._position, seat, self.limit, self._seen[self._position.key()])

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        return write(self._snapshot(seat))

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        seen = self._snapshot(seat)
        return lambda: draw(seen)

    @property
    def tick(self) -> int:
        """Half-moves since the reset."""
        return len(self._moves) - self.opening

    def scores(self) -> tuple[float, ...]:
        """1 for the winner, 0 for the loser; 0.5 each in a draw and while it goes on."""
        if self._reason != "checkmate":
            return 0.5, 0.5
        loser = _seat(self._position)
        return float(loser != 0), float(loser != 1)

    def outcome(self) -> Outcome | None:
        """Who has mated, or what kind of draw it is."""
        if not self._reason:
            return None
        winner = 1 - _seat(self._position) if self._reason == "checkmate" else None
        return Outcome(self.scores(), winner, self._reason)

    def statistics(self, seat: int) -> dict[str, float]:
        """Half-moves of the match, own captures and checks, own material less the other's."""
        balance = _material(self._position)
        return {
            "plies": self._position.ply,
            "captures": self._captures[seat],
            "checks": self._checks[seat],
            "material": -balance if seat else balance,
        }

    def save(self) -> State:
        """The moves since the initial position; the arguments they belong to are named."""
        return {
            "game": self.spec.id,
            "arguments": [self.opening, self.limit],
            "moves": [*self._moves],
        }

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        if not isinstance(state, dict) or state.get("game") != self.spec.id:
            other = state.get("game") if isinstance(state, dict) else state
            raise StateError(f"this is {self.spec.id}, but the state was saved by {other!r:.60}")
        mine = [self.opening, self.limit]
        if state.get("arguments") != mine or len(state) != 3:
            raise StateError(
                f"the state was saved with opening, limit = {state.get('arguments')!r:.60}; "
                f"this game has {mine!r}"
            )
        moves = state.get("moves")
        if not isinstance(moves, list) or len(moves) < self.opening:
            raise StateError("saved moves are not a list that begins with the opening")
        copy = Chess(self.opening, self.limit)
        copy._replay(moves)
        self.__dict__.update(copy.__dict__)

    def _replay(self, moves: list[Json]) -> None:
        self._begin()
        for number, uci in enumerate(moves):
            if self._reason or not isinstance(uci, str) or uci not in self._legal:
                raise StateError(f"saved half-move {number + 1}, {uci!r:.20}, is not legal there")
            self._play(uci)


_PLACES = {uci: place for place, uci in enumerate(UCI.values())}
_place = _PLACES.__getitem__


def _seat(position: Position) -> int:
    return 0 if position.side == WHITE else 1


def _material(position: Position) -> int:
    """White's pieces less black's, in pawns."""
    return sum(_VALUE[piece] if piece > 0 else -_VALUE[-piece] for piece in position.board)


def _require(name: str, value: int, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name}={value!r} is not a whole number from {least} to {most}")
