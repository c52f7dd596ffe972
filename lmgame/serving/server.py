"""The server process: port, router and HTTP front in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil
from aiohttp import web

from lmgame.errors import ServerError
from lmgame.serving import weights
from lmgame.serving.binding import load_library
from lmgame.serving.config import EmbeddedConfig, without_effect
from lmgame.serving.engine import Shape, read_shape
from lmgame.serving.front import Front
from lmgame.serving.metric import Metrics
from lmgame.serving.router import Router
from lmgame.serving.vocabulary import Vocabulary, open_model

WARNING = "warning: "
"""Begins every warning on standard error, so that an owner can pass it on."""

_POLL_S = 0.02
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens.

    Attributes:
        host: As configured.
        port: The real one, where 0 was configured.
    """

    host: str
    port: int

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"


async def serve(
    config: EmbeddedConfig,
    stop: asyncio.Event,
    on_listening: Callable[[Address], None] = lambda address: None,
    on_ready: Callable[[Address], None] = lambda address: None,
) -> None:
    """Serve until ``stop`` is set.

    Args:
        config: The settings.
        stop: Ends the server within about two seconds.
        on_listening: Called when the port is open; ``/health`` answers from here on.
        on_ready: Called when requests are served.

    Raises:
        ServerError: The port is taken, the memory too small, or workers keep dying.
        WeightsError: The weights are missing or damaged.
        EngineError: llama.cpp cannot be used.
    """
    path = weights.find(config.weights)
    if idle := without_effect(config):
        warn(idle)
    library = load_library()
    model = open_model(path, library, vocabulary_only=True)
    vocabulary, shape = Vocabulary(library, model), read_shape(library, model)
    config = within_training(config, shape)
    check_memory(config, shape, psutil.virtual_memory().available)
    metrics = Metrics()
    router = Router(config, path, metrics)
    app = Front(config, vocabulary, router, metrics).application()
    # Without handler_cancellation a dropped connection would go unnoticed until the
    # next token is written, and a non-streaming one until the reply is complete.
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        address = await _listen(runner, config)
        on_listening(address)
        router.start()
        await _until_done(router, stop, lambda: on_ready(address))
    finally:
        await router.stop()
        await runner.cleanup()


def warn(text: str) -> None:
    """Write one line to standard error."""
    print(WARNING + text, file=sys.stderr, flush=True)


def exposed(addresses: Iterable[str]) -> str | None:
    """Say that others can reach the server, where they can.

    Args:
        addresses: The IP addresses it listens on.
    """
    open_to = [one for one in addresses if not ipaddress.ip_address(one).is_loopback]
    if not open_to:
        return None
    return (
        f"listening on {', '.join(open_to)}: there is no authentication, so whoever "
        "reaches this address can use the server"
    )


def within_training(config: EmbeddedConfig, shape: Shape) -> EmbeddedConfig:
    """The settings with a context that the model can use; warns where that is less."""
    if shape.context is None or config.context <= shape.context:
        return config
    warn(
        f"backend.context={config.context} is more than the {shape.context} tokens that "
        f"{config.model} was trained for; serving {shape.context}"
    )
    return config.model_copy(update={"context": shape.context})


def check_memory(config: EmbeddedConfig, shape: Shape, available: int) -> None:
    """Refuse settings whose KV states cannot fit.

    Args:
        config: The settings.
        shape: The model's dimensions.
        available: Bytes of memory that can be had without swapping.

    Raises:
        ServerError: They need more.
    """
    if shape.kv_bytes is None:
        return
    sequences = sum(count * config.slots_of(role) for role, count in config.workers().items())
    slabs = config.slabs() if config.mode != "colocated" else 0
    prefixes = sum(count * config.prefix_bytes_of(role) for role, count in config.workers().items())
    need = (sequences + slabs) * config.context * shape.kv_bytes + prefixes
    if need <= available:
        return
    workers = "replicas" if config.mode == "colocated" else "decode_workers"
    raise ServerError(
        f"{sequences} slots and {slabs} slabs of {config.context} tokens and "
        f"{prefixes / _GB:.1f} GB for earlier prompts need "
        f"{need / _GB:.1f} GB of memory, but {available / _GB:.1f} GB are available; lower "
        f"backend.context, backend.slots, backend.prefix_mb or backend.{workers}"
    )


async def _listen(runner: web.AppRunner, config: EmbeddedConfig) -> Address:
    site = web.TCPSite(runner, config.host, config.port)
    try:
        await site.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ServerError(
                f"port {config.port} on {config.host} is in use; choose another with "
                "backend.port=N (0 picks a free one)"
            ) from error
        raise ServerError(f"cannot listen on {config.host}:{config.port}: {error}") from error
    if exposure := exposed(address[0] for address in runner.addresses):
        warn(exposure)
    return Address(config.host, runner.addresses[0][1])


async def _until_done(router: Router, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    ends = [asyncio.create_task(event.wait()) for event in (stop, router.failed)]
    ready = asyncio.create_task(_wait_ready(router, on_ready))
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*ends, ready):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    if router.failed.is_set():
        raise ServerError(router.failure)


async def _wait_ready(router: Router, on_ready: Callable[[], None]) -> None:
    while not router.started:
        await asyncio.sleep(_POLL_S)
    on_ready()


def run_until_signalled(
    config: EmbeddedConfig,
    on_listening: Callable[[Address], None] = lambda address: None,
    on_ready: Callable[[Address], None] = lambda address: None,
    *,
    stop_at_end_of: int | None = None,
) -> None:
    """Run :func:`serve` in this thread until SIGINT, SIGTERM, SIGHUP or the end of a pipe.

    Args:
        config: The settings.
        on_listening: See :func:`serve`.
        on_ready: See :func:`serve`.
        stop_at_end_of: A file descriptor; its end means that the owner is gone.
    """

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started with nohup, to outlive its terminal
            loop.add_signal_handler(number, stop.set)
        if stop_at_end_of is not None:
            # The owner writes nothing more, so readable means closed.
            loop.add_reader(stop_at_end_of, stop.set)
        await serve(config, stop, on_listening, on_ready)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not on every platform; asyncio's own loop is slower, no less right
        return None
    return uvloop.new_event_loop
