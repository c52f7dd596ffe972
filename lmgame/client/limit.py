"""Rate limits that we keep to ourselves: requests and tokens a minute, streams at once.

Whoever asks first goes first, also where a smaller request behind it would fit:
nobody starves. A minute is any 60 seconds, not one on the clock, and not what a
leaky bucket makes of it (aiolimiter lets a burst of a whole minute's requests and
those that leak meanwhile into the same 60 seconds, prefers small requests, and
cannot correct what was reserved): a server that counts in windows of any kind sees
no more than the limit.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from lmgame.client.call import Request, Usage

WINDOW_S = 60.0
BYTES_PER_TOKEN = 4
"""What OpenAI says of English; other languages take more bytes and more tokens."""
MESSAGE_TOKENS = 4
IMAGE_TOKENS = 1000
"""A guess: between 85 and 1,500 with the usual services, by size and detail."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The most that a server is asked for; None sets no limit.

    Attributes:
        requests_per_minute: Requests begun in any 60 seconds.
        tokens_per_minute: Tokens of the prompts and replies of those requests.
        streams: Requests under way at the same time.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    streams: int | None = None


UNLIMITED = Rate()


@dataclass(eq=False, slots=True)
class Permit:
    """Leave to make one call.

    Attributes:
        tokens: What it takes of the limit: an estimate, then what it was.
        until: When it no longer counts (the limiter's timer).
        counts: Whether it still does.
    """

    tokens: int
    until: float = 0.0
    counts: bool = False


class Limiter:
    """Says when each call may begin. It belongs to one event loop.

    A request that alone is more than the tokens of a minute may go when no other
    counts: only the server knows whether the estimate is right.

    Args:
        rate: The limits.
        timer: Monotonic seconds.
    """

    def __init__(self, rate: Rate, timer: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._timer = timer
        self._windowed = (rate.requests_per_minute, rate.tokens_per_minute) != (None, None)
        self._window: deque[Permit] = deque()  # those that count, oldest first
        self._tokens = 0  # of those
        self._open = 0
        self._queue: OrderedDict[Permit, asyncio.Future[None]] = OrderedDict()
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    @property
    def under_way(self) -> int:
        """How many have had it and are not over."""
        return self._open

    async def take(self, tokens: int) -> Permit:
        """Wait for leave to make a call; every permit must be ended or given back.

        Args:
            tokens: What the call may use at most, see :func:`estimate`.

        Raises:
            asyncio.CancelledError: The task was cancelled; it takes nothing then.
        """
        permit = Permit(tokens)
        if not self._queue and self._fits(permit):
            self._admit(permit)
            return permit
        turn = asyncio.get_running_loop().create_future()
        self._queue[permit] = turn
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._queue.pop(permit, None)
                self._serve()
            else:  # its turn came in the same moment
                self.give_back(permit)
            raise
        return permit

    def end(self, permit: Permit, tokens: int | None) -> None:
        """The call is over.

        Args:
            permit: Its permit.
            tokens: What it has used; None where nobody knows: the estimate stays.
        """
        self._open -= 1
        if tokens is not None:
            if permit.counts:
                self._tokens += tokens - permit.tokens
            permit.tokens = tokens
        self._serve()

    def give_back(self, permit: Permit) -> None:
        """The call was never made: it counts no more."""
        if permit.counts:
            self._window.remove(permit)
            self._tokens -= permit.tokens
            permit.counts = False
        self._open -= 1
        self._serve()

    def _fits(self, permit: Permit) -> bool:
        rate, window = self.rate, self._window
        if rate.streams is not None and self._open >= rate.streams:
            return False
        now = self._timer() if window else 0.0
        while window and window[0].until <= now:
            gone = window.popleft()
            gone.counts = False
            self._tokens -= gone.tokens
        return self._has_room(permit, len(window), self._tokens)

    def _has_room(self, permit: Permit, requests: int, tokens: int) -> bool:
        """Whether a request may follow so many with so many tokens."""
        rate = self.rate
        if rate.requests_per_minute is not None and requests >= rate.requests_per_minute:
            return False
        if rate.tokens_per_minute is None or tokens == 0:
            return True
        return tokens + permit.tokens <= rate.tokens_per_minute

    def _admit(self, permit: Permit) -> None:
        self._open += 1
        if self._windowed:
            permit.until, permit.counts = self._timer() + WINDOW_S, True
            self._window.append(permit)
            self._tokens += permit.tokens

    def _serve(self) -> None:
        """Let those in front go who may, and see to it that the next one is let go in time."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._queue:
            permit, turn = next(iter(self._queue.items()))
            if not turn.done() and not self._fits(permit):
                self._set_alarm(permit)
                return
            del self._queue[permit]
            if not turn.done():  # else it was cancelled just now
                self._admit(permit)
                turn.set_result(None)

    def _set_alarm(self, permit: Permit) -> None:
        """Look again when enough of the window has passed; a stream's end looks by itself."""
        if self.rate.streams is not None and self._open >= self.rate.streams:
            return
        requests, tokens = len(self._window), self._tokens
        for gone in self._window:
            requests, tokens = requests - 1, tokens - gone.tokens
            if self._has_room(permit, requests, tokens):
                # Never early: uvloop rounds to the nearest millisecond.
                wait_s = math.ceil(1e3 * (gone.until - self._timer())) / 1e3
                loop = asyncio.get_running_loop()
                self._alarm = loop.call_later(max(wait_s, 1e-3), self._serve)
                return


def estimate(request: Request) -> int:
    """What a call may use at most, about: its prompt by its length, and the whole reply."""
    prompt = sum(
        len(message.content.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN
        + MESSAGE_TOKENS
        + IMAGE_TOKENS * len(message.images)
        for message in request.messages
    )
    return prompt + request.max_tokens


def used(usage: Usage) -> int | None:
    """What a call has used by the server's count; None where it gives none."""
    if usage.prompt is None and usage.completion is None:
        return None
    return (usage.prompt or 0) + (usage.completion or 0)
