from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lmgame import compose, config
from lmgame.backend_settings import OpenAIBackend
from lmgame.client import Failure, Usage
from lmgame.price import Price, find, from_backend, of_call, of_calls
from tests.table import call

NANO = Price("gpt-5.4-nano*", input=0.20, cached_input=0.02, output=1.25)
PLAIN = Price("*", input=1.0, output=4.0)
COUNTS = st.integers(0, 1_000_000)


def cost(usage: Usage, *prices: Price, model: str = "gpt-5.4-nano") -> float | None:
    return of_call(replace(call(), usage=usage, model=model), prices)


def test_the_first_pattern_that_fits_counts() -> None:
    assert find([NANO, PLAIN], "gpt-5.4-nano-2026-03-05") == NANO
    assert find([NANO, PLAIN], "gpt-5.4") == PLAIN
    assert find([NANO], "gpt-5.4") is None
    assert find([replace(PLAIN, model="GPT*")], "gpt-5.4") is None  # names have one spelling


def test_cached_input_is_cheaper_where_a_price_says_so() -> None:
    assert cost(Usage(1_000_000, 0), NANO) == pytest.approx(0.20)
    assert cost(Usage(1_000_000, 0, cached=1_000_000), NANO) == pytest.approx(0.02)
    assert cost(Usage(1_000_000, 0, cached=1_000_000), PLAIN) == pytest.approx(1.0)
    assert cost(Usage(0, 1_000_000, reasoning=900_000), NANO) == pytest.approx(1.25)


def test_what_is_not_known_is_never_zero() -> None:
    assert cost(Usage(10, 10)) is None
    assert cost(Usage(), NANO) is None
    assert cost(Usage(10, None), NANO) is None
    assert cost(Usage(0, 0), NANO) == 0.0


def test_the_servers_own_word_comes_first() -> None:
    assert cost(Usage(10, 10, usd=0.5), NANO) == 0.5
    assert cost(Usage(usd=0.5)) == 0.5


@pytest.mark.parametrize(
    ("kind", "known"),
    [("status", 0.0), ("connect", 0.0), ("timeout", None), ("disconnect", None)],
)
def test_a_call_that_no_model_has_read_cost_nothing(kind: str, known: float | None) -> None:
    failed = replace(call(), usage=Usage(), failure=Failure(kind, "no"))  # type: ignore[arg-type]  # a kind
    assert of_call(failed, [PLAIN]) == known


@given(COUNTS, COUNTS, COUNTS)
def test_against_a_sum_over_single_tokens(prompt: int, cached: int, completion: int) -> None:
    cents = (prompt - min(cached, prompt)) * 20 + min(cached, prompt) * 2 + completion * 125
    found = cost(Usage(prompt, completion, cached=cached), NANO)
    assert found == pytest.approx(cents / 100 / 1e6, abs=1e-12)


def test_a_sum_says_how_much_of_it_is_unknown() -> None:
    good = replace(call(), usage=Usage(1_000_000, 0))
    lost = replace(call(), usage=Usage(), failure=Failure("timeout", "slow"))
    assert of_calls([good, good, lost], [PLAIN]).usd == pytest.approx(2.0)
    assert of_calls([good, good, lost], [PLAIN]).unknown == 1
    assert of_calls([good, lost], []).usd is None
    assert of_calls([], [PLAIN]).to_json() == {"usd": None, "known": 0, "unknown": 0, "prices": []}


def test_prices_survive_the_log() -> None:
    settings = config.load(["backend=openai", "backend.model=gpt-5.4-nano"])
    prices = from_backend(settings.backend.model_dump(mode="json"))
    found = find(prices, "gpt-5.4-nano-2026-03-05")
    assert found is not None
    assert (found.input, found.cached_input, found.output) == (0.20, 0.02, 1.25)


def test_every_price_has_its_day_and_its_source() -> None:
    for preset in compose.options("backend"):
        if preset in ("any", "embedded"):
            continue
        settings = config.load([f"backend={preset}", "backend.model=m"]).backend
        assert isinstance(settings, OpenAIBackend)
        for one in settings.prices:
            assert date.fromisoformat(one.date) >= date(2026, 1, 1), preset
            assert re.match(r"https://", one.source), preset
            assert one.cached_input is None or one.cached_input <= one.input


def test_presets_write_their_days_in_quotes() -> None:
    """YAML readers disagree on what a bare day is."""
    from importlib.resources import files

    for preset in compose.options("backend"):
        plain = yaml.safe_load((files("lmgame.configs") / "backend" / f"{preset}.yaml").read_text())
        assert all(isinstance(one["date"], str) for one in plain.get("prices") or ())
