"""What the three kinds of worker do with an engine.

A prefill worker runs prompts and makes the first token of each reply. A decode
worker runs no prompt: it takes KV states in and makes all further tokens, in one
batch that sequences join and leave at any step. A colocated worker does both.

A reply that a dead worker had begun is computed again exactly as it was the first
time: its prompt in the same chunks, then its known tokens one step each. One prefill
of everything would be faster, but llama.cpp rounds a batch differently from single
steps, and the continuation of a greedy reply would differ.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from lmgame.errors import EngineError
from lmgame.serving.channel import Message, WorkerChannel
from lmgame.serving.engine import PREFILL_CHUNK, Engine, Logits, Step
from lmgame.serving.reply import Delta, Reply, Request
from lmgame.serving.slab import SlabMap

RoleName = Literal["prefill", "decode", "colocated"]
Schedule = Literal["prefill_first", "chunked"]


@dataclass(slots=True, eq=False)
class Sequence:
    """One reply in one slot.

    Attributes:
        id: The router's number for it.
        slot: Where its KV cache is.
        reply: Its state.
        fed: Tokens of prompt and reply that are in the KV cache.
        started: When its prefill began, in monotonic seconds.
    """

    id: int
    slot: int
    reply: Reply
    fed: int = 0
    started: float = 0.0

    @property
    def length(self) -> int:
        """Tokens of prompt and reply."""
        return len(self.reply.request.prompt) + len(self.reply.tokens)

    @property
    def opening(self) -> int:
        """Tokens before the first choice, which are prefilled: the same at every attempt."""
        return len(self.reply.request.prompt) + self.reply.forced_at_start

    def unfed(self, limit: int) -> list[int]:
        """Up to ``limit`` tokens of the opening that are not in the KV cache yet."""
        prompt, forced = self.reply.request.prompt, self.reply.forced_at_start
        if self.fed >= len(prompt):
            at = self.fed - len(prompt)
            return self.reply.tokens[at : min(at + limit, forced)]
        return (prompt[self.fed : self.fed + limit] + self.reply.tokens[:forced])[:limit]

    def next_unfed(self) -> int:
        """The first token that is not in the KV cache yet, once the prompt is."""
        return self.reply.tokens[self.fed - len(self.reply.request.prompt)]


class Role:
    """What all kinds share: taking in work, cancelling, prefilling, stepping.

    Args:
        engine: The model.
        channel: The router.
        slabs: Shared memory for KV states.
    """

    def __init__(self, engine: Engine, channel: WorkerChannel, slabs: SlabMap) -> None:
        self.engine = engine
        self.channel = channel
        self.slabs = slabs
        self.pending: deque[Sequence] = deque()
        self.active: dict[int, Sequence] = {}

    def run(self) -> None:
        """Work until the router goes away."""
        while True:
            self.receive()
            self.drop_cancelled()
            self.tick()

    def tick(self) -> None:
        """Do the next piece of work; called again and again."""
        raise NotImplementedError

    def begin(self, message: Message, sequence: Sequence) -> None:
        """Take in a sequence that the router sent."""
        raise NotImplementedError

    def receive(self) -> None:
        """Take in what arrived; wait only when there is nothing to do."""
        while True:
            message = self.channel.receive(wait=not (self.pending or self.active))
            if message is None:
                return
            if message["op"] == "start":
                request = Request.from_json(message["request"])
                reply = Reply(request, self.engine.vocabulary, message["tokens"])
                self.begin(message, Sequence(message["id"], message["slot"], reply))
            elif message["op"] == "cancel" and not self._holds(message["id"]):
                # It ended before the cancellation arrived.
                self.channel.cancelled.discard(message["id"])

    def _holds(self, number: int) -> bool:
        return number in self.active or any(number == item.id for item in self.pending)

    def drop_cancelled(self) -> None:
        """Free the sequences that nobody waits for any more."""
        cancelled = self.channel.cancelled
        if not cancelled:
            return
        for sequence in [*self.pending, *self.active.values()]:
            if sequence.id in cancelled:
                self.finish(sequence, "cancelled")

    def finish(self, sequence: Sequence, reason: str, error: str | None = None) -> None:
        """End a sequence and free its slot before the router hears of it."""
        self._forget(sequence)
        self.channel.send({"op": "done", "id": sequence.id, "finish": reason, "error": error})

    def _forget(self, sequence: Sequence) -> None:
        self.engine.free(sequence.slot)
        self.active.pop(sequence.id, None)
        if sequence in self.pending:
            self.pending.remove(sequence)
        self.channel.cancelled.discard(sequence.id)

    def prefill(self, sequence: Sequence, chunk: int) -> Logits | None:
        """Run one more chunk; the logits once everything before the first choice is in."""
        if sequence.fed == 0:
            sequence.started = time.monotonic()
        tokens = sequence.unfed(chunk)
        try:
            logits = self.engine.prefill(tokens, sequence.slot, sequence.fed)
        except EngineError as error:
            self.finish(sequence, "failed", str(error))
            return None
        sequence.fed += len(tokens)
        self.channel.send({"op": "prefilled", "id": sequence.id, "count": len(tokens)})
        return logits if sequence.fed == sequence.opening else None

    def first(self, sequence: Sequence, logits: Logits) -> None:
        """Make the first token, unless it is known already, and report the prefill."""
        known = sequence.length > sequence.opening
        delta = None if known else sequence.reply.next(logits)
        now = time.monotonic()
        report = {
            "op": "first",
            "id": sequence.id,
            "start": sequence.started,
            "end": now,
            "known": known,
        }
        made = [] if delta is None else [_deltas([(sequence, delta)], now)]
        self.channel.send(report, *made)

    def step(self) -> None:
        """One token for every active sequence."""
        batch = list(self.active.values())
        if not batch:
            return
        steps = [Step(item.slot, item.next_unfed(), item.fed) for item in batch]
        try:
            logits = self.engine.step(steps)
        except EngineError as error:
            for item in batch:
                self.finish(item, "failed", str(error))
            return
        made: list[tuple[Sequence, Delta]] = []
        for item, values in zip(batch, logits, strict=True):
            item.fed += 1
            # Tokens forced, or known from a worker that died, must pass through the model
            # too, but nothing is chosen there.
            if item.fed == item.length:
                made.append((item, item.reply.next(values)))
        if made:
            self.channel.send(_deltas(made, time.monotonic()))
        for item, _ in made:
            if item.reply.finish is not None:
                self.finish(item, item.reply.finish)


class PrefillRole(Role):
    """Runs prompts, one at a time, and exports their KV state."""

    def __init__(self, engine: Engine, channel: WorkerChannel, slabs: SlabMap) -> None:
        super().__init__(engine, channel, slabs)
        self._targets: dict[int, Message] = {}

    def begin(self, message: Message, sequence: Sequence) -> None:
        """Queue it; remember which slab its state goes to."""
        self._targets[sequence.id] = message
        self.pending.append(sequence)

    def tick(self) -> None:
        """Run one chunk of the oldest prompt."""
        if not self.pending:
            return
        sequence = self.pending[0]
        logits = self.prefill(sequence, PREFILL_CHUNK)
        if logits is None:
            return
        self.first(sequence, logits)
        if sequence.reply.finish is not None:
            self.finish(sequence, sequence.reply.finish)
        else:
            self._export(sequence)

    def finish(self, sequence: Sequence, reason: str, error: str | None = None) -> None:
        """End a sequence; its slab is not needed any more."""
        self._targets.pop(sequence.id, None)
        super().finish(sequence, reason, error)

    def _export(self, sequence: Sequence) -> None:
        target = self._targets.pop(sequence.id)
        start = time.monotonic()
        try:
            view = self.slabs.view(target["slab"], target["slab_size"])
            size = self.engine.export(sequence.slot, view)
        except (EngineError, OSError) as error:
            self.finish(sequence, "failed", str(error))
            return
        self._forget(sequence)
        end = time.monotonic()
        self.channel.send(
            {
                "op": "exported",
                "id": sequence.id,
                "bytes": size,
                "fed": sequence.fed,
                "start": start,
                "end": end,
            }
        )


class DecodeRole(Role):
    """Takes KV states in and makes tokens, all sequences in one batch."""

    def begin(self, message: Message, sequence: Sequence) -> None:
        """Load the sequence's state; its slab is free again at once."""
        if sequence.id in self.channel.cancelled:
            self.finish(sequence, "cancelled")
            return
        start = time.monotonic()
        sequence.fed = message["fed"]
        try:
            view = self.slabs.view(message["slab"], message["slab_size"])
            self.engine.load(sequence.slot, view, message["bytes"])
        except (EngineError, OSError) as error:
            self.finish(sequence, "failed", str(error))
            return
        self.active[sequence.id] = sequence
        end = time.monotonic()
        self.channel.send({"op": "loaded", "id": sequence.id, "start": start, "end": end})

    def tick(self) -> None:
        """Advance the batch."""
        self.step()


class ColocatedRole(Role):
    """Does both in one process, the baseline that the split is compared with.

    Args:
        engine: The model.
        channel: The router.
        slabs: Not used.
        schedule: ``prefill_first`` lets a new prompt stop all running replies until it
            is done; ``chunked`` alternates a decode step and a chunk.
        chunk: Tokens per chunk in ``chunked``.
    """

    def __init__(
        self,
        engine: Engine,
        channel: WorkerChannel,
        slabs: SlabMap,
        schedule: Schedule,
        chunk: int,
    ) -> None:
        super().__init__(engine, channel, slabs)
        self._schedule = schedule
        self._chunk = chunk if schedule == "chunked" else PREFILL_CHUNK

    def begin(self, message: Message, sequence: Sequence) -> None:
        """Queue it for prefill."""
        del message
        self.pending.append(sequence)

    def tick(self) -> None:
        """A decode step, a chunk of a prompt, or both.

        Two calls rather than one mixed batch: llama.cpp splits a mixed batch into
        pieces of equal length per sequence, which is three to four times slower.
        """
        if self._schedule == "chunked" or not self.pending:
            self.step()
        if not self.pending:
            return
        sequence = self.pending[0]
        logits = self.prefill(sequence, self._chunk)
        if logits is None:
            return
        self.first(sequence, logits)
        if sequence.reply.finish is not None:
            self.finish(sequence, sequence.reply.finish)
        else:
            self.pending.popleft()
            self.active[sequence.id] = sequence


def _deltas(made: Iterable[tuple[Sequence, Delta]], now: float) -> dict[str, Any]:
    items = [
        [item.id, delta.tokens, delta.forced, delta.text, item.reply.finish] for item, delta in made
    ]
    return {"op": "deltas", "time": now, "items": items}
