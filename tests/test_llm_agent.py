"""The language model's agent: what it shows, remembers and learns, call by call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from lmgame.agent import Agent, Seating
from lmgame.agents.llm import DeliberateAgent, LlmAgent
from lmgame.client.body import digest
from lmgame.client.call import Call, Failure, Request, Timing, Usage
from lmgame.clock import Paused
from lmgame.errors import ConfigError
from lmgame.game import Game
from lmgame.games.tetris import Tetris, TetrisVersus
from lmgame.games.tic_tac_toe import TicTacToe
from lmgame.match import Match, Policy
from lmgame.record import Writer, read
from lmgame.world import World
from tests.table import header

Mode = Literal["window", "block"]


@dataclass
class Model:
    """A client whose model answers by a rule, and that keeps what it was asked."""

    says: Callable[[Request, int], str]
    images: bool = True
    structured: str = "off"
    model: str = "m"
    asked: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Call:
        self.asked.append(request)
        reply = self.says(request, len(self.asked) - 1)
        timing = Timing(0.0, 0.1, first_token=0.1, last_token=0.1, chunks=(0.1,))
        failure = Failure("server", "broken") if reply == "FAIL" else None
        return Call(
            request.model or self.model,
            digest(request),
            reply,
            timing,
            Usage(10, 1),
            finish="stop",
            purpose=request.purpose,
            failure=failure,
        )

    def purposes(self) -> list[str]:
        return [one.purpose for one in self.asked]


def obedient(request: Request, number: int) -> str:
    """Takes one of the actions it is offered, by what it sees; learns and describes in numbers."""
    if request.purpose != "act":
        return f"{request.purpose} {number}"
    offered = request.messages[-1].content.rpartition("Actions: ")[2].split("\n")[0].split(", ")
    return offered[len(request.messages[-1].content.replace(".", "")) % len(offered)]


def play(
    game: Game,
    models: Sequence[Model],
    decisions: int,
    path: Path | None = None,
    **settings: object,
) -> list[Agent]:
    """Play a match between models, or go on from its log."""
    log = read(path) if path is not None and path.exists() else None
    agents: list[Agent] = [
        LlmAgent(Seating(game.spec, seat, 1, model), **settings)  # type: ignore[arg-type] # checked by the agent
        for seat, model in enumerate(models)
    ]
    writer = None if path is None else Writer(path, 0 if log is None else log.size)
    head = header(game, max_decisions=decisions)
    match = Match(head, game, agents, Paused(), Policy(backoff_s=0, attempts=1), writer)
    asyncio.run(match.play(log))
    if writer is not None:
        writer.close()
    return agents


def harness(
    last: int = 0,
    keep: Mode = "window",
    every: int = 0,
    describe: bool = False,
    tokens: int | None = None,
) -> dict[str, object]:
    return {
        "perception": {"describe": describe},
        "memory": {"last": last, "keep": keep, "tokens": tokens},
        "reflection": {"every": every},
    }


def remembered(request: Request) -> list[str]:
    return [one.content for one in request.messages if one.role == "assistant"]


@pytest.mark.parametrize("last", [0, 1, 3, 10, 30])
@pytest.mark.parametrize("seats", [1, 2])
def test_a_window_holds_exactly_the_last_k(last: int, seats: int) -> None:
    models = [Model(obedient) for _ in range(seats)]
    play(Tetris() if seats == 1 else TetrisVersus(), models, 12, harness=harness(last))
    for model in models:
        said = [obedient(one, 0) for one in model.asked]
        assert len(said) == 12
        for turn, request in enumerate(model.asked):
            assert remembered(request) == said[max(0, turn - last) : turn]
            roles = [one.role for one in request.messages]
            assert roles == ["system", *["user", "assistant"] * min(turn, last), "user"]


def test_blocks_hold_from_k_to_twice_k_and_cut_rarely() -> None:
    model = Model(obedient)
    play(Tetris(), [model], 30, harness=harness(4, "block"))
    held = [len(remembered(one)) for one in model.asked]
    assert held == [turn if turn < 8 else 4 + turn % 4 for turn in range(30)]


def test_what_is_remembered_is_what_was_seen_and_played() -> None:
    model = Model(obedient)
    play(TicTacToe(), [model, Model(obedient)], 4, harness=harness(10))
    now = [one.messages[-1].content.split("\n\nActions:")[0] for one in model.asked]
    last = model.asked[-1].messages
    assert [one.content for one in last if one.role == "user"][:-1] == now[:-1]


def test_a_decision_that_went_wrong_is_told_with_what_was_played_instead() -> None:
    def stubborn(request: Request, number: int) -> str:
        return "I refuse" if number < 2 else obedient(request, number)

    model = Model(stubborn)
    play(Tetris(), [model], 3, harness=harness(5))
    assert "Your last answer was not taken" in model.asked[1].messages[-1].content
    told = model.asked[2].messages[-1].content
    assert told.startswith("Your answer was no action, so `press wait` was played instead.")
    assert "Your answer was" not in model.asked[3].messages[-1].content
    assert model.asked[3].messages[3].content.startswith("Your answer was no action")


@pytest.mark.parametrize("keep", ["window", "block"])
def test_a_token_bound_is_kept(keep: Mode) -> None:
    model = Model(obedient)
    play(Tetris(), [model], 20, harness=harness(15, keep, tokens=800))
    sizes = [sum(len(one.content) for one in r.messages[1:-1]) / 2 for r in model.asked]
    assert max(sizes) <= 800
    assert max(sizes) > 400


def test_prompts_grow_at_their_end() -> None:
    """Blocks: the prompt of a turn begins with most of the one before."""
    model = Model(obedient)
    play(Tetris(), [model], 30, harness=harness(10, "block"))
    texts = ["".join(f"[{m.role}]{m.content}" for m in one.messages) for one in model.asked]
    shares = []
    for one, after in pairwise(texts):
        same = next((i for i, (a, b) in enumerate(zip(one, after, strict=False)) if a != b), 0)
        shares.append(same / len(one))
    assert sorted(shares)[len(shares) // 5] > 0.8
    assert sum(share < 0.8 for share in shares) <= 4


def test_reflection_is_a_call_of_its_own_and_its_lesson_is_shown() -> None:
    model = Model(obedient)
    play(Tetris(), [model], 5, harness=harness(3, every=2))
    assert model.purposes() == ["act", "act", "reflect", "act", "act", "reflect", "act"]
    acts = [one.messages[-1].content for one in model.asked if one.purpose == "act"]
    lessons = [text.partition("What you have learned: ")[2].split("\n")[0] for text in acts]
    assert lessons == ["", "", "reflect 2", "reflect 2", "reflect 5"]
    second = model.asked[5].messages[-1].content
    assert "What you had learned so far: reflect 2" in second


def test_a_failed_reflection_leaves_the_old_lesson() -> None:
    def failing(request: Request, number: int) -> str:
        return "FAIL" if request.purpose == "reflect" else obedient(request, number)

    model = Model(failing)
    play(Tetris(), [model], 3, harness=harness(3, every=1))
    assert model.purposes() == ["act", "reflect", "act", "reflect", "act"]
    assert "learned:" not in model.asked[-1].messages[-1].content


def test_turning_a_module_off_removes_its_calls() -> None:
    for settings, purposes in (
        (harness(), {"act"}),
        (harness(5), {"act"}),
        (harness(5, every=1), {"act", "reflect"}),
        (harness(5, every=1, describe=True), {"act", "reflect"}),
    ):
        model = Model(obedient)
        play(Tetris(), [model], 4, harness=settings)
        assert set(model.purposes()) == purposes
    model = Model(obedient)
    play(Tetris(), [model], 3, harness=harness(2, describe=True), observation="image")
    assert model.purposes() == ["describe", "act"] * 3


def test_a_described_image_is_words_from_then_on() -> None:
    model = Model(obedient)
    play(Tetris(), [model], 3, harness=harness(5, describe=True), observation="image")
    for one in model.asked:
        assert bool(one.messages[-1].images) == (one.purpose == "describe")
    last = [one.content for one in model.asked[-1].messages]
    assert last[1] == "describe 0"
    assert last[3] == "describe 2"
    assert last[5].startswith("describe 4\n\nActions:")


@pytest.mark.parametrize("observation", ["text", "image", "both"])
def test_only_the_turn_that_is_asked_about_carries_an_image(observation: str) -> None:
    model = Model(obedient)
    play(Tetris(), [model], 4, harness=harness(3), observation=observation)
    for one in model.asked:
        counts = [len(message.images) for message in one.messages]
        assert sum(counts) == counts[-1] == int(observation != "text")
        assert ("level 1" in one.messages[-1].content) == (observation != "image")


@pytest.mark.parametrize("scale", [1, 3])
def test_images_are_enlarged_by_a_whole_factor(scale: int) -> None:
    model = Model(obedient)
    play(Tetris(), [model], 1, observation="image", scale=scale)
    picture = Tetris()
    picture.reset(1)
    assert model.asked[0].messages[-1].images == (picture.observe(0).picture.scaled(scale).png(),)
    with pytest.raises(ConfigError, match=r"agent\.scale"):
        play(Tetris(), [model], 1, scale=0)


def test_replies_are_held_to_what_is_legal_where_the_backend_can() -> None:
    for structured, game, held in (
        ("choice", Tetris(actions="placements"), "choices"),
        ("choice", Tetris(actions="all"), "grammar"),
        ("off", Tetris(), ""),
    ):
        model = Model(obedient, structured=structured)
        play(game, [model], 1)
        asked = model.asked[0]
        assert bool(asked.choices) == (held == "choices")
        assert bool(asked.grammar) == (held == "grammar")


def test_other_models_can_describe_and_reflect() -> None:
    settings = harness(3, every=1, describe=True)
    settings["perception"] = {"describe": True, "model": "eyes"}
    settings["reflection"] = {"every": 1, "model": "coach"}
    model = Model(obedient)
    play(Tetris(), [model], 2, harness=settings, observation="image")
    assert [(one.purpose, one.model) for one in model.asked] == [
        ("describe", "eyes"),
        ("act", ""),
        ("describe", "eyes"),
        ("reflect", "coach"),
        ("act", ""),
    ]


def test_a_continued_match_remembers_and_has_learned_the_same(tmp_path: Path) -> None:
    settings = harness(3, "block", every=2, describe=True)

    def numbered(request: Request, number: int) -> str:
        if request.purpose == "act":
            return obedient(request, number)
        return f"{request.purpose} of {len(request.messages[-1].content)} {digest(request)}"

    whole, path = Model(numbered), tmp_path / "log"
    play(Tetris(), [whole], 9, harness=settings, observation="image")
    first = Model(numbered)
    play(Tetris(), [first], 9, path, harness=settings, observation="image")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]))
    second = Model(numbered)
    play(Tetris(), [second], 9, path, harness=settings, observation="image")
    done = sum(len(one.tries[-1].calls) for one in read(path).played[:5])
    assert second.asked == whole.asked[done:]


def test_prompts_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "ask.md").write_text("Moves {choices}!{feedback}{advice}")
    model = Model(lambda request, number: "press wait")
    play(Tetris(), [model], 1, prompts=str(tmp_path))
    assert "\n\nMoves place 0 0, " in model.asked[0].messages[-1].content
    ours, own = LlmAgent.prompt_hash({}), LlmAgent.prompt_hash({"prompts": str(tmp_path)})
    assert ours != own


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("ask.md", "{choises}", r"unknown placeholder \{choises\}; known here: \{advice\}"),
        ("turn.md", "x", "unknown prompt"),
        ("describe.md", "{rules}", "known here: none"),
        ("notes.txt", "x", "holds none of"),
    ],
)
def test_prompt_files_that_cannot_be_used(name: str, text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=says):
        LlmAgent.prompt_hash({"prompts": str(tmp_path)})
    with pytest.raises(ConfigError, match="no such folder"):
        LlmAgent.prompt_hash({"prompts": str(tmp_path / "nowhere")})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"memory": {"lsat": 3}},
            "unknown setting 'agent.harness.memory.lsat'; did you mean 'last'",
        ),
        ({"memori": {}}, "did you mean 'memory'"),
        ({"memory": {"last": -1}}, "greater than or equal to 0"),
        ({"memory": {"keep": "all"}}, "agent.harness.memory.keep='all'"),
        ({"reflection": {"every": 1}}, "needs something to reflect on"),
    ],
)
def test_harness_settings_that_cannot_be_used(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        LlmAgent(Seating(Tetris.spec, 0, 1, Model(obedient)), harness=settings)


def test_two_heads_play_on_while_the_plan_is_made() -> None:
    release = asyncio.Event()

    class Slow(Model):
        async def complete(self, request: Request) -> Call:
            if request.purpose == "plan":
                self.asked.append(request)
                number = sum(one.purpose == "plan" for one in self.asked) - 1
                await release.wait()
                timing = Timing(0.0, 9.0, first_token=9.0, last_token=9.0, chunks=(9.0,))
                return Call("m", "", f"plan {number}", timing, finish="stop", purpose="plan")
            if sum(one.purpose == "act" for one in self.asked) == 3:
                release.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return await super().complete(request)

    model = Slow(obedient)
    game = Tetris()
    player = DeliberateAgent(Seating(game.spec, 0, 1, model), planner="slow")
    world = World(game, 0)

    async def play() -> list[tuple[str, ...]]:
        found = []
        for _ in range(6):
            world.offer(lambda seat: None)
            turn = world.turns[0]
            decision = await player.decide(turn)
            assert decision.action is not None
            world.land({0: decision.action})
            player.remember(turn, decision.action, "ok", decision.calls)
            found.append(tuple(call.purpose for call in decision.calls))
        await player.close()
        return found

    purposes = asyncio.run(play())
    # One plan at a time; it stands with the first decision that was shown it.
    assert purposes[:4] == [("act",)] * 4
    assert purposes[4] == ("plan", "act")
    acts = [one.messages[-1].content for one in model.asked if one.purpose == "act"]
    assert ["Your plan: plan 0" in text for text in acts[:5]] == [False] * 4 + [True]
    plans = [one for one in model.asked if one.purpose == "plan"]
    assert {one.model for one in plans} == {"slow"}
    assert "Your plan so far: plan 0" in plans[1].messages[-1].content


def test_a_plan_is_found_again_when_a_match_is_continued() -> None:
    model = Model(obedient)
    player = DeliberateAgent(Seating(Tetris.spec, 0, 1, model))
    world = World(Tetris(), 0)
    world.offer(lambda seat: None)
    timing = Timing(0.0, 1.0)
    plan = Call("m", "", "go left", timing, finish="stop", purpose="plan")
    player.remember(world.turns[0], "press wait", "ok", (plan,))

    async def ask() -> None:
        await player.decide(world.turns[0])
        await player.close()

    asyncio.run(ask())
    act = next(one for one in model.asked if one.purpose == "act")
    assert "Your plan: go left" in act.messages[-1].content


@pytest.mark.parametrize("settings", [{"plan_tokens": 0}, {"planner": 3}])
def test_planner_settings_that_cannot_be_used(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"agent\.plan"):
        DeliberateAgent(Seating(Tetris.spec, 0, 1, Model(obedient)), **settings)  # type: ignore[arg-type] # that is the point
