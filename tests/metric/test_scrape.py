from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from lmgame.metric import page, scrape
from lmgame.metric.scrape import Scraper, beside, scraping
from lmgame.testing import ScriptedServer
from tests.metric.pages import LMGAME, VLLM, scaled


def growing(page: str, *factors: float) -> Iterator[str]:
    """A page that grows with every look, and then stands still."""
    yield from (scaled(page, one) for one in factors)
    while True:
        yield scaled(page, factors[-1])


def served(page: str, *factors: float) -> ScriptedServer:
    texts = growing(page, *factors)
    return ScriptedServer(metrics=lambda: next(texts))


@pytest.mark.parametrize(
    ("base_url", "place"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/metrics"),
        ("http://h:1/api/v1/", "http://h:1/api/metrics"),
        ("https://h/v1beta", "https://h/metrics"),
        ("http://h:1", "http://h:1/metrics"),
        ("http://h:1/openai", "http://h:1/openai/metrics"),
    ],
)
def test_a_page_is_beside_the_api(base_url: str, place: str) -> None:
    assert beside(base_url) == place


def test_a_page_is_looked_at_from_begin_to_end() -> None:
    with served(VLLM, 0.25, 0.5, 1.0) as server, scraping([beside(server.base_url)]) as scraper:
        scraper.look()
    (told,) = scraper.told()
    assert told.problem == ""
    assert told.window is not None
    ttft = told.window.named("ttft_s")
    assert ttft is not None
    assert ttft.n == 60  # the last looks go on until the page stands still
    assert told.window.looks >= 3


def test_it_looks_by_itself_while_something_runs() -> None:
    looked, enough = count(1), threading.Event()

    def page() -> str:
        if next(looked) > 5:
            enough.set()
        return LMGAME

    with ScriptedServer(metrics=page) as server:
        with scraping([beside(server.base_url)], every_s=0.01) as scraper:
            assert enough.wait(60)
        (told,) = scraper.told()
    assert told.window is not None
    assert told.window.looks == next(looked) - 1


def test_a_server_without_a_page_is_said_in_one_line() -> None:
    with ScriptedServer() as server:
        with scraping([beside(server.base_url)]) as scraper:
            pass
        url = server.base_url
    (told,) = scraper.told()
    assert told.window is None
    assert told.problem.startswith("no server metrics from http://127.0.0.1:")
    assert "HTTP 404 (SGLang shows one with --enable-metrics" in told.problem
    with scraping([beside(url)]) as scraper:
        pass
    assert "refused" in scraper.told()[0].problem.lower()


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("# TYPE up gauge\nup 1\n", "a page that we do not know (up)"),
        ("<html>\x1b[31mnot found</html>", "a page that we do not know"),
        ("", "a page that we do not know (no metric)"),
        ("lmgame_jobs \x1b[31mred\n", "its page cannot be read"),
    ],
)
def test_a_page_that_is_none_does_no_harm(page: str, said: str) -> None:
    with (
        ScriptedServer(metrics=lambda: page) as server,
        scraping([beside(server.base_url)]) as scraper,
    ):
        pass
    (told,) = scraper.told()
    assert told.window is None
    assert said in told.problem
    assert told.problem.isprintable()


def test_a_page_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_BYTES", 1 << 20)
    text = "lmgame_jobs 1\n" * (1 << 17)
    with (
        ScriptedServer(metrics=lambda: text) as server,
        scraping([beside(server.base_url)]) as scraper,
    ):
        pass
    assert "more than 1 MiB" in scraper.told()[0].problem


def test_a_server_that_goes_away_keeps_what_it_told() -> None:
    with served(VLLM, 0.25, 1.0) as server:
        scraper = Scraper([beside(server.base_url)], every_s=60.0)
        scraper.begin()
        scraper.look()
    scraper.end()
    (told,) = scraper.told()
    assert told.window is not None
    assert told.window.looks == 2
    assert "the last look failed" in told.problem


def test_long_runs_keep_ever_fewer_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "MOST_LOOKS", 8)
    with served(LMGAME, *(0.01 * n for n in range(1, 41))) as server:
        scraper = Scraper([beside(server.base_url)], every_s=60.0)
        for _ in range(40):
            scraper.look()
        scraper.end()
        (told,) = scraper.told()
    assert told.window is not None
    assert told.window.looks <= 9
    ttft = told.window.named("ttft_s")
    assert ttft is not None
    assert ttft.n == round(16 * 0.39)
