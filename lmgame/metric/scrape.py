"""Looks at servers' Prometheus pages while they are measured.

At the begin, now and then, and at the end. A look is an ordinary request in a thread of
its own. Pages are kept compressed and read only when all is over, so that looking costs
who measures next to nothing. No key is sent: a page that wants one is told like one that
is not there.
"""

from __future__ import annotations

import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import httpx

from lmgame.client.trouble import clean
from lmgame.metric import page as pages
from lmgame.metric.dialect import recognise
from lmgame.metric.page import BrokenPage
from lmgame.metric.window import Window, window

LOOK_S = 5.0
"""Seconds that one look may take."""
MOST_LOOKS = 256
"""Beyond so many every second one is let go, and looks become half as frequent."""
LAST_LOOKS, LAST_PAUSE_S = 5, 0.1
"""At the end a page is looked at until it stands still, at most so often: servers count a
reply a moment after they have sent it."""
_VERSION = re.compile(r"/v\d+[a-z]*$")
_HINTS = {
    404: "SGLang shows one with --enable-metrics, llama.cpp with --metrics, vllm-router at its "
    "own --prometheus-port",
    401: "it wants a key, and none is sent to it",
    403: "it wants a key, and none is sent to it",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What one page has told.

    Attributes:
        url: Where it is.
        window: What it came to; None where there is nothing.
        problem: One line saying what went wrong, and what to do; "" for nothing.
    """

    url: str
    window: Window | None = None
    problem: str = ""


@dataclass
class _Place:
    """A page, and what was seen of it."""

    url: str
    looks: list[tuple[float, bytes]] = field(default_factory=list)
    problem: str = ""
    gone: bool = False  # it is not there, and looking again would not help

    def counted(self) -> list[str]:
        """What the last look saw of the metrics that we know."""
        text = _text(self.looks[-1]) if self.looks else ""
        dialect = recognise(pages.names(text))
        return pages.lines(text, dialect.metrics) if dialect is not None else []


def beside(base_url: str) -> str:
    """Where a server's page is: at its root, beside ``/v1``."""
    return _VERSION.sub("", base_url.rstrip("/")) + "/metrics"


class Scraper:
    """Looks at pages while something runs.

    Args:
        urls: Where they are.
        every_s: Seconds between looks.
        timer: Monotonic seconds.
    """

    def __init__(
        self,
        urls: Sequence[str],
        every_s: float = 2.0,
        timer: Callable[[], float] = perf_counter,
    ) -> None:
        self._places = [_Place(url) for url in dict.fromkeys(urls)]
        self._every_s, self._timer = every_s, timer
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._http = httpx.Client(trust_env=False, timeout=LOOK_S)

    def begin(self) -> None:
        """Look once, and go on in a thread."""
        self.look()
        if any(not place.gone for place in self._places):
            self._thread = threading.Thread(target=self._go_on, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Look for the last time, and stop."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            for _ in range(LAST_LOOKS):
                before = [place.counted() for place in self._places]
                self.look()
                if before == [place.counted() for place in self._places]:
                    break
                time.sleep(LAST_PAUSE_S)
        self._http.close()

    def _go_on(self) -> None:
        while not self._over.wait(self._every_s):
            self.look()

    def look(self) -> None:
        """Look at every page once."""
        for place in self._places:
            if place.gone:
                continue
            try:
                text = self._get(place.url)
            except _Missing as missing:
                place.problem = str(missing)
                place.gone = not place.looks
            except httpx.HTTPError as error:
                place.problem = clean(str(error) or type(error).__name__)
            else:
                place.problem = ""
                place.looks.append((self._timer(), zlib.compress(text, 1)))
                if len(place.looks) > MOST_LOOKS:
                    del place.looks[1::2]
                    self._every_s *= 2

    def _get(self, url: str) -> bytes:
        body, begin = bytearray(), perf_counter()
        headers = {"User-Agent": "lmgame", "Accept": "text/plain", "Accept-Encoding": "identity"}
        with self._http.stream("GET", url, headers=headers) as response:
            if response.status_code != 200:
                hint = _HINTS.get(response.status_code, "")
                raise _Missing(f"HTTP {response.status_code}" + (f" ({hint})" if hint else ""))
            for piece in response.iter_raw():
                body += piece
                if len(body) > pages.MOST_BYTES:
                    raise _Missing(f"more than {pages.MOST_BYTES >> 20} MiB")
                if perf_counter() - begin > LOOK_S:  # httpx limits each read, not their sum
                    raise httpx.ReadTimeout("too slow")
        return bytes(body)

    def told(self) -> list[Told]:
        """What the pages came to, in the order of their addresses."""
        return [_told(place) for place in self._places]


class _Missing(Exception):
    """There is no page."""


@contextmanager
def scraping(urls: Sequence[str], every_s: float = 2.0) -> Iterator[Scraper]:
    """Look at pages for as long as the block lasts; then ask the scraper what they told."""
    scraper = Scraper(urls, every_s)
    scraper.begin()
    try:
        yield scraper
    finally:
        scraper.end()


def _text(look: tuple[float, bytes]) -> str:
    return zlib.decompress(look[1]).decode("utf-8", "replace")


def _told(place: _Place) -> Told:
    url = clean(place.url)
    if not place.looks:
        return Told(url, problem=f"no server metrics from {url}: {place.problem or 'no answer'}")
    names = pages.names(_text(place.looks[-1]))
    dialect = recognise(names)
    if dialect is None:
        first = ", ".join(clean(name, 60) for name in names[:3]) or "no metric"
        return Told(url, problem=f"no server metrics from {url}: a page that we do not know "
                    f"({first})")  # fmt: skip
    try:
        read = [pages.parse(_text(look), look[0], dialect.metrics) for look in place.looks]
    except BrokenPage as error:
        return Told(url, problem=f"no server metrics from {url}: its page cannot be read: {error}")
    problem = f"{url}: the last look failed: {place.problem}" if place.problem else ""
    return Told(url, window(read, dialect), problem)
