from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lmgame import registry
from lmgame.agent import Decision, Seating, Sight
from lmgame.client.call import Failure
from lmgame.clock import Paused, Realtime, Simulated, latency_from
from lmgame.errors import ReplayMismatch
from lmgame.game import Game, Turn
from lmgame.games.tetris import Tetris, TetrisVersus
from lmgame.match import Match, Policy
from lmgame.record import Result, Suspended, Writer, essence
from lmgame.replay import verify
from tests.nim import Nim
from tests.table import Answer, Table, Told, call, first, header, spread


def finished(table: Table) -> Result:
    result = table.play()
    assert isinstance(result, Result)
    return result


def tokens(game: Game) -> Simulated:
    """A clock that depends on nothing but the replies."""
    return Simulated(latency_from("tokens", 0.3, 0.1))


def says(outcome: str, reason: str = "because") -> Answer:
    return lambda turn: Decision(None, outcome, reason)  # type: ignore[arg-type] # the test's own words


def in_turn(*answers: Answer) -> Answer:
    """The first answer for the first call, and so on; the last one stays."""
    rest = list(answers)

    def answer(turn: Turn) -> Decision:
        return (rest.pop(0) if len(rest) > 1 else rest[0])(turn)

    return answer


def test_turns_alternate_and_the_winner_took_the_last_one(tmp_path: Path) -> None:
    table = Table(Nim, [first, first], tmp_path / "log")
    result = finished(table)
    assert result.end == "over"
    assert [one.seat for one in table.log().played] == [
        number % 2 for number in range(sum(result.decisions))
    ]
    assert result.winner == table.log().played[-1].seat


def test_simultaneous_seats_land_together_when_paused(tmp_path: Path) -> None:
    table = Table(TetrisVersus, [spread, spread], tmp_path / "log", changes={"max_decisions": 10})
    result = finished(table)
    assert result.end == "max_decisions"
    assert result.decisions == (10, 10)
    assert all(len(landing) == 2 for landing in table.log().landings)


def test_simulated_seats_land_each_at_their_own_tick(tmp_path: Path) -> None:
    table = Table(TetrisVersus, [spread, spread], tmp_path / "log", tokens)
    finished(table)
    log = table.log()
    ticks = [one.tick for one in log.played]
    assert ticks == sorted(ticks)
    assert 1 in {len(landing) for landing in log.landings}
    for one in log.played:
        if one.action is None:
            continue  # the match ended while this one was thought about
        completion = one.tries[0].calls[0].usage.completion or 0
        assert one.tick - one.seen == pytest.approx(60 * (0.3 + 0.1 * (completion - 1)), abs=1)


def test_the_world_moves_while_a_seat_thinks(tmp_path: Path) -> None:
    def slowly(game: Game) -> Simulated:
        return Simulated(lambda thought: 2.0)

    wait: Answer = lambda turn: Decision("press wait")  # noqa: E731 - typed
    table = Table(Tetris, [wait], tmp_path / "log", slowly, changes={"max_decisions": 3})
    assert finished(table).ticks == 360


def test_an_action_that_became_illegal_is_late_and_the_default_is_taken(tmp_path: Path) -> None:
    # After 30 s at level 1 the piece has locked and another one falls; the wide
    # placement of the first may fit or not, but hold-twice style refusals must
    # be called late, never illegal.
    def answer(turn: Turn) -> Decision:
        return Decision(turn.actions.choices[-1 if turn.number % 2 else 0])

    table = Table(
        lambda: Tetris(level=15),
        [answer],
        tmp_path / "log",
        lambda game: Simulated(lambda thought: 3.0),
    )
    table.play()
    outcomes = {one.outcome for one in table.log().played}
    assert "illegal" not in outcomes
    assert outcomes <= {"ok", "late"}
    for one in table.log().played:
        if one.outcome == "late":
            assert one.action in (None, "press wait")
            assert one.reason


def test_a_bad_reply_is_asked_again_with_the_reason(tmp_path: Path) -> None:
    table = Table(Nim, [in_turn(says("unparsable", "say take N"), first), first], tmp_path / "log")
    finished(table)
    assert table.agents[0].feedback[:2] == [None, "say take N"]
    played = table.log().played[0]
    assert [one.outcome for one in played.tries] == ["unparsable", "ok"]
    assert played.outcome == "ok"


def test_after_the_last_bad_reply_the_default_is_taken(tmp_path: Path) -> None:
    table = Table(Nim, [says("empty"), first], tmp_path / "log", policy=Policy(retries=2))
    finished(table)
    played = table.log().played[0]
    assert [one.outcome for one in played.tries] == ["empty"] * 3
    assert (played.outcome, played.action) == ("empty", "take 1")


def test_after_the_last_bad_reply_a_seat_may_forfeit(tmp_path: Path) -> None:
    policy = Policy(retries=0, then="forfeit")
    table = Table(Nim, [first, says("ambiguous", "two moves")], tmp_path / "log", policy=policy)
    result = finished(table)
    assert (result.end, result.winner) == ("forfeit", 0)
    assert "two moves" in result.reason


def test_failed_calls_are_made_again_and_then_suspend(tmp_path: Path) -> None:
    policy = Policy(attempts=3, backoff_s=0)
    table = Table(Nim, [first, says("failed", "no server")], tmp_path / "log", policy=policy)
    stopped = table.play()
    assert isinstance(stopped, Suspended)
    assert stopped.reason == "no server"
    assert len(stopped.tries) == 3
    log = table.log()
    assert log.result is None
    assert len(log.played) == 1
    assert log.suspended == [stopped]


def refused(status: int, retry_after_s: float | None = None) -> Answer:
    failure = Failure("status", "no", status, retry_after_s)
    failed = replace(call(), failure=failure)
    return lambda turn: Decision(None, "failed", "no", (failed,))


def test_a_call_that_is_refused_for_good_is_not_made_again(tmp_path: Path) -> None:
    policy = Policy(attempts=3, backoff_s=0)
    for status, tries in ((400, 1), (401, 1), (404, 1), (408, 3), (429, 3), (500, 3), (503, 3)):
        path = tmp_path / str(status)
        stopped = Table(Nim, [refused(status), first], path, policy=policy).play()
        assert isinstance(stopped, Suspended)
        assert len(stopped.tries) == tries, status


def test_a_server_that_asks_for_patience_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("lmgame.match.asyncio.sleep", wait)
    policy = Policy(attempts=5, backoff_s=0.5)
    answers = [refused(429, after) for after in (None, 3.0, 0.1, 1e9)]
    Table(Nim, [in_turn(*answers, first), first], tmp_path / "log", policy=policy).play()
    assert waits == [0.5, 3.0, 2.0, 60.0]


def test_failed_calls_may_take_the_default_instead(tmp_path: Path) -> None:
    policy = Policy(attempts=2, backoff_s=0, failed="default")
    table = Table(Nim, [first, says("failed")], tmp_path / "log", policy=policy)
    assert finished(table).end == "over"
    assert {one.outcome for one in table.log().played if one.seat == 1} == {"failed"}


def test_a_failure_in_between_costs_nothing_but_a_try(tmp_path: Path) -> None:
    flaky = in_turn(says("failed"), first)
    table = Table(Nim, [flaky, first], tmp_path / "log")
    assert finished(table).end == "over"
    assert [one.outcome for one in table.log().played[0].tries] == ["failed", "ok"]


def test_an_agent_that_raises_is_data_not_a_crash(tmp_path: Path) -> None:
    def broken(turn: Turn) -> Decision:
        raise RuntimeError("I have a bug")

    stopped = Table(Nim, [broken, first], tmp_path / "log").play()
    assert isinstance(stopped, Suspended)
    assert "I have a bug" in stopped.reason


def test_an_agent_that_claims_an_illegal_action_is_not_believed(tmp_path: Path) -> None:
    table = Table(Nim, [lambda turn: Decision("take 9"), first], tmp_path / "log")
    finished(table)
    played = table.log().played[0]
    assert (played.outcome, played.action) == ("illegal", "take 1")
    assert played.reason


def test_an_overdrawn_time_bank_makes_decisions_late(tmp_path: Path) -> None:
    table = Table(
        Nim, [spread, spread], tmp_path / "log", lambda game: Simulated(lambda t: 1.0, bank_s=2.0)
    )
    finished(table)
    outcomes = [one.outcome for one in table.log().played if one.seat == 0]
    assert outcomes[:3] == ["ok", "ok", "late"]


def fast(game: Game) -> Realtime:
    """Real time, two hundred times as fast: four ticks pass in a third of a millisecond."""
    return Realtime(now=lambda: time.monotonic() * 200)


@pytest.mark.parametrize("make", [Tetris, TetrisVersus])
def test_a_realtime_match_replays_exactly(make: type[Game], tmp_path: Path) -> None:
    seats = len(make.spec.seats)
    changes: dict[str, object] = {"max_decisions": 30}
    table = Table(make, [spread] * seats, tmp_path / "log", fast, changes=changes, thinks_s=0.002)
    result = finished(table)
    ticks = [one.tick for one in table.log().played]
    assert ticks == sorted(ticks)
    assert ticks[-1] > 100  # the world moved while they thought
    assert verify(table.log(), make()).scores() == result.scores


def test_a_realtime_match_ends_while_its_player_thinks(tmp_path: Path) -> None:
    table = Table(Tetris, [spread], tmp_path / "log", fast, thinks_s=30.0)
    table.clock = lambda game: Realtime(now=lambda: time.monotonic() * 100_000)
    result = finished(table)
    assert result.end == "over"
    assert result.decisions == (0,)
    (left,) = result.abandoned
    assert (left.seat, left.tries) == (0, ())
    assert left.seconds > 0
    verify(table.log(), Tetris())


def test_the_same_player_scores_worse_the_longer_it_thinks() -> None:
    """Greedy Tetris at level 12, where a piece falls in about a second."""

    def score(latency_s: float) -> float:
        total = 0.0
        for seed in range(4):
            made = Tetris(level=12, actions="placements")
            greedy = registry.agents.make("greedy", {"seating": Seating(made.spec, 0, seed)})
            head = header(made, max_decisions=40, seed=seed)
            clock = Simulated(lambda thought: latency_s)
            result = asyncio.run(Match(head, made, [greedy], clock).play())
            assert isinstance(result, Result)
            total += result.scores[0]
        return total

    scores = [score(latency_s) for latency_s in (0.0, 0.6, 2.0)]
    assert scores[0] > 1.5 * scores[1] > 1.5 * scores[2]


@pytest.mark.parametrize(
    ("make", "seats", "clock"),
    [
        (Nim, 2, tokens),
        (Tetris, 1, tokens),
        (TetrisVersus, 2, tokens),
        (TetrisVersus, 2, None),
    ],
    ids=["nim", "tetris", "versus simulated", "versus paused"],
)
def test_a_match_killed_anywhere_continues_to_the_same_log(
    make: type[Game], seats: int, clock: object, tmp_path: Path
) -> None:
    extra = {} if clock is None else {"clock": clock}
    whole = Table(make, [spread] * seats, tmp_path / "whole", **extra)  # type: ignore[arg-type] # either clock
    whole.play()
    data = (tmp_path / "whole").read_bytes()
    for number, size in enumerate(range(1, len(data), max(1, len(data) // 25))):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(data[:size])
        if b"\n" not in data[:size]:
            path.unlink()
        again = Table(make, [spread] * seats, path, **extra)  # type: ignore[arg-type] # either clock
        if b"\n" in data[:size] and again.log().result is not None:
            continue
        again.play()
        assert essence(again.lines()) == essence(whole.lines()), f"killed at byte {size}"


def test_a_continued_agent_remembers_what_it_would_have(tmp_path: Path) -> None:
    whole = Table(Tetris, [spread], tmp_path / "whole")
    whole.play()
    lines = whole.lines()
    half = tmp_path / "half"
    half.write_bytes(b"\n".join(lines[: len(lines) // 2]) + b"\n")
    again = Table(Tetris, [spread], half)
    again.play()
    assert again.agents[0].memory == whole.agents[0].memory


def test_a_suspended_match_continues_as_if_nothing_had_been(tmp_path: Path) -> None:
    whole = Table(Nim, [spread, spread], tmp_path / "whole")
    whole.play()
    stopping = in_turn(spread, spread, says("failed"))
    path = tmp_path / "stopped"
    assert isinstance(Table(Nim, [stopping, spread], path).play(), Suspended)
    again = Table(Nim, [spread, spread], path)
    assert isinstance(again.play(), Result)
    assert essence(again.lines()) == essence(whole.lines())
    assert len(again.log().suspended) == 1


def test_a_log_of_other_rules_cannot_be_continued(tmp_path: Path) -> None:
    path = tmp_path / "log"
    Table(Nim, [in_turn(first, first, says("failed")), first], path).play()
    with pytest.raises(ReplayMismatch, match="log:2: seat 0 sees observation"):
        Table(lambda: Nim(most=29), [first, first], path).play()


class Looker(Told):
    """A live agent that keeps what it was shown."""

    live = True

    def __init__(self, answer: Answer, log: Path) -> None:
        super().__init__(answer)
        self.log = log
        self.sights: list[Sight] = []
        self.written_before = -1

    async def ready(self) -> None:
        self.written_before = self.log.stat().st_size

    def see(self, sight: Sight) -> None:
        self.sights.append(sight)


def test_a_live_agent_is_shown_the_world_whenever_it_moves(tmp_path: Path) -> None:
    path = tmp_path / "log"
    game = Tetris()
    looker = Looker(lambda turn: Decision("press wait"), path)
    writer = Writer(path, 0)
    hundred_ms = Simulated(lambda thought: 0.1)
    made = header(game, max_decisions=20)
    asyncio.run(Match(made, game, [looker], hundred_ms, writer=writer).play())
    writer.close()
    assert looker.written_before == 0  # nothing is begun before everybody is ready
    # Before the first turn, then as time passed and as the decision landed.
    assert len(looker.sights) == 1 + 2 * 20
    texts = [sight.observation.text for sight in looker.sights]
    assert len(set(texts)) > 1  # the piece falls
    assert all(sight.outcome is None for sight in looker.sights)


def test_a_live_agent_sees_the_end_and_what_others_do(tmp_path: Path) -> None:
    path = tmp_path / "log"
    game = Nim()
    looker, other = Looker(first, path), Told(first)
    writer = Writer(path, 0)
    result = asyncio.run(Match(header(game), game, [looker, other], Paused(), writer=writer).play())
    writer.close()
    assert isinstance(result, Result)
    assert len(looker.sights) == 1 + sum(result.decisions)
    last = looker.sights[-1]
    assert last.outcome is not None
    assert (last.outcome.winner, last.scores) == (result.winner, result.scores)


def test_a_continued_match_is_shown_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "log"
    table = Table(Nim, [first, first], path)
    table.play()
    whole = table.lines()
    path.write_bytes(b"\n".join(whole[:3]) + b"\n")
    log = table.log()
    looker = Looker(first, path)
    writer = Writer(path, log.size)
    game = Nim()
    asyncio.run(Match(log.header, game, [looker, Told(first)], Paused(), writer=writer).play(log))
    writer.close()
    assert looker.written_before == log.size
    assert looker.sights[0].scores == log.played[-1].scores
    assert len(looker.sights) == 1 + len(table.log().played) - 2
