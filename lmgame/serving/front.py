"""The HTTP front: OpenAI's chat completions, models, health, metrics."""

from __future__ import annotations

import asyncio
import json
import logging
import reprlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from lmgame.serving.chat import ApiError, ChatRequest, parse
from lmgame.serving.config import EmbeddedConfig
from lmgame.serving.job import Done, Failed, Job, Text
from lmgame.serving.line import QueueFull
from lmgame.serving.metric import Metrics
from lmgame.serving.reply import Reply, Request
from lmgame.serving.router import Router
from lmgame.serving.vocabulary import Detokenizer, Vocabulary

log = logging.getLogger("lmgame.serving")

MAX_BODY = 8 * 2**20
"""Bytes; a full context of 4096 tokens is about 20 kB of text."""

_INLINE_CHARACTERS = 65536

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Front:
    """Turns HTTP requests into jobs and their events into responses.

    Args:
        config: The settings.
        vocabulary: The served model's tokenizer.
        router: Runs the jobs.
        metrics: Where to count.
    """

    def __init__(
        self, config: EmbeddedConfig, vocabulary: Vocabulary, router: Router, metrics: Metrics
    ) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self.router = router
        self.metrics = metrics
        self.started = int(time.time())

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._errors])
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/v1/models/{model}", self.model)
        app.router.add_get("/health", self.health)
        app.router.add_get("/metrics", self.metrics_page)
        return app

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every error in OpenAI's form, every completion request counted."""
        counted = request.path == "/v1/chat/completions"
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            if counted:
                self.metrics.requests.labels("499").inc()  # nginx's "client closed request"
            raise
        except ApiError as error:
            response = _error(error)
        except web.HTTPRequestEntityTooLarge:
            response = _error(ApiError(413, f"the request body is larger than {MAX_BODY} bytes"))
        except web.HTTPNotFound:
            response = _error(ApiError(404, f"there is no {request.path} here", code="not_found"))
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            response = _error(ApiError(405, f"{request.path} takes {allowed}"))
            response.headers["Allow"] = allowed
        except web.HTTPException:
            raise
        except Exception:
            log.exception("a bug in the server, serving %s", request.path)
            response = _error(ApiError(500, "internal error; the server's log has the details"))
        if counted:
            self.metrics.requests.labels(str(response.status)).inc()
        return response

    async def models(self, request: web.Request) -> web.Response:
        """``GET /v1/models``."""
        del request
        return web.json_response({"object": "list", "data": [self._model()]})

    async def model(self, request: web.Request) -> web.Response:
        """``GET /v1/models/<id>``."""
        self._check_model(request.match_info["model"])
        return web.json_response(self._model())

    def _model(self) -> dict[str, Any]:
        return {
            "id": self.config.model,
            "object": "model",
            "created": self.started,
            "owned_by": "lmgame",
            "max_model_len": self.router.context,
        }

    def _check_model(self, name: str) -> None:
        if name != self.config.model:
            raise ApiError(
                404,
                f"there is no model {name!r} here; this server has {self.config.model!r}",
                "model",
                "model_not_found",
            )

    async def health(self, request: web.Request) -> web.Response:
        """``GET /health``: 200 once every kind of worker is ready, else 503."""
        del request
        router = self.router
        status = "ok" if router.ready else "restarting" if router.started else "starting"
        if router.failed.is_set():
            status = "failed"
        body = {
            "status": status,
            "mode": self.config.mode,
            "serving": router.mode,
            "model": self.config.model,
            "workers": [
                {
                    "name": worker.name,
                    "pid": worker.pid,
                    "ready": worker.ready,
                    "restarts": worker.restarts,
                    "slots_in_use": worker.busy_slots,
                }
                for worker in router.workers
            ],
        }
        return web.json_response(body, status=200 if status == "ok" else 503)

    async def metrics_page(self, request: web.Request) -> web.Response:
        """``GET /metrics``."""
        del request
        self.router.observe()
        return web.Response(
            body=self.metrics.render(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """``POST /v1/chat/completions``.

        Without max_tokens or max_completion_tokens a reply ends after 256 tokens that the
        model chose, or sooner where the context is full.
        """
        wanted = parse(await request.read())
        self._check_model(wanted.model)
        if not self.router.started:
            raise ApiError(503, "the server is starting; /health tells when it is ready")
        job_request = await self._job_request(wanted)
        job = self._submit(job_request, _client(request, wanted), wanted.deadline_s)
        identity = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": self.config.model,
        }
        try:
            if wanted.stream:
                return await self._stream(request, wanted, job, identity)
            return await self._whole(job, identity)
        finally:
            self.router.cancel(job)

    def _submit(self, request: Request, client: str, deadline_s: float | None) -> Job:
        whole = Reply(request, self.vocabulary).whole()
        if whole is not None:
            # One allowed reply: nothing to decide, so no worker is bothered.
            job = Job(0, request, mode=self.router.mode, state="ended", forced_tokens=whole.forced)
            job.events.put_nowait(Text(whole.text))
            job.events.put_nowait(Done("stop"))
            self.metrics.finished(job)
            return job
        try:
            return self.router.submit(request, client, deadline_s)
        except QueueFull as error:
            again = error.retry_after_s
            raise ApiError(
                429,
                f"{self.config.queue} requests are waiting already; try again in {again} s",
                retry_after_s=again,
            ) from error

    async def _job_request(self, wanted: ChatRequest) -> Request:
        """Tokenize, and check that it fits."""
        if sum(len(message.content) for message in wanted.messages) > _INLINE_CHARACTERS:
            # The tokenizer needs a second for megabytes; the streams must not wait.
            prompt = await asyncio.to_thread(self.vocabulary.prompt, wanted.messages)
        else:
            prompt = self.vocabulary.prompt(wanted.messages)
        choices = tuple(self._choice(text) for text in wanted.choices)
        room = self.router.context - len(prompt)
        self._check_room(len(prompt), room, wanted.choices, choices)
        return Request(
            prompt=prompt,
            max_tokens=min(wanted.max_tokens, room),
            sampling=wanted.sampling,
            stop=wanted.stop,
            choices=choices,
            ignore_eos=wanted.ignore_eos,
        )

    def _check_room(
        self,
        prompt: int,
        room: int,
        texts: tuple[str, ...],
        choices: tuple[tuple[int, ...], ...],
    ) -> None:
        if room < 1:
            raise ApiError(
                400,
                f"this model's context is {prompt + room} tokens, but the messages have "
                f"{prompt} and the reply needs at least 1; shorten the messages or raise "
                "backend.context",
                "messages",
                "context_length_exceeded",
            )
        for text, tokens in zip(texts, choices, strict=True):
            if len(tokens) > room:
                raise ApiError(
                    400,
                    f"the choice {reprlib.repr(text)} has {len(tokens)} tokens, but this model's "
                    f"context of {prompt + room} has room for {room} beside the messages' "
                    f"{prompt}; shorten the choice or raise backend.context",
                    code="context_length_exceeded",
                )

    def _choice(self, text: str) -> tuple[int, ...]:
        tokens = self.vocabulary.tokenize(text)
        detokenizer = Detokenizer(self.vocabulary)
        if detokenizer.push(tokens) + detokenizer.flush() != text:
            # SmolLM2's vocabulary, for one, lacks a few bytes; llama.cpp drops them.
            raise ApiError(400, f"the choice {text!r} has characters that this model cannot write")
        return tuple(tokens)

    async def _whole(self, job: Job, identity: dict[str, Any]) -> web.Response:
        texts: list[str] = []
        finish = ""
        async for event in _events(job):
            if isinstance(event, Failed):
                raise _refusal(event)
            if isinstance(event, Text):
                texts.append(event.text)
            else:
                finish = event.finish
        message = {"role": "assistant", "content": "".join(texts)}
        body = {
            **identity,
            "object": "chat.completion",
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
            ],
            "usage": _usage(job),
            "lmgame": job.to_json(),
        }
        return web.json_response(body)

    async def _stream(
        self, request: web.Request, wanted: ChatRequest, job: Job, identity: dict[str, Any]
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        head = {**identity, "object": "chat.completion.chunk"}
        async for event in _events(job):
            if not response.prepared:
                # Only now, so that a request that fails before its first token gets a real
                # status, and so that the empty role chunk is not taken for a first token.
                if isinstance(event, Failed):
                    raise _refusal(event)
                await response.prepare(request)
                opening = _chunk(head, {"role": "assistant"})
            else:
                opening = b""
            if isinstance(event, Text):
                if event.text or opening:
                    text = _chunk(head, {"content": event.text}) if event.text else b""
                    await response.write(opening + text)
            elif isinstance(event, Failed):
                error = _refusal(event).to_json()
                await response.write(_line(error) + b"data: [DONE]\n\n")
            else:
                await response.write(opening + self._ending(head, wanted, job, event))
        await response.write_eof()
        return response

    def _ending(self, head: dict[str, Any], wanted: ChatRequest, job: Job, done: Done) -> bytes:
        facts = {"lmgame": job.to_json()}
        if not wanted.include_usage:
            return _chunk({**head, **facts}, {}, done.finish) + b"data: [DONE]\n\n"
        usage = {**head, "choices": [], "usage": _usage(job), **facts}
        return _chunk(head, {}, done.finish) + _line(usage) + b"data: [DONE]\n\n"


async def _events(job: Job) -> AsyncIterator[Text | Done | Failed]:
    while True:
        event = await job.events.get()
        yield event
        if not isinstance(event, Text):
            return


def _usage(job: Job) -> dict[str, Any]:
    prompt = len(job.request.prompt)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": job.completion_tokens,
        "total_tokens": prompt + job.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": job.cached},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _line(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def _chunk(head: dict[str, Any], delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _line({**head, "choices": [choice]})


def _client(request: web.Request, wanted: ChatRequest) -> str:
    """Whose turn it takes: the user named, else who has this key, else this address."""
    return wanted.user or request.headers.get("Authorization", "") or request.remote or ""


def _refusal(event: Failed) -> ApiError:
    return ApiError(event.status, event.message, code=event.code, retry_after_s=event.retry_after_s)


def _error(error: ApiError) -> web.Response:
    headers = {"Retry-After": str(error.retry_after_s or 1)} if error.status in (429, 503) else None
    return web.json_response(error.to_json(), status=error.status, headers=headers)
