"""One request on its way through the server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from lmgame.serving.reply import Finish, Request

State = Literal["waiting", "prefill", "ready", "decode", "ended"]


@dataclass(frozen=True, slots=True)
class Text:
    """Text that may be shown to the client; can be empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The reply is complete."""

    finish: Finish


@dataclass(frozen=True, slots=True)
class Failed:
    """The reply cannot be completed.

    Attributes:
        message: What happened.
        status: HTTP status that says whose fault it is.
        code: What a program knows it by.
        retry_after_s: Whole seconds after which to try again; None where that is not
            said.
    """

    message: str
    status: int = 503
    code: str | None = None
    retry_after_s: int | None = None


Event = Text | Done | Failed


@dataclass(slots=True)
class Stages:
    """Where a reply's time went, in seconds; attempts add up.

    Attributes:
        prefill_queue: From arrival to the start of the prefill, slab and slot included.
        prefill: Until the first token.
        transfer: Copying the KV state out and in.
        decode_queue: Between the two copies.
        decode: From the state's arrival to the last token.
    """

    prefill_queue: float = 0.0
    prefill: float = 0.0
    transfer: float = 0.0
    decode_queue: float = 0.0
    decode: float = 0.0

    def to_json(self) -> dict[str, float]:
        """Microsecond resolution, as ``<stage>_s``."""
        return {
            "prefill_queue_s": round(self.prefill_queue, 6),
            "prefill_s": round(self.prefill, 6),
            "transfer_s": round(self.transfer, 6),
            "decode_queue_s": round(self.decode_queue, 6),
            "decode_s": round(self.decode, 6),
        }


@dataclass(slots=True, eq=False)
class Job:
    """A request, its reply so far and what it holds.

    Attributes:
        number: Identifies it in messages to workers.
        request: What is wanted.
        client: Whose it is, for fairness.
        mode: How it is served.
        deadline: When the reply is of no use any more, in monotonic seconds.
        events: What the HTTP handler reads; ends with Done or Failed.
        state: Which queue or worker it is in.
        tokens: The reply's tokens so far.
        cached: Tokens of the prompt that its first worker knew already.
        due: Tokens of the prompt that are to be run yet.
        completion_tokens: Tokens that the model chose.
        forced_tokens: Tokens that the constraint left no choice about.
        attempts: How often it was dispatched to a first worker.
        arrived: When it came, in monotonic seconds.
        mark: When its current stage began.
        finish: Why its last token ended it.
        prefill_worker: Where it was prefilled.
        decode_worker: Where its further tokens are made.
        slab: The slab it holds.
        worker: The worker process it is in, by its unique name.
        slot: Its slot there.
        exported: What a decode worker needs to know of its state; None until there is
            one.
        cancelled: Nobody waits for it any more.
        late: Its deadline has passed.
        alarm: Goes off at its deadline.
    """

    number: int
    request: Request
    client: str = ""
    mode: str = ""
    deadline: float | None = None
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)
    state: State = "waiting"
    tokens: list[int] = field(default_factory=list)
    cached: int = 0
    due: int = 0
    completion_tokens: int = 0
    forced_tokens: int = 0
    attempts: int = 0
    stages: Stages = field(default_factory=Stages)
    arrived: float = field(default_factory=time.monotonic)
    mark: float = field(default_factory=time.monotonic)
    finish: Finish | None = None
    prefill_worker: int | None = None
    decode_worker: int | None = None
    slab: int | None = None
    worker: str | None = None
    slot: int = 0
    exported: dict[str, Any] | None = None
    cancelled: bool = False
    late: bool = False
    alarm: asyncio.TimerHandle | None = None

    @property
    def given_up(self) -> bool:
        """Whether no more work is to be put into it."""
        return self.cancelled or self.late

    def to_json(self) -> dict[str, Any]:
        """The ``lmgame`` object of a response."""
        return {
            "stages": self.stages.to_json(),
            "prefill_worker": self.prefill_worker,
            "decode_worker": self.decode_worker,
            "attempts": self.attempts,
            "forced_tokens": self.forced_tokens,
            "mode": self.mode,
        }
