"""Two heads: a quick model plays, and a slow one plans meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from lmgame.agent import Decision, ReadingOutcome, Seating
from lmgame.client.call import Call, Request
from lmgame.errors import ConfigError
from lmgame.game import Turn

from .agent import LlmAgent, words


class DeliberateAgent(LlmAgent):
    """Plays as ``llm`` does, with a plan that arrives when it arrives.

    The planner is asked in the background, one call at a time, and the player
    never waits for it: it is shown the latest plan there is. A plan's call stands
    in the log with the first decision that was shown it.

    Args:
        seating: Where it sits.
        planner: Which model on the same server plans; None for the player's own.
        plan_tokens: Upper bound on a plan, in tokens.
        settings: Those of ``llm``.

    Raises:
        ConfigError: A setting that cannot be used.
    """

    name: ClassVar[str] = "deliberate"

    def __init__(
        self,
        seating: Seating,
        planner: str | None = None,
        plan_tokens: int = 200,
        **settings: Any,  # noqa: ANN401 - checked by LlmAgent
    ) -> None:
        super().__init__(seating, **settings)
        if isinstance(plan_tokens, bool) or not isinstance(plan_tokens, int) or plan_tokens < 1:
            raise ConfigError(f"agent.plan_tokens={plan_tokens!r}: write a whole number from 1 up")
        if planner is not None and not isinstance(planner, str):
            raise ConfigError(f"agent.planner={planner!r}: write a model's name, or null")
        self._planner, self._plan_tokens = planner or "", plan_tokens
        self._plan = ""
        self._planning: asyncio.Task[Call] | None = None

    @classmethod
    def prompt_hash(cls, settings: Mapping[str, object]) -> str:
        """The hash of the prompt files."""
        return LlmAgent.prompt_hash(settings)

    async def decide(self, turn: Turn) -> Decision:
        """Take up a plan that has come, have the next one made, and play."""
        done: tuple[Call, ...] = ()
        if self._planning is not None and self._planning.done():
            done = (self._planning.result(),)
            self._planning = None
            self._adopt(done[0])
        if self._planning is None:
            request = Request(
                messages=self._messages(turn, self._prompts.plan(self._plan)),
                max_tokens=self._plan_tokens,
                model=self._planner,
                purpose="plan",
            )
            self._planning = asyncio.create_task(self._client.complete(request))
        decision = await super().decide(turn)
        return Decision(
            decision.action, decision.outcome, decision.reason, (*done, *decision.calls)
        )

    def remember(
        self, turn: Turn, action: str, outcome: ReadingOutcome, calls: tuple[Call, ...] = ()
    ) -> None:
        """As ``llm``; a match that is continued finds its last plan again."""
        super().remember(turn, action, outcome, calls)
        for call in calls:
            if call.purpose == "plan":
                self._adopt(call)

    async def close(self) -> None:
        """Give up the plan that is being made."""
        if self._planning is not None:
            self._planning.cancel()
            with suppress(asyncio.CancelledError):
                await self._planning
        await super().close()

    def _adopt(self, call: Call) -> None:
        if call.failure is None and words(call):
            self._plan = words(call)

    def _advice(self) -> str:
        plan = f"Your plan: {self._plan}\n" if self._plan else ""
        return super()._advice() + plan
