"""The site as people meet it: in a browser, from a file, without a network.

Needs lmgame[browser] and a Chromium on PATH; what is missing is said, and skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from lmgame.board.site import write_site
from tests.board import boards
from tests.board.test_site import HOSTILE, hostile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)  # fmt: skip
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt install chromium"),
]
GRAVE = ("serious", "critical")
Theme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    reply = HOSTILE + "\u2028<img src=x onerror=alert(3)><svg onload=alert(4)>" + "y" * 1_000_000
    logs = boards.played(folder / "logs", lambda turn: reply)
    write_site(hostile(logs), logs, folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def browser(site: Path, hostile_site: Path) -> Iterator[Browser]:
    """A browser; the sites come first, as no match is played beside playwright's event loop."""
    api = pytest.importorskip("playwright.sync_api", reason="pip install 'lmgame[browser]'")
    with api.sync_playwright() as running:
        # In containers Chromium has no rights to make its own sandbox.
        started = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Visit:
    """An open page, and everything it asked for or complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: Path, place: str = "") -> None:
        self.page.goto(path.as_uri() + place)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    yield from opened(browser, "light", 1280)


def opened(browser: Browser, theme: Theme, width: int, scripts: bool = True) -> Iterator[Visit]:
    """A fresh page; afterwards nothing may have gone wrong, nor gone out."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=theme, java_script_enabled=scripts
    )
    visit = Visit(context.new_page())
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("console", lambda message: visit.complaints.append(message.text))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("dialog", lambda dialog: visit.complaints.append(f"dialog {dialog.message}"))
    yield visit
    context.close()
    assert not visit.complaints
    assert visit.requests
    assert [url for url in visit.requests if not url.startswith(("file://", "data:"))] == []


def column(table: Locator, number: int) -> list[str]:
    texts: list[str] = table.locator(f"tbody tr:visible > :nth-child({number})").all_inner_texts()
    return texts


def match_pages(site: Path) -> list[Path]:
    return sorted((site / "matches").iterdir())


def three(site: Path) -> list[Path]:
    """An index, pages of games, pages of matches."""
    return [site / "index.html", *sorted((site / "games").iterdir()), *match_pages(site)]


def test_a_click_on_a_heading_sorts_and_another_turns_around(site: Path, visit: Visit) -> None:
    visit.go(site / "index.html")
    table = visit.page.locator("#overall")
    head = table.get_by_role("columnheader", name="TTFT")
    head.get_by_role("button").click()
    told = column(table, 12)
    assert head.get_attribute("aria-sort") == "descending"
    assert told == ["1.28 s", "875 ms", "606 ms", "404 ms", "-", "-"]
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(table, 12) == [*reversed(told[:4]), "-", "-"]
    table.get_by_role("columnheader", name="Unit").get_by_role("button").click()
    names = [one.split("\n")[0] for one in column(table, 2)]
    assert names == sorted(names)
    assert table.locator("[aria-sort]").count() == 1


def test_filters_leave_what_was_asked_for(site: Path, visit: Visit) -> None:
    visit.go(site / "games" / "tetris.html")
    form, table = visit.page.locator('form[data-for="matches"]'), visit.page.locator("#matches")
    assert form.locator("output").inner_text() == "121 rows"
    form.get_by_label("Unit").select_option("greedy")
    form.get_by_label("Result").select_option("forfeit")
    assert form.locator("output").inner_text() == "4 of 121 rows"
    assert set(column(table, 3)) == {"greedy"}
    form.get_by_label("Filter").fill("s13_ GREEDY")
    assert form.locator("output").inner_text() == "1 of 121 rows"
    visit.page.locator('form[data-for="rows"]').wait_for(state="detached")  # six rows need none


def test_a_match_opens_and_is_stepped_through_with_the_keyboard(site: Path, visit: Visit) -> None:
    page = visit.page
    visit.go(site / "index.html")
    page.get_by_role("link", name="Tetris").click()
    page.get_by_role("link", name="Replay").click()
    where, canvas = page.locator("#where"), page.locator("#picture")
    assert where.inner_text() == "0 / 12"
    assert page.locator(".frame:visible").count() == 1
    before = picture(page, "start")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert where.inner_text() == "2 / 12"
    assert page.url.endswith("#2")
    after = picture(page, "decision 2")
    assert after != before
    assert "I choose" in page.locator(".frame:visible pre").nth(1).inner_text()
    page.keyboard.press("End")
    picture(page, "decision 12")
    page.keyboard.press("ArrowLeft")
    assert where.inner_text() == "11 / 12"
    page.get_by_role("button", name="previous decision").click()
    page.keyboard.press("Home")
    assert picture(page, "start") == before
    page.locator("#at").fill("2")
    assert where.inner_text() == "2 / 12"
    assert picture(page, "decision 2") == after
    assert canvas.is_visible()
    page.locator(".frame:visible summary").first.click()
    page.keyboard.press("ArrowRight")
    assert page.locator(".frame:visible details[open]").count() == 0  # as the reader left it
    page.get_by_role("link", name="Tetris", exact=True).click()
    assert page.url.endswith("games/tetris.html")


def picture(page: Page, label: str) -> str:
    """What is drawn, once it is."""
    page.locator(f'#picture[aria-label="the game after {label}"]').wait_for()
    data = page.evaluate("document.getElementById('picture').toDataURL()")
    assert isinstance(data, str)
    return data


def test_a_link_leads_to_a_step_and_playing_goes_to_the_end(site: Path, visit: Visit) -> None:
    page = visit.page
    for path in match_pages(site):
        visit.go(path, "#3")
        assert page.locator("#where").inner_text().startswith("3 /")
        assert page.evaluate("scrollY") == 0
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        page.get_by_role("button", name="Play").click()
        page.get_by_role("button", name="Stop").wait_for()
        page.get_by_role("button", name="Play").wait_for()
    visit.go(match_pages(site)[0], "#nonsense")
    assert page.locator("#where").inner_text().startswith("0 /")


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_grave(site: Path, browser: Browser, theme: Theme) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="pip install 'lmgame[browser]'"
    ).Axe()
    for visit in opened(browser, theme, 1280):
        for path in three(site):
            visit.go(path, "#2" if path.parent.name == "matches" else "")
            for one in visit.page.locator("details").all():
                one.evaluate("node => { node.open = true }")
            told = axe.run(visit.page, options={"preload": False}).response
            assert len(told["passes"]) > 15
            grave = [(path.name, one["id"], [n["html"][:150] for n in one["nodes"][:3]])
                     for one in told["violations"] if one["impact"] in GRAVE]  # fmt: skip
            assert grave == []


def test_a_phone_scrolls_tables_and_not_the_page(site: Path, browser: Browser) -> None:
    for visit in opened(browser, "light", 360):
        for path in three(site):
            visit.go(path)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360, path
        visit.go(site / "index.html")
        box = visit.page.locator(".scroll").first
        assert box.evaluate("node => node.scrollWidth > node.clientWidth")


def test_colours_follow_the_system_and_the_button_and_stay(site: Path, browser: Browser) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    for visit in opened(browser, "dark", 1280):
        visit.go(site / "index.html")
        dark = visit.page.evaluate(paper)
        visit.page.get_by_role("button", name="Use light colours").click()
        assert visit.page.evaluate(paper) == "rgb(255, 255, 255)" != dark
        visit.go(match_pages(site)[0])
        assert visit.page.evaluate(paper) == "rgb(255, 255, 255)"
        visit.page.get_by_role("button", name="Use dark colours").click()
        assert visit.page.evaluate(paper) == dark


def test_without_scripts_tables_plots_and_decisions_are_there(site: Path, browser: Browser) -> None:
    for visit in opened(browser, "light", 1280, scripts=False):
        page = visit.page
        visit.go(site / "index.html")
        assert page.locator("#overall tbody tr:visible").count() == 6
        assert page.locator("svg.plot:visible").count() == 6
        assert page.locator("button:visible, form:visible").count() == 0
        visit.go(site / "games" / "tic_tac_toe.html")
        assert page.locator("#matrix tbody tr:visible").count() == 6
        page.get_by_role("link", name="Replay").click()
        assert page.locator(".frame:visible").count() > 5
        assert page.locator('[id="0"] img').is_visible()
        assert page.locator("img:visible").count() == 1  # what changed alone would puzzle


def test_hostile_replies_and_names_do_nothing(hostile_site: Path, browser: Browser) -> None:
    for width in (1280, 360):
        for visit in opened(browser, "light", width):
            for path in three(hostile_site):
                visit.go(path, "#1" if path.parent.name == "matches" else "")
                assert visit.page.locator("script").count() == 1
                assert visit.page.locator("[onerror], [onload]").count() == 0
                assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert "alert(1)" in visit.page.locator(".frame:visible").inner_text()
