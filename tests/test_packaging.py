from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOPS = {"lmgame": "lmgame", "games": "lmgame.games", "agents": "lmgame.agents",
        "configs": "lmgame.configs"}  # fmt: skip


def test_every_folder_with_code_is_packaged() -> None:
    found = set()
    for top, package in TOPS.items():
        for init in (ROOT / top).rglob("__init__.py"):
            inside = init.parent.relative_to(ROOT / top)
            found.add(".".join([package, *inside.parts]))
    assert found == set(PROJECT["tool"]["setuptools"]["packages"])


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel and a source distribution, built as an installer would, offline."""
    folder = tmp_path_factory.mktemp("built")
    build = "import setuptools.build_meta as b, sys; getattr(b, sys.argv[1])(sys.argv[2])"
    source = folder / "source"
    tracked = [*PROJECT["tool"]["setuptools"]["package-dir"].values()]
    source.mkdir()
    for top in tracked:
        subprocess.run(["cp", "-r", ROOT / top, source / top], check=True)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", ROOT / file, source / file], check=True)
    for what in ("build_sdist", "build_wheel"):
        command = [sys.executable, "-c", build, what, folder]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder


def test_a_wheel_holds_code_texts_and_settings(built: Path) -> None:
    names = set(zipfile.ZipFile(next(built.glob("*.whl"))).namelist())
    for wanted in (
        "lmgame/py.typed",
        "lmgame/cli.py",
        "lmgame/page.html",
        "lmgame/page.js",
        "lmgame/theme.css",
        "lmgame/board/index.html",
        "lmgame/board/site.css",
        "lmgame/board/site.js",
        "lmgame/games/tetris/game.py",
        "lmgame/games/tetris/rules.md",
        "lmgame/agents/llm/prompts/system.md",
        "lmgame/configs/config.yaml",
        "lmgame/configs/game/tetris.yaml",
    ):
        assert wanted in names
    tops = {one.split("/")[0] for one in names if ".dist-info" not in one}
    assert tops == {"lmgame"}, "nothing but lmgame may claim an import name"


def test_a_source_distribution_can_be_built_again(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as source:
        inside = {one.partition("/")[2] for one in source.getnames()}
    assert {"games/tetris/game.py", "configs/config.yaml", "lmgame/cli.py"} <= inside
    assert {"games/tetris/rules.md", "agents/llm/prompts/ask.md"} <= inside


def test_the_wheel_works_without_the_checkout(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, 'site')\n"
        "sys.meta_path[:] = [m for m in sys.meta_path if 'editable' not in repr(m).lower()]\n"
        "import lmgame; assert lmgame.__file__.startswith(sys.argv[1]), lmgame.__file__\n"
        "from lmgame.cli import main\n"
        "sys.exit(main(['play', 'agent=random', 'anchors=[]', 'max_decisions=3', 'run=run']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "summary.json").exists()


def test_listing_games_imports_none_of_them() -> None:
    code = (
        "import sys; from lmgame import registry; registry.games.names(); registry.agents.names();"
        "assert not [m for m in sys.modules if m.startswith(('lmgame.games', 'lmgame.agents'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_playing_on_another_server_needs_no_extra() -> None:
    """The embedded backend's packages are imported only for the embedded backend."""
    code = (
        "import sys\n"
        "for name in ('aiohttp', 'gguf', 'xllamacpp', 'prometheus_client', 'psutil'):\n"
        "    sys.modules[name] = None\n"
        "import lmgame.play, lmgame.doctor, lmgame.cli, lmgame.gym, lmgame.testing\n"
        "from lmgame import config\n"
        "config.load(['backend=openai', 'backend.model=m'])\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_constraints_name_versions_only() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or ("==" in line and "/" not in line), line
