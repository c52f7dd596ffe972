"""Moves as players write them, positions as FEN, and what is said about mistakes."""

from __future__ import annotations

import re
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.errors import IllegalAction
from lmgame.games.chess import UCI, Chess, Position, read_fen
from lmgame.games.chess.fen import write
from lmgame.games.chess.notation import parse, san

from .test_chess_rules import PUBLISHED, started

KIWIPETE = PUBLISHED[1][0]


@cache
def positions() -> list[Position]:
    """Random games from the initial position and from ones where much is possible."""
    random, found = Random(11), []
    for fen, _ in PUBLISHED * 2:
        position = read_fen(fen)
        for _ in range(60):
            found.append(position)
            moves = position.legal()
            if not moves:
                break
            position = position.after(random.choice(moves))
    return found


def legal(position: Position) -> dict[str, int]:
    return {UCI[number]: number for number in position.legal()}


def test_san_read_back_is_the_move() -> None:
    forms = set()
    for position in positions()[::3]:
        moves = legal(position)
        said = {uci: san(position, number) for uci, number in moves.items()}
        assert len(set(said.values())) == len(moves)
        for uci, text in said.items():
            assert parse(position, moves, text) == uci
            assert parse(position, moves, text.rstrip("+#")) == uci
            assert parse(position, moves, text.replace("x", "")) == uci or text[0] in "abcdefgh"
            forms.add(re.sub(r"[a-h]", "a", re.sub(r"[1-8]", "1", text)))
    wanted = {"a1", "axa1", "Na1", "Nxa1+", "Naa1", "O-O", "O-O-O", "a1=Q", "axa1=N"}
    assert wanted <= forms
    assert any(text.endswith("#") for text in forms)


@pytest.mark.parametrize(
    ("fen", "uci", "text"),
    [
        ("3r3r/2k5/8/R7/4Q2Q/8/2K5/R6Q b - - 0 1", "d8f8", "Rdf8"),
        ("3r3r/2k5/8/R7/4Q2Q/8/2K5/R6Q w - - 0 1", "a1a3", "R1a3"),
        ("3r3r/2k5/8/R7/4Q2Q/8/2K5/R6Q w - - 0 1", "h4e1", "Qh4e1"),
        ("6k1/8/8/8/8/8/n1n5/7K b - - 0 1", "c2b4", "Ncb4"),
        ("4k3/8/8/8/1b6/2N5/8/K3N3 w - - 0 1", "c3d5", "Nd5"),
        ("4k3/8/8/8/1b6/2N5/8/4K1N1 w - - 0 1", "g1e2", "Ne2"),  # the other one is pinned
    ],
)
def test_san_says_as_much_as_it_must(fen: str, uci: str, text: str) -> None:
    position = read_fen(fen)
    assert san(position, legal(position)[uci]).rstrip("+") == text
    assert parse(position, legal(position), text) == uci


def test_fen_read_back_is_the_position() -> None:
    for position in positions():
        again = read_fen(write(position))
        assert write(again) == write(position)
        assert again.key() == position.key()
        assert sorted(again.legal()) == sorted(position.legal())


def test_positions_with_the_same_fen_and_no_others_are_the_same() -> None:
    keys = {position.key(): write(position).split()[:4] for position in positions()}
    assert len(keys) == len({" ".join(fen) for fen in keys.values()})


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("e2e4", ["e2e4"]),
        ("**e2-e4**", ["e2-e4"]),
        ("`e7e8q`", ["e7e8q"]),
        ("E2E4!", ["E2E4!"]),
        ("I play Nf3, it develops.", ["Nf3"]),
        ("1. e4", ["e4"]),
        ("12... Qxd4+", ["Qxd4+"]),
        ("1.e4 e5", ["e4", "e5"]),
        ("Nbd2 or N1f3 or Ng1-f3 or Qa1xb2", ["Nbd2", "N1f3", "Ng1-f3", "Qa1xb2"]),
        ("O-O", ["O-O"]),
        ("0-0-0!?", ["0-0-0!?"]),
        ("e8=Q+ or exd8=N or e8(Q)", ["e8=Q+", "exd8=N", "e8(Q)"]),
        ("The knight on f3 guards the e5 square, so exd5", ["exd5"]),
        ("move the pawn to e4", ["e4"]),
        ("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", []),
        ("i9j9 e0e4 be4t Nf33 xe2e4x", []),
        ("no move at all", []),
        ("", []),
    ],
)
def test_find(reply: str, found: list[str]) -> None:
    assert Chess().find(reply) == found


@pytest.mark.parametrize(
    ("fen", "text", "uci"),
    [
        (KIWIPETE, "e1g1", "e1g1"),
        (KIWIPETE, "O-O", "e1g1"),
        (KIWIPETE, "0-0-0", "e1c1"),
        (KIWIPETE, "o-o", "e1g1"),
        (KIWIPETE, " d5xe6 ", "d5e6"),
        (KIWIPETE, "dxe6", "d5e6"),
        (KIWIPETE, "D5E6", "d5e6"),
        (KIWIPETE, "d5 e6", "d5e6"),
        (KIWIPETE, "Nxd7", "e5d7"),
        (KIWIPETE, "Nd7", "e5d7"),
        (KIWIPETE, "Nb1", "c3b1"),
        (KIWIPETE, "Ne5-d3!?", "e5d3"),
        (KIWIPETE, "a4", "a2a4"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "a8=Q", "a7a8q"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "a8n", "a7a8n"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "a8(R)+", "a7a8r"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "A7A8Q", "a7a8q"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "a7-a8=Q", "a7a8q"),
        ("7k/8/8/3pP3/8/8/8/K7 w - d6 0 1", "exd6", "e5d6"),
        ("7k/8/8/1B6/8/1b6/1P6/K7 w - - 0 1", "Bc6", "b5c6"),
    ],
)
def test_canonical(fen: str, text: str, uci: str) -> None:
    game = started(read_fen(fen))
    assert game.canonical(0, text) == uci
    assert game.canonical(0, uci) == uci


ROOKS = "7k/8/8/8/8/R7/8/R3K3 w Q - 0 1"


@pytest.mark.parametrize(
    ("fen", "text", "reason"),
    [
        (ROOKS, "Ra2", "Ra2 is ambiguous: more than one rook can go to a2; write a1a2 or a3a2"),
        (ROOKS, "a2a3", "a2a3 is illegal: a2 is empty"),
        (ROOKS, "h8h7", "the king on h8 is not yours"),
        (ROOKS, "a3b4", "the rook on a3 cannot go there; it can go to a2, a4, a5"),
        (ROOKS, "O-O", "O-O is illegal: castling needs"),
        (ROOKS, "Nf3", "no knight of yours can go to f3"),
        (ROOKS, "Rxa2", "Rxa2 takes nothing: a2 is empty; leave the 'x' out"),
        (ROOKS, "a1a2q", "a1a2 promotes nothing: leave the 'q' out"),
        (ROOKS, "e4", "no pawn of yours can go to e4"),
        (ROOKS, "castle", "'castle' is not a move: write a move from square to square"),
        (ROOKS, "x" * 10_000_000, r"'x{40}\.\.\.' is not a move"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "a8", "a8 must say what the pawn becomes: a8=Q, a8=R"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "a7a8", "must say what the pawn becomes: a7a8q, a7a8r"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "a7a8k", "'a7a8k' is not a move"),
        ("4r2k/8/8/8/8/4N3/8/4K3 w - - 0 1", "Nd5", "no knight of yours can go to d5"),
        (
            "4r2k/8/8/8/8/4N3/8/4K3 w - - 0 1",
            "e3d5",
            "e3d5 is illegal: your king would be in check",
        ),
        ("4r2k/8/8/8/8/8/8/4K3 w - - 0 1", "e1e2", "your king would be in check"),
        ("4k3/8/8/1p1p4/2P5/8/8/K7 w - - 0 1", "xb5", None),
        ("7k/8/8/2p1p3/3P1P2/8/8/K7 w - - 0 1", "xe5", "ambiguous.*write d4e5 or f4e5"),
    ],
)
def test_refusals_say_what_to_do(fen: str, text: str, reason: str | None) -> None:
    game = started(read_fen(fen))
    before = game.fingerprint()
    if reason is None:
        assert game.canonical(0, text) == "c4b5"
        return
    for call in (lambda: game.canonical(0, text), lambda: game.apply({0: text})):
        with pytest.raises(IllegalAction, match=reason) as error:
            call()
        assert len(str(error.value)) < 250
    assert game.fingerprint() == before


@settings(max_examples=60, deadline=None)
@given(
    st.text()
    | st.from_regex(r"[KQRBN]?[a-h]?[1-8]?[x-]?[a-h][1-8]=?[QRBNqrbn]?[+#!?]{0,2}")
    | st.from_regex(r"\s?[0oO]-[0oO](-[0oO])?\s?")
)
def test_canonical_raises_nothing_but_illegal_action(text: str) -> None:
    game = started(read_fen(KIWIPETE))
    for passage in [text, *game.find(text)]:
        try:
            canonical = game.canonical(0, passage)
        except IllegalAction:
            continue
        assert game.canonical(0, canonical) == canonical


@pytest.mark.parametrize("part", ["e2", "N", "a1-", "O-O-", "e4 ", "x", "on e4 ", "1", "(Q", "+#"])
def test_find_takes_linear_time(part: str) -> None:
    # A search that is quadratic in this text does not come back within the timeout.
    Chess().find(part * (100_000 // len(part)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["e2e4", "Nf3", "g1-f3", "so", "\n", "then `", "1."])))
def test_find_gives_what_canonical_reads(parts: list[str]) -> None:
    game = Chess(opening=0)
    found = game.find("\n".join(parts))
    said = {"e2e4": "e2e4", "Nf3": "g1f3", "g1-f3": "g1f3"}
    assert [game.canonical(0, passage) for passage in found] == [
        said[part] for part in parts if part in said
    ]
