"""The corpus of replies against the reader; tests/replies/README.md has the rules of reading."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from lmgame.clock import Clock, Simulated, latency_from
from lmgame.errors import IllegalAction
from lmgame.game import Game, Turn
from lmgame.games.pong import Pong
from lmgame.games.tetris import TetrisVersus
from lmgame.reader import read
from tests.replies.line import Line, dump, files, load, turn_of
from tests.replies.record import LONGEST, recorded
from tests.table import Table, spread

FILES = {path.stem: path for path in files()}
LINES = [line for path in FILES.values() for line in load(path)]
READ = ("ok", "empty", "truncated", "unparsable", "ambiguous", "illegal")
"""The outcomes that a reply alone can have."""


def is_canonical(turn: Turn, action: str) -> bool:
    try:
        return turn.canonical(action) == action
    except IllegalAction:
        return False


def test_the_corpus_is_large_and_of_every_kind() -> None:
    written = [line for line in LINES if line.source == "written"]
    recorded = [line for line in LINES if line.source != "written"]
    assert len(written) >= 250
    assert len(recorded) >= 120
    assert len({line.game for line in recorded}) >= 8
    games = Counter(line.game for line in LINES)
    assert len(games) >= 10
    assert min(games.values()) >= 20
    assert {line.outcome for line in LINES} == set(READ)
    assert len({line.habit for line in written}) >= 40


def test_every_line_has_its_own_id_and_reply() -> None:
    assert not [name for name, count in Counter(line.id for line in LINES).items() if count > 1]
    asked = [(asked_at(line), line.reply, line.finish) for line in LINES]
    assert not [key for key, count in Counter(asked).items() if count > 1]


def asked_at(line: Line) -> str:
    return f"{line.game} {line.arguments} {line.seed} {line.played} {line.seat}"


@pytest.mark.parametrize("name", FILES)
def test_labels_agree_with_the_rules_and_with_themselves(name: str) -> None:
    wrong = []
    for line in load(FILES[name]):
        turn = turn_of(line)
        if (line.action is not None) != (line.outcome == "ok"):
            wrong.append(f"{line.id}: {line.outcome} with action {line.action!r}")
        elif line.action is not None and not is_canonical(turn, line.action):
            wrong.append(f"{line.id}: {line.action!r} is not canonical or not legal")
        elif line.outcome == "truncated" and line.finish != "length":
            wrong.append(f"{line.id}: truncated, but it finished with {line.finish!r}")
        elif line.source != "written" and len(line.reply) > LONGEST:
            wrong.append(f"{line.id}: {len(line.reply)} characters are too many")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_written_in_one_way(name: str) -> None:
    """What cannot be seen is escaped, so that a change to it shows."""
    text = "".join(dump(line) + "\n" for line in load(FILES[name]))
    assert FILES[name].read_bytes() == text.encode()


@pytest.mark.parametrize("name", FILES)
def test_the_reader_reads_as_a_careful_person_does(name: str) -> None:
    lines = load(FILES[name])
    wrong = [told for line in lines if (told := disagreement(line))]
    assert not wrong, f"{len(wrong)} of {len(lines)} are read otherwise:\n" + "\n".join(wrong)


def disagreement(line: Line) -> str:
    """What the reader makes of a line where that is not the label, or ""."""
    reading = read(line.reply, turn_of(line), line.finish)
    if (reading.outcome, reading.action) == (line.outcome, line.action):
        return ""
    return (
        f"{line.id} ({line.habit}): read as {reading.outcome} {reading.action!r}, "
        f"labelled {line.outcome} {line.action!r}: {line.reply[-160:]!r} ({line.finish})"
    )


def test_what_was_played_before_must_be_playable(tmp_path: Path) -> None:
    text = dump(LINES[0]).replace('"played": []', '"played": ["drop 9"]')
    path = tmp_path / "wrong.jsonl"
    path.write_text(text + "\n", encoding="utf-8")
    (line,) = load(path)
    with pytest.raises(IllegalAction, match="cannot be played"):
        turn_of(line)


@pytest.mark.parametrize("make", [TetrisVersus, Pong])
def test_replies_are_recorded_with_their_turns(make: type[Game], tmp_path: Path) -> None:
    table = Table(make, [spread, spread], tmp_path / "log.jsonl", changes={"max_decisions": 4})
    table.play()
    lines = list(recorded(tmp_path / "log.jsonl"))
    assert [line.reply for line in lines] == [one.action for one in table.log().played]
    for line, one in zip(lines, table.log().played, strict=True):
        assert turn_of(line).observation.digest == one.observation
        assert turn_of(line).seat == one.seat


def test_turns_that_a_line_cannot_tell_are_not_recorded(tmp_path: Path) -> None:
    def slow(game: Game) -> Clock:
        return Simulated(latency_from("tokens", 0.4, 0.2))

    table = Table(
        Pong, [spread, spread], tmp_path / "log.jsonl", slow, changes={"max_decisions": 4}
    )
    table.play()
    assert len(list(recorded(tmp_path / "log.jsonl"))) < len(table.log().played)
