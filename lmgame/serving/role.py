"""What a worker does with an engine: runs prompts, makes tokens, or both.

The router says with every piece of work what is to become of it. A prompt whose state
is wanted elsewhere is run, makes the reply's first token, and leaves through shared
memory; another one stays and its reply is made here, in one batch that sequences join
and leave at any step. So a prefill worker is one that is only sent prompts to pass on,
a decode worker one that is only sent states, and a colocated one keeps what it runs.

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
from lmgame.serving.engine import EXACT, PREFILL_CHUNK, Engine, Logits, Step, piece
from lmgame.serving.prefix import PrefixStore
from lmgame.serving.reply import Delta, Reply, Request
from lmgame.serving.slab import SlabMap
from lmgame.serving.speed import measure

RoleName = Literal["prefill", "decode", "colocated", "auto"]
Schedule = Literal["prefill_first", "chunked"]


@dataclass(slots=True, eq=False)
class Sequence:
    """One reply in one slot.

    Attributes:
        id: The router's number for it.
        slot: Where its KV cache is.
        reply: Its state.
        target: The message that says where its state goes after the prefill; None
            where it stays.
        cached: Tokens of the prompt that were in the KV cache already.
        fed: Tokens of prompt and reply that are in the KV cache.
        started: When its prefill began, in monotonic seconds.
    """

    id: int
    slot: int
    reply: Reply
    target: Message | None = None
    cached: int = 0
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
    """A worker's work.

    Args:
        engine: The model.
        channel: The router.
        slabs: Shared memory for KV states.
        store: What is kept of earlier prompts.
        schedule: ``prefill_first`` lets a new prompt stop all running replies until it
            is done; ``chunked`` alternates a decode step and a chunk.
        chunk: Tokens per chunk in ``chunked``.
    """

    def __init__(
        self,
        engine: Engine,
        channel: WorkerChannel,
        slabs: SlabMap,
        store: PrefixStore,
        schedule: Schedule,
        chunk: int,
    ) -> None:
        self.engine = engine
        self.channel = channel
        self.slabs = slabs
        self.store = store
        self.pending: deque[Sequence] = deque()
        self.active: dict[int, Sequence] = {}
        self._chunked = schedule == "chunked"
        self._chunk = chunk if self._chunked else PREFILL_CHUNK

    def run(self) -> None:
        """Work until the router goes away."""
        while True:
            self.receive()
            self.drop_cancelled()
            self.tick()

    def tick(self) -> None:
        """A decode step, a chunk of a prompt, or both.

        Two calls rather than one mixed batch: llama.cpp splits a mixed batch into
        pieces of equal length per sequence, which is three to four times slower.
        """
        if self._chunked or not self.pending:
            self.step()
        if not self.pending:
            return
        sequence = self.pending[0]
        logits = self.prefill(sequence)
        if logits is None:
            return
        self.first(sequence, logits)
        self.pending.popleft()
        finish, leaves = sequence.reply.finish, sequence.target is not None
        # What somebody waits for goes out before the prompt is kept.
        if finish is not None:
            self._tell_end(sequence, finish)
        elif leaves:
            self._export(sequence)
        self._keep(sequence)
        if finish is not None or leaves:
            self._forget(sequence)
        else:
            self.active[sequence.id] = sequence

    def receive(self) -> None:
        """Take in what arrived; wait only when there is nothing to do."""
        while True:
            message = self.channel.receive(wait=not (self.pending or self.active))
            if message is None:
                return
            if message["op"] == "start":
                request = Request.from_json(message["request"])
                reply = Reply(request, self.engine.vocabulary, message["tokens"])
                self._begin(message, Sequence(message["id"], message["slot"], reply))
            elif message["op"] == "tune":
                self.engine.use_threads(message["threads"])
            elif message["op"] == "measure":
                chunk, threads = message["chunk"], message["threads"]
                speed = measure(self.engine, chunk, threads, message["own_threads"])
                self.channel.send({"op": "measured", "speed": speed})
            elif message["op"] == "cancel" and not self._holds(message["id"]):
                # It ended before the cancellation arrived.
                self.channel.cancelled.discard(message["id"])

    def _begin(self, message: Message, sequence: Sequence) -> None:
        """Take in a sequence: a prompt to run, or a state to go on from."""
        if message["exported"] is not None:
            self._load(message, sequence)
            return
        sequence.target = message if message["slab"] is not None else None
        self.pending.append(sequence)

    def _load(self, message: Message, sequence: Sequence) -> None:
        if sequence.id in self.channel.cancelled:
            self.finish(sequence, "cancelled")
            return
        start = time.monotonic()
        exported = message["exported"]
        sequence.fed = exported["fed"]
        try:
            view = self.slabs.view(message["slab"], message["slab_size"])
            self.engine.load(sequence.slot, view, exported["bytes"])
        except (EngineError, OSError) as error:
            self.finish(sequence, "failed", str(error))
            return
        self.active[sequence.id] = sequence
        end = time.monotonic()
        self.channel.send({"op": "loaded", "id": sequence.id, "start": start, "end": end})
        # Where this worker may come to run prompts itself, it should know them by then.
        self._keep(sequence)

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
        """End a sequence and free its slot."""
        self._forget(sequence)
        self._tell_end(sequence, reason, error)

    def _tell_end(self, sequence: Sequence, reason: str, error: str | None = None) -> None:
        self.channel.send({"op": "done", "id": sequence.id, "finish": reason, "error": error})

    def _forget(self, sequence: Sequence) -> None:
        self.engine.free(sequence.slot)
        self.active.pop(sequence.id, None)
        if sequence in self.pending:
            self.pending.remove(sequence)
        self.channel.cancelled.discard(sequence.id)

    def prefill(self, sequence: Sequence) -> Logits | None:
        """Run one more chunk; the logits once everything before the first choice is in."""
        try:
            if sequence.fed == 0:
                self._reuse(sequence)
            # Nobody waits for the next token while nothing is being replied.
            whole = not self.active and self._chunk >= EXACT
            limit = PREFILL_CHUNK if whole else self._chunk
            tokens = sequence.unfed(piece(sequence.opening - sequence.fed, limit))
            start = time.monotonic()
            logits = self.engine.prefill(tokens, sequence.slot, sequence.fed)
            took = time.monotonic() - start
        except EngineError as error:
            self.finish(sequence, "failed", str(error))
            return None
        sequence.fed += len(tokens)
        self.channel.send(
            {
                "op": "prefilled",
                "id": sequence.id,
                "count": len(tokens),
                "seconds": took,
                "beside": bool(self.active),
            }
        )
        return logits if sequence.fed == sequence.opening else None

    def _reuse(self, sequence: Sequence) -> None:
        """Begin with what is known of the prompt.

        Not with chunks below EXACT: the reply might differ from the one that would be
        made without.
        """
        sequence.started = time.monotonic()
        if self._chunk >= EXACT:
            prompt = sequence.reply.request.prompt
            known = self.store.load(self.engine, sequence.slot, prompt, sequence.opening)
            sequence.cached = sequence.fed = known

    def _keep(self, sequence: Sequence) -> None:
        """Keep the prompt, once what waits for it is on its way."""
        if self._chunk < EXACT:
            return
        prompt = sequence.reply.request.prompt
        kept = self.store.keep(self.engine, sequence.slot, sequence.id, prompt)
        if kept.added or kept.removed:
            # With the prompt: a reply of one token has ended by now, and the router has
            # forgotten what was asked.
            added = prompt if kept.added else None
            told = {"op": "kept", "id": sequence.id, "added": added, "removed": kept.removed}
            self.channel.send(told)

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
            "cached": sequence.cached,
        }
        made = [] if delta is None else [_deltas([(sequence, delta)], now, None)]
        self.channel.send(report, *made)

    def step(self) -> None:
        """One token for every active sequence."""
        batch = list(self.active.values())
        if not batch:
            return
        steps = [Step(item.slot, item.next_unfed(), item.fed) for item in batch]
        start = time.monotonic()
        try:
            logits = self.engine.step(steps)
        except EngineError as error:
            for item in batch:
                self.finish(item, "failed", str(error))
            return
        took = time.monotonic() - start
        made: list[tuple[Sequence, Delta]] = []
        for item, values in zip(batch, logits, strict=True):
            item.fed += 1
            # Tokens forced, or known from a worker that died, must pass through the model
            # too, but nothing is chosen there.
            if item.fed == item.length:
                made.append((item, item.reply.next(values)))
        if made:
            self.channel.send(_deltas(made, time.monotonic(), (len(batch), took)))
        for item, _ in made:
            if item.reply.finish is not None:
                self.finish(item, item.reply.finish)

    def _export(self, sequence: Sequence) -> None:
        """Hand a sequence's state over."""
        target = sequence.target
        assert target is not None
        start = time.monotonic()
        try:
            view = self.slabs.view(target["slab"], target["slab_size"])
            size = self.engine.export(sequence.slot, view)
        except (EngineError, OSError) as error:
            self._tell_end(sequence, "failed", str(error))
            return
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


def _deltas(
    made: Iterable[tuple[Sequence, Delta]], now: float, step: tuple[int, float] | None
) -> dict[str, Any]:
    items = [
        [item.id, delta.tokens, delta.forced, delta.text, item.reply.finish] for item, delta in made
    ]
    return {"op": "deltas", "time": now, "items": items, "step": step}
