from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmgame import record
from lmgame.clock import Simulated, latency_from
from lmgame.errors import LogError, ReplayMismatch
from lmgame.game import digest
from lmgame.games.tetris import Tetris, TetrisVersus
from lmgame.record import Log
from lmgame.replay import find_logs, verify
from tests.nim import Nim
from tests.table import Table, spread


def changed(path: Path, line: int, **fields: object) -> Log:
    """A log with fields of one line changed by somebody who also knows the checksum."""
    lines = path.read_bytes().splitlines()
    content = json.loads(lines[line - 1])
    del content["sum"]
    content |= fields
    body = json.dumps(content).encode()
    lines[line - 1] = body[:-1] + b',"sum":"' + digest(body).encode() + b'"}'
    other = path.with_name("changed.jsonl")
    other.write_bytes(b"\n".join(lines) + b"\n")
    return record.read(other)


@pytest.fixture
def tetris(tmp_path: Path) -> Table:
    table = Table(Tetris, [spread], tmp_path / "log.jsonl")
    table.play()
    return table


def test_a_log_replays_without_any_agent(tetris: Table) -> None:
    result = tetris.log().result
    assert result is not None
    assert verify(tetris.log()).scores() == result.scores


def test_a_simulated_match_of_two_replays_exactly(tmp_path: Path) -> None:
    table = Table(
        TetrisVersus,
        [spread, spread],
        tmp_path / "log.jsonl",
        lambda game: Simulated(latency_from("tokens", 0.4, 0.2)),
    )
    table.play()
    verify(table.log())


def test_an_unfinished_log_is_verified_as_far_as_it_goes(tetris: Table) -> None:
    assert tetris.path is not None
    tetris.path.write_bytes(b"\n".join(tetris.lines()[:6]) + b"\n")
    assert verify(tetris.log()).outcome() is None


@pytest.mark.parametrize("line", [2, 5, 9])
def test_another_action_is_found_at_its_line(tetris: Table, line: int) -> None:
    assert tetris.path is not None
    action = json.loads(tetris.lines()[line - 1])["action"]
    other = next(text for text in Tetris.spec.menu or () if text != action and "place" in text)
    with pytest.raises(ReplayMismatch, match=rf"changed.jsonl:{line}: "):
        verify(changed(tetris.path, line, action=other))


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "rm -rf /"},
        {"action": None},
        {"observation": "0" * 16},
        {"state": "0" * 16},
        {"scores": [1e9]},
        {"until": 10_000},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_any_changed_fact_is_found_at_its_line(tetris: Table, fields: dict[str, object]) -> None:
    assert tetris.path is not None
    with pytest.raises(ReplayMismatch, match=r"changed.jsonl:4: "):
        verify(changed(tetris.path, 4, **fields))


@pytest.mark.parametrize("seat", [1, 7, -1])
def test_a_decision_of_a_seat_that_may_not_act_is_found(tmp_path: Path, seat: int) -> None:
    table = Table(Nim, [spread, spread], tmp_path / "log.jsonl")
    table.play()
    with pytest.raises(ReplayMismatch, match=r"changed.jsonl:2: "):
        verify(changed(tmp_path / "log.jsonl", 2, seat=seat), Nim())


@pytest.mark.parametrize(
    "fields",
    [{"scores": [1.0]}, {"winner": 0}, {"ticks": 1}, {"end": "forfeit"}, {"decisions": [1]}],
    ids=lambda fields: next(iter(fields)),
)
def test_a_changed_result_is_found(tetris: Table, fields: dict[str, object]) -> None:
    assert tetris.path is not None
    with pytest.raises(ReplayMismatch, match="result line"):
        verify(changed(tetris.path, len(tetris.lines()), **fields))


@pytest.mark.parametrize(
    "fields",
    [{"seed": 2}, {"seats": []}, {"clock": {"pace": 0}}, {"max_decisions": 7}],
    ids=lambda fields: next(iter(fields)),
)
def test_a_changed_header_is_found(tetris: Table, fields: dict[str, object]) -> None:
    assert tetris.path is not None
    with pytest.raises(ReplayMismatch, match=r"changed.jsonl:1: the header describes match"):
        verify(changed(tetris.path, 1, **fields))


@pytest.mark.parametrize(
    "fields",
    [{"tries": []}, {"outcome": "failed"}, {"outcome": "empty"}, {"seen": 7}, {"turn": 9}],
    ids=str,
)
def test_a_decision_that_does_not_fit_itself_is_found(
    tetris: Table, fields: dict[str, object]
) -> None:
    assert tetris.path is not None
    with pytest.raises(ReplayMismatch, match=r"changed.jsonl:4: "):
        verify(changed(tetris.path, 4, **fields))


def test_logs_are_found_in_a_run_folder_or_by_name(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no match logs"):
        find_logs(tmp_path)
    table = Table(Nim, [spread, spread], tmp_path / "matches" / "log.jsonl")
    table.play()
    assert find_logs(tmp_path) == find_logs(tmp_path / "matches") == [table.path]
    assert find_logs(tmp_path / "matches" / "log.jsonl") == [table.path]
