"""Chess as a Game: the contract, the seed, saving, what players are told, the anchor."""

from __future__ import annotations

import json
import re
from random import Random

import pytest

from lmgame.agents.scripted.chess import best
from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Json
from lmgame.games.chess import UCI, Chess, parse_text, read_fen
from lmgame.rng import Rng
from lmgame.world import World

from .test_chess_rules import started
from .test_docstring import SECTIONS, sections


def test_the_menu_is_every_move_that_a_piece_could_make() -> None:
    # 1792 moves of queen and knight from every square, and 4 times 44 promotions.
    assert len(UCI) == len(set(Chess.spec.menu or ())) == 1792 + 176


@pytest.mark.parametrize("opening", [0, 1, 2, 5, 20])
def test_the_opening_is_random_legal_fair_and_the_same_for_both(opening: int) -> None:
    starts = set()
    for seed in range(20):
        game = Chess(opening=opening)
        game.reset(seed)
        seen = parse_text(game.text(0))
        assert seen.ply == opening
        assert game.tick == 0
        assert game.outcome() is None
        assert not seen.check
        assert game.statistics(0)["material"] == 0
        assert game.statistics(0)["captures"] == game.statistics(1)["checks"] == 0
        again = Chess(opening=opening)
        again.reset(seed)
        assert again.text(1) == game.text(1)
        starts.add(seen.fen)
    assert len(starts) >= min(17, 20**opening // 2)


@pytest.mark.parametrize(
    "arguments",
    [{"opening": -1}, {"opening": 21}, {"limit": 1}, {"limit": 1001}, {"opening": 4, "limit": 4},
     {"opening": True}, {"limit": 2.5}],
)  # fmt: skip
def test_arguments_out_of_range_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="is not a whole number from"):
        Chess(**arguments)


def middle(seed: int = 4) -> Chess:
    game, random = Chess(), Random(seed)
    game.reset(seed)
    for _ in range(40):
        seat = game.acting()[0]
        game.apply({seat: random.choice(game.actions(seat).choices)})
    return game


def test_a_saved_match_goes_on_the_same() -> None:
    game = middle()
    copy = Chess()
    copy.restore(json.loads(json.dumps(game.save())))
    assert copy.fingerprint() == game.fingerprint()
    for seat in (0, 1):
        assert copy.text(seat) == game.text(seat)
        assert copy.statistics(seat) == game.statistics(seat)
    assert copy.tick == game.tick == 40
    # Earlier positions still count towards repetition.
    assert copy._seen == game._seen


@pytest.mark.parametrize(
    "change",
    [
        {"game": "Chess-v2"}, {"arguments": [2, 299]}, {"moves": "e2e4"}, {"moves": []},
        {"moves": ["e2e4", "e2e4"]}, {"moves": ["e2e4", 7]}, {"more": 1},
        {"moves": ["f2f3", "e7e5", "g2g4", "d8h4", "a2a3"]}, {"moves": ["e2e4", "e7e5", [1]]},
    ],
)  # fmt: skip
def test_a_damaged_state_is_refused_and_changes_nothing(change: dict[str, Json]) -> None:
    game = middle()
    before = game.fingerprint()
    with pytest.raises(StateError, match=r".{20,}"):
        game.restore({**game.save(), **change})
    assert game.fingerprint() == before


def test_turns_are_kept() -> None:
    game = Chess(opening=0)
    with pytest.raises(IllegalAction, match="it is white's turn"):
        game.apply({1: "e7e5"})
    with pytest.raises(IllegalAction, match="one side moves at a time"):
        game.apply({0: "e2e4", 1: "e7e5"})
    with pytest.raises(IllegalAction, match="one side moves at a time"):
        game.apply({})
    game.apply({0: "e4"})
    with pytest.raises(IllegalAction, match="it is black's turn"):
        game.actions(0)


def test_choices_are_all_legal_moves_in_the_order_of_squares() -> None:
    game = Chess(opening=0)
    actions = game.actions(0)
    assert len(actions.choices) == 20
    assert actions.complete
    assert actions.default == actions.choices[0] == "b1a3"


def test_the_rules_name_what_is_accepted() -> None:
    told = re.findall(r"`([^`]+)`", Chess.rules.rpartition("Answer with")[2])
    pawn, castle = "4k3/8/8/8/8/8/4P3/4K1N1 w - - 0 1", "4k3/8/8/8/8/8/8/4K2R w K - 0 1"
    promotion, capture = "8/4P2k/8/8/8/8/8/K7 w - - 0 1", "7k/8/8/3p4/4P3/8/8/K7 w - - 0 1"
    where = {
        "e2e4": pawn, "e1g1": castle, "e7e8q": promotion, "Nf3": pawn, "exd5": capture,
        "O-O": castle, "e8=Q": promotion,
    }  # fmt: skip
    assert told == [*where]
    for text, fen in where.items():
        game = started(read_fen(fen))
        assert game.canonical(0, text) in game.actions(0).choices
    # Every kind of action there is: from square to square, with and without a piece.
    assert all(re.fullmatch(r"[a-h][1-8][a-h][1-8][qrbn]?", uci) for uci in UCI.values())
    assert len(Chess.rules) < 1200


def test_the_page_has_every_section() -> None:
    found = sections(Chess)
    assert list(found) == SECTIONS
    assert re.findall(r"^    (\w+) \(", found["Arguments"], re.MULTILINE) == ["opening", "limit"]


def test_the_anchor_beats_random_play() -> None:
    points = 0.0
    for seed in range(3):
        world, rng, own = World(Chess(), seed), Rng(seed), seed % 2
        while not world.over:
            world.offer(lambda seat: None)
            ((seat, turn),) = world.turns.items()
            choice = best(turn) if seat == own else rng.choice(turn.actions.choices)
            assert turn.canonical(choice) == choice
            world.land({seat: choice})
        points += world.game.scores()[own]
    assert points == 3


@pytest.mark.parametrize(
    ("fen", "move"),
    [
        ("6k1/5ppp/8/8/8/8/8/R3K3 w - - 0 1", "a1a8"),  # mate in one
        ("4k3/8/8/3q4/8/2N5/8/4K3 w - - 0 1", "c3d5"),  # an undefended queen
        ("4k3/8/2p5/3p4/8/8/3R4/3RK3 w - - 0 1", None),  # a defended pawn is not worth a rook
    ],
)
def test_the_anchor_sees_what_is_in_front_of_it(fen: str, move: str | None) -> None:
    game = started(read_fen(fen))
    world = World(Chess(), 0)
    world.game = game
    world.offer(lambda seat: None)
    chosen = best(world.turns[0])
    assert chosen == move or (move is None and chosen not in ("d2d5",))
