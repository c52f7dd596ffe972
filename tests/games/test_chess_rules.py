"""The rules of chess: published counts of moves, and ends by example."""

from __future__ import annotations

import pytest

from lmgame.games.chess import Chess, Position, parse_text, perft, read_fen
from lmgame.games.chess.fen import INITIAL, write

# https://www.chessprogramming.org/Perft_Results: initial position, Kiwipete,
# positions 3, 4 (and its mirror) and 5.
PUBLISHED = [
    (INITIAL, [20, 400, 8902, 197281]),
    (
        "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
        [48, 2039, 97862],
    ),
    ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", [14, 191, 2812, 43238]),
    ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", [6, 264, 9467]),
    ("r2q1rk1/pP1p2pp/Q4n2/bbp1p3/Np6/1B3NBn/pPPP1PPP/R3K2R b KQ - 0 1", [6, 264, 9467]),
    ("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", [44, 1486, 62379]),
]


@pytest.mark.parametrize(("fen", "counts"), PUBLISHED)
def test_perft_is_as_published(fen: str, counts: list[int]) -> None:
    position = read_fen(fen)
    assert [perft(position, depth) for depth in range(1, len(counts) + 1)] == counts


def played(*moves: str, opening: int = 0, limit: int = 300) -> Chess:
    game = Chess(opening=opening, limit=limit)
    for move in moves:
        game.apply({game.acting()[0]: move})
    return game


def ended(game: Chess) -> tuple[str, int | None]:
    outcome = game.outcome()
    assert outcome is not None
    assert outcome.scores == game.scores()
    return outcome.reason, outcome.winner


def test_fools_mate() -> None:
    game = played("f3", "e5", "g4", "Qh4#")
    assert ended(game) == ("checkmate", 1)
    assert game.scores() == (0.0, 1.0)
    assert game.acting() == ()


def test_scholars_mate() -> None:
    game = played("e4", "e5", "Bc4", "Nc6", "Qh5", "Nf6", "Qxf7#")
    assert ended(game) == ("checkmate", 0)
    assert game.statistics(0) == {"plies": 7, "captures": 1, "checks": 1, "material": 1}
    assert game.statistics(1) == {"plies": 7, "captures": 0, "checks": 0, "material": -1}


def test_the_shortest_stalemate() -> None:
    # Sam Loyd, 1866.
    moves = "e3 a5 Qh5 Ra6 Qxa5 h5 h4 Rah6 Qxc7 f6 Qxd7+ Kf7 Qxb7 Qd3 Qxb8 Qh7 Qxc8 Kg6 Qe6"
    assert ended(played(*moves.split())) == ("stalemate", None)


def test_the_third_occurrence_is_a_draw() -> None:
    shuffle = ("Nf3", "Nf6", "Ng1", "Ng8")
    game = played(*shuffle)
    assert "position seen 2x" in game.text(0)
    for move in shuffle[:-1]:
        game.apply({game.acting()[0]: move})
    assert game.outcome() is None
    game.apply({1: "Ng8"})
    assert ended(game) == ("threefold repetition", None)
    assert game.scores() == (0.5, 0.5)


def test_a_lost_castling_right_makes_another_position() -> None:
    start = ("e4", "e5", "Be2", "Be7", "Nf3", "Nf6")
    shuffle = ("Ke2", "Ke7", "Ke1", "Ke8")
    game = played(*start[:2], *shuffle, *shuffle)
    # The first time both could castle, so this is the second occurrence only.
    assert game.outcome() is None
    assert "position seen 2x" in game.text(0)


def test_an_en_passant_square_counts_only_if_the_capture_is_legal() -> None:
    assert " - 0 1" in write(played("e4")._position)
    game = played("e4", "a6", "e5", "d5")
    assert "en passant d6" in game.text(0)
    game.apply({0: "exd6"})
    assert parse_text(game.text(0)).rows[2:5] == ("p..P....", "........", "........")
    # The pawn that would take is pinned along the rank (position 3 of PUBLISHED).
    assert read_fen("8/8/8/KPp4r/8/8/8/7k w - c6 0 1").passant == -1


def test_fifty_moves() -> None:
    position = read_fen("7k/8/8/8/8/8/R7/K7 w - - 99 80")
    game = started(position)
    game.apply({0: "a2b2"})
    assert ended(game) == ("fifty moves", None)


def test_mate_comes_before_fifty_moves() -> None:
    game = started(read_fen("7k/R7/8/8/8/8/1R6/K7 w - - 99 80"))
    game.apply({0: "b2b8"})
    assert ended(game) == ("checkmate", 0)


def test_a_capture_or_pawn_move_starts_the_fifty_moves_again() -> None:
    game = started(read_fen("7k/8/8/8/8/8/P7/K7 w - - 99 80"))
    game.apply({0: "a2a3"})
    assert game.outcome() is None
    assert "fifty-move clock 0" in game.text(1)


def started(position: Position) -> Chess:
    """A game at a position that it did not come to by moves."""
    game = Chess(opening=0)
    game._position = position
    game._seen.clear()
    game._arrive()
    return game


@pytest.mark.parametrize(
    ("placed", "bare"),
    [
        ("7k/8/8/8/8/8/8/K7", True),
        ("7k/8/8/8/8/8/8/KN6", True),
        ("7k/8/8/8/8/8/8/KB6", True),
        ("6bk/8/8/8/8/8/8/KB6", True),  # both on light squares: g8 and b1
        ("5b1k/8/8/8/8/8/8/KB6", False),
        ("7k/8/8/8/8/8/8/KBB5", False),
        ("7k/8/8/8/8/8/8/KNN5", False),  # mate is possible, if the other side helps
        ("6nk/8/8/8/8/8/8/KN6", False),
        ("7k/8/8/8/8/8/P7/K7", False),
        ("7k/8/8/8/8/8/8/KR6", False),
        ("7k/8/8/8/8/8/8/KQ6", False),
    ],
)
def test_too_little_to_mate(placed: str, bare: bool) -> None:
    game = started(read_fen(f"{placed} b - - 3 70"))
    assert (game.outcome() is not None) == bare
    if bare:
        assert ended(game) == ("insufficient material", None)


def test_the_limit_is_a_draw() -> None:
    game = played("e4", "e5", limit=3)
    assert game.outcome() is None
    game.apply({0: "d4"})
    assert ended(game) == ("limit of half-moves", None)


def test_castling_needs_everything_it_needs() -> None:
    def castles(fen: str) -> set[str]:
        game = started(read_fen(fen))
        return {"e1g1", "e1c1"} & set(game.actions(0).choices)

    assert castles("4k3/8/8/8/8/8/8/R3K2R w KQ - 0 1") == {"e1g1", "e1c1"}
    assert castles("4k3/8/8/8/8/8/8/R3K2R w K - 0 1") == {"e1g1"}
    assert castles("4k3/8/8/8/8/8/8/RN2K2R w KQ - 0 1") == {"e1g1"}
    assert castles("4kr2/8/8/8/8/8/8/R3K2R w KQ - 0 1") == {"e1c1"}  # f1 is attacked
    assert castles("1r2k3/8/8/8/8/8/8/R3K2R w KQ - 0 1") == {"e1g1", "e1c1"}  # b1 may be
    assert castles("4k3/8/8/8/4r3/8/8/R3K2R w KQ - 0 1") == set()  # in check


def test_taking_a_rook_takes_the_right_to_castle() -> None:
    game = started(read_fen("r3k2r/8/8/8/8/8/6B1/R3K2R w KQkq - 0 1"))
    game.apply({0: "Bxa8"})
    assert "castling KQk;" in game.text(0)
    game.apply({1: "Rxh1+"})
    assert "castling Q;" in game.text(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        INITIAL.replace(" 0 1", ""),
        INITIAL.replace("PPPPPPPP", "PPPPPPP"),
        INITIAL.replace("PPPPPPPP", "PPPP1PPPP"),
        INITIAL.replace("K", "Q", 1),
        INITIAL.replace("- 0 1", "e3 0 1"),
        INITIAL.replace("- 0 1", "e6 0 1"),
        INITIAL.replace("0 1", "0 0"),
        INITIAL.replace("w", "white"),
        "4k3/8/8/8/8/8/8/4K2R w Q - 0 1",
        "P3k3/8/8/8/8/8/8/4K3 w - - 0 1",
        "4k3/8/8/8/4R3/8/8/4K3 w - - 0 1",  # black is in check and white to move
        INITIAL * 50,
    ],
)
def test_what_is_no_fen_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"FEN|files|king|pawn|check|castling"):
        read_fen(text)
