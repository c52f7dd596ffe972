"""What a harness costs: ``python benchmarks/harness.py``.

Plays four games with ``harness=off``, ``lmgame`` and ``full`` on the embedded
model and prints calls, tokens and time a decision, and goodput; then how much of
each prompt was the beginning of the next one, counted in the model's own tokens.
Takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from lmgame import registry
from lmgame.agent import Seating
from lmgame.agents.llm import LlmAgent
from lmgame.client.call import Call, Request, Timing, Usage
from lmgame.config import load
from lmgame.rng import Rng
from lmgame.serving.vocabulary import Message, Vocabulary
from lmgame.serving.weights import find
from lmgame.world import World

GAMES = ("tetris", "twenty_forty_eight", "sokoban", "platformer")
HARNESSES = ("off", "lmgame", "full")
TURNS = 30


def played(game: str, harness: str, decisions: int, folder: Path) -> dict[str, object]:
    """The summary of a short run."""
    words = [f"game={game}", f"harness={harness}", f"max_decisions={decisions}", "anchors=[]"]
    words += ["film=none", "backend.slots=2", f"run={folder / f'{game}-{harness}'}", "--json"]
    command = [sys.executable, "-m", "lmgame.cli", "play", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, object] = json.loads(done.stdout)
    return found


def row(game: str, harness: str, found: dict[str, object]) -> str:
    serving, decisions = found["serving"], found["decisions"]
    assert isinstance(serving, dict)
    assert isinstance(decisions, dict)
    count, tokens = decisions["n"], serving["tokens"]
    calls, action = serving["calls"] / count, serving["time_to_action_s"]["p50"]
    prompt, completion = tokens["prompt"] / count, tokens["completion"] / count
    good = serving["goodput_rps"]
    return (
        f"{game:<20}{harness:<8}{count:>10}{calls:>8.2f}{prompt:>9.0f}{completion:>8.1f}"
        f"{action:>9.2f}{good:>10.2f}"
    )


@dataclass
class Asked:
    """A client that keeps what it was asked and answers by chance."""

    model: str = "m"
    images: bool = False
    structured: str = "off"
    prompts: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Call:
        reply = "Keep the stack low, and look at what comes next."
        if request.purpose == "act":
            self.prompts.append(request)
            offered = request.messages[-1].content.rpartition("Actions: ")[2].split("\n")[0]
            reply = Rng(len(self.prompts)).choice(offered.split(", "))
        timing = Timing(0.0, 0.0, first_token=0.0)
        return Call("m", "", reply, timing, Usage(), finish="stop", purpose=request.purpose)


async def prompts(game: str, harness: str) -> list[Request]:
    """What a match's turns ask for."""
    settings = load([f"game={game}", f"harness={harness}"])
    made, client = registry.games.make(settings.game.id, settings.game.arguments), Asked()
    asked = settings.agent.settings
    agent = LlmAgent(Seating(made.spec, 0, 0, client), harness=asked["harness"])  # type: ignore[arg-type] # checked by the agent
    world = World(made, 0)
    for _ in range(TURNS):
        world.offer(lambda seat: None)
        if world.over:
            break
        turn = world.turns[0]
        decision = await agent.decide(turn)
        applied = world.land({0: decision.action})
        agent.remember(turn, applied[0].action, decision.outcome, decision.calls)
        if world.hz is not None:
            world.advance(world.pace)
    return client.prompts


def chat(request: Request) -> list[Message]:
    """The conversation as the server's tokenizer takes it."""
    return [Message(one.role, one.content) for one in request.messages]


def shared(tokens: Sequence[Sequence[int]]) -> list[float]:
    """The share of each prompt's tokens that begin the next one."""
    shares = []
    for one, after in pairwise(tokens):
        same = next(
            (n for n, (a, b) in enumerate(zip(one, after, strict=False)) if a != b),
            min(len(one), len(after)),
        )
        shares.append(same / len(one))
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=10, help="a match (default 10)")
    parser.add_argument("--prefix", action="store_true", help="only the shared prefixes")
    options = parser.parse_args()
    if not options.prefix:
        print(f"{'':<28}{'':>10}{'calls':>8}{'prompt':>9}{'reply':>8}{'action':>9}{'goodput':>10}")
        heads = ("decisions", "each", "tokens", "tokens", "p50 s", "calls/s")
        widths = (10, 8, 9, 8, 9, 10)
        columns = "".join(f"{one:>{w}}" for one, w in zip(heads, widths, strict=True))
        print(f"{'game':<20}{'harness':<8}{columns}")
        with tempfile.TemporaryDirectory() as folder:
            for game in GAMES:
                for harness in HARNESSES:
                    found = played(game, harness, options.decisions, Path(folder))
                    print(row(game, harness, found), flush=True)
    vocabulary = Vocabulary.open(find("smollm2-135m-instruct"))
    print(f"\nshare of a prompt's tokens that begin the next one, {TURNS} turns")
    print(f"{'game':<20}{'harness':<8}{'all':>8}{'median':>9}{'least':>8}{'under 80 %':>12}")
    for game in GAMES:
        for harness in HARNESSES:
            asked = asyncio.run(prompts(game, harness))
            tokens = [vocabulary.prompt(chat(one)) for one in asked]
            shares = shared(tokens)
            weights = [len(one) for one in tokens[:-1]]
            every = sum(s * w for s, w in zip(shares, weights, strict=True)) / sum(weights)
            low = sum(share < 0.8 for share in shares)
            print(
                f"{game:<20}{harness:<8}{every:>8.0%}{median(shares):>9.0%}{min(shares):>8.0%}"
                f"{low:>6} of {len(shares)}"
            )


if __name__ == "__main__":
    main()
