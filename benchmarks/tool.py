"""Other load tools: how each is run against a known server, and what it wrote of every call.

Each is found on PATH (or where ``--tools`` says), so that it may live in an environment
of its own. Its figures are taken call by call from the file it leaves, and judged like
ours: attainment does not hang on what each of them calls good.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

MODEL = "truth"
PROMPT_TOKENS = 64
LONGEST_S = 600.0
"""A tool that takes longer than this is given up."""

Sample = tuple[float, float] | None
"""TTFT and TPOT of a call in seconds; None for one that failed, or of which neither is told."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a tool is to do.

    Attributes:
        url: The server's base URL, which ends in ``/v1``.
        streams: Calls under way at the same time, which all begin at once.
        calls: How many.
        tokens: Of each reply.
        ttft_ms: The limit on TTFT, and ``tpot_ms`` that on TPOT.
        folder: Where its files go.
        tokenizer: A folder with a tokenizer, of which tools make prompts.
    """

    url: str
    streams: int
    calls: int
    tokens: int
    ttft_ms: float
    tpot_ms: float
    folder: Path
    tokenizer: Path

    @property
    def root(self) -> str:
        """The server's address without ``/v1``."""
        return self.url.removesuffix("/v1")


@dataclass(frozen=True, slots=True)
class Tool:
    """A load tool.

    Attributes:
        name: What it is called in tables.
        program: The command that it installs.
        package: What to install for it.
        command: Its arguments.
        read: The calls in the files that it leaves.
        environment: Variables that it needs.
    """

    name: str
    program: str
    package: str
    command: Callable[[Asked], list[str]]
    read: Callable[[Asked], Iterator[Sample]]
    environment: Mapping[str, str]

    def found(self, path: str | None = None) -> str | None:
        """The program's path, or None where it is not installed."""
        return which(self.program, path=path)

    def measure(self, asked: Asked, path: str | None = None) -> tuple[list[Sample], float]:
        """Run it.

        Args:
            asked: What it is to do.
            path: Where programs are, as PATH has it; None for PATH.

        Returns:
            Each call, and the CPU seconds of the whole run, its own start included.

        Raises:
            ToolFailed: It failed, took too long, or left no calls; says what it said last.
        """
        program = self.found(path)
        assert program is not None
        begin = cpu_seconds()
        try:
            done = subprocess.run(
                [program, *self.command(asked)],
                cwd=asked.folder,
                env={**os.environ, **self.environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolFailed(f"{self.name} was given up after {LONGEST_S:g} s") from None
        cpu_s = cpu_seconds() - begin
        if done.returncode:
            raise ToolFailed(f"{self.name} failed ({done.returncode}): {_last(done.stdout)}")
        try:
            samples = list(self.read(asked))
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ToolFailed(f"{self.name}'s results cannot be read: {error!r}") from None
        if not samples:
            raise ToolFailed(f"{self.name} tells of no call: {_last(done.stdout)}")
        return samples, cpu_s


class ToolFailed(Exception):
    """A tool that could not be measured; one line says why."""


def cpu_seconds() -> float:
    """CPU time of every process that this one started and saw the end of."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-300:] or "it said nothing"


def _aiperf(asked: Asked) -> list[str]:
    return [
        *("profile", "-m", MODEL, "--url", asked.root, "--endpoint-type", "chat", "--streaming"),
        *("--tokenizer", str(asked.tokenizer), "--concurrency", str(asked.streams)),
        *("--request-count", str(asked.calls), "--output-tokens-mean", str(asked.tokens)),
        *("--synthetic-input-tokens-mean", str(PROMPT_TOKENS), "--use-server-token-count"),
        *("--goodput", f"time_to_first_token:{asked.ttft_ms:g} "
                       f"inter_token_latency:{asked.tpot_ms:g}"),
        *("--ui", "none", "--artifact-dir", str(asked.folder)),
    ]  # fmt: skip


def _of_aiperf(asked: Asked) -> Iterator[Sample]:
    """``profile_export.jsonl``: a record a call, its times in milliseconds."""
    (file,) = asked.folder.rglob("profile_export.jsonl")
    for line in file.read_text().splitlines():
        record: dict[str, Any] = json.loads(line)
        metrics = record["metrics"]
        if record.get("error") or "time_to_first_token" not in metrics:
            yield None
            continue
        for name in ("time_to_first_token", "inter_token_latency"):
            unit = metrics[name]["unit"]
            if unit != "ms":
                raise ValueError(f"{name} in {unit}, not in ms")
        yield (
            metrics["time_to_first_token"]["value"] / 1e3,
            metrics["inter_token_latency"]["value"] / 1e3,
        )


def _guidellm(asked: Asked) -> list[str]:
    slo = {"ttft_ms": asked.ttft_ms, "tpot_ms": asked.tpot_ms}
    return [
        *("run", "--backend", f"kind=openai_http,target={asked.root},model={MODEL}"),
        *("--profile", f"kind=concurrent,streams={asked.streams}"),
        *("--constraint", f"kind=max_requests,count={asked.calls}"),
        *("--tokenizer", f"kind=huggingface_auto,model={asked.tokenizer}"),
        *("--data", f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},"
                    f"output_tokens={asked.tokens}"),
        *("--metrics", json.dumps({"kind": "generative", "slo": slo})),
        *("--output", f"kind=json,path={asked.folder / 'guidellm.json'}"),
    ]  # fmt: skip


def _of_guidellm(asked: Asked) -> Iterator[Sample]:
    """Its JSON: the calls by how they ended, their times in milliseconds."""
    report: dict[str, Any] = json.loads((asked.folder / "guidellm.json").read_text())
    for benchmark in report["benchmarks"]:
        requests = benchmark["requests"]
        for one in requests["successful"]:
            ttft, itl = one["time_to_first_token_ms"], one["inter_token_latency_ms"]
            yield None if ttft is None or itl is None else (ttft / 1e3, itl / 1e3)
        yield from [None] * len(requests["errored"])


def _vllm(asked: Asked) -> list[str]:
    return [
        *("bench", "serve", "--backend", "openai-chat", "--base-url", asked.root),
        *("--endpoint", "/v1/chat/completions", "--model", MODEL),
        *("--tokenizer", str(asked.tokenizer), "--dataset-name", "random"),
        *("--random-input-len", str(PROMPT_TOKENS), "--random-output-len", str(asked.tokens)),
        *("--num-prompts", str(asked.calls), "--max-concurrency", str(asked.streams)),
        *("--goodput", f"ttft:{asked.ttft_ms:g}", f"tpot:{asked.tpot_ms:g}", "--disable-tqdm"),
        *("--save-result", "--save-detailed", "--result-dir", str(asked.folder)),
        *("--result-filename", "vllm.json"),
    ]


def _of_vllm(asked: Asked) -> Iterator[Sample]:
    """Its detailed JSON: lists with an entry a call, in seconds; a call that failed has an error.

    Its TPOT is the time after the first token by the tokens after the first, and its
    ``itls`` are the gaps between chunks, which add up to that time.
    """
    found: dict[str, Any] = json.loads((asked.folder / "vllm.json").read_text())
    lists = (found["ttfts"], found["itls"], found["output_lens"], found["errors"])
    for ttft, itls, tokens, error in zip(*lists, strict=True):
        yield None if error or tokens < 2 else (ttft, sum(itls) / (tokens - 1))


OFFLINE = {"HF_HUB_OFFLINE": "1"}
TOOLS = {
    one.name: one
    for one in (
        # With HF_HUB_OFFLINE set it takes no folder for a tokenizer.
        Tool("aiperf", "aiperf", "aiperf", _aiperf, _of_aiperf, {}),
        Tool("guidellm", "guidellm", "guidellm", _guidellm, _of_guidellm, OFFLINE),
        Tool("vllm", "vllm", "vllm", _vllm, _of_vllm, OFFLINE),
    )
}


def write_tokenizer(folder: Path) -> None:
    """A tokenizer for tools that will not do without: a token a byte, in Hugging Face's form."""
    # GPT-2's way to write bytes as letters: those that print stand for themselves.
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = [*map(chr, plain), *(chr(256 + number) for number in range(len(others)))]
    end = "<|end|>"
    special = {"id": len(letters), "content": end, "single_word": False, "lstrip": False,
               "rstrip": False, "normalized": False, "special": True}  # fmt: skip
    bytewise = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                "use_regex": False}  # fmt: skip
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    model: dict[str, object] = {"type": "BPE", "vocab": vocabulary,
             "merges": [], "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False}  # fmt: skip
    files: dict[str, dict[str, object]] = {
        "tokenizer.json": {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [special],
            "normalizer": None,
            "pre_tokenizer": bytewise,
            "post_processor": None,
            "decoder": bytewise,
            "model": model,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": 1_000_000,
            "eos_token": end,
            "chat_template": "{% for m in messages %}{{ m.content }}\n{% endfor %}",
        },
        "config.json": {"model_type": "llama", "vocab_size": len(letters) + 1},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
