"""What each server calls what: its names for the stages of a call, and for its load.

Sources: vLLM 0.32, SGLang 0.5.23, Dynamo 1.6.1 and vllm-router 0.1.17, their sources and
their pages. Names that older versions had come after the new ones; the first that is on
the page counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Name:
    """One metric, and what it says.

    Attributes:
        what: What it is here: a stage (``prefill_s``), a count or a gauge.
        metric: What the server calls it, without ``_total``.
        labels: Only series with these values.
        scale: What its values are multiplied by, to be seconds or a plain number.
        meaning: What it counts, where that is not what the client's word means.
        over: How several series are one: their sum, or (shares) their mean.
    """

    what: str
    metric: str
    labels: tuple[tuple[str, str], ...] = ()
    scale: float = 1.0
    meaning: str = ""
    over: Literal["sum", "mean"] = "sum"


@dataclass(frozen=True, slots=True)
class Dialect:
    """A server's names.

    Attributes:
        kind: What the server is called here.
        marks: How the names begin that only its page has.
        times: Histograms (or summaries) of seconds.
        counts: Counters, and sums of histograms.
        gauges: What goes up and down.
        notes: What somebody who compares must know: a name that must be on the page for
            it ("" for any page), and a sentence.
    """

    kind: str
    marks: tuple[str, ...]
    times: tuple[Name, ...]
    counts: tuple[Name, ...] = ()
    gauges: tuple[Name, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def metrics(self) -> set[str]:
        """All that is to be read."""
        return {one.metric for one in (*self.times, *self.counts, *self.gauges)}


_OUR_STAGES = ("prefill_queue", "prefill", "transfer", "decode_queue", "decode")

LMGAME = Dialect(
    "lmgame",
    ("lmgame_",),
    (
        Name("ttft_s", "lmgame_ttft_seconds"),
        *(Name(f"{one}_s", "lmgame_stage_seconds", (("stage", one),)) for one in _OUR_STAGES),
    ),
    (
        Name("prompt_tokens", "lmgame_prompt_tokens"),
        Name("generation_tokens", "lmgame_completion_tokens"),
        Name("cached_tokens", "lmgame_cached_tokens"),
        Name("transferred_bytes", "lmgame_kv_transferred_bytes"),
        Name("requests", "lmgame_requests"),
        Name("late_requests", "lmgame_late_requests"),
        Name("worker_restarts", "lmgame_worker_restarts"),
    ),
    (
        Name("running", "lmgame_jobs", meaning="waiting ones too"),
        Name("waiting", "lmgame_queue_length"),
        Name("prefillers", "lmgame_prefillers", meaning="workers that pass prompts on"),
        Name("at_once", "lmgame_replies_at_once", meaning="replies of a worker at once, at most"),
    ),
)  # fmt: skip

VLLM = Dialect(
    "vllm",
    ("vllm:",),
    (
        Name("ttft_s", "vllm:time_to_first_token_seconds"),
        Name("tpot_s", "vllm:request_time_per_output_token_seconds"),
        Name("itl_s", "vllm:inter_token_latency_seconds"),
        Name("itl_s", "vllm:time_per_output_token_seconds"),
        Name("e2e_s", "vllm:e2e_request_latency_seconds"),
        Name("prefill_queue_s", "vllm:request_queue_time_seconds"),
        Name("prefill_s", "vllm:request_prefill_time_seconds"),
        Name("transfer_s", "vllm:nixl_xfer_time_seconds", meaning="transfers, not calls"),
        Name("decode_s", "vllm:request_decode_time_seconds"),
    ),
    (
        Name("prompt_tokens", "vllm:prompt_tokens"),
        Name("generation_tokens", "vllm:generation_tokens"),
        Name("cached_tokens", "vllm:prefix_cache_hits"),
        Name("cache_queries_tokens", "vllm:prefix_cache_queries"),
        Name("received_tokens", "vllm:prompt_tokens_by_source",
             (("source", "external_kv_transfer"),)),
        Name("received_tokens", "vllm:external_prefix_cache_hits"),
        Name("transferred_bytes", "vllm:nixl_bytes_transferred"),
        Name("failed_transfers", "vllm:nixl_num_failed_transfers"),
        Name("preemptions", "vllm:num_preemptions"),
        Name("requests", "vllm:request_success"),
    ),
    (
        Name("running", "vllm:num_requests_running"),
        Name("waiting", "vllm:num_requests_waiting"),
        Name("kv_cache_usage", "vllm:kv_cache_usage_perc", over="mean"),
        Name("kv_cache_usage", "vllm:gpu_cache_usage_perc", over="mean"),
    ),
    (
        ("vllm:nixl_xfer_time_seconds",
         "this vLLM takes part in a split: what a decode worker calls TTFT leaves out the "
         "prefill before it, so it is not what a user waits"),
    ),
)  # fmt: skip

_SG_STAGE = "sglang:per_stage_req_latency_seconds"


def _sg(what: str, stage: str, meaning: str = "") -> Name:
    return Name(what, _SG_STAGE, (("stage", stage),), meaning=meaning)


SGLANG = Dialect(
    "sglang",
    ("sglang:",),
    (
        Name("ttft_s", "sglang:time_to_first_token_seconds"),
        Name("tpot_s", "sglang:request_time_per_output_token_seconds"),
        Name("itl_s", "sglang:inter_token_latency_seconds"),
        Name("e2e_s", "sglang:e2e_request_latency_seconds"),
        Name("prefill_queue_s", "sglang:queue_time_seconds"),
        _sg("prefill_s", "prefill_forward", "of the last chunk where prefill is chunked"),
        _sg("transfer_s", "prefill_transfer_kv_cache", "waiting for it included"),
        Name("transfer_s", "sglang:kv_transfer_latency_ms", scale=1e-3),
        _sg("decode_queue_s", "decode_waiting"),
    ),
    (
        Name("prompt_tokens", "sglang:prompt_tokens"),
        Name("generation_tokens", "sglang:generation_tokens"),
        Name("cached_tokens", "sglang:cached_tokens"),
        Name("failed_transfers", "sglang:num_transfer_failed_reqs"),
        Name("requests", "sglang:num_requests"),
    ),
    (
        Name("running", "sglang:num_running_reqs"),
        Name("waiting", "sglang:num_queue_reqs"),
        Name("waiting_transfer", "sglang:num_decode_transfer_queue_reqs"),
        Name("kv_cache_usage", "sglang:token_usage", over="mean"),
    ),
)

DYNAMO = Dialect(
    "dynamo",
    ("dynamo_frontend_",),
    (
        Name("ttft_s", "dynamo_frontend_time_to_first_token_seconds"),
        Name("itl_s", "dynamo_frontend_inter_token_latency_seconds"),
        Name("e2e_s", "dynamo_frontend_request_duration_seconds"),
        Name("preprocess_s", "dynamo_frontend_stage_duration_seconds", (("stage", "preprocess"),)),
        Name("route_s", "dynamo_frontend_stage_duration_seconds", (("stage", "route"),)),
        Name("transport_s", "dynamo_frontend_stage_duration_seconds",
             (("stage", "transport_roundtrip"),)),
        Name("transfer_s", "dynamo_component_router_kv_transfer_estimated_latency_seconds",
             meaning="the router's estimate, an upper bound"),
    ),
    (
        Name("prompt_tokens", "dynamo_frontend_input_sequence_tokens"),
        Name("generation_tokens", "dynamo_frontend_output_tokens"),
        Name("generation_tokens", "dynamo_frontend_output_sequence_tokens"),
        Name("cached_tokens", "dynamo_frontend_cached_tokens"),
        Name("requests", "dynamo_frontend_requests"),
    ),
    (
        Name("running", "dynamo_frontend_inflight_requests", meaning="waiting ones too"),
        Name("waiting", "dynamo_frontend_queued_requests"),
    ),
    (
        ("", "the frontend's buckets are coarse (each about twice as wide as the one before): "
         "its percentiles cannot decide a limit between two of them"),
    ),
)  # fmt: skip

DYNAMO_WORKER = Dialect(
    "dynamo worker",
    ("dynamo_component_", "dynamo_work_handler_"),
    (
        Name("ttft_s", "dynamo_work_handler_time_to_first_response_seconds",
             meaning="of this worker's part"),
        Name("e2e_s", "dynamo_component_request_duration_seconds",
             meaning="of this worker's part"),
        Name("transport_s", "dynamo_work_handler_network_transit_seconds",
             meaning="from the frontend to this worker"),
        Name("queue_s", "dynamo_work_handler_permit_wait_seconds",
             meaning="until this worker takes the request up"),
    ),
    (Name("requests", "dynamo_component_requests"),),
    (
        Name("running", "dynamo_component_inflight_requests"),
        Name("waiting", "dynamo_work_handler_queue_depth"),
    ),
)  # fmt: skip

VLLM_ROUTER = Dialect(
    "vllm-router",
    ("vllm_router_",),
    (
        # Seen with 0.1.17 against workers whose times are known.
        Name("begun_s", "vllm_router_pd_request_duration_seconds",
             meaning="until the decode worker's response begins, where it streams"),
        Name("begun_s", "vllm_router_request_duration_seconds",
             meaning="until the worker's response begins, where it streams"),
        Name("decode_pending_s", "vllm_router_pd_decode_pending_seconds",
             meaning="from the request until it is at the decode worker"),
    ),
    (
        Name("requests", "vllm_router_pd_requests"),
        Name("requests", "vllm_router_requests"),
        Name("failed_requests", "vllm_router_pd_errors"),
    ),
    (
        Name("running", "vllm_router_pd_active_decode_requests"),
        Name("waiting", "vllm_router_pd_pending_decode_requests"),
        Name("active_prefill_tokens", "vllm_router_pd_active_prefill_tokens"),
    ),
)  # fmt: skip

LLAMACPP = Dialect(
    "llama.cpp",
    ("llamacpp:",),
    (),
    (
        Name("prompt_tokens", "llamacpp:prompt_tokens"),
        Name("generation_tokens", "llamacpp:tokens_predicted"),
        Name("prefill_seconds", "llamacpp:prompt_seconds"),
        Name("decode_seconds", "llamacpp:tokens_predicted_seconds"),
    ),
    (
        Name("running", "llamacpp:requests_processing"),
        Name("waiting", "llamacpp:requests_deferred"),
    ),
)

DIALECTS = (LMGAME, DYNAMO, VLLM_ROUTER, SGLANG, VLLM, LLAMACPP, DYNAMO_WORKER)
"""In the order in which they are looked for: a frontend has names of its workers too, and a
worker of Dynamo may have its engine's, which tell more."""


def recognise(names: Sequence[str]) -> Dialect | None:
    """Whose page has these names; None for one that we do not know."""
    for one in DIALECTS:
        if any(name.startswith(one.marks) for name in names):
            return one
    return None
