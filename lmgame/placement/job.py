"""One call on its way through the simulated workers."""

from __future__ import annotations

from collections.abc import Callable

from lmgame.client.call import Call, Timing, Usage
from lmgame.placement.workload import Item

STAGES = ("prefill_queue", "prefill", "transfer", "decode_queue", "decode")
"""As the embedded backend names them."""


class Job:
    """A call and the moments of its life, in simulated seconds.

    Attributes:
        number: Its place among all calls.
        prompt: Tokens; likewise output.
        cached: Tokens of the prompt that its worker held already.
        arrived: When it was sent.
        started: When its prefill began.
        first: When its first token was there.
        exported: When its KV state was on its way out of the prefill worker.
        loading: When its decode worker began to take it in; loaded, when it had.
        end: When its last token was there.
    """

    __slots__ = (
        "arrived",
        "blocks",
        "cached",
        "end",
        "exported",
        "first",
        "item",
        "loaded",
        "loading",
        "number",
        "on_end",
        "output",
        "prompt",
        "started",
    )

    def __init__(self, number: int, item: Item, now: float) -> None:
        self.number = number
        self.item = item
        self.prompt, self.output, self.blocks = item.prompt, item.output, item.blocks
        self.cached = 0
        self.arrived = now
        self.started = self.first = self.exported = self.loading = self.loaded = -1.0
        self.end = -1.0
        self.on_end: Callable[[], object] | None = None

    @property
    def done(self) -> bool:
        """Whether it was served."""
        return self.end >= 0

    def stages(self) -> tuple[float, ...]:
        """Seconds in each of :data:`STAGES`."""
        queue, prefill = self.started - self.arrived, self.first - self.started
        if self.loaded < 0:
            return queue, prefill, 0.0, 0.0, self.end - self.first
        transfer = self.exported - self.first + self.loaded - self.loading
        waited = self.loading - self.exported
        return queue, prefill, transfer, waited, self.end - self.loaded

    def to_call(self, overhead_s: float = 0.0) -> Call:
        """What a client would have seen of it, to be judged as real calls are.

        Args:
            overhead_s: Time on the way to the first token that no worker spends.
        """
        first, last = self.first - self.arrived, self.end - self.arrived
        first, last = first + overhead_s, last + overhead_s
        chunks = (first,) if self.output == 1 else (first, last)
        return Call(
            model="simulated",
            prompt_digest="",
            reply="",
            timing=Timing(
                at=self.arrived,
                end=last,
                sent=0.0,
                first_token=first,
                last_token=last,
                chunks=chunks,
            ),
            usage=Usage(prompt=self.prompt, completion=self.output, cached=self.cached),
        )
