"""What the prefix cache is worth: ``python benchmarks/prefix.py``.

Asks the embedded backend in pairs: a prompt that nobody has seen, then one that begins
with --hit of it. Prints the time to first token of both, the median of the ratios, and
whether a server without a cache (``prefix_mb=0``) says the same to every prompt.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Iterator
from statistics import median

from benchmarks.embedded import WORDS, machine
from lmgame.client import Call, Client, Endpoint, Message, Request
from lmgame.serving import EmbeddedConfig, EmbeddedServer


def prompts(wanted: argparse.Namespace) -> Iterator[str]:
    """A fresh prompt and one that shares its beginning, again and again."""
    source = random.Random(1)
    shared = round(wanted.hit * wanted.tokens)
    for _ in range(wanted.pairs):
        first = source.choices(WORDS, k=wanted.tokens)
        yield " ".join(first)
        # Not by chance a longer beginning: the words differ where they part.
        other = "or" if first[shared] != "or" else "and"
        fresh = source.choices(WORDS, k=wanted.tokens - shared - 1)
        yield " ".join([*first[:shared], other, *fresh])


async def asked(server: EmbeddedServer, wanted: argparse.Namespace) -> list[Call]:
    """One call after another."""
    client = Client(Endpoint(server.base_url, server.config.model))
    calls = []
    for text in prompts(wanted):
        request = Request((Message("user", text),), max_tokens=8, extra={"ignore_eos": True})
        calls.append(await client.complete(request))
    await client.close()
    return calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=900, help="of a prompt")
    parser.add_argument("--hit", type=float, default=0.85)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--mode", choices=("disaggregated", "colocated"), default="disaggregated")
    wanted = parser.parse_args()
    print(machine())
    runs: list[list[Call]] = []
    for megabytes in (256, 0):
        config = EmbeddedConfig(port=0, context=2048, mode=wanted.mode, prefix_mb=megabytes)
        with EmbeddedServer(config) as server:
            runs.append(asyncio.run(asked(server, wanted)))
    kept, without = runs
    ttft = [call.ttft_s or float("nan") for call in kept]
    cold, warm = ttft[::2], ttft[1::2]
    ratios = [after / before for before, after in zip(cold, warm, strict=True)]
    known = [(call.usage.cached or 0) / (call.usage.prompt or 1) for call in kept[1::2]]
    print(f"prompts of {kept[0].usage.prompt} tokens; known {100 * median(known):.0f}%")
    print(f"TTFT: {median(cold):.3f} s cold, {median(warm):.3f} s warm")
    print(f"warm / cold: {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    same = sum(one.reply == other.reply for one, other in zip(kept, without, strict=True))
    print(f"replies as without a cache: {same} of {len(kept)}")


if __name__ == "__main__":
    main()
