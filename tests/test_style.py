"""Our habits, checked: what exceeds them is listed here, and the lists may only shrink."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = [
    path for top in ("lmgame", "games", "agents", "configs") for path in (ROOT / top).rglob("*.py")
]
ALL = [*SOURCE, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
LONGEST_FILE, LONGEST_FUNCTION = 400, 50
LONG_FILES: set[str] = set()
LONG_FUNCTIONS: set[str] = set()
VAGUE = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
CLOCKS = re.compile(
    r"\b(random\.seed|np\.random\.(?!Generator)|numpy\.random|time\.time|time\.perf_counter|"
    r"time\.monotonic|time\.sleep|datetime\.(now|utcnow|today)|uuid4|import random)\b"
)
ARROWS = {
    "games": {"lmgame.game", "lmgame.errors", "lmgame.picture", "lmgame.rng"},
    "lmgame/serving": {"lmgame.serving", "lmgame.errors"},
    "lmgame/client": {"lmgame.client", "lmgame.errors"},
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{name(path)}:{node.name}", node.end_lineno - node.lineno + 1


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def test_files_are_short() -> None:
    long = {name(path) for path in SOURCE if len(path.read_text().splitlines()) > LONGEST_FILE}
    assert long == LONG_FILES


def test_functions_are_short() -> None:
    long = {
        function
        for path in SOURCE
        for function, lines in functions(path)
        if lines > LONGEST_FUNCTION
    }
    assert long == LONG_FUNCTIONS


def test_no_module_has_a_vague_name() -> None:
    assert not [name(path) for path in ALL if path.stem in VAGUE]


@pytest.mark.parametrize("room", ARROWS)
def test_arrows_point_one_way(room: str) -> None:
    allowed = ARROWS[room]
    for path in (ROOT / room).rglob("*.py"):
        for module in imports(path):
            if module.split(".")[0] == "lmgame":
                assert any(module == one or module.startswith(one + ".") for one in allowed), (
                    f"{name(path)} imports {module}"
                )


def test_the_harness_names_no_game_and_no_agent() -> None:
    for path in (ROOT / "lmgame").rglob("*.py"):
        for module in imports(path):
            assert not module.startswith(("lmgame.games", "lmgame.agents")), name(path)


def test_games_take_chance_and_time_from_outside() -> None:
    for path in (ROOT / "games").rglob("*.py"):
        found = CLOCKS.search(path.read_text())
        assert found is None, f"{name(path)} uses {found and found[0]}"


def test_every_suppression_has_a_code_and_a_reason() -> None:
    bare = re.compile(r"#\s*(noqa(?!: [A-Z]+\d+)|type:\s*ignore(?!\[)|pragma)")
    reasonless = re.compile(r"#\s*(noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\])\s*$")
    for path in ALL:
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            where = f"{name(path)}:{number}"
            assert not bare.search(line), f"{where}: a suppression names its code"
            assert not reasonless.search(line), f"{where}: a suppression gives its reason"


def test_no_test_sleeps() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name == "waiting.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("time.sleep", "sleep"), (
                    f"{name(path)}:{node.lineno}: wait for a condition instead"
                )


def tracked() -> list[Path]:
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout")
    return [ROOT / one for one in listing.decode().split("\0") if one and (ROOT / one).is_file()]


def test_nothing_private_is_tracked() -> None:
    local = re.compile(
        rb"/(?:home|Users|root)/[a-z]|-----BEGIN [A-Z ]*PRIVATE KEY|extra-index-url|"
        rb"https?://[^\s/]*(?:artifactory|nexus|devpi|pypi\.[^o])"
    )
    for path in tracked():
        assert path.suffix not in {".nes", ".gguf", ".rom", ".gba", ".bin"}, name(path)
        assert path.stat().st_size < 2_000_000, f"{name(path)} is large"
        if path != Path(__file__):
            found = local.search(path.read_bytes())
            assert found is None, f"{name(path)} holds {found and found[0]!r}"


def test_the_map_of_the_house_names_every_module() -> None:
    text = (ROOT / "docs" / "structure.md").read_text()
    for path in SOURCE:
        inside = path.relative_to(ROOT)
        if inside.name in ("__init__.py", "__main__.py"):
            continue
        assert f"`{inside.name}`" in text, f"docs/structure.md does not name {inside}"
