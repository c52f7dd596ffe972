from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from lmgame.agent import Decision
from lmgame.agents.scripted.platformer import best
from lmgame.clock import Paused, Simulated
from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Turn
from lmgame.games.platformer import Platformer, View, Walker, parse_text
from lmgame.games.platformer.body import JUMP, TALL, WIDE, Body
from lmgame.games.platformer.level import SOLID, START, TILE, Patrol, level
from lmgame.games.platformer.render import draw
from lmgame.games.platformer.text import FORMS, POSES, write
from lmgame.record import Result
from lmgame.testing import check_game
from lmgame.world import World
from tests.table import Table

from .platformer_planner import plan

BUTTONS = ("right", "left", "jump", "right+jump", "left+jump", "wait")


def anchored(game: Platformer) -> str:
    return best(cast(Turn, SimpleNamespace(observation=game.observe(0))))


def moments(seeds: range, difficulty: int = 3) -> Iterator[Platformer]:
    """Moments of matches played well and oddly by turns."""
    for seed in seeds:
        game, random = Platformer(difficulty=difficulty, seconds=30), Random(seed)
        game.reset(seed)
        while game.acting():
            yield game
            odd = random.random() < 0.2
            game.apply({0: random.choice(game.actions(0).choices) if odd else anchored(game)})
            game.advance(random.randint(1, 24))
        yield game


def score(seed: int, chance: bool, difficulty: int = 2) -> float:
    game, random = Platformer(difficulty=difficulty), Random(seed)
    game.reset(seed)
    while game.acting():
        game.apply({0: random.choice(game.actions(0).choices) if chance else anchored(game)})
        game.advance(20)
    return game.scores()[0]


def test_the_contract_is_kept() -> None:
    check_game(Platformer)
    check_game(lambda: Platformer(length=20, difficulty=5, seconds=5), seeds=(7,))


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_every_level_can_be_completed(difficulty: int) -> None:
    for seed in range(10 * difficulty, 10 * difficulty + 12):
        game = Platformer(difficulty=difficulty)
        game.reset(seed)
        way = plan(game)
        assert way is not None, f"seed {seed} has no way to the flag"
        game.reset(seed)
        for move in way:
            game.apply({0: move})
            game.advance(int(move.split()[1]))
        outcome = game.outcome()
        assert outcome is not None
        assert (outcome.reason, outcome.scores) == ("flag", (120.0,))
        assert game.statistics(0)["finished"] == 1


def test_the_hardest_levels_differ_by_seed_and_difficulty() -> None:
    tiles = {level(seed, difficulty, 60).tiles for seed in range(9) for difficulty in (1, 5)}
    assert len(tiles) == 18
    count = [
        sum(len(level(seed, difficulty, 120).patrols) for seed in range(20))
        for difficulty in (1, 5)
    ]
    assert count[0] < count[1]


def cells(body: Body) -> set[int]:
    """Every tile that the player's box touches, looked up unit by unit at its edge."""
    rows = {y // TILE for y in range(body.y, body.y + TALL)}
    columns = {x // TILE for x in range(body.x, body.x + WIDE)}
    return {row * body.level.width + column for row in rows for column in columns}


def test_the_player_is_never_inside_anything_and_stands_on_something() -> None:
    stood = 0
    for game in moments(range(12)):
        body = game._body
        assert not any(body.tiles[cell] in SOLID for cell in cells(body))
        below = Body(body.level)
        below.x, below.y = body.x, body.y + 1
        if body.stands and not body.over:
            stood += 1
            assert any(body.tiles[cell] in SOLID for cell in cells(below))
    assert stood > 100


def test_walkers_go_to_and_fro_as_step_by_step() -> None:
    for phase in (0, 8, 1272, 2552):
        beat, x, step = Patrol(512, 512 + 1280, 0, phase), 512, 8
        for _ in range(phase // 8):
            x += step
            step = -step if x in (512, 512 + 1280) else step
        for tick in range(400):
            assert beat.at(tick) == (x, step > 0)
            x += step
            step = -step if x in (512, 512 + 1280) else step


def flat(ticks: int, action: str) -> Iterator[Body]:
    """A player on endless ground."""
    body = Body(level(0, 1, 20))
    width = body.level.width
    body.tiles = bytearray(b"." * (10 * width) + b"#" * (4 * width))
    body.level = replace(body.level, near=((),) * width, flag=10**6)
    body.y = 10 * TILE - TALL
    game = Platformer()
    game._body = body
    for _ in range(ticks):
        game.apply({0: action})
        body.run(1, 10**6)
        yield body


def test_jumps_are_as_the_rules_say() -> None:
    rules = " ".join(Platformer().rules.split())
    assert "over 3 tiles high" in rules
    heights = [10 * TILE - TALL - body.y for body in flat(24, "jump 60")]
    assert 3 * TILE < max(heights) < 4 * TILE
    assert heights[-1] > heights[0]  # 24 frames: all the way up
    speeds = [body.vx for body in flat(60, "right 60")]
    assert max(speeds) == 40 == 2.5 * 16
    start, length = 0, 0
    body = None
    for body in flat(20, "right 1"):
        start = body.x
    assert body is not None
    body.held, body.left = 2 | JUMP, 60
    body.run(1, 10**6)
    while not body.stands:
        body.run(1, 10**6)
    length = body.x - start
    assert 6 * TILE < length < 7 * TILE


def test_a_stomp_squashes_and_a_touch_kills_unless_strong() -> None:
    game = Platformer()
    seed = next(seed for seed in range(99) if level(seed, 2, 120).patrols)
    for drop, strong, reason, hits, stomps in (
        (-5, False, "", 0, 1), (5, False, "died", 1, 0), (5, True, "", 1, 0),
    ):  # fmt: skip
        game.reset(seed)
        body = game._body
        beat = body.level.patrols[0]
        body.x, body.y = beat.at(1)[0], beat.top - TALL + drop * 16
        body.farthest, body.stands, body.vy, body.strong = body.x, False, 8, strong
        if drop > 0:
            body.y, body.vy, body.stands = beat.top, 0, True
        while body.tick < 5 and not (body.squashed or body.hits):
            game.advance(1)
        counted = game.statistics(0)
        assert (body.over, counted["hits"], counted["stomps"]) == (reason, hits, stomps)
        assert ("safe" in game.text(0)) == (strong and not reason)


def test_hearts_and_coins_are_taken_once() -> None:
    game = Platformer()
    game.reset(3)
    body = game._body
    cell = body.y // TILE * body.level.width + START
    body.tiles[cell], body.tiles[cell + 1] = ord("+"), ord("o")
    game.apply({0: "right 60"})
    game.advance(30)
    assert (body.strong, body.coins, body.taken) == (True, 1, [cell, cell + 1])
    assert "strong" in game.text(0)


def test_buttons_are_let_go_after_their_frames_and_replaced() -> None:
    one, other = Platformer(), Platformer()
    one.apply({0: "right 8"})
    other.apply({0: "right 60"})
    one.advance(8)
    other.advance(8)
    other.apply({0: "wait 60"})
    for _ in range(10):
        one.advance(1)
        other.advance(1)
        assert one.text(0) == other.text(0)
    late = Platformer(seconds=1)
    late.advance(59)
    assert late.outcome() is None
    late.advance(10)
    outcome = late.outcome()
    assert outcome is not None
    assert (outcome.reason, late.tick) == ("out of time", 60)


def test_the_image_is_drawn_from_what_the_text_says() -> None:
    seen: dict[bytes, str] = {}
    for difficulty in (2, 4):
        for number, game in enumerate(moments(range(10), difficulty)):
            if number % 3:
                continue
            text = game.text(0)
            view = parse_text(text)
            assert write(view) == text
            pixels = game.observe(0).picture.pixels
            assert (draw(view).pixels == pixels).all()
            assert seen.setdefault(pixels.tobytes(), text) == text
    assert len(seen) >= 200


def test_whatever_changes_in_the_text_changes_in_the_image() -> None:
    def shown(view: View) -> bytes:
        return draw(view).pixels.tobytes()

    for number, game in enumerate(moments(range(3))):
        if number % 4:
            continue
        view = game.view()
        other = [replace(view, x=view.x + 1), replace(view, y=view.y - 1)]
        if view.pose != "dead":  # the fallen are seen down to their eyes
            other += [replace(view, pose=pose) for pose in POSES if pose != view.pose]
        other += [replace(view, form=form) for form in FORMS if form != view.form]
        other.append(replace(view, way="left" if view.way == "right" else "right"))
        for index in range(len(view.walkers)):
            one = view.walkers[index]
            for changed in (
                Walker(one.x + 1, one.y, one.way),
                Walker(one.x, one.y, "left" if one.way == "right" else "right"),
            ):
                walkers = (*view.walkers[:index], changed, *view.walkers[index + 1 :])
                other.append(replace(view, walkers=walkers))
        for cell in range(0, 240, 17):
            for tile in ".#B|o+F":
                if tile != view.tiles[cell]:
                    tiles = view.tiles[:cell] + tile + view.tiles[cell + 1 :]
                    other.append(replace(view, tiles=tiles))
        assert shown(view) not in {shown(one) for one in other}


def test_neither_shows_score_time_or_what_is_held() -> None:
    game = Platformer()
    text, png = game.text(0), game.observe(0).png
    game.apply({0: "left 30"})
    body = game._body
    body.farthest, body.hits, body.coins = 9999, 3, 4
    assert (game.text(0), game.observe(0).png) == (text, png)
    assert game.observe(0).picture.size == (320, 192)
    assert "320 by 192 pixels" in " ".join((Platformer.__doc__ or "").split())
    assert len(text) < 500


def test_rules_name_every_action_and_no_other() -> None:
    game = Platformer(length=77, seconds=33)
    lines = "\n".join(re.findall(r"^- .*?:", game.rules, re.MULTILINE))
    named = re.findall(r"`(\S+) N`", lines)
    assert sorted(named) == sorted(BUTTONS)
    assert game.spec.menu == tuple(f"{name} {n}" for name in BUTTONS for n in range(1, 61))
    assert all(game.canonical(0, text) == text for text in game.spec.menu)
    assert "77 at the flag" in game.rules
    assert "33 seconds" in game.rules
    assert len(game.rules.split()) < 260
    actions = game.actions(0)
    assert actions.default in game.spec.menu
    assert actions.grammar is not None
    assert all(f'"{name}"' in actions.grammar for name in BUTTONS)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("`right+jump 24`", ["right+jump 24"]),
        ("Right: 20", ["right 20"]),
        ("jump + right (12)", ["right+jump 12"]),
        ("first wait 5 and then left x 30.", ["wait 5", "left 30"]),
        ("the right 3.5 tiles; alright 20; jump; 20 right", []),
        ("right+" * 50_000, []),
        ("right " * 50_000, []),
    ],
)
def test_find(reply: str, found: list[str]) -> None:
    game = Platformer()
    assert [game.canonical(0, one) for one in game.find(reply)] == found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "write buttons and frames"),
        ("right", "write buttons and frames"),
        ("run 20", "write buttons and frames"),
        ("x" * 999, "write buttons and frames"),
        ("right 0", "1 to 60"),
        ("right 61", "1 to 60"),
        ("left+right 5", "nowhere"),
        ("wait+jump 5", "no buttons"),
    ],
)
def test_what_is_no_action_is_refused_with_a_hint(text: str, complaint: str) -> None:
    game = Platformer()
    before = game.fingerprint()
    with pytest.raises(IllegalAction, match=complaint):
        game.apply({0: text})
    with pytest.raises(IllegalAction, match="no seat"):
        game.apply({1: "right 5"})
    with pytest.raises(IllegalAction, match="no action"):
        game.apply({})
    assert game.fingerprint() == before
    with pytest.raises(ValueError, match="negative"):
        game.advance(-1)


@pytest.mark.parametrize(
    "arguments", [{"length": 19}, {"difficulty": 6}, {"difficulty": True}, {"seconds": 0}]
)
def test_arguments_must_be_in_range(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="whole number from"):
        Platformer(**arguments)


@pytest.mark.parametrize(
    ("top", "changes", "complaint"),
    [
        ({"game": "Pong-v1"}, {}, "saved by 'Pong-v1'"),
        ({"arguments": [120, 3, 60]}, {}, "length, difficulty, seconds"),
        ({"seed": -1}, {}, "seed"),
        ({"extra": 1}, {}, "keys"),
        ({"body": 3}, {}, "keys"),
        ({}, {"extra": 1}, "keys"),
        ({}, {"x": -1}, "saved x"),
        ({}, {"vy": 1.5}, "saved vy"),
        ({}, {"stands": 1}, "stands"),
        ({}, {"over": "won"}, "over"),
        ({}, {"held": 3}, "held"),
        ({}, {"held": 7}, "held"),
        ({}, {"farthest": 0}, "farthest"),
        ({}, {"tick": 3601}, "tick"),
        ({}, {"taken": [0]}, "nothing to take"),
        ({}, {"taken": 0}, "not a list"),
        ({}, {"squashed": [99]}, "squashed"),
    ],
)
def test_a_state_that_no_match_saved_is_refused(
    top: dict[str, int], changes: dict[str, int], complaint: str
) -> None:
    game = Platformer()
    before, state = game.fingerprint(), game.save()
    assert isinstance(state["body"], dict)
    state["body"] |= changes
    with pytest.raises(StateError, match=complaint):
        game.restore({**state, **top})
    assert game.fingerprint() == before


def test_what_is_no_observation_is_refused() -> None:
    text = Platformer().text(0)
    for wrong in ("", text[:-1], text.replace("you", "me"), text + "\n"):
        with pytest.raises(ValueError, match="Platformer observation"):
            parse_text(wrong)
    with pytest.raises(ValueError, match="not a walker"):
        parse_text(re.sub("walkers: .*", "walkers: two", text))


def test_the_anchor_goes_far_further_than_chance() -> None:
    anchor = [score(seed, False) for seed in range(20)]
    chance = [score(seed, True) for seed in range(20)]
    assert sum(anchor) > 2.5 * sum(chance)
    assert max(anchor) == 120


def test_the_anchor_scores_worse_the_longer_it_thinks() -> None:
    def answer(turn: Turn) -> Decision:
        return Decision(best(turn))

    def mean(latency_s: float) -> float:
        total = 0.0
        for seed in range(16):
            result = Table(
                Platformer,
                (answer,),
                clock=lambda game: Simulated(lambda thought: latency_s),
                changes={"seed": seed, "max_decisions": None},
            ).play()
            assert isinstance(result, Result)
            total += result.scores[0]
        return total / 16

    means = [mean(latency_s) for latency_s in (0.1, 0.3, 0.6, 1.2)]
    assert means[0] > means[1] > means[2] > means[3], means


def test_under_a_paused_clock_buttons_are_held_to_the_end() -> None:
    game = Platformer()
    game.reset(3)
    world = World(game, 3)
    for frames in (60, 5, 1):
        before = world.tick
        world.offer(lambda seat: None)
        world.land({0: f"left {frames}"})
        Paused().settle(world)
        assert world.tick - before == frames
