"""A board is a pure function of logs, and its figures are those of the logs."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

import lmgame
from lmgame.board import source
from lmgame.board.build import build
from lmgame.board.export import Options, to_json
from lmgame.board.source import Run
from lmgame.board.table import Board, GameTable, Row
from lmgame.game import State
from lmgame.record import Seat, read
from tests.board.forge import ALONE, PAIR, board, call, forge, header, labels, seat

RANDOM, GREEDY = seat("random"), seat("greedy")


def row(made: Board, label: str, game: int = 0) -> Row:
    key = labels(made)[label]
    return next(one for one in made.games[game].rows if one.unit == key)


def by_name(made: Board, name: str) -> GameTable:
    return next(one for one in made.games if one.name == name)


@given(st.randoms(use_true_random=False))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_order_of_logs_does_not_matter(anchors: Path, asked: Path, random: Random) -> None:
    runs = source.read([anchors, asked], verify=False)
    shuffled = []
    for run in runs:
        logs = list(run.logs)
        random.shuffle(logs)
        shuffled.append(Run(run.name, tuple(logs), run.config, run.environment))
    random.shuffle(shuffled)
    expected = to_json(build(runs, "b", "B"), Options())
    assert to_json(build(shuffled, "b", "B"), Options()) == expected


def test_the_figures_are_those_of_the_logs(anchors: Path, asked: Path) -> None:
    """Against lmgame.load and pandas."""
    made = build(source.read([asked, anchors], verify=True), "b", "B")
    game = by_name(made, "twenty_forty_eight")
    one, other = lmgame.load(anchors), lmgame.load(asked)
    matches = pd.concat([one.matches, other.matches])
    matches = matches[matches["game"] == "TwentyFortyEight-v1"]
    for line in game.rows:
        unit = made.units[line.unit]
        scores = matches[matches["agent_0"] == unit.agent]["score_0"]
        assert line.score.mean == pytest.approx(scores.mean())
        assert line.score.sd == pytest.approx(scores.std(), abs=1e-8)
        chance = matches[matches["agent_0"] == "random"]["score_0"]
        if chance.std():
            expected = (scores.mean() - chance.mean()) / chance.std()
            assert line.glass_delta == pytest.approx(expected, abs=1e-6)
    model = next(line for line in game.rows if made.units[line.unit].model)
    assert model.serving is not None
    assert model.serving.calls == len(other.calls)
    assert model.serving.tokens.completion == other.calls["completion"].sum()
    usd = (other.calls["prompt"].sum() + 4 * other.calls["completion"].sum()) / 1e6
    assert model.usd == pytest.approx(usd, abs=1e-9)
    (unit,) = [unit for unit in made.units.values() if unit.model]
    assert (unit.harness, unit.serving) == ("lmgame", "OpenAI API, structured=choice")
    assert "base_url" not in unit.backend
    assert unit.label == "scripted"


def test_two_seats_count_from_each_side(anchors: Path) -> None:
    made = build(source.read([anchors], verify=False), "b", "B")
    game = by_name(made, "tic_tac_toe")
    matches = lmgame.load(anchors).matches
    matches = matches[matches["game"] == "TicTacToe-v1"]
    greedy, chance = row(made, "greedy", 0), row(made, "random", 0)
    won = matches.apply(lambda m: m["winner"] >= 0 and m[f"agent_{int(m['winner'])}"], axis=1)
    assert greedy.wins == (won == "greedy").sum() == chance.losses
    assert greedy.draws == matches["winner"].isna().sum() == chance.draws
    assert greedy.rating is not None
    assert chance.rating is not None
    assert greedy.rating.strength > 0 > chance.rating.strength
    one, other = game.meetings
    assert (one.wins, one.draws, one.losses) == (other.losses, other.draws, other.wins)
    assert one.first == other.first == 3
    assert len(game.groups) == 1


def test_a_failing_backend_is_no_loss(tmp_path: Path) -> None:
    model = seat("llm", "m")
    backend = {"kind": "embedded", "mode": "disaggregated"}
    for number in range(3):
        forge(tmp_path, header(PAIR, [model, RANDOM], number, backend=backend), None)
        forge(tmp_path, header(PAIR, [RANDOM, model], number, backend=backend), [0.0, 1.0], 1)
    made = board(tmp_path)
    line = row(made, "m")
    assert (line.wins, line.draws, line.losses) == (3, 0, 0)
    assert (line.matches, line.unfinished) == (3, 3)
    assert row(made, "random").losses == 3
    assert row(made, "random").unfinished == 3
    assert line.rating is not None
    assert line.rating.matches == 3
    assert line.serving is not None
    assert line.serving.failed == 3
    assert row(made, "random").serving is None
    overall = next(one for one in made.overall if one.unit == line.unit)
    assert (overall.matches, overall.unfinished) == (3, 3)


def test_calls_are_those_of_the_seat(tmp_path: Path) -> None:
    """Two models in one match: each is judged on its own calls."""
    own: State = {
        "kind": "embedded",
        "mode": "colocated",
        "prefill_workers": 1,
        "decode_workers": 1,
    }
    fast = seat("llm", "fast")
    slow = Seat("player", "llm", "slow", {}, backend=own)
    top = header(PAIR, [fast, slow], 1, backend={"kind": "openai", "model": "fast"})
    calls = [(0, call(0.1)), (1, call(2.0, at=1.0)), (0, call(0.3, at=4.0))]
    forge(tmp_path, top, [1.0, 0.0], 0, calls=calls)
    made = board(tmp_path)
    one = row(made, "fast · OpenAI API").serving
    other = row(made, "slow · colocated").serving
    assert one is not None
    assert other is not None
    assert (one.calls, other.calls) == (2, 1)
    assert (one.attainment.joint.value, other.attainment.joint.value) == (1.0, 0.0)


def test_a_board_of_old_logs_has_what_it_always_had_and_nothing_else(tmp_path: Path) -> None:
    """Published boards are worked out again byte for byte."""
    limits = {"ttft_s": 1.0, "tpot_s": None, "time_to_action_s": 6.0}
    top = header(ALONE, [seat("llm", "m")], 1, slo=limits)
    forge(tmp_path, top, [1.0], calls=[(0, call(0.1)), (0, call(2.0, at=1.0))])
    content = json.loads(to_json(board(tmp_path), Options()))
    (game,) = content["games"]
    assert game["slo"] == limits
    for serving in (game["rows"][0]["serving"], content["overall"][0]["serving"]):
        assert list(serving) == [
            *("calls", "failed", "cancelled", "excluded", "ttft_s", "tpot_s", "time_to_action_s"),
            *("attainment", "goodput_rps", "throughput_rps", "busy_s", "tokens", "stages_s", "slo"),
        ]
        assert list(serving["attainment"]) == ["joint", *limits, "undetermined"]
        assert serving["slo"] == limits
        assert list(serving["slo"]) == list(limits)


def test_a_board_judges_by_the_deadline_in_its_logs(tmp_path: Path) -> None:
    """Forged decisions are charged 0.2 s."""
    for seconds in (0.1, 0.3):
        top = header(ALONE, [seat("llm", "m")], 1, slo={"ttft_s": 5.0, "deadline_s": seconds})
        forge(tmp_path / str(seconds), top, [1.0], calls=[(0, call(0.1))])
        made = board(tmp_path / str(seconds))
        serving = made.games[0].rows[0].serving
        assert serving is not None
        assert serving.attainment.deadline_s is not None
        assert serving.attainment.deadline_s.met == (seconds > 0.2)
        assert any(f"TTFT 5 s, deadline {seconds} s" in one for one in made.protocol)


def test_forfeits_and_truncations_are_columns(tmp_path: Path) -> None:
    forge(tmp_path, header(PAIR, [GREEDY, RANDOM], 1), [0.0, 1.0], 1, "forfeit")
    forge(tmp_path, header(PAIR, [RANDOM, GREEDY], 1), [0.0, 0.0], None, "max_decisions")
    made = board(tmp_path)
    greedy, chance = row(made, "greedy"), row(made, "random")
    assert (greedy.forfeits, chance.forfeits) == (1, 0)
    assert (greedy.truncated, chance.truncated) == (1, 1)
    assert (greedy.draws, chance.draws) == (1, 1)
    assert any("is a draw" in one for one in made.protocol)


def alone(folder: Path, scores: dict[str, list[float]], **changes: object) -> None:
    for agent, some in scores.items():
        model = "m" if agent == "llm" else ""
        for seed, score in enumerate(some):
            forge(folder, header(ALONE, [seat(agent, model)], seed, **changes), [score])


def test_the_share_of_the_anchor(tmp_path: Path) -> None:
    scores = {"random": [0.0, 2.0, 1.0], "greedy": [11.0, 10.0, 12.0], "llm": [6.0, 8.0, 4.0]}
    alone(tmp_path, scores)
    made = board(tmp_path)
    assert row(made, "greedy").anchor_share == 1
    assert row(made, "random").anchor_share == 0
    assert row(made, "m").anchor_share == 0.5
    assert row(made, "m").glass_delta == 5
    line = next(one for one in made.overall if one.unit == labels(made)["m"])
    assert line.anchor_share == 0.5
    assert line.low is not None
    assert line.high is not None
    assert 0.3 <= line.low < 0.5 < line.high <= 0.7
    assert [made.units[one.unit].label for one in made.overall] == ["greedy", "m", "random"]
    assert [one.rank for one in made.overall] == [1, 2, 3]


@pytest.mark.parametrize(
    "scores",
    [
        {"random": [1.0, 9.0], "greedy": [2.0, 9.5], "llm": [3.0, 4.0]},
        {"random": [5.0, 5.0], "greedy": [5.0, 5.0], "llm": [3.0, 4.0]},
        {"random": [5.0], "greedy": [4.0], "llm": [3.0]},
        {"greedy": [4.0], "llm": [3.0]},
    ],
)
def test_there_is_no_share_where_the_anchor_is_no_better(
    tmp_path: Path, scores: dict[str, list[float]]
) -> None:
    alone(tmp_path, scores)
    made = board(tmp_path)
    assert {one.anchor_share for one in made.games[0].rows} == {None}
    assert {one.anchor_share for one in made.overall} == {None}
    assert {one.rank for one in made.overall} == {1}


def test_welchs_interval_decides_whether_there_is_a_share(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number in range(6):
        gap = number / 3
        scores = {"random": [*rng.normal(0, 1, 8)], "greedy": [*rng.normal(gap, 1, 8)]}
        alone(tmp_path / str(number), scores)
        test = stats.ttest_ind(scores["greedy"], scores["random"], equal_var=False)
        better = test.statistic > 0 and test.pvalue < 0.05
        share = row(board(tmp_path / str(number)), "greedy").anchor_share
        assert (share is not None) == better


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    alone(tmp_path, {"random": [0.0], "greedy": [10.0], "llm": [5.0]})
    made = board(tmp_path)
    assert {one.score.ci95 for one in made.games[0].rows} == {None}
    assert {(one.low, one.high) for one in made.overall} == {(None, None)}
    assert {one.rank for one in made.overall} == {1}


def test_repeats_are_averaged_by_seed(tmp_path: Path) -> None:
    for repeat, score in enumerate([1.0, 3.0]):
        forge(tmp_path, header(ALONE, [seat("x")], 7, repeat=repeat), [score])
    forge(tmp_path, header(ALONE, [seat("x")], 8), [6.0])
    line = row(board(tmp_path), "x")
    assert (line.score.mean, line.score.n, line.seeds, line.matches) == (4.0, 2, 2, 3)


def test_who_plays_itself_is_not_rated(tmp_path: Path) -> None:
    forge(tmp_path, header(PAIR, [GREEDY, GREEDY], 1), [1.0, 0.0], 0)
    made = board(tmp_path)
    line = row(made, "greedy")
    assert (line.rating, line.wins, line.losses) == (None, 1, 1)
    assert made.games[0].meetings == ()


def test_who_nobody_connects_is_told(tmp_path: Path) -> None:
    players = [seat("a"), seat("b"), seat("c"), seat("d")]
    forge(tmp_path, header(PAIR, players[:2], 1), [1.0, 0.0], 0)
    forge(tmp_path, header(PAIR, players[2:], 1), [1.0, 0.0], 0)
    made = board(tmp_path)
    assert len(made.groups) == len(made.games[0].groups) == 2
    assert all(one.rating and one.rating.note for one in made.overall)


def test_other_rules_are_another_table(tmp_path: Path) -> None:
    alone(tmp_path, {"random": [1.0]})
    alone(tmp_path, {"random": [2.0]}, max_decisions=5)
    alone(tmp_path, {"random": [3.0]}, clock={"kind": "realtime"})
    forge(tmp_path, header(PAIR, [GREEDY, RANDOM], 1), [1.0, 0.0], 0)
    made = board(tmp_path)
    assert [game.name for game in made.games] == [
        "tetris-kind-paused-max_decisions-40",
        "tetris-kind-paused-max_decisions-5",
        "tetris-kind-realtime-max_decisions-40",
        "tic_tac_toe",
    ]
    assert any("realtime" in one for one in made.protocol)


def test_a_presets_settings_give_its_name(tmp_path: Path) -> None:
    from lmgame import config

    arguments = config.load(["game=tetris_lmgame"]).game.arguments
    alone(tmp_path, {"random": [1.0]}, arguments=arguments)
    assert [game.name for game in board(tmp_path).games] == ["tetris_lmgame"]


def test_a_match_is_a_line(anchors: Path) -> None:
    made = build(source.read([anchors], verify=False), "b", "B")
    lines = [one for game in made.games for one in game.matches]
    assert len({one.match for one in lines}) == 12
    for one in lines:
        log = read(anchors / "matches" / one.log.removeprefix("anchors/"))
        assert log.header.match == one.match
        assert log.result is not None
        assert one.scores == pytest.approx(log.result.scores)
        assert (one.end, one.winner) == (log.result.end, log.result.winner)
        assert one.decisions == log.result.decisions
