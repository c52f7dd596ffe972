"""What ``/metrics`` shows, in Prometheus' text form."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lmgame.serving.job import Job

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 13, 30, 60)
"""Bucket limits for times from a KV copy (1 ms) to an overloaded prefill (1 min)."""


class Metrics:
    """The server's counters, one registry per server."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "lmgame_requests", "HTTP requests by final status.", ["status"], registry=registry
        )
        self.prompt_tokens = Counter(
            "lmgame_prompt_tokens", "Prompt tokens of finished replies.", registry=registry
        )
        self.completion_tokens = Counter(
            "lmgame_completion_tokens",
            "Tokens that the model chose in finished replies.",
            registry=registry,
        )
        self.forced_tokens = Counter(
            "lmgame_forced_tokens",
            "Tokens of finished replies that a constraint left no choice about.",
            registry=registry,
        )
        self.prefilled = Counter(
            "lmgame_prefilled_tokens",
            "Tokens run through prefill, by kind of worker.",
            ["role"],
            registry=registry,
        )
        self.prefills = Counter(
            "lmgame_prefills",
            "Prefills that reached a first token, by kind of worker.",
            ["role"],
            registry=registry,
        )
        self.generated = Counter(
            "lmgame_generated_tokens",
            "Tokens chosen by the model, by kind of worker.",
            ["role"],
            registry=registry,
        )
        self.transferred = Counter(
            "lmgame_kv_transferred_bytes",
            "KV state handed from prefill to decode workers.",
            registry=registry,
        )
        self.restarts = Counter(
            "lmgame_worker_restarts", "Workers that died.", ["role"], registry=registry
        )
        self.retries = Counter(
            "lmgame_retries", "Replies taken up again after a worker died.", registry=registry
        )
        self.ttft = Histogram(
            "lmgame_ttft_seconds",
            "From a request's arrival at the router to its first token.",
            buckets=SECONDS,
            registry=registry,
        )
        self.stage = Histogram(
            "lmgame_stage_seconds",
            "Time of finished replies by stage.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self.queue = Gauge("lmgame_queue_length", "Requests waiting.", ["queue"], registry=registry)
        self.slots = Gauge(
            "lmgame_slots_in_use", "Sequences held, by worker.", ["worker"], registry=registry
        )
        self.slabs = Gauge("lmgame_slabs_in_use", "KV slabs in use.", registry=registry)
        self.jobs = Gauge("lmgame_jobs", "Requests being served.", registry=registry)
        self.workers = Gauge(
            "lmgame_workers_ready", "Workers ready to serve.", ["role"], registry=registry
        )

    def finished(self, job: Job) -> None:
        """Count a reply that was completed."""
        self.prompt_tokens.inc(len(job.request.prompt))
        self.completion_tokens.inc(job.completion_tokens)
        self.forced_tokens.inc(job.forced_tokens)
        for stage, seconds in job.stages.to_json().items():
            self.stage.labels(stage.removesuffix("_s")).observe(seconds)

    def render(self) -> bytes:
        """The page."""
        return generate_latest(self.registry)
