"""Text and image of the courtroom are the same page."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from lmgame.games.courtroom import Courtroom, parse_text, render
from lmgame.picture import Picture
from lmgame.picture.glyph import SIGNS, bitmap

STATES = 240
LETTERS = {bitmap(sign, render.SCALE).tobytes(): sign for sign in SIGNS}


def answers(game: Courtroom) -> list[str]:
    """What can be presented now and is right."""
    stage = game._stage
    return [
        f"present E{evidence + 1} at {place + 1}"
        for evidence in range(len(stage.record))
        for place in range(len(stage.said))
        if stage.right(evidence, place)
    ]


@cache
def states() -> list[tuple[str, Picture]]:
    """Random moments of random matches, over and not."""
    random = Random(8)
    found: list[tuple[str, Picture]] = []
    while len(found) < STATES:
        game = Courtroom(
            penalties=random.randint(1, 9), cases=random.choice([(1, 2, 3, 4, 5, 6), (5,), (6,)])
        )
        game.reset(random.getrandbits(30))
        for _ in range(random.randint(0, 90)):
            if game.acting():
                choices = game.actions(0).choices
                presses = [one for one in choices if one.startswith("press")]
                game.apply({0: random.choice(presses or choices)})
                if random.random() < 0.3 and game.acting():
                    game.apply({0: random.choice((*answers(game), *game.actions(0).choices[-1:]))})
        seen = game.observe(0)
        found.append((seen.text, seen.picture))
    return found


def read_back(picture: Picture) -> str:
    """The text on the page, by the shape of its letters alone."""
    ink = picture.pixels >= min(render.WRITTEN)
    high, wide = render.ROWS * render.ROW, render.COLUMNS * render.STEP
    page = ink[render.TOP : render.TOP + high, render.LEFT : render.LEFT + wide]
    shape = render.ROWS, render.ROW, render.COLUMNS, render.STEP
    cells = page.reshape(shape).transpose(0, 2, 1, 3)[:, :, :14]
    lines: list[str] = []
    for row in cells:
        if not row.any():
            continue
        line = "".join(LETTERS[cell.tobytes()] for cell in row)
        if line.startswith("  "):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.rstrip())
    return "\n".join(lines)


def test_the_image_read_back_is_the_text() -> None:
    for text, picture in states():
        assert read_back(picture) == text


def test_nothing_else_is_drawn() -> None:
    """But for its letters, every page is the same."""
    blank = render.draw("").pixels
    assert blank.max() < min(render.WRITTEN)
    for _, picture in states():
        bare = picture.pixels < min(render.WRITTEN)
        assert (picture.pixels[bare] == blank[bare]).all()
        assert (blank[~bare] == render.PAPER).all()


def test_the_states_are_varied() -> None:
    seen = [parse_text(text) for text, _ in states()]
    assert len({text for text, _ in states()}) >= 200
    assert {one.case for one in seen} == set(range(1, 7))
    assert {one.testimony for one in seen} >= {1, 2, 3}
    assert any(one.refused for one in seen)
    assert any(len(said.answers) == 2 for one in seen for said in one.statements)
    assert any(not one.opening for one in seen)
    assert any(one.opening for one in seen)


def test_texts_are_short_and_fit_the_page() -> None:
    for text, picture in states():
        assert len(text) <= 2300
        assert render.rows(text) <= render.ROWS - 2
        assert picture.size == (render.WIDTH, render.HEIGHT)


def test_pictures_have_the_size_that_is_documented() -> None:
    width, height = Courtroom().observe(0).picture.size
    assert f"{width} by {height} pixels" in " ".join((Courtroom.__doc__ or "").split())


def test_a_text_that_does_not_fit_is_cut_and_draws_all_the_same() -> None:
    assert render.draw("word " * 5000).size == (render.WIDTH, render.HEIGHT)


def test_letters_are_told_apart() -> None:
    assert len(LETTERS) == len(SIGNS)


def test_what_is_no_observation_is_refused() -> None:
    text = Courtroom().text(0)
    assert parse_text(text).case == 1
    wrong = ("", "case 1 of 6", text + "\n", text.replace("court record:\n", ""), text + text,
             text.replace("1. ", "2. ", 1), text.replace("E1 ", "E5 ", 1), text + "\nrefused: E1",
             text.replace("\ntestimony of", "\nspeech of"))  # fmt: skip
    for one in wrong:
        with pytest.raises(ValueError, match="not a courtroom observation"):
            parse_text(one)
