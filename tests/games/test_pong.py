from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from lmgame.agent import Decision
from lmgame.agents.scripted.pong import best
from lmgame.clock import Simulated, Thought
from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Turn
from lmgame.games.pong import Pong, View, parse_text, render
from lmgame.games.pong.text import write
from lmgame.picture import Picture
from lmgame.record import Result
from lmgame.testing import check_game
from tests.table import Table, call

from .slow_pong import SlowPong

MENU = Pong.spec.menu or ()
INPUTS = MENU[:3]
FLIPPED = dict(zip(MENU, ("down", "up", "stay", *reversed(MENU[3:])), strict=True))
Player = Callable[[Pong, int, Random], str]


def tracking(game: Pong, seat: int, random: Random) -> str:
    return best(cast(Turn, SimpleNamespace(observation=game.observe(seat))))


def erring(game: Pong, seat: int, random: Random) -> str:
    """Good enough for long rallies, odd enough for every angle."""
    if random.random() < 0.2:
        return random.choice(INPUTS)
    return tracking(game, seat, random)


def chance(game: Pong, seat: int, random: Random) -> str:
    return random.choice(MENU)


def played(seed: int, left: Player, right: Player) -> Pong:
    game, random = Pong(), Random(seed)
    game.reset(seed)
    while game.acting():
        game.apply({0: left(game, 0, random), 1: right(game, 1, random)})
        game.advance(6)
    return game


def moments(seeds: range) -> Iterator[Pong]:
    """Random moments of matches with long rallies."""
    for seed in seeds:
        game, random = Pong(points=2), Random(seed)
        game.reset(seed)
        while game.acting():
            yield game
            game.apply({seat: erring(game, seat, random) for seat in (0, 1)})
            game.advance(random.randint(1, 9))
        yield game


def test_the_contract_is_kept() -> None:
    check_game(Pong)
    check_game(lambda: Pong(points=1), seeds=(7,))


@pytest.mark.parametrize("seed", range(6))
def test_every_tick_is_as_in_the_slow_twin(seed: int) -> None:
    fast, slow, random = Pong(points=3), SlowPong(seed, 3), Random(seed)
    fast.reset(seed)
    while fast.acting():
        for seat in (0, 1):
            move = erring(fast, seat, random)
            fast.apply({seat: move})
            slow.held[seat] = move
        for _ in range(random.randint(1, 9)):
            fast.advance(1)
            slow.step()
            seen = fast.view(0)
            assert seen.ball == slow.trail[6]
            assert seen.before == slow.trail[0]
            half = slow.length // 2
            spans = tuple((middle - half, middle + half) for middle in slow.paddle)
            assert seen.paddles == (spans if half else None)
            assert fast.scores() == tuple(slow.won)
    assert slow.over


@pytest.mark.parametrize("seed", range(20))
def test_time_passes_alike_in_one_step_or_many(seed: int) -> None:
    random = Random(seed)
    for game in moments(range(seed, seed + 1)):
        if random.random() < 0.1:
            whole, parts = Pong(points=2), Pong(points=2)
            whole.restore(game.save())
            parts.restore(game.save())
            first, second = random.randint(0, 400), random.randint(0, 400)
            whole.advance(first + second)
            parts.advance(first)
            parts.advance(second)
            assert whole.save() == parts.save()


def mirrored(view: View, across: bool) -> View:
    """The same view from the other side, or upside down."""
    (x, y), (old_x, old_y), paddles = view.ball, view.before, view.paddles
    if across:
        turned = None if paddles is None else (paddles[1], paddles[0])
        return View(1 - view.seat, (360 - x, y), (360 - old_x, old_y), turned)
    if paddles is not None:
        (top, bottom), (other_top, other_bottom) = paddles
        paddles = ((240 - bottom, 240 - top), (240 - other_bottom, 240 - other_top))
    return View(view.seat, (x, 240 - y), (old_x, 240 - old_y), paddles)


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_a_mirrored_rally_is_the_mirror_of_the_rally(seed: int, across: bool) -> None:
    game, other, random = Pong(points=1), Pong(points=1), Random(seed)
    game.reset(seed)
    state = game.save()
    start, x, y, dx, dy = cast("list[int]", state["flight"])
    state["flight"] = [start, x, y, -dx if across else dx, dy if across else -dy]
    other.restore(state)
    while game.acting():
        moves = {seat: erring(game, seat, random) for seat in (0, 1)}
        game.apply(moves)
        if across:
            other.apply({1 - seat: move for seat, move in moves.items()})
        else:
            other.apply({seat: FLIPPED[move] for seat, move in moves.items()})
        ticks = random.randint(0, 9)
        game.advance(ticks)
        other.advance(ticks)
        assert other.view(int(across)) == mirrored(game.view(0), across)
    scores = other.scores()
    assert game.scores() == (scores[::-1] if across else scores)


def test_the_anchor_is_the_same_on_both_sides() -> None:
    for game in moments(range(4)):
        for seat in (0, 1):
            view = game.view(seat)
            move = tracking(game, seat, Random(0))
            other = SimpleNamespace(text=write(mirrored(view, True)))
            assert best(cast(Turn, SimpleNamespace(observation=other))) == move


@pytest.mark.parametrize("moves", ["stay", "up", "track"])
def test_every_rally_ends_even_between_the_best(moves: str) -> None:
    """Paddles that never miss: the ball stays with them until they are gone."""
    game = Pong(points=1)
    for seed in range(5):
        game.reset(seed)
        while game.acting():
            state = game.save()
            if moves == "track":  # a paddle may be anywhere at once
                half = 24 - 2 * cast(int, state["hits"])
                y = max(half, min(240 - half, game.view(0).ball[1]))
                state["middles"] = state["goals"] = [y, y]
                game.restore(state)
            else:
                game.apply({0: moves, 1: moves})
            game.advance(1)
        assert game.tick < 30 + 60 + 13 * 107
        if moves == "track":
            assert game.statistics(0)["longest_rally"] == 12
            assert "gone" in game.text(0)


def seen_in(picture: Picture, seat: int) -> View:
    """A reader of the picture, which knows the colours only."""
    field = picture.pixels[12:-12, 12:-12]

    def box(*colours: int) -> tuple[int, int, int, int]:
        rows, columns = np.nonzero(np.isin(field, colours))
        found = (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
        return cast("tuple[int, int, int, int]", tuple(int(one) for one in found))

    top, bottom, left, right = box(render.NOW)
    assert (bottom - top, right - left) == (8, 8)
    ball = before = ((left + right) // 2, (top + bottom) // 2)
    if (field == render.THEN).any():
        # Of an earlier ball that is partly covered, the far edges are seen.
        far = box(render.THEN)
        union = box(render.THEN, render.NOW)
        x = far[2] + 4 if far[2] < left or far[3] - far[2] == 8 else far[3] - 4
        y = far[0] + 4 if far[0] < top or far[1] - far[0] == 8 else far[1] - 4
        assert union[0] == min(top, y - 4)
        before = (x, y)
    if not (field == render.OWN).any():
        return View(seat, ball, before, None)
    spans = [box(colour) for colour in (render.OWN, render.OTHER)]
    assert (spans[0][2] > 180) == (seat == 1)
    own, other = ((one[0], one[1]) for one in spans)
    return View(seat, ball, before, (other, own) if seat else (own, other))


def test_the_image_read_back_is_the_text() -> None:
    seen = set()
    for number, game in enumerate(moments(range(8))):
        for seat in (0, 1) if number % 6 == 0 else ():
            text = game.text(seat)
            view = parse_text(text)
            assert write(view) == text
            assert seen_in(game.observe(seat).picture, seat) == view
            seen.add(view)
    assert len(seen) >= 200
    assert len({view.paddles and view.paddles[0][1] - view.paddles[0][0] for view in seen}) > 6


def test_neither_shows_score_or_what_is_held() -> None:
    game = Pong()
    game.reset(3)
    game.advance(50)
    text, png = game.text(0), game.observe(0).png
    game.apply({0: "up", 1: "down"})
    state = game.save() | {"won": [3, 4], "returned": [7, 7], "tick": game.tick}
    game.restore(state)
    assert (game.text(0), game.observe(0).png) == (text, png)
    assert game.observe(0).picture.size == (384, 264)
    assert "384 by 264 pixels" in " ".join((Pong.__doc__ or "").split())


def test_rules_name_every_action_and_no_other() -> None:
    game = Pong()
    named = re.findall(r"^- `(.*?)`", game.rules, re.MULTILINE)
    assert named == ["up", "down", "stay", "go Y"]
    heights = [f"go {y}" for y in range(0, 241, 10)]
    assert (*named[:3], *heights) == game.actions(0).choices == game.spec.menu
    assert "`go 70`" in game.rules
    assert "First to 5 points wins" in game.rules
    assert "First to 1 point wins" in Pong(points=1).rules
    assert len(game.rules.split()) < 240


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("**UP**", ["UP"]),
        ("The ball comes down, so: `down`", ["down", "down"]),
        ("speed-up setup upward stays _up", []),
        ("stay.", ["stay"]),
        ("Go to y=120, or go 70", ["Go to y=120", "go 70"]),
        ("from 96 to 144; ago 3; go 99999", []),
        ("go " * 100_000, []),
        ("up" * 100_000, []),
        ("up " * 3, ["up"] * 3),
    ],
)
def test_find(reply: str, found: list[str]) -> None:
    assert Pong().find(reply) == found


@pytest.mark.parametrize("text", ["", "left", "up 3", "UPP", "go", "go go", "x" * 1000])
def test_what_is_no_action_is_refused_with_a_hint(text: str) -> None:
    game = Pong()
    before = game.fingerprint()
    with pytest.raises(IllegalAction, match="write 'up', 'down', 'stay' or 'go Y'"):
        game.apply({0: "up", 1: text})
    with pytest.raises(IllegalAction, match="no seat"):
        game.apply({2: "up"})
    with pytest.raises(IllegalAction, match="no action"):
        game.apply({})
    assert game.fingerprint() == before
    assert game.canonical(1, " Down\n") == "down"
    assert game.canonical(1, "Go to 070") == "go 70"
    for text in ("go 75", "go -10", "go 250"):
        with pytest.raises(IllegalAction, match="the height must be"):
            game.canonical(0, text)


@pytest.mark.parametrize("points", [0, 100, True, "5", 2.0])
def test_points_must_be_a_count(points: int) -> None:
    with pytest.raises(ConfigError, match="whole number from 1 to 99"):
        Pong(points=points)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"game": "Tetris-v1"}, "saved by 'Tetris-v1'"),
        ({"points": 3}, "points=3"),
        ({"extra": 1}, "keys"),
        ({"tick": -1}, "tick"),
        ({"tick": True}, "tick"),
        ({"middles": [120]}, "middles"),
        ({"middles": [120, 3]}, "middles"),
        ({"goals": [2, -1]}, "goals"),
        ({"won": [5, 5]}, "only one"),
        ({"hits": 2, "longest": 1}, "longest"),
        ({"flight": [0, 180, 120, 0, 1]}, "no speed"),
        ({"flight": [500, 180, 120, 3, 1]}, "not on its way"),
        ({"flight": [30, 180, 120, 3, 1], "tick": 90}, "not on its way"),
        ({"before": [0, 180, 120, 3, 1]}, "flown before"),
    ],
)
def test_a_state_that_no_match_saved_is_refused(changes: dict[str, int], complaint: str) -> None:
    game = Pong()
    before = game.fingerprint()
    with pytest.raises(StateError, match=complaint):
        game.restore({**game.save(), **changes})
    assert game.fingerprint() == before
    with pytest.raises(ValueError, match="negative"):
        game.advance(-1)


@pytest.mark.parametrize("text", ["", "you: left", "you: left\nball: x 1, y 2"])
def test_what_is_no_observation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Pong observation"):
        parse_text(text)
    lame = re.sub(r"left paddle: .*", "left paddle: gone", Pong().text(0))
    with pytest.raises(ValueError, match="only one paddle"):
        parse_text(lame)


def test_the_anchor_beats_chance_by_far_from_either_side() -> None:
    for seed in range(6):
        assert played(seed, tracking, chance).scores()[0] == 5
        assert played(seed, chance, tracking).scores()[1] == 5
        assert max(played(seed, tracking, chance).scores()[1:]) <= 1


QUICK_S = 0.1  # what a hand takes; also under a clock that charges thinking alone


def duel(seed: int, latency_s: float, other_s: float) -> tuple[float, float]:
    """The anchor against itself, each with a latency of its own.

    Returns:
        The points by which the first is ahead, and the share of balls it returned.
    """

    def first(turn: Turn) -> Decision:
        return Decision(best(turn), calls=(call(completion=1),))

    def second(turn: Turn) -> Decision:
        return Decision(best(turn))

    def latency(thought: Thought) -> float:
        return QUICK_S + (latency_s if thought.calls else other_s)

    seat = seed % 2
    result = Table(
        Pong,
        (first, second) if seat == 0 else (second, first),
        clock=lambda game: Simulated(latency),
        changes={"seed": seed, "max_decisions": None},
    ).play()
    assert isinstance(result, Result)
    returns, missed = result.statistics[seat]["returns"], result.scores[1 - seat]
    return result.scores[seat] - missed, returns / max(1, returns + missed)


def mean(latency_s: float, other_s: float) -> tuple[float, float]:
    duels = [duel(seed, latency_s, other_s) for seed in range(6)]
    return sum(one[0] for one in duels) / 6, sum(one[1] for one in duels) / 6


def test_the_anchor_scores_worse_the_longer_it_thinks() -> None:
    latencies = (0, 0.2, 0.5, 1.0)
    against_its_like = [mean(latency_s, 0.3)[0] for latency_s in latencies]
    assert against_its_like[0] > against_its_like[1] > against_its_like[2] > against_its_like[3]
    against_the_quick = [mean(latency_s, 0) for latency_s in latencies]
    margins, returned = zip(*against_the_quick, strict=True)
    # Whoever is slower than a perfect copy loses most rallies, so points say little more.
    assert margins[0] > -2
    assert max(margins[1:]) < -3
    assert returned[0] > returned[1] > returned[2] > returned[3], returned
