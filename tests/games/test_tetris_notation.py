"""What a player may write, what is found in a reply, and what is said about it."""

from __future__ import annotations

import re
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.errors import ConfigError, IllegalAction
from lmgame.game import Game
from lmgame.games.tetris import Tetris, TetrisVersus, notation

from .slow_tetris import ORDER
from .tetris_pair import INPUTS, Pair, legal, random_move, slots

GAMES: list[type[Tetris] | type[TetrisVersus]] = [Tetris, TetrisVersus]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("place 3 1", ["place 3 1"]),
        ("Place(3, 1)", ["Place(3, 1)"]),
        ("I would PLACE 3,1.", ["PLACE 3,1"]),
        ("```\nplace 3 1\n```", ["place 3 1"]),
        ("**place 3 1**", ["place 3 1"]),
        ("`place 0 0` or rather `place 9 3`", ["place 0 0", "place 9 3"]),
        ("place column 4, rotation 2", ["place column 4, rotation 2"]),
        ("place C=4 R=2", ["place C=4 R=2"]),
        ("place: 4 2", ["place: 4 2"]),
        ("place 3 99", ["place 3 99"]),
        ("place -1 0", ["place -1 0"]),
        ("replace 3 1", []),
        ("place 3", []),
        ("place the piece at 3", []),
        ("press left, left, drop", ["press left, left, drop"]),
        ("Press left*3 CW drop!", ["Press left*3 CW drop"]),
        ("press(left, drop)", ["press(left, drop)"]),
        ("press left -> cw -> drop", ["press left -> cw -> drop"]),
        ("press left, then left and drop.", ["press left, then left and drop"]),
        ("press left and then stop", ["press left"]),
        ("press leftover", []),
        ("I press on", []),
        ("depress left", []),
        ("press up", ["press up"]),
        ("press hold\nplace 1 2\npress drop", ["press hold", "place 1 2", "press drop"]),
        ("press drop place 1 2", ["press drop", "place 1 2"]),
        ("", []),
        ("plаce 3 1 (a Cyrillic letter)", []),
    ],
)
def test_find(reply: str, found: list[str]) -> None:
    for game in GAMES:
        assert game().find(reply) == found


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("place 3 1", "place 3 1"),
        (" Place(3, 1)\n", "place 3 1"),
        ("place 03 1", "place 3 1"),
        ("place column 4, rotation 2", "place 4 2"),
        ("press left", "press left"),
        ("Press left*3 CW drop", "press left left left cw drop"),
        ("press(left, hold)", "press left hold"),
        ("press left, THEN left and drop", "press left left drop"),
        ("press drop*2 hold drop hold", "press drop drop hold drop hold"),
        ("press wait*32", "press" + " wait" * 32),
    ],
)
def test_canonical(text: str, canonical: str) -> None:
    game = Tetris()
    assert game.canonical(0, text) == canonical
    assert game.canonical(0, canonical) == canonical


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("place 9 0", "place 9 0 is impossible: the I piece is 4 wide after 0 turns, so C is 0-6"),
        ("place -1 1", "place -1 1 is impossible: the I piece is 1 wide after 1 turns"),
        ("place 0 4", "place 0 4 is impossible: R is the number of clockwise quarter turns, 0-3"),
        ("press hold hold", "hold is used up until this piece locks"),
        ("press up", "unknown input 'up'; known: left, right, down, cw, ccw, hold, drop, wait"),
        ("press lefft", "unknown input 'lefft'; did you mean 'left'?"),
        ("press left, jump", "unknown input 'jump'"),
        ("press", "'press' is not an action: write 'place C R'"),
        ("press left*33", "33 inputs are too many: at most 32"),
        ("press left*0", r"left\*0 presses nothing"),
        ("jump", "'jump' is not an action"),
        ("", "'' is not an action"),
        ("place 3 1 place 3 1", "is not an action"),
        ("x" * 10_000_000, r"'x{40}\.\.\.' is not an action"),
    ],
)
def test_refusals_say_what_to_do(text: str, reason: str) -> None:
    game = Tetris()
    game.reset(3)  # an I
    before = game.fingerprint()
    for call in (lambda: game.canonical(0, text), lambda: game.apply({0: text})):
        with pytest.raises(IllegalAction, match=reason) as error:
            call()
        assert len(str(error.value)) < 200
    assert game.fingerprint() == before


def test_a_blocked_way_is_named() -> None:
    pair = Pair(1, blocks={(2, y): "J" for y in range(17)}, kind="O")
    pair.play({0: ["down"] * 10})
    with pytest.raises(IllegalAction, match=r"other blocks are in the way.*C can be 3-8"):
        pair.fast.canonical(0, "place 0 0")


def test_one_illegal_action_stops_all() -> None:
    game = TetrisVersus()
    before = game.fingerprint()
    with pytest.raises(IllegalAction):
        game.apply({0: "press drop", 1: "place 9 9"})
    with pytest.raises(IllegalAction, match="no seat 2"):
        game.apply({0: "press drop", 2: "press drop"})
    with pytest.raises(IllegalAction, match="no action"):
        game.apply({})
    assert game.fingerprint() == before


@settings(max_examples=150, deadline=None)
@given(st.text() | st.from_regex(r"(?i)(place|press)[ (]\S{0,9}[ ,]\S{0,9}\)?"))
def test_canonical_raises_nothing_but_illegal_action(text: str) -> None:
    game = Tetris()
    for passage in [text, *game.find(text)]:
        try:
            canonical = game.canonical(0, passage)
        except IllegalAction:
            continue
        assert game.canonical(0, canonical) == canonical


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["place 3 1", "press left*2 drop", "so", "\n", "then `", "1 2"])))
def test_find_gives_what_canonical_reads(parts: list[str]) -> None:
    game = Tetris()
    found = game.find("\n".join(parts))
    assert [game.canonical(0, passage) for passage in found] == [
        game.canonical(0, part) for part in parts if part.startswith("p")
    ]


@pytest.mark.parametrize(
    "hostile",
    ["place ", "press ", "press left ", "press left,", "place (((( ", "left ", "place 1 ", " ", "p",
     "press left*999", "place -", "press\t", "place column ", "1 "],
)  # fmt: skip
def test_find_reads_hostile_text_in_linear_work(hostile: str) -> None:
    """Counted: how far beyond each start a match attempt can look is bounded."""
    game = Tetris()
    text = hostile * (1_000_000 // len(hostile))
    found = game.find(text)
    # An attempt consumes at most 64 inputs of at most 7 + 4 characters with gaps.
    assert all(len(passage) <= 64 * 16 for passage in found)
    assert len(found) <= len(text) / 9


def test_every_repetition_in_the_patterns_is_bounded() -> None:

    assert not re.search(
        r"[^\\][*+]|\{\d+,\}", re.sub(r"\[[^]]*\]|\\.", "c", notation._ACTION.pattern)
    )


# Choices and grammar -----------------------------------------------------


@cache
def alternatives(grammar: str) -> dict[str, list[list[str]]]:
    rules = {}
    for line in grammar.strip().split("\n"):
        name, _, body = line.partition(" ::= ")
        rules[name] = [re.findall(r'"[^"]*"|[\w-]+\??', part) for part in body.split(" | ")]
    return rules


def accepts(grammar: str, text: str) -> bool:
    """A small reader of the GBNF that is used here: sequences, |, ? and literals."""
    rules = alternatives(grammar)

    @cache
    def ends(name: str, start: int) -> frozenset[int]:
        if name.startswith('"'):
            literal = name[1:-1]
            return frozenset([start + len(literal)] if text.startswith(literal, start) else [])
        optional = name.endswith("?")
        found = {start} if optional else set()
        for sequence in rules[name.rstrip("?")]:
            at = {start}
            for item in sequence:
                at = {end for position in at for end in ends(item, position)}
            found |= at
        return frozenset(found)

    return len(text) in ends("root", 0)


def test_choices_and_grammar_are_what_is_legal() -> None:
    random = Random(4)
    checked = 0
    for seed in range(12):
        pair = Pair(seed, blocks=slots(random.randint(0, 9), random.choices(range(1, 8), k=seed)))
        for _ in range(6):
            if pair.slow.over:
                break
            seat = pair.slow.seats[0]
            actions = pair.fast.actions(0)
            assert actions.grammar is not None
            places = [(column, turns) for column in range(10) for turns in range(4)]
            for column, turns in places:
                text = f"place {column} {turns}"
                allowed = legal(seat, (column, turns))
                assert accepts(actions.grammar, text) == allowed
                assert allowed or text not in actions.choices
            for choice in actions.choices:
                assert pair.fast.canonical(0, choice) == choice
                assert accepts(actions.grammar, choice)
                checked += 1
            offered = [c for c in actions.choices if c.startswith("place")]
            assert len(offered) == len(set(offered)) == len({landing(pair, c) for c in offered})
            pair.play({0: random_move(random, pair)})
    assert checked > 1000


def landing(pair: Pair, choice: str) -> frozenset[tuple[int, int]]:
    game = Tetris()
    game.restore(pair.fast.save())
    pieces = game.statistics(0)["pieces"]
    game.apply({0: choice})
    assert game.statistics(0)["pieces"] == pieces + 1
    saved = game.save()["seats"]
    assert isinstance(saved, list)
    assert isinstance(saved[0], dict)
    cells = saved[0]["cells"]
    assert isinstance(cells, str)
    return frozenset((i, ord(c)) for i, c in enumerate(cells) if c != ".")


def test_placements_offered_cover_every_final_position() -> None:
    random = Random(5)
    for seed in range(10):
        pair = Pair(seed, blocks=slots(random.randint(0, 9), random.choices(range(1, 8), k=4)))
        pair.play({0: random_move(random, pair)})
        if pair.slow.over:
            continue
        offered = {landing(pair, c) for c in pair.fast.actions(0).choices if c[1] == "l"}
        possible = {
            landing(pair, f"place {column} {turns}")
            for column in range(10)
            for turns in range(4)
            if legal(pair.slow.seats[0], (column, turns))
        }
        assert offered == possible


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*INPUTS, "hold", "drop"]), min_size=1, max_size=34), st.booleans())
def test_the_grammar_of_sequences_is_exact(names: list[str], held: bool) -> None:
    game = Tetris(actions="inputs")
    if held:
        game.apply({0: "press hold"})
    text = "press " + " ".join(names)
    grammar = game.actions(0).grammar
    assert grammar is not None
    try:
        game.canonical(0, text)
    except IllegalAction:
        assert not accepts(grammar, text)
    else:
        assert accepts(grammar, text)


def test_modes() -> None:
    game = Tetris(actions="placements")
    actions = game.actions(0)
    assert actions.complete
    assert actions.choices[-1] == "press hold"
    assert "press wait" not in actions.choices
    with pytest.raises(IllegalAction, match="this match takes whole placements"):
        game.apply({0: "press left"})
    with pytest.raises(IllegalAction, match="this match takes whole placements"):
        game.apply({0: "press hold drop"})
    game.apply({0: "press hold"})
    assert all(text.startswith("place") for text in game.actions(0).choices)
    assert game.canonical(0, game.actions(0).default) == "press wait"
    assert "press hold" not in game.actions(0).choices
    game = Tetris(actions="inputs")
    assert game.actions(0).choices == tuple(f"press {name}" for name in INPUTS)
    with pytest.raises(IllegalAction, match="this match takes inputs only"):
        game.apply({0: "place 3 0"})
    for mode in ("all", "placements", "inputs"):
        game = Tetris(actions=mode)
        assert game.canonical(0, game.actions(0).default) == "press wait"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": 0}, "level=0 is not a whole number from 1 to 20"),
        ({"level": 21}, "level=21"),
        ({"level": "3"}, "level='3'"),
        ({"level": True}, "level=True"),
        ({"queue": -1}, "queue=-1 is not a whole number from 0 to 6"),
        ({"queue": 7}, "queue=7"),
        ({"actions": "keys"}, "actions='keys' is not one of all, placements, inputs"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    for game in GAMES:
        with pytest.raises(ConfigError, match=message):
            game(**arguments)  # type: ignore[arg-type]  # what a user might write


# The rules that a player is told -----------------------------------------


@pytest.mark.parametrize("game", GAMES)
def test_rules_name_every_action_and_only_actions(game: type[Game]) -> None:
    instance = Tetris() if game is Tetris else TetrisVersus()
    instance.reset(3)
    code = re.findall(r"`([^`]+)`", instance.rules)
    examples = [text for text in code if re.match(r"(place|press) [^C]", text)]
    assert len(examples) >= 2
    for text in examples:
        assert instance.canonical(0, text)
    bullets = [line for line in instance.rules.split("\n") if line.startswith("  - ")]
    told = [name for line in bullets for name in re.findall(r"`(\w+)`", line.partition(":")[0])]
    assert told == INPUTS
    for name in told:
        assert instance.canonical(0, f"press {name}") == f"press {name}"
    assert instance.find(instance.rules) == examples


@pytest.mark.parametrize("mode", ["placements", "inputs"])
@pytest.mark.parametrize("game", [Tetris, TetrisVersus])
def test_rules_tell_only_what_is_offered(game: type[Tetris | TetrisVersus], mode: str) -> None:
    instance = game(actions=mode)
    assert "<!--" not in instance.rules
    assert ("place C R" in instance.rules) == (mode == "placements")
    assert ("`cw`" in instance.rules) == (mode == "inputs")
    named = instance.find(instance.rules)
    assert named
    for text in named:
        assert instance.canonical(0, text)


@pytest.mark.parametrize("game", GAMES)
def test_menu_is_every_placement_and_every_input(game: type[Game]) -> None:
    places = [f"place {column} {turns}" for column in range(10) for turns in range(4)]
    assert list(game.spec.menu or ()) == [*places, *(f"press {name}" for name in INPUTS)]
    instance = Tetris()
    assert set(instance.actions(0).choices) <= set(game.spec.menu or ())
    assert sorted(ORDER) == ORDER
