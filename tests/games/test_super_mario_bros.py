from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from lmgame.cli import main
from lmgame.errors import ConfigError, IllegalAction, MissingExtra, RomError, StateError
from lmgame.game import Json
from lmgame.games.super_mario_bros import SuperMarioBros, cartridge, console, notation, parse_text
from lmgame.games.super_mario_bros.memory import look
from lmgame.games.super_mario_bros.state import Standing
from lmgame.games.super_mario_bros.text import KINDS, TILES, write

from .mario import anchored, flown, made, step

RUNS = Path(__file__).with_name("mario_runs")
STAGES = [f"{world}-{stage}" for world in range(1, 9) for stage in range(1, 5)]


@pytest.fixture(scope="module")
def match() -> SuperMarioBros:
    """A short match under way; tests leave it as it is."""
    game = made(stage="1-2", lives=1)
    for _ in range(2):
        step(game, "right+run 20")
    return game


def test_the_match_begins_as_it_says() -> None:
    game = made()
    view = game.view()
    assert (view.world, view.stage, view.lives, view.form, view.pose) == (
        1, 1, 3, "small", "standing",
    )  # fmt: skip
    assert view.rows[11:] == ("#" * 16,) * 2
    assert (game.tick, game.scores()) == (0, (0.0,))
    assert game.observe(0).picture.size == (256, 240)
    assert "256 by 240 pixels" in " ".join((SuperMarioBros.__doc__ or "").split())


def test_a_seed_lets_frames_pass() -> None:
    game, starts = made(), set()
    for seed in (0, 1, 29, 30):
        game.reset(seed)
        starts.add(game.fingerprint())
    assert len(starts) == 3
    game.reset(0)
    for _ in range(29):
        game._console.frame(0)
    waited = game._console.state()
    game.reset(29)
    assert game._console.state() == waited


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_can_be_the_start(stage: str) -> None:
    game = made(stage=stage, lives=5)
    view = game.view()
    assert f"{view.world}-{view.stage}" == stage
    assert view.lives == 5
    step(game, "right 20")
    assert game.view().x != view.x


def test_instances_do_not_meet_and_play_alike() -> None:
    one, other = made(), made()
    for action in ("right+run 30", "right+run+jump 20", "left 7"):
        step(one, action)
    assert other.tick == 0
    for action in ("right+run 30", "right+run+jump 20", "left 7"):
        other.apply({0: action})
        for _ in range(other.pace()):
            other.advance(1)
    assert one.fingerprint() == other.fingerprint()
    assert one.observe(0).png == other.observe(0).png


def test_a_console_begins_alike_whatever_the_heap_held() -> None:
    found = made()._console.cartridge
    states = set()
    for filling in (0x00, 0x55, 0xFF):
        junk = [bytearray([filling]) * size for size in range(16, 60_000, 160)]
        del junk
        states.add(console.Console(found).state())
    assert len(states) == 1


def test_save_and_restore_are_exact_with_the_picture() -> None:
    game = made()
    step(game, "right+run 40")
    saved, png, text = game.save(), game.observe(0).png, game.text(0)
    seen = game.observe(0)
    assert "rom" in saved
    assert str(Path.home()) not in str(saved)
    for action in ("right+run+jump 30", "wait 10"):
        step(game, action)
    after = game.fingerprint()
    assert seen.png == png
    other = made()
    other.restore(saved)
    assert (other.text(0), other.observe(0).png) == (text, png)
    for action in ("right+run+jump 30", "wait 10"):
        step(other, action)
    assert other.fingerprint() == after


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"game": "Platformer-v1"}, "saved by 'Platformer-v1'"),
        ({"arguments": ["1-1", 0, 3]}, "stage, levels, lives"),
        ({"rom": "0" * 40}, "a game with SHA-1 '0000"),
        ({"cynes": "0.0.1"}, "cynes '0.0.1'"),
        ({"extra": 1}, "keys"),
        ({"console": "?"}, "damaged"),
        ({"console": 7}, "damaged"),
        ({"console": "eJwDAAAAAAE="}, "damaged"),
        ({"digest": "0"}, "damaged"),
        ({"standing": []}, "standing"),
        ({"standing.tick": -1}, "tick"),
        ({"standing.tick": True}, "tick"),
        ({"standing.held": 3}, "held"),
        ({"standing.over": "bored"}, "over"),
        ({"standing.best": [1]}, "best"),
        ({"standing.best": [[0, -1]]}, "best"),
        ({"standing.more": 1}, "standing"),
    ],
)
def test_a_state_that_no_match_saved_is_refused(
    match: SuperMarioBros, change: dict[str, Json], complaint: str
) -> None:
    state, before = match.save(), match.fingerprint()
    for key, value in change.items():
        outer, _, inner = key.partition(".")
        if inner:
            standing = state["standing"]
            assert isinstance(standing, dict)
            standing[inner] = value
        else:
            state[outer] = value
    with pytest.raises(StateError, match=complaint):
        match.restore(state)
    assert match.fingerprint() == before


# Where the game is found ----------------------------------------------------


def test_a_wrong_file_is_refused_with_its_hash(tmp_path: Path) -> None:
    wrong = tmp_path / "other.nes"
    wrong.write_bytes(b"NES\x1a" + bytes(12) + bytes(cartridge.BODY))
    sha1 = hashlib.sha1(bytes(cartridge.BODY), usedforsecurity=False).hexdigest()
    with pytest.raises(RomError, match=f"another game or version, SHA-1 {sha1}"):
        cartridge.find(str(wrong))
    (tmp_path / "short.nes").write_bytes(b"NES")
    with pytest.raises(RomError, match="3 bytes without its header, not 40960"):
        cartridge.find(str(tmp_path / "short.nes"))
    with pytest.raises(RomError, match="cannot be read"):
        cartridge.find(str(tmp_path / "none.nes"))


def test_every_place_is_named_where_nothing_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cartridge, "_PACKAGE", "no_such_package")
    monkeypatch.delenv("LMGAME_ROMS", raising=False)
    with pytest.raises(RomError, match=r"LMGAME_ROMS, which is not set.*not installed"):
        cartridge.find()
    monkeypatch.setenv("LMGAME_ROMS", str(tmp_path))
    with pytest.raises(RomError, match=r"a folder without \.nes files"):
        cartridge.find()


def test_headers_and_places_do_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = made()._console.cartridge
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    for head in (b"", b"NES\x1a\x02\x01\x01DiskDude!", b"NES\x1a\x02\x01\x05" + bytes(521)):
        (folder / "mine.NES").write_bytes(head + found.body)
        (folder / "a.nes").write_bytes(b"another game")
        monkeypatch.setattr(cartridge, "_PACKAGE", "no_such_package")
        for place in (tmp_path, folder / "mine.NES"):
            monkeypatch.setenv("LMGAME_ROMS", str(place))
            assert cartridge.find() == found


def test_the_games_path_is_not_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "where I keep it.nes"
    mine.write_bytes(made()._console.cartridge.file())
    monkeypatch.setattr(cartridge, "_PACKAGE", "no_such_package")
    words = ["play", "game=super_mario_bros", f"game.rom={mine}", "agent=random", "anchors=[]"]
    assert main([*words, "max_decisions=2", f"run={tmp_path / 'run'}"]) == 0
    (log,) = (tmp_path / "run" / "matches").glob("*.jsonl")
    assert "where I keep it" not in log.read_text(encoding="utf-8")
    assert main(["replay", str(log), "--verify"]) != 0  # it is nowhere to be found
    monkeypatch.setenv("LMGAME_ROMS", str(tmp_path))
    assert main(["replay", str(log), "--verify"]) == 0


def test_a_missing_emulator_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cynes", None)
    console.emulator.cache_clear()
    with pytest.raises(MissingExtra, match=r"needs cynes: pip install 'lmgame\[mario\]'"):
        SuperMarioBros()
    console.emulator.cache_clear()


@pytest.mark.parametrize(
    "arguments",
    [{"stage": "9-1"}, {"stage": 11}, {"levels": 33}, {"levels": True}, {"lives": 0}, {"rom": 3}],
)
def test_arguments_must_be_in_range(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"is not"):
        made(**arguments)


# Actions --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("`right+run+jump 24`", ["right+run+jump 24"]),
        ("Right: 20", ["right 20"]),
        ("jump + run & right (12)", ["right+run+jump 12"]),
        ("first wait 5 and then down x 30.", ["wait 5", "down 30"]),
        ("run 7, then run+jump 8", ["run 7", "run+jump 8"]),
        ("the right 3.5 tiles; alright 20; jump; 20 right", []),
        ("right+" * 50_000, []),
        ("right " * 50_000, []),
    ],
)
def test_find(reply: str, found: list[str]) -> None:
    assert [notation.read(one) for one in notation.find(reply)] == found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "write buttons and frames"),
        ("right", "write buttons and frames"),
        ("start 20", "write buttons and frames"),
        ("x" * 999, "write buttons and frames"),
        ("right 0", "1 to 60"),
        ("right 61", "1 to 60"),
        ("left+right 5", "left and right cannot"),
        ("up+right 5", "cannot be held together"),
        ("wait+jump 5", "no buttons"),
    ],
)
def test_what_is_no_action_is_refused_with_a_hint(
    match: SuperMarioBros, text: str, complaint: str
) -> None:
    before = match.fingerprint()
    with pytest.raises(IllegalAction, match=complaint):
        match.apply({0: text})
    with pytest.raises(IllegalAction, match="no seat"):
        match.apply({1: "right 5"})
    with pytest.raises(IllegalAction, match="no action"):
        match.apply({})
    with pytest.raises(ValueError, match="negative"):
        match.advance(-1)
    assert match.fingerprint() == before


def test_rules_name_every_button_and_no_other() -> None:
    lines = "\n".join(re.findall(r"^- .*", SuperMarioBros.rules, re.MULTILINE))
    named = set(re.findall(r"[a-z]+", " ".join(re.findall(r"`([^`]*)`", lines)))) - {"fire"}
    assert named == {part for name in notation.BUTTONS for part in name.split("+")}
    assert len(notation.BUTTONS) == 20
    assert all(notation.read(text) == text for text in notation.MENU)
    assert set(notation.OFFERED) <= set(notation.MENU)
    assert all(f'"{name}"' in notation.GRAMMAR for name in notation.BUTTONS)
    assert all(f"`{letter}`" in SuperMarioBros.rules for letter in TILES)
    assert len(SuperMarioBros.rules.split()) < 400


# A match --------------------------------------------------------------------


def test_buttons_are_held_for_their_frames(match: SuperMarioBros) -> None:
    one, other = made(stage="1-2", lives=1), made(stage="1-2", lives=1)
    for game, frames in ((one, 8), (other, 60)):
        game.restore(match.save())
        game.apply({0: f"right+run {frames}"})
        assert game.pace() == frames
        game.advance(8)
    other.apply({0: "wait 60"})
    one.advance(10)
    other.advance(10)
    assert one.text(0) == other.text(0)
    assert one.pace() == 20


def test_a_lost_life_takes_no_time_and_lets_go() -> None:
    game = made(stage="8-4", lives=2)
    while not game._standing.deaths:
        game.apply({0: "right+run 60"})
        game.advance(1)
    assert game._standing.left == 0
    assert (game.view().lives, game.outcome()) == (1, None)
    best = game.scores()
    assert best[0] > 0
    tick = game.tick
    while game.acting():
        game.apply({0: "right+run 60"})
        game.advance(1)
    outcome = game.outcome()
    assert outcome is not None
    assert (outcome.reason, outcome.scores) == ("game over", best)
    assert game.statistics(0)["deaths"] == 2
    assert game.tick > tick
    assert parse_text(game.text(0)).lives == 0
    with pytest.raises(IllegalAction, match="over"):
        game.actions(0)
    ended = game.fingerprint()
    game.advance(50)
    assert game.fingerprint() == ended


def test_the_score_is_the_scroll_and_adds_up_over_levels() -> None:
    game = made(levels=2)
    memory = bytearray(game._console.memory)
    for level, page, low in ((0, 3, 20), (0, 2, 0), (1, 0, 0), (1, 1, 9)):
        memory[0x75F], memory[0x75C], memory[0x71A], memory[0x71C] = 0, level, page, low
        game._count(bytes(memory))
    assert game.scores() == (3 * 256 + 20 + 256 + 9,)
    assert game.statistics(0)["cleared"] == 1
    memory[0x75F], memory[0x75C] = 3, 0  # a warp
    game._count(bytes(memory))
    assert (game._standing.over, game._standing.cleared) == ("levels played", 1)
    game.reset(0)
    assert game._standing == Standing(level=0, best={0: 0})
    memory[0x770], memory[0x75F], memory[0x75C] = 2, 7, 3
    game._count(bytes(memory))
    assert game._standing.over == "completed"


def run_of(game: SuperMarioBros) -> list[str]:
    edition = game._console.cartridge.edition.split(",")[0].lower()
    return (RUNS / f"{edition}.txt").read_text(encoding="utf-8").split()


@pytest.mark.slow
def test_the_first_level_can_be_won() -> None:
    game = made(levels=1, lives=1)
    for action in run_of(game):
        step(game, action.replace(":", " "))
    outcome = game.outcome()
    assert outcome is not None
    assert outcome.reason == "levels played"
    assert outcome.scores[0] > 2800
    assert game.statistics(0)["cleared"] == 1


@pytest.mark.slow
def test_the_game_goes_on_with_the_next_level() -> None:
    game = made(lives=1)
    for action in run_of(game):
        step(game, action.replace(":", " "))
    assert (game.view().world, game.view().stage) == (1, 2)
    assert game.outcome() is None


@pytest.mark.slow
def test_the_anchor_goes_further_than_chance() -> None:
    def score(seed: int, chance: bool) -> float:
        game, random = made(lives=1), Random(seed)
        game.reset(seed)
        while game.acting() and game.tick < 1000:
            step(game, random.choice(game.actions(0).choices) if chance else anchored(game))
        return game.scores()[0]

    anchor = [score(seed, False) for seed in range(2)]
    chance = [score(seed, True) for seed in range(2)]
    assert sum(anchor) > 1.5 * sum(chance), (anchor, chance)


# The text -------------------------------------------------------------------


def moments() -> Iterator[SuperMarioBros]:
    game, random = made(stage="3-1", lives=1), Random(4)
    for _ in range(24):
        if not game.acting():
            return
        yield game
        odd = random.random() < 0.2
        step(game, random.choice(notation.OFFERED) if odd else anchored(game))


def test_text_read_back_says_what_was_written() -> None:
    for game in moments():
        text = game.text(0)
        assert write(parse_text(text)) == text
        assert len(text) < 700


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "wanted"),
    [
        ("1-3", {"lift"}),
        ("2-2", {"fish", "squid"}),
        ("2-3", {"flying fish"}),
        ("4-1", {"cloud rider", "spiked egg", "plant"}),
        ("5-4", {"lava ball", "firebar"}),
        ("8-3", {"bullet", "hammer thrower", "hammer", "winged turtle"}),
    ],
)
def test_what_there_is_in_a_stage_is_told(stage: str, wanted: set[str]) -> None:
    kinds: set[str] = set()
    for game in flown(stage, 640, 8):
        assert write(parse_text(game.text(0))) == game.text(0)
        kinds |= {one.kind for one in game.view().things}
    assert wanted <= kinds <= set(KINDS)


def test_what_is_hidden_is_not_told() -> None:
    game = made()
    memory = bytearray(game._console.memory)
    for code, letter in ((0x5F, "."), (0x60, "."), (0x51, "B"), (0x58, "B"), (0x5D, "B"),
                         (0xC0, "?"), (0xC1, "?"), (0xC4, "#"), (0x23, "."), (0x26, "H"),
                         (0xC5, "A"), (0x24, "F"), (0x64, "C")):  # fmt: skip
        memory[0x500 + 5 * 16 + 3] = code
        assert look(bytes(memory)).rows[5][3] == letter
    memory[0x500 + 208 + 5 * 16 + 3] = 0xC0  # a column that is not on the screen yet
    assert "?" not in "".join(look(bytes(memory)).rows)
    memory[0x0F], memory[0x16], memory[0x6E], memory[0x87] = 1, 0x06, 0, 99  # with no sprite drawn
    assert look(bytes(memory)).things == ()


def test_the_players_state_is_told() -> None:
    memory = bytearray(made()._console.memory)
    for address, value, words in (
        (0x756, 2, "fire"), (0x79F, 9, "unbeatable"), (0x79E, 9, "blinking"),
        (0x33, 2, "facing left"), (0x57, 0xD8, "speed -2.5,0"), (0x57, 0x28, "running"),
        (0x57, 0x10, "walking"), (0x714, 4, "crouching"), (0x1D, 3, "climbing"),
        (0x1D, 2, "falling"),
    ):  # fmt: skip
        changed = bytearray(memory)
        changed[address] = value
        assert words in write(look(bytes(changed)))
    memory[0x1D], memory[0x9F] = 1, 0xFC
    assert "rising, facing right, speed 0,-4" in write(look(bytes(memory)))
    memory[0x704] = 1
    assert "swimming" in write(look(bytes(memory)))
    memory[0x6D6] = 4
    assert "\npipes to worlds 4, 3, 2\n" in write(look(bytes(memory)))
    assert parse_text(write(look(bytes(memory)))).warps == (4, 3, 2)


def test_what_is_no_observation_is_refused(match: SuperMarioBros) -> None:
    text = match.text(0)
    for wrong in ("", text[:-1], text.replace("you", "me"), text + "\n", text.replace("seen", "-")):
        with pytest.raises(ValueError, match="SuperMarioBros observation"):
            parse_text(wrong)
    with pytest.raises(ValueError, match="nothing that"):
        parse_text(re.sub("seen: .*", "seen: a ghost", text))
