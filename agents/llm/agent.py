"""Asks a language model for each decision."""

from __future__ import annotations

from typing import ClassVar, Literal

from lmgame.agent import Agent, Decision, Seating
from lmgame.client.call import Request
from lmgame.errors import ConfigError
from lmgame.game import Turn
from lmgame.reader import read

from .prompt import messages


class LlmAgent(Agent):
    """One call a turn, without memory: rules, what is seen, legal actions.

    Args:
        seating: Where it sits; its client is the backend.
        observation: What the model is shown: the text or the image.
        structured: ``auto`` holds the reply to the legal actions where the
            backend can and they are all listed; ``off`` never does.
        temperature: Sampling temperature; 0 is greedy.
        max_tokens: Upper bound on a reply, in tokens.

    Raises:
        ConfigError: A setting that cannot be used, or images for a model that
            takes none.
    """

    name: ClassVar[str] = "llm"
    asks: ClassVar[bool] = True

    def __init__(
        self,
        seating: Seating,
        observation: Literal["text", "image"] = "text",
        structured: Literal["auto", "off"] = "auto",
        temperature: float = 0.0,
        max_tokens: int = 32,
    ) -> None:
        if seating.client is None:
            raise ConfigError("agent llm needs a backend: backend=embedded or backend=openai")
        _one_of("observation", observation, ("text", "image"))
        _one_of("structured", structured, ("auto", "off"))
        if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
            raise ConfigError(f"agent.max_tokens={max_tokens!r}: write a whole number from 1 up")
        if not isinstance(temperature, int | float) or not 0 <= temperature <= 10:
            raise ConfigError(f"agent.temperature={temperature!r}: write a number from 0 to 10")
        if observation == "image" and not seating.client.images:
            raise ConfigError(
                f"agent.observation=image: the model {seating.client.model} reads text only; "
                "use agent.observation=text, or a backend with a vision model"
            )
        self._client = seating.client
        self._seed = seating.seed
        self._image = observation == "image"
        self._structured = structured == "auto" and seating.client.structured == "choice"
        self._temperature = temperature
        self._max_tokens = max_tokens
        self.model = seating.client.model

    async def decide(self, turn: Turn) -> Decision:
        """Ask once, and read the reply."""
        hold = self._structured and turn.actions.complete
        request = Request(
            messages=messages(turn, self._image),
            max_tokens=self._max_tokens,
            temperature=self._temperature,
            seed=self._seed if self._temperature else None,
            choices=turn.actions.choices if hold else (),
        )
        call = await self._client.complete(request)
        if call.failure is not None:
            return Decision(None, "failed", call.failure.message, (call,))
        reading = read(call.reply, turn, call.finish)
        return Decision(reading.action, reading.outcome, reading.reason, (call,))


def _one_of(key: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"agent.{key}={value!r}: use {' or '.join(allowed)}")
