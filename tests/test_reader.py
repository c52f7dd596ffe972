from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.game import Turn
from lmgame.games.tetris import Tetris
from lmgame.reader import read
from lmgame.world import World
from tests.nim import Nim


def turn_of(game: Tetris | Nim) -> Turn:
    world = World(game, 0)
    world.offer(lambda seat: None)
    return world.turns[0]


NIM = turn_of(Nim())
TETRIS = turn_of(Tetris(actions="all"))


@pytest.mark.parametrize(
    "reply",
    [
        "take 2",
        "  take 2\n",
        "I would take 2.",
        "**Action:** take 2",
        "action: take 2",
        "take 1 looks weak, take 3 worse.\nMove: take 2",
        "Answer: take 1\n\nOn reflection:\nAnswer: take 2",
        "<think>take 1? take 3?</think>take 2",
        "<think>take 1? take 3?</think>\n\nFinal answer: take 2",
        "take 2 is best, so: take 2",
        "take 9 is impossible; take 2",
        "> move = take 2",
    ],
)
def test_one_answer_is_taken(reply: str) -> None:
    assert read(reply, NIM) == ("ok", "take 2", "")


@pytest.mark.parametrize(
    ("reply", "finish", "outcome"),
    [
        ("", "stop", "empty"),
        (" \n\t", "stop", "empty"),
        ("<think>take 2", "stop", "empty"),
        ("", "length", "truncated"),
        ("The best move is", "length", "truncated"),
        ("<think>take 2, or else", "length", "truncated"),
        ("I resign.", "stop", "unparsable"),
        ("take 1 or take 2", "stop", "ambiguous"),
        ("action: take 1 or take 2", "stop", "ambiguous"),
        ("take 7", "stop", "illegal"),
        ("take 99", "stop", "illegal"),
    ],
)
def test_what_is_no_answer_says_so_with_a_reason(reply: str, finish: str, outcome: str) -> None:
    reading = read(reply, NIM, finish)
    assert reading.outcome == outcome
    assert reading.action is None
    assert reading.reason


def test_a_cut_off_reply_with_an_answer_counts() -> None:
    assert read("take 2 because", NIM, "length").action == "take 2"


@given(st.text() | st.from_regex(r"(place \d \d|press [a-z]+|action: |<think>|\n| ){0,12}"))
def test_any_reply_is_read_and_only_legal_actions_come_out(reply: str) -> None:
    for turn in (NIM, TETRIS):
        reading = read(reply, turn)
        if reading.outcome == "ok":
            assert reading.action is not None
            assert turn.canonical(reading.action) == reading.action
        else:
            assert reading.action is None
            assert reading.reason


@given(st.binary())
def test_any_bytes_are_read(data: bytes) -> None:
    read(data.decode("utf-8", "replace"), TETRIS)


@pytest.mark.parametrize(
    "hostile",
    [
        "<think>" * 100_000,
        "action:" * 100_000,
        "place " * 200_000,
        "press left " * 100_000,
        "\x1b[2J" * 100_000,
        "9" * 2_000_000,
        "take 1 " * 200_000 + "take 2",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_replies_are_read_in_short_reasons(hostile: str) -> None:
    for turn in (NIM, TETRIS):
        assert len(read(hostile, turn).reason) < 2000


PIECES = st.sampled_from(
    [
        "action",
        "Action: ",
        "move:",
        "{",
        "}",
        '{"action": "',
        '"}',
        "[",
        "]",
        "<action>",
        "</action>",
        "<think>",
        "</think>",
        "\\boxed{",
        "```",
        "~~~",
        "\n",
        " ",
        "place 3 1",
        "take 2",
        "take 9",
        "place 99 9",
        "press left",
        "or",
        ", because ",
        "“",
        "：",
        "\x1b[31m",
        "\u200b",
        "\\",
        "'",
        '"',
        "## Action",
        "**",
        "the best move is ",
        "</s>",
        "<|channel|>analysis<|message|>",
        "<|end|>",
    ]
)


@given(
    st.lists(PIECES | st.text(max_size=4), max_size=60), st.sampled_from(["stop", "length", None])
)
def test_any_form_is_read_and_only_legal_actions_come_out(
    pieces: list[str], finish: str | None
) -> None:
    for turn in (NIM, TETRIS):
        reading = read("".join(pieces), turn, finish)
        assert (reading.outcome == "ok") == (reading.action is not None)
        assert bool(reading.reason) == (reading.outcome != "ok")
        if reading.action is not None:
            assert turn.canonical(reading.action) == reading.action


@pytest.mark.parametrize(
    "unit",
    [
        "<action>",
        "</action>",
        "<think>",
        "{",
        "}",
        '{"action":"',
        "[",
        "\\boxed{",
        "```\n",
        "action:",
        "place 3 1 ",
        "the best move is ",
        "**action**\n",
        "\\",
        '"',
        "<|channel|>analysis<|message|>",
    ],
)
def test_megabytes_of_marks_are_read_in_a_moment(unit: str) -> None:
    """The longest text that is read, of one piece: linear, so far from the test's time-out."""
    reading = read(unit * (1_000_000 // len(unit)), TETRIS)
    assert reading.outcome in ("ok", "unparsable", "empty", "illegal")
