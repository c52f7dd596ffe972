"""Text and image describe the same state, and that state alone; the anchor plays."""

from __future__ import annotations

from functools import cache, partial
from random import Random

import numpy as np
import pytest

from lmgame.agents.scripted.sokoban import best
from lmgame.game import Turn
from lmgame.games.sokoban import Snapshot, Sokoban, parse_text, render
from lmgame.games.sokoban.text import write
from lmgame.picture import Picture, Pixels

STATES = 220


@cache
def states() -> list[tuple[Sokoban, Snapshot]]:
    """Random moments of random games, over and not."""
    random = Random(8)
    found = []
    for seed in range(STATES):
        game = Sokoban(random.choice((1, 2, 3)), random.randint(1, 12), random.randint(20, 4000))
        game.reset(seed // 8)
        for _ in range(random.randint(0, 40)):
            if not game.acting():
                break
            good = random.random() < 0.6
            game.apply({0: best(turn(game)) if good else random.choice(game.actions(0).choices)})
        found.append((game, parse_text(game.text(0))))
    return found


def turn(game: Sokoban) -> Turn:
    return Turn(
        game.spec.id, 0, 0, game.observe(0), game.actions(0), game.rules, game.tick, None,
        partial(game.canonical, 0), game.find,
    )  # fmt: skip


def read(picture: Picture, columns: int, rows: int, high: int, wide: int) -> Snapshot:
    """A reader of the image, which knows the tiles and where they are."""
    pixels = picture.pixels
    width = pixels.shape[1]
    level = header(pixels[8:18, render.MARGIN :])
    moves = header(pixels[8:18, width // 2 :])
    left, top = render.corner(wide, high, columns, rows)
    lines = []
    for y in range(high):
        line = ""
        for x in range(wide):
            down, right = top + 24 * y, left + 24 * x
            seen = pixels[down : down + 24, right : right + 24]
            (letter,) = (
                letter
                for letter, tile in render.TILES[(x + y) % 2].items()
                if np.array_equal(tile, seen)
            )
            line += letter.replace(" ", "#")
        lines.append(line)
    outside = pixels[render.HEADER :].copy()
    outside[top - render.HEADER :][: 24 * high, left : left + 24 * wide] = render.GROUND
    assert (outside == render.GROUND).all()
    number, levels = level.split("/")
    return Snapshot("\n".join(lines), int(number), int(levels), int(moves))


def header(strip: Pixels) -> str:
    """The bright characters of a part of the header."""
    columns = np.flatnonzero((strip == render.VALUE).any(axis=0))
    first = columns[0]
    text = ""
    # "1" and "/" begin in the first column of their dots as all others do.
    for start in range(first, strip.shape[1] - 5, render.STEP):
        seen = strip[:, start : start + 6] == render.VALUE
        names = [name for name in "0123456789/" if np.array_equal(render._dots(name), seen)]
        if not names:
            break
        text += names[0]
    return text


def test_text_read_back_says_what_was_written() -> None:
    for game, seen in states():
        assert write(seen) == game.text(0)


def test_the_image_read_back_is_the_text() -> None:
    for game, seen in states():
        rows = seen.board.split("\n")
        picture = game.observe(0).picture
        assert read(picture, *game._size, len(rows), len(rows[0])) == seen


def test_the_states_are_varied() -> None:
    seen = [seen for _, seen in states()]
    assert len({one.board for one in seen}) >= 150
    assert set("".join(one.board for one in seen)) == set("#-.@+$*\n")
    assert {one.level for one in seen} >= {1, 2, 3}
    assert any(game.outcome() for game, _ in states())


def test_neither_shows_score_statistics_or_the_last_action() -> None:
    game = Sokoban()
    game.reset(2)
    game.apply({0: game.actions(0).choices[0]})
    text, png = game.text(0), game.observe(0).png
    game.restore({**game.save(), "pushes": 1, "tick": 800, "done": 9})
    assert (game.text(0), game.observe(0).png) == (text, png)


def test_tiles_are_told_apart() -> None:
    for tiles in render.TILES:
        for one in tiles:
            for other in set(tiles) - {one}:
                assert (tiles[one] != tiles[other]).mean() > 0.05


def test_an_observation_stays_true_after_the_game_has_moved_on() -> None:
    game = Sokoban()
    now, later = game.observe(0), game.observe(0)
    before = now.png
    game.apply({0: game.actions(0).choices[0]})
    assert later.png == before
    assert game.observe(0).png != before


def test_pictures_have_the_size_that_is_documented() -> None:
    width, height = Sokoban().observe(0).picture.size
    assert f"{width} by {height} pixels" in " ".join((Sokoban.__doc__ or "").split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "level 1 of 2, 3 moves left",
        "level 1 of 1, 9 moves left\n###\n#@#\n####",
        "###\n#@#\n###",
    ],
)
def test_what_is_no_observation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a Sokoban observation"):
        parse_text(text)


# The anchor ----------------------------------------------------------------


def test_the_anchor_solves_what_random_play_does_not() -> None:
    anchor, chance = 0.0, 0.0
    for seed in range(2):
        game = Sokoban()
        game.reset(seed)
        while game.acting():
            game.apply({0: best(turn(game))})
        anchor += game.scores()[0]
        random = Random(seed)
        game.reset(seed)
        while game.acting():
            game.apply({0: random.choice(game.actions(0).choices)})
        chance += game.scores()[0]
    assert anchor >= 2 * 12
    assert chance <= 2


def test_the_anchor_plays_on_when_nothing_helps() -> None:
    game = Sokoban(difficulty=1, levels=1)
    seen = Snapshot("#####\n#$-.#\n#-@-#\n#####", 1, 1, 5)
    game._lay(seen.board)
    given = turn(game)
    assert best(given) == best(given)
    assert best(given) in given.actions.choices
