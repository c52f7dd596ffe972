"""Rate limits: never too much in any minute, first come first served, nothing lost."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import selectors
from collections.abc import Callable, Coroutine
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.backend import BackendClient, endpoint_of
from lmgame.backend_settings import OpenAIBackend
from lmgame.budget import Budget, Purse
from lmgame.client import Call, Message, Request, Usage
from lmgame.client.limit import WINDOW_S, Limiter, Rate, estimate, used
from lmgame.testing import Reply, ScriptedServer

T = TypeVar("T")


class Skipping(selectors.SelectSelector):
    """Passes waiting times at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits, and nothing will happen"
        self.now += timeout
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is simulated: it never waits, and is deterministic."""

    def __init__(self) -> None:
        self.skipping = Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        return self.skipping.now


def simulate(play: Callable[[Callable[[], float]], Coroutine[object, object, T]]) -> T:
    """Run a coroutine function, which is given the clock, in simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        loop = runner.get_loop()
        return runner.run(play(loop.time))


class Asked(NamedTuple):
    """A call: when it is wanted, its estimate, what it really takes, its seconds, patience."""

    at: float
    tokens: int
    uses: int | None
    seconds: float
    patience: float | None = None


class Seen(NamedTuple):
    """A call that was let go: its number, when, when it was over."""

    number: int
    at: float
    end: float


class Watched(NamedTuple):
    """What happened: calls in the order they went, and came; the limiter at the end."""

    seen: list[Seen]
    came: list[int]
    limiter: Limiter


def play(rate: Rate, asked: list[Asked]) -> Watched:
    async def run(now: Callable[[], float]) -> Watched:
        limiter = Limiter(rate, now)
        seen: list[Seen] = []
        came: list[int] = []

        async def call(number: int, one: Asked) -> None:
            await asyncio.sleep(one.at - now())
            came.append(number)
            async with asyncio.timeout(one.patience):
                permit = await limiter.take(one.tokens)
            place = len(seen)
            seen.append(Seen(number, now(), now()))
            await asyncio.sleep(one.seconds)
            seen[place] = Seen(number, seen[place].at, now())
            limiter.end(permit, one.uses)

        await asyncio.gather(
            *(call(number, one) for number, one in enumerate(asked)), return_exceptions=True
        )
        return Watched(seen, came, limiter)

    return simulate(run)


def times(most: float) -> st.SearchStrategy[float]:
    return st.integers(0, int(most * 8)).map(lambda eighth: eighth / 8)


CALLS = st.lists(
    st.builds(
        Asked,
        at=times(150),
        tokens=st.integers(0, 60),
        uses=st.none() | st.integers(0, 60),
        seconds=times(90),
        patience=st.none() | times(100).map(lambda seconds: seconds + 0.03),
    ),
    max_size=20,
)
FEW = settings(max_examples=60, deadline=None)
RATES = st.builds(
    Rate,
    requests_per_minute=st.none() | st.integers(1, 6),
    tokens_per_minute=st.none() | st.integers(1, 150),
    streams=st.none() | st.integers(1, 5),
)


@FEW
@given(RATES, CALLS)
def test_no_minute_sees_more_requests_and_no_moment_more_streams(
    rate: Rate, asked: list[Asked]
) -> None:
    seen, _, limiter = play(rate, asked)
    for one in seen:
        if rate.requests_per_minute is not None:
            minute = [other for other in seen if one.at <= other.at < one.at + WINDOW_S]
            assert len(minute) <= rate.requests_per_minute
        if rate.streams is not None:
            # A call of no length may end, and the next begin, at the very same moment.
            before = [other for other in seen if other.at < one.at < other.end]
            beside = [other for other in seen if other.at <= one.at < other.end]
            assert len(before) < rate.streams
            assert len(beside) <= rate.streams
    assert (limiter.waiting, limiter.under_way) == (0, 0)


@FEW
@given(RATES, CALLS)
def test_no_minute_sees_more_tokens_than_were_known_of(rate: Rate, asked: list[Asked]) -> None:
    most = rate.tokens_per_minute
    if most is None:
        return
    seen = play(rate, asked).seen
    for place, one in enumerate(seen):
        before = 0
        for other in seen[:place]:
            if other.at + WINDOW_S > one.at:
                said = asked[other.number]
                # A call that ends at this very moment may or may not have told yet.
                known = other.end < one.at and said.uses is not None
                told = said.uses if said.uses is not None else said.tokens
                before += told if known else min(told, said.tokens)
        assert before == 0 or before + asked[one.number].tokens <= most


@FEW
@given(RATES, CALLS)
def test_first_come_first_served(rate: Rate, asked: list[Asked]) -> None:
    seen, came, _ = play(rate, asked)
    places = [came.index(one.number) for one in seen]
    assert places == sorted(places)


@FEW
@given(CALLS)
def test_without_a_wait_nothing_is_held_back(asked: list[Asked]) -> None:
    seen = play(Rate(requests_per_minute=100, tokens_per_minute=10_000, streams=100), asked).seen
    assert sorted(one.number for one in seen) == [*range(len(asked))]
    assert all(one.at == asked[one.number].at for one in seen)


@FEW
@given(RATES, CALLS)
def test_the_limits_are_used_up_before_anybody_waits(rate: Rate, asked: list[Asked]) -> None:
    """The next in line waits only while one of the limits is reached."""
    patient = [one._replace(patience=None, uses=None) for one in asked]
    seen = play(rate, patient).seen
    assert len(seen) == len(asked)
    for place, one in enumerate(seen):
        wanted = max([patient[one.number].at, *(other.at for other in seen[:place])])
        if one.at <= wanted + 0.002:
            continue
        moment = one.at - 0.002  # just before it was let go; alarms are in whole milliseconds
        minute = [o for o in seen[:place] if o.at + WINDOW_S > moment]
        tokens = sum(patient[o.number].tokens for o in minute)
        assert (
            len(minute) == rate.requests_per_minute
            or (
                rate.tokens_per_minute is not None
                and tokens + patient[one.number].tokens > rate.tokens_per_minute
            )
            or sum(o.end > moment for o in seen[:place]) == rate.streams
        )


def test_a_burst_is_followed_by_a_minute_of_nothing() -> None:
    seen = play(Rate(requests_per_minute=3), [Asked(0, 1, None, 0)] * 7).seen
    assert [one.at for one in seen] == pytest.approx([0, 0, 0, 60, 60, 60, 120])


def test_the_servers_count_corrects_the_estimate() -> None:
    rate = Rate(tokens_per_minute=100)
    frugal = [Asked(0, 90, 10, 1), Asked(2, 90, 10, 1), Asked(4, 90, 10, 1)]
    assert [one.at for one in play(rate, frugal).seen] == pytest.approx([0, 2, 60])
    greedy = [Asked(0, 10, 100, 1), Asked(2, 10, 10, 1)]
    assert [one.at for one in play(rate, greedy).seen] == pytest.approx([0, 60])


def test_a_request_above_the_limit_goes_alone() -> None:
    asked = [Asked(0, 50, None, 0), Asked(1, 500, None, 0), Asked(2, 50, None, 0)]
    seen = play(Rate(tokens_per_minute=100), asked).seen
    assert [one.at for one in seen] == pytest.approx([0, 60, 120])


def test_a_small_request_does_not_overtake_a_large_one() -> None:
    asked = [Asked(0, 60, None, 0), Asked(1, 100, None, 0), Asked(2, 1, None, 0)]
    seen = play(Rate(tokens_per_minute=100), asked).seen
    assert [one.number for one in seen] == [0, 1, 2]


def test_who_gives_up_in_the_moment_of_its_turn_takes_nothing() -> None:
    async def run(now: Callable[[], float]) -> tuple[float, int]:
        limiter = Limiter(Rate(requests_per_minute=2, streams=1), now)
        first = await limiter.take(1)
        second = asyncio.create_task(limiter.take(1))
        await asyncio.sleep(0)
        limiter.end(first, None)  # the second's turn has come, but it has not run yet
        second.cancel()
        await limiter.take(1)
        assert second.cancelled()
        return now(), limiter.under_way

    assert simulate(run) == (0, 1)


def test_a_call_that_was_never_made_counts_no_more() -> None:
    async def run(now: Callable[[], float]) -> float:
        limiter = Limiter(Rate(requests_per_minute=1, tokens_per_minute=10), now)
        limiter.give_back(await limiter.take(10))
        await limiter.take(10)
        return now()

    assert simulate(run) == 0


def test_an_estimate_counts_text_images_and_the_whole_reply() -> None:
    text = Request([Message("user", "x" * 400)], max_tokens=32)
    assert estimate(text) == 100 + 4 + 32
    shown = Request([Message("user", "\ud800 é", (b"png",))], max_tokens=1)
    assert 1001 < estimate(shown) < 1010
    assert used(Usage(prompt=3, completion=4)) == 7
    assert used(Usage(completion=4)) == 4
    assert used(Usage()) is None


def served(rate: Rate, calls: int, purse: Purse | None = None) -> tuple[list[Call], int]:
    """Make calls at once through a backend's client; with the requests that arrived."""

    async def run(url: str) -> list[Call]:
        settings = OpenAIBackend(
            kind="openai", base_url=url, model="scripted", **dataclasses.asdict(rate)
        )
        client = BackendClient(settings, purse)
        client.open(endpoint_of(settings))
        try:
            request = Request([Message("user", "Which move?")], max_tokens=8)
            return await asyncio.gather(*(client.complete(request) for _ in range(calls)))
        finally:
            await client.close()

    with ScriptedServer(Reply("left", ttft_s=0.05)) as server:
        return asyncio.run(run(server.base_url)), len(server.requests)


def test_the_wait_counts_and_is_told() -> None:
    found, _ = served(Rate(streams=1), 4)
    queued = [call.timing.queued for call in found]
    assert queued == sorted(queued)
    assert queued[0] < queued[1]
    for before, call in itertools.pairwise(found):
        assert call.ttft_s is not None
        assert call.timing.sent is not None
        assert call.timing.queued <= call.timing.sent <= call.ttft_s
        # All four were intended together, and each began when the one before was over.
        done = before.timing.at + before.timing.end
        assert call.timing.at + call.timing.queued >= done - 0.001
    assert served(Rate(), 1)[0][0].timing.queued == 0.0


def test_a_budget_that_was_used_up_during_the_wait_is_kept() -> None:
    found, arrived = served(Rate(streams=1), 3, Purse(Budget(tokens=1)))
    kinds = [call.failure.kind if call.failure else None for call in found]
    assert kinds == [None, "budget", "budget"]
    assert arrived == 1
