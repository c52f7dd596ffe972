"""Asks a language model for each decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from lmgame.agent import Agent, Decision, ReadingOutcome, Seating
from lmgame.client.call import Call, Message, Request
from lmgame.errors import ConfigError
from lmgame.game import Observation, Turn
from lmgame.mark import without_thinking
from lmgame.reader import read

from .harness import checked
from .memory import Entry, Memory
from .prompt import PICTURE, Prompts

SHOWN = ("text", "image", "both")


class LlmAgent(Agent):
    """Rules, what is seen, legal actions; around them what the harness adds.

    Args:
        seating: Where it sits; its client is the backend.
        observation: What the model is shown: the text, the image, or both.
        structured: ``auto`` holds the reply to the legal actions where the
            backend can and they are all listed; ``off`` never does.
        temperature: Sampling temperature; 0 is greedy.
        max_tokens: Upper bound on a reply, in tokens.
        scale: Images are enlarged by this whole factor, 1 to 8.
        prompts: A folder with prompt files that replace ours, or None.
        harness: Perception, memory and reflection; see ``configs/harness/``.

    Raises:
        ConfigError: A setting that cannot be used, or images for a model that
            takes none.
    """

    name: ClassVar[str] = "llm"
    asks: ClassVar[bool] = True

    def __init__(
        self,
        seating: Seating,
        observation: Literal["text", "image", "both"] = "text",
        structured: Literal["auto", "off"] = "auto",
        temperature: float = 0.0,
        max_tokens: int = 32,
        scale: int = 1,
        prompts: str | None = None,
        harness: Mapping[str, object] | None = None,
    ) -> None:
        if seating.client is None:
            raise ConfigError("agent llm needs a backend, e.g. backend=embedded or backend=any")
        _one_of("observation", observation, SHOWN)
        _one_of("structured", structured, ("auto", "off"))
        if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
            raise ConfigError(f"agent.max_tokens={max_tokens!r}: write a whole number from 1 up")
        if isinstance(scale, bool) or not isinstance(scale, int) or not 1 <= scale <= 8:
            raise ConfigError(f"agent.scale={scale!r}: write a whole number from 1 to 8")
        if not isinstance(temperature, int | float) or not 0 <= temperature <= 10:
            raise ConfigError(f"agent.temperature={temperature!r}: write a number from 0 to 10")
        if observation != "text" and not seating.client.images:
            raise ConfigError(
                f"agent.observation={observation}: the model {seating.client.model} reads text "
                "only; use agent.observation=text, or a backend with a vision model"
            )
        self._client = seating.client
        self._seed = seating.seed
        self._shown = observation
        self._structured = structured == "auto" and seating.client.structured == "choice"
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._scale = scale
        self._harness = checked(harness)
        self._prompts = Prompts(prompts)
        self._memory = Memory(self._harness.memory)
        self._lesson = ""
        self._seen: dict[int, str] = {}
        self._reflected: int | None = None
        self._drawn: tuple[Observation, bytes] | None = None
        self.model = seating.client.model

    @classmethod
    def prompt_hash(cls, settings: Mapping[str, object]) -> str:
        """The hash of the prompt files."""
        folder = settings.get("prompts")
        return Prompts(folder if isinstance(folder, str) else None).version

    async def decide(self, turn: Turn) -> Decision:
        """Look, look back, ask, and read the reply."""
        calls: list[Call] = []
        failed = await self._look(turn, calls)
        if failed is not None:
            return failed
        await self._look_back(turn, calls)
        call = await self._client.complete(self._request(turn))
        calls.append(call)
        if call.failure is not None:
            return Decision(None, "failed", call.failure.message, tuple(calls))
        reading = read(call.reply, turn, call.finish)
        return Decision(reading.action, reading.outcome, reading.reason, tuple(calls))

    def remember(
        self, turn: Turn, action: str, outcome: ReadingOutcome, calls: tuple[Call, ...] = ()
    ) -> None:
        """Keep the decision, and what was seen and learned on the way to it."""
        for call in calls:
            if call.purpose == "describe" and call.failure is None:
                self._seen[turn.number] = words(call)
            self._learn(call)
        self._memory.add(Entry(turn.number, self._words(turn), action, outcome))
        self._seen.pop(turn.number, None)

    def _advice(self) -> str:
        """What is shown of what the player has told itself."""
        return f"What you have learned: {self._lesson}\n" if self._lesson else ""

    def _request(self, turn: Turn) -> Request:
        actions = turn.actions
        return Request(
            messages=self._messages(turn, self._prompts.ask(turn, self._advice())),
            max_tokens=self._max_tokens,
            temperature=self._temperature,
            seed=self._seed if self._temperature else None,
            choices=actions.choices if self._structured and actions.complete else (),
            grammar=actions.grammar if self._structured else None,
        )

    def _messages(self, turn: Turn, end: str) -> tuple[Message, ...]:
        held = self._memory.held
        shows = self._shown != "text" and turn.number not in self._seen
        images = (self._png(turn),) if shows else ()
        now = self._prompts.now(held, self._words(turn), end, images)
        return (self._prompts.system(turn), *self._prompts.history(held), now)

    def _png(self, turn: Turn) -> bytes:
        """The image of a turn, enlarged; encoded once."""
        if self._scale == 1:
            return turn.observation.png
        if self._drawn is None or self._drawn[0] is not turn.observation:
            picture = turn.observation.picture.scaled(self._scale)
            self._drawn = (turn.observation, picture.png())
        return self._drawn[1]

    def _words(self, turn: Turn) -> str:
        """What is seen, in words."""
        described = self._seen.get(turn.number, PICTURE)
        text = turn.observation.text.rstrip()
        if self._shown == "text":
            return text
        return described if self._shown == "image" else f"{text}\n{described}"

    async def _look(self, turn: Turn, calls: list[Call]) -> Decision | None:
        """Have the image described, once a turn; a failure ends the decision."""
        perception = self._harness.perception
        if self._shown == "text" or not perception.describe or turn.number in self._seen:
            return None
        picture = Message("user", self._prompts.describe(), (self._png(turn),))
        request = Request(
            messages=(self._prompts.system(turn), picture),
            max_tokens=perception.max_tokens,
            model=perception.model or "",
            purpose="describe",
        )
        call = await self._client.complete(request)
        calls.append(call)
        if call.failure is not None:
            return Decision(None, "failed", call.failure.message, tuple(calls))
        self._seen[turn.number] = words(call)
        return None

    async def _look_back(self, turn: Turn, calls: list[Call]) -> None:
        """Draw a lesson, if it is time; where that fails the old one stays."""
        reflection = self._harness.reflection
        due = reflection.every and turn.number % reflection.every == 0
        if not due or not self._memory.held or self._reflected == turn.number:
            return
        self._reflected = turn.number
        request = Request(
            messages=self._messages(turn, self._prompts.reflect(self._lesson)),
            max_tokens=reflection.max_tokens,
            model=reflection.model or "",
            purpose="reflect",
        )
        calls.append(await self._client.complete(request))
        self._learn(calls[-1])

    def _learn(self, call: Call) -> None:
        if call.purpose == "reflect" and call.failure is None and words(call):
            self._lesson = words(call)


def words(call: Call) -> str:
    """What a call said, without its thinking."""
    return without_thinking(call.reply).strip()


def _one_of(key: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"agent.{key}={value!r}: use {' or '.join(allowed)}")
