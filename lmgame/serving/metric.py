"""What ``/metrics`` shows, in Prometheus' text form."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lmgame.serving.job import Job

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 13, 30, 60)
"""Bucket limits for times from a KV copy (1 ms) to an overloaded prefill (1 min)."""


class Metrics:
    """The server's counters, one registry per server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        count, gauge, seconds = self._counter, self._gauge, self._histogram
        self.requests = count("requests", "Completion requests by final status.", "status")
        self.prompt_tokens = count("prompt_tokens", "Prompt tokens of finished replies.")
        self.completion_tokens = count(
            "completion_tokens", "Tokens that the model chose in finished replies."
        )
        self.forced_tokens = count(
            "forced_tokens", "Tokens of finished replies that a constraint left no choice about."
        )
        self.prefilled = count(
            "prefilled_tokens", "Tokens run through prefill, by kind of worker.", "role"
        )
        self.cached = count(
            "cached_tokens", "Prompt tokens known from earlier prompts, by kind of worker.", "role"
        )
        self.late = count(
            "late_requests", "Requests dropped at their deadline, by where they were.", "state"
        )
        self.prefills = count(
            "prefills", "Prefills that made a reply's first token, by kind of worker.", "role"
        )
        self.repeated_prefills = count(
            "repeated_prefills",
            "Prefills of replies that a dead worker had begun; their first token is known.",
            "role",
        )
        self.generated = count(
            "generated_tokens", "Tokens chosen by the model, by kind of worker.", "role"
        )
        self.transferred = count(
            "kv_transferred_bytes", "KV state handed from prefill to decode workers."
        )
        self.restarts = count("worker_restarts", "Workers that died.", "role")
        self.retries = count("retries", "Replies taken up again after a worker died.")
        self.ttft = seconds("ttft_seconds", "From a request's arrival to its first token.")
        self.stage = seconds("stage_seconds", "Time of finished replies by stage.", "stage")
        self.queue = gauge("queue_length", "Requests waiting.", "queue")
        self.slots = gauge("slots_in_use", "Sequences held, by worker.", "worker")
        self.slabs = gauge("slabs_in_use", "KV slabs in use.")
        self.jobs = gauge("jobs", "Requests being served.")
        self.prefillers = gauge("prefillers", "Workers that pass prompts on; 0: colocated.")
        self.at_once = gauge("replies_at_once", "Replies that a worker makes at once, at most.")
        self.workers = gauge("workers_ready", "Workers ready to serve.", "role")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"lmgame_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"lmgame_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"lmgame_{name}", text, labels, buckets=SECONDS, registry=self.registry)

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
