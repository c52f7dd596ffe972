from __future__ import annotations

import pytest

from lmgame import compose, config, registry
from lmgame.errors import ConfigError, LmgameError, NameNotFound
from lmgame.run import Run
from lmgame.settings import Settings


def refusal(*overrides: str) -> str:
    """The message that some overrides are refused with."""
    with pytest.raises(LmgameError) as caught:
        config.load(overrides)
    return str(caught.value)


MUST_BE_SAID = {
    "game=ace_attorney": ["game.integration=folder"],
    "agent=outside": ["agent.command=[python3,agent.py]"],
}


@pytest.mark.parametrize(
    "group", ["game", "agent", "harness", "backend", "clock", "slo", "experiment"]
)
def test_every_preset_composes_and_is_checked(group: str) -> None:
    presets = [name for name in compose.options(group) if name != "any"]
    assert presets
    for name in presets:
        if group == "experiment" and name != "demo":
            continue  # tests/test_sweep.py composes those of other commands
        model = ["backend.model=m"] if group == "backend" and name != "embedded" else []
        assert config.load([f"{group}={name}", *MUST_BE_SAID.get(f"{group}={name}", model)])


def test_what_a_user_writes_wins_over_a_preset() -> None:
    assert config.load(["experiment=demo"]).episodes > 1
    assert config.load(["experiment=demo", "episodes=1"]).episodes == 1


def test_games_are_named_in_snake_case_or_by_id() -> None:
    assert config.load(["game=tetris"]).game.id == "Tetris-v1"
    assert config.load(["game=tetris_versus"]).game.id == "TetrisVersus-v1"
    assert config.load(["game=TetrisVersus-v1"]).game.id == "TetrisVersus-v1"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("game=tetriss", "unknown game 'tetriss'; did you mean 'tetris'"),
        ("agent=grredy", "unknown agent 'grredy'; did you mean 'greedy'?"),
        ("backend=embeded", "unknown backend 'embeded'; did you mean 'embedded'?"),
        ("clock=pause", "unknown clock 'pause'; did you mean 'paused'?"),
        ("game.levl=3", "unknown setting 'game.levl'; did you mean 'game.level'"),
        ("+game=tetriss", "unknown game 'tetriss'; did you mean 'tetris'"),
        ("~epsiodes", "unknown setting 'epsiodes'; did you mean 'episodes'"),
        ("+slo.ttft=2", "unknown setting 'slo.ttft'; did you mean 'slo.ttft_s'"),
        ("epsiodes=3", "unknown setting 'epsiodes'; did you mean 'episodes'"),
        ("+backend.slotz=3", "unknown setting 'backend.slotz'; did you mean 'backend.slots'"),
        ("seed=abc", "seed='abc': Input should be a valid integer"),
        ("seed=1.5", "seed=1.5: Input should be a valid integer"),
        ("seed=-1", "seed=-1"),
        ("episodes=0", "episodes=0"),
        ("slo.ttft_s=-1", "slo.ttft_s=-1: write seconds above 0, usual, or null"),
        ("slo.ttft_s=nan", "slo.ttft_s"),
        ("backend.mode=split", "backend.mode='split'"),
        ("backend.port=99999", "backend.port=99999"),
        ("policy.then=resign", "policy.then='resign'"),
        ("agents=[llm", "cannot read 'agents=[llm'"),
        ("nonsense", "cannot read 'nonsense': write KEY=VALUE"),
        ("backend=anthropc", "unknown backend 'anthropc'; did you mean 'anthropic'?"),
        ("backend=llama.cpp", "unknown backend 'llama.cpp'; did you mean 'llamacpp'"),
        ("budget.usd=0", "budget.usd=0"),
        ("budget.tokns=5", "unknown setting 'budget.tokns'; did you mean 'budget.tokens'"),
        ("backend=openai", "backend.model has no value: write backend.model=VALUE"),
    ],
)
def test_a_mistake_is_named_with_what_would_do(override: str, message: str) -> None:
    found = refusal(override)
    assert found.startswith(message)
    assert "\n" not in found


@pytest.mark.parametrize(
    "override",
    [
        "backend.key_env=sk-secret-1",
        "backend.key_env='a key with spaces sk-secret-1'",
        "backend.base_url=http://user:sk-secret-1@host/v1",
        "+backend.api_key=sk-secret-1",
        "backend.api_key=sk-secret-1",
        "backend.api_key=[sk-secret-1",
    ],
)
def test_a_key_that_was_written_in_the_wrong_place_is_not_repeated(override: str) -> None:
    assert "sk-secret-1" not in refusal("backend=openai", "backend.model=m", override)


def test_a_url_must_be_one() -> None:
    for url in ("localhost:8000", "ftp://host/v1", "http://"):
        with pytest.raises(ConfigError, match="http://HOST:PORT"):
            config.load(["backend=openai", "backend.model=m", f"backend.base_url={url}"])


def test_settings_of_the_llm_reach_only_seats_that_have_them() -> None:
    overrides = ["game=tetris_versus", "agents=[llm,greedy]", "agent.temperature=0.5"]
    settings = config.load(overrides)
    assert config.entrant(settings, "llm", overrides, "config").agent.settings["temperature"] == 0.5
    assert config.entrant(settings, "greedy", overrides, "config").agent.settings == {}


def test_settings_reach_an_agent_that_is_not_the_default() -> None:
    overrides = ["agent=random", "agents=[llm,random]"]
    settings = config.load(overrides)
    assert config.entrant(settings, "llm", overrides, "config").agent.settings["max_tokens"] == 32


def test_an_agent_without_settings_says_so() -> None:
    with pytest.raises(ConfigError, match="random has no setting 'foo'; it has none"):
        registry.agents.make("random", {"foo": 1})


def test_an_unknown_agent_in_a_list_is_named() -> None:
    settings = config.load(["agents=[llm,gredy]"])
    with pytest.raises(NameNotFound, match="did you mean 'greedy'"):
        config.entrant(settings, "gredy", [], "config")


def preferred(*overrides: str) -> Settings:
    return config.as_preferred(config.load(overrides), overrides)


def test_a_person_has_time_that_runs_and_keys_that_suit_unless_told_otherwise() -> None:
    found = preferred("game=tetris", "agent=human")
    assert (found.clock.kind, found.max_decisions, found.anchors) == ("realtime", None, ())
    assert found.game.arguments["actions"] == "all"
    told = ("clock=paused", "max_decisions=9", "anchors=[random]", "game.actions=inputs")
    found = preferred("game=tetris", "agent=human", *told)
    assert (found.clock.kind, found.max_decisions, found.anchors) == ("paused", 9, ("random",))
    assert found.game.arguments["actions"] == "inputs"


def test_a_person_in_one_of_two_seats_is_asked_too() -> None:
    found = preferred("game=race", "game.of=tetris", "agents=[greedy,human]")
    assert found.clock.kind == "realtime"
    assert found.game.arguments["arguments"] == {"actions": "all"}
    # A game without time has none that could run.
    assert preferred("game=chess", "agents=[human,greedy]").clock.kind == "paused"
    assert preferred("game=race", "game.of=sokoban", "agents=[human,llm]").clock.kind == "paused"


def test_other_agents_prefer_nothing() -> None:
    assert preferred("agent=random") == config.load(["agent=random"])


def test_rate_limits_can_be_set_for_both_kinds_of_backend_and_change_no_match() -> None:
    limits = ["requests_per_minute=60", "tokens_per_minute=1000", "streams=4"]
    given = {f"backend.{one}" for one in limits}
    any_ = ["backend=any", "backend.base_url=http://h/v1", "backend.model=m"]
    for backend in (["backend=embedded"], any_):
        free, held = config.load(backend), config.load([*backend, *given])
        assert (free.backend.requests_per_minute, free.backend.streams) == (None, None)
        rate = held.backend
        assert (rate.requests_per_minute, rate.tokens_per_minute, rate.streams) == (60, 1000, 4)
        keys = {Run(one).plan()[0].header.match for one in (free, held)}
        assert len(keys) == 1
        for one in limits:
            with pytest.raises(ConfigError, match=one.partition("=")[0] + "=0: "):
                config.load([*backend, f"backend.{one.partition('=')[0]}=0"])
