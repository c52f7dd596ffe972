"""Films of matches: as GIF, and as MP4 where PyAV is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lmgame import film, video
from lmgame.cli import main
from lmgame.clock import Simulated
from lmgame.errors import LogError
from lmgame.film import Film, Shot, shots
from lmgame.frame import PANEL, compose
from lmgame.game import Game
from lmgame.games.connect_four import ConnectFour
from lmgame.games.platformer import Platformer
from lmgame.games.tetris import Tetris
from lmgame.record import Log
from lmgame.replay import begin, verify
from tests.table import Answer, Table, first

needs_av = pytest.mark.skipif(
    find_spec("av") is None, reason="PyAV is missing: pip install 'lmgame[video]'"
)


def half_a_second(game: Game) -> Simulated:
    return Simulated(lambda thought: 0.5)


def waiting(tmp_path: Path, decisions: int = 6) -> Log:
    """A match whose world waited."""
    table = Table(Tetris, [first], tmp_path / "log", changes={"max_decisions": decisions})
    table.play()
    return table.log()


def running(tmp_path: Path, decisions: int = 6, answer: Answer = first) -> Log:
    """A match in which time ran on."""
    changes: dict[str, object] = {"max_decisions": decisions, "clock": {"kind": "simulated"}}
    table = Table(Platformer, [answer], tmp_path / "log", half_a_second, changes=changes)
    table.play()
    return table.log()


def pixels(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image.convert("RGB")).astype(np.int16)


def end_of(log: Log) -> Image.Image:
    """The last frame, by another way: the verified game in its final state."""
    world = begin(log.header)
    world.game.restore(verify(log).save())
    return compose(world, log, log.landings[-1])


def durations(path: Path) -> list[int]:
    with Image.open(path) as gif:
        found = []
        for number in range(getattr(gif, "n_frames", 1)):
            gif.seek(number)
            found.append(gif.info["duration"])
        return found


def test_a_decision_that_the_world_waited_for_stays_to_be_read(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "film.gif"
    assert film.draw(waiting(tmp_path), out) == 7
    assert durations(out) == [600] * 6 + [3000]


def test_where_time_ran_on_it_runs_in_the_film(tmp_path: Path) -> None:
    log = running(tmp_path)
    assert log.result is not None
    film.draw(log, tmp_path / "film.gif")
    assert durations(tmp_path / "film.gif") == [500] * 6 + [3000]
    assert log.result.ticks == 6 * 30


def test_a_long_match_is_thinned_and_takes_no_less_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film, "FRAMES", 4)
    log = waiting(tmp_path, 10)
    assert film.draw(log, tmp_path / "film.gif") == 5
    assert durations(tmp_path / "film.gif") == [1800, 1800, 1800, 600, 3000]


def test_a_film_shows_how_a_match_ended_by_itself(tmp_path: Path) -> None:
    """The platformer's time runs out while everybody thinks."""
    changes: dict[str, object] = {
        "arguments": {"seconds": 1}, "max_decisions": 99, "clock": {"kind": "simulated"},
    }  # fmt: skip
    table = Table(
        lambda: Platformer(seconds=1),
        [first],
        tmp_path / "log",
        lambda game: Simulated(lambda thought: 0.7),
        changes=changes,
    )
    table.play()
    log = table.log()
    assert (len(log.landings), log.played[-1].outcome) == (2, "late")
    end = end_of(log)
    for kept in (log.landings, log.lines):
        kept.pop()  # under a realtime clock this one would not have landed at all
    for fps in (None, 30):
        *_, last = shots(log, Film(fps=fps))
        assert last.at_s == pytest.approx(1.0)
        game = last.image.crop((0, 0, end.width - PANEL, end.height))
        assert (pixels(game) == pixels(end.crop((0, 0, *game.size)))).all()


def test_what_moves_is_filmed_between_decisions(tmp_path: Path) -> None:
    taken = list(shots(running(tmp_path), Film(fps=30)))
    steps = {round(b.at_s - a.at_s, 4) for a, b in pairwise(taken)}
    assert steps == {0.0, round(1 / 30, 4)}  # at a landing time stands still
    assert taken[-1].at_s == pytest.approx(3.0)
    seen = {shot.image.tobytes() for shot in taken}
    assert len(seen) > 3 * 6


def test_nothing_played_is_nothing_to_draw(tmp_path: Path) -> None:
    log = waiting(tmp_path, 1)
    log.landings.clear()
    with pytest.raises(LogError, match="nothing to draw"):
        film.draw(log, tmp_path / "film.gif")


@needs_av
def test_an_mp4_holds_the_frames_and_plays_everywhere(tmp_path: Path) -> None:
    import av

    log = running(tmp_path)
    out = tmp_path / "deep" / "film.mp4"
    count = video.write(log, out)
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before it is loaded whole
    assert [one.name for one in out.parent.iterdir()] == ["film.mp4"]
    with av.open(str(out)) as container:
        (stream,) = container.streams.video
        assert stream.codec_context.name == "h264"
        assert stream.pix_fmt == "yuv420p"
        frames = list(container.decode(stream))
    assert len(frames) == count
    times = [float(frame.time) for frame in frames]
    assert times == sorted(set(times))
    assert times[-2:] == pytest.approx([3.0, 6.0], abs=0.002)
    wanted = list(shots(log, video.layout(log)))
    for frame, shot in ((frames[0], wanted[0]), (frames[-1], wanted[-1])):
        found = frame.to_ndarray(format="rgb24").astype(np.int16)
        assert found.shape[0] >= video.TALL
        assert np.abs(found - pixels(shot.image)).mean() < 3


@needs_av
def test_an_mp4_of_a_game_without_time_and_odd_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import av

    monkeypatch.setattr("lmgame.frame.PANEL", 253)
    table = Table(ConnectFour, [first, first], tmp_path / "log")
    table.play()
    log = table.log()
    count = video.write(log, tmp_path / "film.mp4")
    assert count == len(log.landings) + 2  # the start, and the end that stays
    with av.open(str(tmp_path / "film.mp4")) as container:
        frames = list(container.decode(video=0))
    assert (frames[0].width % 2, frames[0].height % 2) == (0, 0)
    gaps = [b.time - a.time for a, b in pairwise(frames)]
    assert gaps == pytest.approx([0.6] * (count - 2) + [3.0], abs=0.002)


@needs_av
def test_an_mp4_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = waiting(tmp_path)
    out = tmp_path / "film" / "film.mp4"
    video.write(log, out)
    before = out.read_bytes()

    def broken(log: Log, film: Film, game: Game | None) -> Iterator[Shot]:
        yield next(shots(log, film))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(video, "shots", broken)
    with pytest.raises(LogError, match=r"film\.mp4: No space left on device"):
        video.write(log, out)
    assert out.read_bytes() == before
    assert [one.name for one in out.parent.iterdir()] == ["film.mp4"]


@needs_av
def test_the_command_writes_a_film_of_each_match(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["agent=random", "anchors=[]", "max_decisions=3", "episodes=2", "run=run"]
    assert (
        main(["play", "game=connect_four", "agents=[random,random]", "film=mp4", *words[2:]]) == 0
    )
    drawn = sorted((tmp_path / "run" / "replay").iterdir())
    assert [one.suffix for one in drawn] == [".mp4", ".mp4"]
    drawn[0].unlink()
    assert main(["replay", "run", "--mp4"]) == 0
    assert drawn[0].exists()
    log = next((tmp_path / "run" / "matches").iterdir())
    assert main(["replay", str(log), "--mp4", "--out", "x.gif"]) == 2
    assert main(["replay", str(log), "--mp4", "--out", "x.mp4", "--scale", "2"]) == 0
    assert main(["replay", str(log), "--mp4", "--html"]) == 2
    assert "choose one" in capsys.readouterr().err


def test_without_the_extra_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    waiting(tmp_path)
    (tmp_path / "log").rename(tmp_path / "log.jsonl")
    assert main(["replay", "log.jsonl", "--mp4"]) == 2
    told = "lmgame: error: an MP4 film needs PyAV (FFmpeg): pip install 'lmgame[video]'\n"
    assert capsys.readouterr().err == told
    assert main(["play", "agent=random", "film=mp4", "run=run"]) == 2
    assert capsys.readouterr().err == told
    assert {one.name for one in tmp_path.iterdir()} == {"log.jsonl"}
