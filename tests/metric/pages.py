"""Pages as servers show them: their names and labels, our numbers.

Names after vLLM 0.32, SGLang 0.5.23, Dynamo 1.6.1 and vllm-router 0.1.17.
"""

from __future__ import annotations

import re

VLLM = """\
# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 9000
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 6.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 4.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.6
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.2
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 80000.0
# TYPE vllm:prefix_cache_queries_created gauge
vllm:prefix_cache_queries_created{engine="0",model_name="m"} 1.7e+09
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 60000.0
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="m"} 80000.0
# TYPE vllm:prompt_tokens_by_source_total counter
vllm:prompt_tokens_by_source_total{engine="0",source="local_compute"} 20000.0
vllm:prompt_tokens_by_source_total{engine="0",source="external_kv_transfer"} 4000.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="m"} 4000.0
# TYPE vllm:request_success_total counter
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 60.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 20.0
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.1",model_name="m"} 20.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.25",model_name="m"} 60.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.5",model_name="m"} 80.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="m"} 80.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 80.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} 16.0
# TYPE vllm:inter_token_latency_seconds histogram
vllm:inter_token_latency_seconds_bucket{engine="0",le="0.025",model_name="m"} 4000.0
vllm:inter_token_latency_seconds_bucket{engine="0",le="+Inf",model_name="m"} 4000.0
vllm:inter_token_latency_seconds_count{engine="0",model_name="m"} 4000.0
vllm:inter_token_latency_seconds_sum{engine="0",model_name="m"} 80.0
# TYPE vllm:request_queue_time_seconds histogram
vllm:request_queue_time_seconds_bucket{engine="0",le="0.3",model_name="m"} 80.0
vllm:request_queue_time_seconds_bucket{engine="0",le="+Inf",model_name="m"} 80.0
vllm:request_queue_time_seconds_count{engine="0",model_name="m"} 80.0
vllm:request_queue_time_seconds_sum{engine="0",model_name="m"} 4.0
# TYPE vllm:request_prefill_time_seconds histogram
vllm:request_prefill_time_seconds_bucket{engine="0",le="0.3",model_name="m"} 80.0
vllm:request_prefill_time_seconds_bucket{engine="0",le="+Inf",model_name="m"} 80.0
vllm:request_prefill_time_seconds_count{engine="0",model_name="m"} 80.0
vllm:request_prefill_time_seconds_sum{engine="0",model_name="m"} 12.0
# TYPE vllm:request_decode_time_seconds histogram
vllm:request_decode_time_seconds_bucket{engine="0",le="1.5",model_name="m"} 80.0
vllm:request_decode_time_seconds_bucket{engine="0",le="+Inf",model_name="m"} 80.0
vllm:request_decode_time_seconds_count{engine="0",model_name="m"} 80.0
vllm:request_decode_time_seconds_sum{engine="0",model_name="m"} 80.0
# TYPE vllm:e2e_request_latency_seconds histogram
vllm:e2e_request_latency_seconds_bucket{engine="0",le="1.5",model_name="m"} 80.0
vllm:e2e_request_latency_seconds_bucket{engine="0",le="+Inf",model_name="m"} 80.0
vllm:e2e_request_latency_seconds_count{engine="0",model_name="m"} 80.0
vllm:e2e_request_latency_seconds_sum{engine="0",model_name="m"} 96.0
# TYPE vllm:nixl_xfer_time_seconds histogram
vllm:nixl_xfer_time_seconds_bucket{engine="0",le="0.05",model_name="m"} 40.0
vllm:nixl_xfer_time_seconds_bucket{engine="0",le="+Inf",model_name="m"} 40.0
vllm:nixl_xfer_time_seconds_count{engine="0",model_name="m"} 40.0
vllm:nixl_xfer_time_seconds_sum{engine="0",model_name="m"} 1.2
"""

SGLANG = """\
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 8.0
sglang:num_running_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="1"} 8.0
# TYPE sglang:num_queue_reqs gauge
sglang:num_queue_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 4.0
# TYPE sglang:token_usage gauge
sglang:token_usage{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 0.4
# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{is_streaming="true",model_name="m"} 8000.0
# TYPE sglang:generation_tokens_total counter
sglang:generation_tokens_total{is_streaming="true",model_name="m"} 400.0
# TYPE sglang:cached_tokens_total counter
sglang:cached_tokens_total{cache_source="device",model_name="m"} 5000.0
sglang:cached_tokens_total{cache_source="host",model_name="m"} 1000.0
# TYPE sglang:num_requests_total counter
sglang:num_requests_total{is_streaming="true",model_name="m"} 8.0
# TYPE sglang:time_to_first_token_seconds histogram
sglang:time_to_first_token_seconds_bucket{le="0.2",model_name="m"} 4.0
sglang:time_to_first_token_seconds_bucket{le="0.4",model_name="m"} 8.0
sglang:time_to_first_token_seconds_bucket{le="+Inf",model_name="m"} 8.0
sglang:time_to_first_token_seconds_count{model_name="m"} 8.0
sglang:time_to_first_token_seconds_sum{model_name="m"} 1.6
# TYPE sglang:e2e_request_latency_seconds histogram
sglang:e2e_request_latency_seconds_bucket{le="2.0",model_name="m"} 8.0
sglang:e2e_request_latency_seconds_bucket{le="+Inf",model_name="m"} 8.0
sglang:e2e_request_latency_seconds_count{model_name="m"} 8.0
sglang:e2e_request_latency_seconds_sum{model_name="m"} 8.0
# TYPE sglang:queue_time_seconds histogram
sglang:queue_time_seconds_bucket{le="0.1",model_name="m",tp_rank="0"} 8.0
sglang:queue_time_seconds_bucket{le="+Inf",model_name="m",tp_rank="0"} 8.0
sglang:queue_time_seconds_count{model_name="m",tp_rank="0"} 8.0
sglang:queue_time_seconds_sum{model_name="m",tp_rank="0"} 0.4
# TYPE sglang:per_stage_req_latency_seconds histogram
sglang:per_stage_req_latency_seconds_bucket{le="0.5",stage="prefill_forward",tp_rank="0"} 8.0
sglang:per_stage_req_latency_seconds_bucket{le="+Inf",stage="prefill_forward",tp_rank="0"} 8.0
sglang:per_stage_req_latency_seconds_count{stage="prefill_forward",tp_rank="0"} 8.0
sglang:per_stage_req_latency_seconds_sum{stage="prefill_forward",tp_rank="0"} 0.8
sglang:per_stage_req_latency_seconds_count{stage="decode_waiting",tp_rank="0"} 8.0
sglang:per_stage_req_latency_seconds_sum{stage="decode_waiting",tp_rank="0"} 0.16
# TYPE sglang:kv_transfer_latency_ms histogram
sglang:kv_transfer_latency_ms_bucket{le="50.0"} 8.0
sglang:kv_transfer_latency_ms_bucket{le="+Inf"} 8.0
sglang:kv_transfer_latency_ms_count 8.0
sglang:kv_transfer_latency_ms_sum 240.0
"""

DYNAMO = """\
# TYPE dynamo_frontend_inflight_requests gauge
dynamo_frontend_inflight_requests{model="m"} 8
# TYPE dynamo_frontend_queued_requests gauge
dynamo_frontend_queued_requests{model="m"} 4
# TYPE dynamo_frontend_requests_total counter
dynamo_frontend_requests_total{endpoint="chat_completions",model="m",status="success"} 40
# TYPE dynamo_frontend_input_sequence_tokens histogram
dynamo_frontend_input_sequence_tokens_bucket{model="m",le="510"} 40
dynamo_frontend_input_sequence_tokens_bucket{model="m",le="+Inf"} 40
dynamo_frontend_input_sequence_tokens_sum{model="m"} 16000
dynamo_frontend_input_sequence_tokens_count{model="m"} 40
# TYPE dynamo_frontend_output_tokens_total counter
dynamo_frontend_output_tokens_total{model="m"} 1200
# TYPE dynamo_frontend_cached_tokens histogram
dynamo_frontend_cached_tokens_bucket{model="m",le="+Inf"} 40
dynamo_frontend_cached_tokens_sum{model="m"} 12000
dynamo_frontend_cached_tokens_count{model="m"} 40
# TYPE dynamo_frontend_time_to_first_token_seconds histogram
dynamo_frontend_time_to_first_token_seconds_bucket{model="m",le="0.1"} 4
dynamo_frontend_time_to_first_token_seconds_bucket{model="m",le="0.22"} 36
dynamo_frontend_time_to_first_token_seconds_bucket{model="m",le="0.47"} 40
dynamo_frontend_time_to_first_token_seconds_bucket{model="m",le="+Inf"} 40
dynamo_frontend_time_to_first_token_seconds_sum{model="m"} 6
dynamo_frontend_time_to_first_token_seconds_count{model="m"} 40
# TYPE dynamo_frontend_inter_token_latency_seconds histogram
dynamo_frontend_inter_token_latency_seconds_bucket{model="m",le="0.024"} 1160
dynamo_frontend_inter_token_latency_seconds_bucket{model="m",le="+Inf"} 1160
dynamo_frontend_inter_token_latency_seconds_sum{model="m"} 11.6
dynamo_frontend_inter_token_latency_seconds_count{model="m"} 1160
# TYPE dynamo_frontend_request_duration_seconds histogram
dynamo_frontend_request_duration_seconds_bucket{model="m",le="2"} 40
dynamo_frontend_request_duration_seconds_bucket{model="m",le="+Inf"} 40
dynamo_frontend_request_duration_seconds_sum{model="m"} 20
dynamo_frontend_request_duration_seconds_count{model="m"} 40
# TYPE dynamo_frontend_stage_duration_seconds histogram
dynamo_frontend_stage_duration_seconds_bucket{stage="route",le="+Inf"} 40
dynamo_frontend_stage_duration_seconds_sum{stage="route"} 0.04
dynamo_frontend_stage_duration_seconds_count{stage="route"} 40
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="m"} 3
"""

DYNAMO_WORKER = """\
# TYPE dynamo_component_inflight_requests gauge
dynamo_component_inflight_requests{dynamo_component="prefill",dynamo_endpoint="generate"} 4
# TYPE dynamo_component_requests_total counter
dynamo_component_requests_total{dynamo_component="prefill",dynamo_endpoint="generate"} 40
# TYPE dynamo_component_request_duration_seconds histogram
dynamo_component_request_duration_seconds_bucket{dynamo_component="prefill",le="0.25"} 40
dynamo_component_request_duration_seconds_bucket{dynamo_component="prefill",le="+Inf"} 40
dynamo_component_request_duration_seconds_sum{dynamo_component="prefill"} 4
dynamo_component_request_duration_seconds_count{dynamo_component="prefill"} 40
# TYPE dynamo_work_handler_permit_wait_seconds histogram
dynamo_work_handler_permit_wait_seconds_bucket{dynamo_component="prefill",le="+Inf"} 40
dynamo_work_handler_permit_wait_seconds_sum{dynamo_component="prefill"} 0.08
dynamo_work_handler_permit_wait_seconds_count{dynamo_component="prefill"} 40
"""

VLLM_ROUTER = """\
# TYPE vllm_router_pd_requests_total counter
vllm_router_pd_requests_total{route="/v1/chat/completions"} 24
# TYPE vllm_router_pd_active_decode_requests gauge
vllm_router_pd_active_decode_requests{worker="http://127.0.0.1:8200"} 4
# TYPE vllm_router_pd_pending_decode_requests gauge
vllm_router_pd_pending_decode_requests{worker="http://127.0.0.1:8200"} 2
# TYPE vllm_router_pd_request_duration_seconds histogram
vllm_router_pd_request_duration_seconds_bucket{route="/v1/chat/completions",le="0.5"} 12
vllm_router_pd_request_duration_seconds_bucket{route="/v1/chat/completions",le="1"} 24
vllm_router_pd_request_duration_seconds_bucket{route="/v1/chat/completions",le="+Inf"} 24
vllm_router_pd_request_duration_seconds_sum{route="/v1/chat/completions"} 12
vllm_router_pd_request_duration_seconds_count{route="/v1/chat/completions"} 24
# TYPE vllm_router_pd_decode_pending_seconds summary
vllm_router_pd_decode_pending_seconds{quantile="0.5"} 0.01
vllm_router_pd_decode_pending_seconds_sum 0.48
vllm_router_pd_decode_pending_seconds_count 24
"""

LMGAME = """\
# TYPE lmgame_requests_total counter
lmgame_requests_total{status="200"} 16.0
# TYPE lmgame_prompt_tokens_total counter
lmgame_prompt_tokens_total 6400.0
# TYPE lmgame_completion_tokens_total counter
lmgame_completion_tokens_total 320.0
# TYPE lmgame_ttft_seconds histogram
lmgame_ttft_seconds_bucket{le="0.1"} 4.0
lmgame_ttft_seconds_bucket{le="0.2"} 12.0
lmgame_ttft_seconds_bucket{le="+Inf"} 16.0
lmgame_ttft_seconds_count 16.0
lmgame_ttft_seconds_sum 4.0
# TYPE lmgame_stage_seconds histogram
lmgame_stage_seconds_bucket{le="0.1",stage="prefill"} 16.0
lmgame_stage_seconds_bucket{le="+Inf",stage="prefill"} 16.0
lmgame_stage_seconds_count{stage="prefill"} 16.0
lmgame_stage_seconds_sum{stage="prefill"} 1.28
lmgame_stage_seconds_bucket{le="0.01",stage="transfer"} 16.0
lmgame_stage_seconds_bucket{le="+Inf",stage="transfer"} 16.0
lmgame_stage_seconds_count{stage="transfer"} 16.0
lmgame_stage_seconds_sum{stage="transfer"} 0.08
# TYPE lmgame_queue_length gauge
lmgame_queue_length{queue="prefill"} 2.0
lmgame_queue_length{queue="decode"} 2.0
# TYPE lmgame_jobs gauge
lmgame_jobs 8.0
"""

ALL = {
    "vllm": VLLM,
    "sglang": SGLANG,
    "dynamo": DYNAMO,
    "dynamo worker": DYNAMO_WORKER,
    "vllm-router": VLLM_ROUTER,
    "lmgame": LMGAME,
}


def scaled(page: str, factor: float) -> str:
    """A page whose every value is so many times as large."""

    def times(found: re.Match[str]) -> str:
        return f"{found[1]} {float(found[2]) * factor}"

    return re.sub(r"^([^#\n].*) (\S+)$", times, page, flags=re.MULTILINE)
