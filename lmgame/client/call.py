"""One model call: what was asked, what came back, when, and at what cost.

Times are seconds on a monotonic clock, counted from the moment the call was
*intended*, not from when a free connection let it go out: waiting in the client
stays visible (no coordinated omission). They are stamped when bytes are read
from the socket, before anything is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

FailureKind = Literal[
    "connect",  # no connection: refused, unreachable, name or TLS trouble
    "timeout",  # a limit on time ran out
    "status",  # an HTTP status of 400 or above
    "disconnect",  # the stream broke off
    "protocol",  # not HTTP, not SSE, not JSON, not this API
    "oversize",  # more bytes than a reply may have
    "server",  # an error event inside a stream that began well
    "cancelled",  # the caller gave up
    "budget",  # never made: the run's budget is used up
]


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happened, in seconds since the call was intended.

    Attributes:
        at: Unix time at which the call was intended; for people, never for
            differences.
        sent: The request's last byte was handed to the socket.
        first_byte: The first byte of the response was read.
        first_token: The first token was read, reasoning included; a role or an
            empty chunk is none.
        first_answer: The first token outside reasoning was read.
        last_token: The last token was read.
        end: The call was over, in whatever way.
        chunks: When each chunk that carried tokens was read. Chunks are not
            tokens: servers may send several tokens in one.
        queued: It could go out as far as we are concerned: until then it waited
            for a rate limit of ours. All other times count this wait.
    """

    at: float
    end: float
    sent: float | None = None
    first_byte: float | None = None
    first_token: float | None = None
    first_answer: float | None = None
    last_token: float | None = None
    chunks: tuple[float, ...] = ()
    queued: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used, as the server tells it; None where it does not tell.

    Attributes:
        prompt: Tokens of the prompt, cached ones included.
        completion: Tokens of the reply, reasoning included.
        reasoning: Those of them that are reasoning.
        cached: Tokens of the prompt that were read from a cache.
        usd: What the call cost in US dollars, where the server says so itself.
    """

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cached: int | None = None
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed.

    Attributes:
        kind: What went wrong, see FailureKind.
        message: For people: cause, value, and what to do. No key is ever in it.
        status: The HTTP status, if one came.
        retry_after_s: Seconds the server asked to wait, if it did.
    """

    kind: FailureKind
    message: str
    status: int | None = None
    retry_after_s: float | None = None

    @property
    def permanent(self) -> bool:
        """Whether the same call would only fail again: it is refused for what it asks.

        Of the statuses of 400 to 499 these may pass: 408, 409, 425 and 429
        (RFC 9110, 15.5; RFC 8470; RFC 6585).
        """
        if self.kind == "budget":
            return True
        return self.status is not None and (
            400 <= self.status < 500 and self.status not in (408, 409, 425, 429)
        )


@dataclass(frozen=True, slots=True)
class Call:
    """One model call, finished or failed.

    Attributes:
        model: The model's name as requested.
        prompt_digest: BLAKE2b hash (16 hex digits) of the request's messages.
        reply: The answer's text, as received so far where the call failed.
        timing: See Timing.
        usage: See Usage.
        reasoning: Text the server marked as reasoning.
        finish: The server's finish reason, e.g. ``"stop"`` or ``"length"``.
        structured: What the server was asked to hold the reply to: ``"choice"``
            (a list), ``"grammar"``, ``"json_schema"`` (a list, in JSON); ``""`` for
            nothing, also where the server refused to; ``"ignored"`` where a reply
            that is none of the choices shows that it did not.
        stages: Server-side stage times in seconds, if the server tells
            (prefill_queue_s, prefill_s, transfer_s, decode_queue_s, decode_s).
        server: What else the server tells of itself: workers, attempts, mode.
        failure: Why it failed, or None.
        purpose: What it was for: ``act``, ``reflect``, ``describe``, ``plan``.
    """

    model: str
    prompt_digest: str
    reply: str
    timing: Timing
    usage: Usage = Usage()
    reasoning: str = ""
    finish: str | None = None
    structured: str = ""
    stages: Mapping[str, float] = field(default_factory=dict)
    server: Mapping[str, str | int | float | None] = field(default_factory=dict)
    failure: Failure | None = None
    purpose: str = "act"

    @property
    def ttft_s(self) -> float | None:
        """Time to first token: intended send to first token read."""
        return self.timing.first_token

    @property
    def tpot_s(self) -> float | None:
        """Time per output token after the first, or None where there is none.

        (last token - first token) / (completion tokens - 1), as DistServe and
        vLLM compute it. Replies of one token have no such time, and neither has
        a reply whose server gives no token count. Reasoning that a server counts
        but keeps to itself was over before the first token came: it is left out.
        """
        first, last, count = self.timing.first_token, self.timing.last_token, self.usage.completion
        if count is not None and not self.reasoning:
            count -= self.usage.reasoning or 0
        if first is None or last is None or count is None or count < 2:
            return None
        return (last - first) / (count - 1)


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message; ``images`` are PNG files shown after the text."""

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask of a model.

    Attributes:
        messages: The conversation.
        max_tokens: Upper bound on the reply, in tokens.
        temperature: 0 is greedy.
        seed: Sampling seed, if the server takes one.
        choices: Replies the server should hold the model to, if it can.
        grammar: A GBNF grammar that it should hold the model to, if it can and
            there are no choices.
        stop: Strings that end the reply.
        model: A model other than the endpoint's, on the same server; "" for its own.
        purpose: What the call is for; goes into the log.
        extra: Further fields of the request body, e.g. a provider's own.
    """

    messages: Sequence[Message]
    max_tokens: int = 64
    temperature: float = 0.0
    seed: int | None = None
    choices: tuple[str, ...] = ()
    grammar: str | None = None
    stop: tuple[str, ...] = ()
    model: str = ""
    purpose: str = "act"
    extra: Mapping[str, object] = field(default_factory=dict)
