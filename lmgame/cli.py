"""The `lmgame` command."""

from __future__ import annotations

import argparse
import inspect
import json
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lmgame import __version__
from lmgame.errors import LmgameError, UsageError
from lmgame.manual import BOARD, DOCTOR, OVERRIDES, SERVE, TOURNAMENT

if TYPE_CHECKING:
    from lmgame.game import GameSpec

USAGE, FAILED, INTERRUPTED = 2, 1, 130
PORT = 8000
"""Where `lmgame serve` listens unless it is told otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parse(arguments)
    try:
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except LmgameError as error:
        if os.environ.get("LMGAME_DEBUG"):
            raise
        print(f"lmgame: error: {error}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:  # a full disk, a folder that may not be read
        where = f"{error.filename}: " if error.filename else ""
        print(f"lmgame: error: {where}{error.strerror or error}", file=sys.stderr)
        return FAILED


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Settings may stand before and after options, which argparse alone does not take."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and (not hasattr(options, "settings") or any(one.startswith("-") for one in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.settings.extend(rest)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lmgame",
        description="Language models play games: what each decision was worth, "
        "and what it cost to serve.",
    )
    parser.add_argument("--version", action="version", version=f"lmgame {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    play = _command(
        commands,
        "play",
        _play,
        "play matches and print score and goodput",
        """
        Plays a run: `lmgame play` alone lets the embedded model play Tetris on the
        disaggregated backend. Shows the boards while it plays, prints the score beside
        the scripted anchors' and the serving table, and writes runs/NAME/ with the
        logs, summary.json and an animated replay. Ctrl-C keeps what was played.
        """,
    )
    _takes_settings(play)
    _takes_many(play)
    _takes_json(play, "print summary.json's content alone on standard output")
    _add_tournament(commands)
    serve = _command(
        commands,
        "serve",
        _serve,
        "serve a model over an OpenAI-compatible API",
        """
        Starts the embedded backend: a router, prefill workers and decode workers.
        Listens on 127.0.0.1:8000 unless backend.host= and backend.port= say otherwise;
        Ctrl-C stops it. Point any OpenAI client at http://127.0.0.1:8000/v1.
        """,
        SERVE,
    )
    _takes_settings(serve)
    _add_replay(commands)
    _add_board(commands)
    _add_looks(commands)
    return parser


def _add_tournament(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    tournament = _command(
        commands,
        "tournament",
        _tournament,
        "play everybody against everybody, and rate them",
        """
        Plays a schedule of matches: in games with two seats every two agents meet in
        pairs of matches that share a seed and swap seats; games with one seat are
        played by each agent alone. Prints each game's results and the ratings, and
        writes them to RUN/tournament.json. The same command goes on where it stopped.
        """,
        TOURNAMENT,
    )
    _takes_settings(tournament)
    _takes_many(tournament)
    _takes_json(tournament, "print tournament.json's content alone on standard output")


def _add_board(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    board = _command(
        commands,
        "board",
        _board,
        "make a published table from runs, or check one",
        """
        Makes a board from the logs of runs and tournaments: tables (CSV, Parquet, JSON,
        Markdown), a site that needs no server, and the logs themselves. RUNS are run
        folders or single logs. Every log is played again first; one that was cut off or
        changed, or is there twice, is refused. --check works a published board out again
        from its own logs and compares every byte.
        """,
        BOARD,
    )
    board.add_argument("runs", nargs="*", type=Path, metavar="RUNS", help="runs/NAME ...")
    board.add_argument("--out", type=Path, metavar="DIR", help="the board's folder")
    board.add_argument("--name", help="the board's name; the folder's if nothing is said")
    board.add_argument("--title", help="what it is called for people")
    board.add_argument(
        "--note",
        action="append",
        default=[],
        metavar="TEXT",
        help="a sentence to add to its protocol, such as the command that played it; may be "
        "given again",
    )
    board.add_argument(
        "--check", type=Path, metavar="DIR", help="check a published board; exit status 0 or 1"
    )
    board.add_argument("--no-verify", action="store_true", help="do not play the logs again")
    _takes_json(board, "print board.json's content, or what --check found, alone")


def _add_looks(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    games = _command(
        commands,
        "games",
        _games,
        "list the games, or explain one",
        "Lists every installed game; with a NAME, prints its page and what players are told.",
    )
    games.add_argument("name", nargs="?", metavar="NAME", help="tetris, or Tetris-v1")
    _takes_json(games, "print JSON")
    doctor = _command(
        commands,
        "doctor",
        _doctor,
        "check that this machine can play and serve",
        "Checks Python, packages, games, the engine and its weights, or the chosen server.",
        DOCTOR,
    )
    _takes_settings(doctor)
    _takes_json(doctor, "print JSON")


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = _command(
        commands,
        "replay",
        _replay,
        "play a log again: verify it, draw it, or step through it",
        """
        Plays match logs again without any model. RUN is a run folder or one log file.
        Without options it draws each match into RUN/replay/ as a GIF; with --mp4 as a
        film in which time runs as it ran in the match; with --html it writes a page
        with every reply and its times beside the picture.
        """,
    )
    replay.add_argument("run", type=Path, metavar="RUN", help="runs/NAME or a .jsonl file")
    replay.add_argument(
        "--verify",
        action="store_true",
        help="play every decision again and compare each state; names the first line that differs",
    )
    replay.add_argument(
        "--text", action="store_true", help="print each observation, reply and action"
    )
    replay.add_argument(
        "--reread",
        action="store_true",
        help="read each reply again with the reader of today, and tell what it reads otherwise",
    )
    replay.add_argument(
        "--html", action="store_true", help="write a page to step through instead of a GIF"
    )
    replay.add_argument(
        "--latency",
        metavar="L",
        help="play the same replies as if each had taken L seconds (0.25), what it did take "
        "(measured), or a multiple of that (x0.5), and compare the scores",
    )
    replay.add_argument(
        "--mp4",
        action="store_true",
        help="write an MP4 film (H.264) instead of a GIF; needs lmgame[video]",
    )
    replay.add_argument("--out", type=Path, metavar="FILE", help="the file to write (one log only)")
    replay.add_argument("--scale", type=int, default=1, help="enlarge the picture (1 to 8)")
    _takes_json(replay, "print JSON")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    short: str,
    description: str,
    epilog: str = OVERRIDES,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=short,
        description=textwrap.dedent(description).strip(),
        epilog=epilog if name in ("play", "tournament", "serve", "doctor", "board") else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=run)
    return parser


def _takes_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="see below")


def _takes_many(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-m",
        "--multirun",
        action="store_true",
        help="play every combination of settings with several values (seed=0,1), a run each",
    )


def _takes_json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=what)


def _play(options: argparse.Namespace) -> int:
    if options.multirun:
        return _sweep("play", options)
    from lmgame.play import play

    return play(options.settings, options.json)


def _tournament(options: argparse.Namespace) -> int:
    if options.multirun:
        return _sweep("tournament", options)
    from lmgame.tournament import tournament

    return tournament(options.settings, options.json)


def _sweep(command: str, options: argparse.Namespace) -> int:
    from lmgame.sweep import sweep

    return sweep(command, options.settings, options.json)


def _serve(options: argparse.Namespace) -> int:
    from lmgame import config
    from lmgame.backend_settings import EmbeddedBackend

    overrides: list[str] = options.settings
    backend = config.load(overrides).backend
    if not isinstance(backend, EmbeddedBackend):
        raise UsageError("lmgame serve starts backend=embedded; any other server is started by you")
    checked = config.embedded(backend)
    if not any(one.startswith("backend.port=") for one in overrides):
        checked = checked.model_copy(update={"port": PORT})
    from lmgame.serving.launch import run

    run(checked)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from lmgame.review import review

    ways = ("verify", "latency", "reread", "text", "html", "mp4")
    chosen = [one for one in ways if getattr(options, one)]
    if len(chosen) > 1:
        asked = " and ".join(f"--{one}" for one in chosen)
        raise UsageError(f"{asked} cannot be had together: choose one")
    if not 1 <= options.scale <= 8:
        raise UsageError(f"--scale {options.scale}: write a whole number from 1 to 8")
    way = chosen[0] if chosen else "gif"
    return review(options.run, way, options.out, options.scale, options.latency, options.json)


def _board(options: argparse.Namespace) -> int:
    from lmgame.board.command import make, recheck

    verify = not options.no_verify
    if options.check is not None:
        if options.runs or options.out or options.name or options.title or options.note:
            raise UsageError("--check DIR goes alone: the board's own logs say everything else")
        return recheck(options.check, verify, options.json)
    if options.out is None:
        raise UsageError("--out is missing: write --out leaderboards/NAME")
    return make(
        options.runs,
        options.out,
        options.name,
        options.title,
        options.note,
        verify,
        options.json,
    )


def _games(options: argparse.Namespace) -> int:
    from lmgame import config, registry
    from lmgame.compose import game_names
    from lmgame.errors import NameNotFound

    names = game_names()
    if options.name is None:
        lines = [f"game={name:24} {game_id}" for name, game_id in names.items()]
        listed = [{"name": name, "id": game_id} for name, game_id in names.items()]
        print(json.dumps(listed, indent=1) if options.json else "\n".join(lines))
        return 0
    game_id = names.get(options.name, options.name)
    if game_id not in names.values():
        raise NameNotFound("game", options.name, names)
    kind = registry.games.load(game_id)
    spec, page = kind.spec, inspect.getdoc(kind) or ""
    try:
        game = registry.games.make(game_id, config.load([f"game={options.name}"]).game.arguments)
        spec, rules = game.spec, game.rules
    except UsageError as error:
        rules = f"(It cannot be played here. {error})"
    if options.json:
        known = {"id": game_id, "seats": spec.seats, "hz": spec.hz}
        known |= {"decisions": spec.decisions, "page": page, "rules": rules}
        print(json.dumps(known, indent=1))
    else:
        print(f"{game_id}: {_in_short(spec)}\n\n{page}\n")
        print(f"What a player is told:\n\n{rules}")
    return 0


def _in_short(spec: GameSpec) -> str:
    seats = "one seat" if len(spec.seats) == 1 else f"{len(spec.seats)} seats"
    time = f"{spec.hz} ticks a second" if spec.hz else "turn by turn"
    return f"{seats}, {time}, score in {spec.score}, max_decisions usually {spec.decisions}"


def _doctor(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from lmgame.doctor import examine

    findings = examine(options.settings)
    if options.json:
        print(json.dumps([asdict(one) for one in findings], indent=1))
    else:
        for one in findings:
            mark = {True: "ok", False: "BAD", None: "-"}[one.ok]
            print(f"{mark:4} {one.name:12} {one.detail}")
    return 0 if all(one.ok is not False for one in findings) else FAILED


if __name__ == "__main__":
    sys.exit(main())
