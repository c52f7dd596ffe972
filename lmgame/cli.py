"""The `lmgame` command."""

from __future__ import annotations

import argparse
import inspect
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lmgame import parser
from lmgame.errors import LmgameError, UsageError

if TYPE_CHECKING:
    from lmgame.game import GameSpec
    from lmgame.serving.launcher.command import Format

USAGE, FAILED, INTERRUPTED = 2, 1, 130
PORT = 8000
"""Where `lmgame serve` listens unless it is told otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parse(arguments)
    try:
        return _COMMANDS[options.command](options)
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
    takes = parser.build()
    options, rest = takes.parse_known_args(arguments)
    if rest and (not hasattr(options, "settings") or any(one.startswith("-") for one in rest)):
        takes.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.settings.extend(rest)
    return options


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


def _bench(options: argparse.Namespace) -> int:
    from lmgame.bench import command

    _one_of(options, "calibrate", "capacity", "frontier")
    _one_of(options, "calibrate", "plots")
    if options.multirun:
        if options.calibrate:
            raise UsageError("--calibrate has nothing to vary: leave out -m")
        if options.frontier:
            raise UsageError(
                "--frontier plays several configurations in turn, -m one after the other: leave "
                "out -m, and write what differs as frontier=[A,B] or frontier.latency_s=[0,0.5]"
            )
        return _bench_many(options)
    if options.frontier:
        from lmgame.bench.frontier import frontier

        return frontier(options.settings, options.json, options.plots)
    if options.calibrate:
        return command.calibrate_here(options.settings, options.json)
    if options.capacity:
        return command.find_capacity(options.settings, options.json, options.plots)
    return command.bench(options.settings, options.json, options.plots)


def _bench_many(options: argparse.Namespace) -> int:
    from lmgame.bench.job import Benches
    from lmgame.sweep import sweep

    benches = Benches(options.capacity, options.plots)
    words = [f"--{one}" for one in ("capacity", "plots") if getattr(options, one)]
    return sweep(" ".join(["bench", *words]), options.settings, options.json, benches)


def _one_of(options: argparse.Namespace, *names: str) -> str | None:
    """Which of some options was given, where at most one may be."""
    given = [name for name in names if getattr(options, name)]
    if len(given) > 1:
        asked = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{asked} cannot be had together: choose one")
    return given[0] if given else None


def _serve(options: argparse.Namespace) -> int:
    if options.plan:
        _one_of(options, "plan", "dry_run")
        _one_of(options, "plan", "format")
        from lmgame.placement.command import plan_command

        return plan_command(options.settings, options.json)
    if options.json:
        raise UsageError("--json goes with --plan: a server prints nothing to read")
    from lmgame import config
    from lmgame.backend_settings import EmbeddedBackend, LaunchedBackend

    overrides: list[str] = options.settings
    backend = config.load(overrides).backend
    form: Format | None = options.format or ("text" if options.dry_run else None)
    if isinstance(backend, LaunchedBackend):
        from lmgame.markup import legible
        from lmgame.serving.launcher.command import serve

        serve(backend, form, legible)
        return 0
    if not isinstance(backend, EmbeddedBackend):
        raise UsageError(
            "lmgame serve starts backend=embedded, vllm_pd, sglang_pd and dynamo_pd; any other "
            "server is started by you"
        )
    if form is not None:
        raise UsageError(
            "--dry-run and --format are for backend=vllm_pd, sglang_pd and dynamo_pd: the "
            "embedded backend is one command, lmgame serve"
        )
    checked = config.embedded(backend)
    if not any(one.startswith("backend.port=") for one in overrides):
        checked = checked.model_copy(update={"port": PORT})
    from lmgame.serving.launch import run

    run(checked)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from lmgame.review import review

    way = _one_of(options, "verify", "latency", "reread", "text", "html", "mp4") or "gif"
    if not 1 <= options.scale <= 8:
        raise UsageError(f"--scale {options.scale}: write a whole number from 1 to 8")
    return review(options.run, way, options.out, options.scale, options.latency, options.json)


def _replays(asked: str | None, usual: int) -> int | None:
    if asked is None:
        return usual
    if asked == "all":
        return None
    if not asked.isdecimal():
        raise UsageError(f"--replays {asked}: write how many, or all")
    return int(asked)


def _export(options: argparse.Namespace) -> int:
    from lmgame.export import export

    return export(
        options.runs,
        options.trace,
        options.prompts,
        options.block,
        options.sessions,
        options.json,
    )


def _board(options: argparse.Namespace) -> int:
    from lmgame.board.command import make, recheck
    from lmgame.board.export import Options
    from lmgame.board.site import REPLAYS

    verify = not options.no_verify
    if options.check is not None:
        said = (options.runs, options.out, options.name, options.title, options.note)
        if any(said) or options.replays is not None:
            raise UsageError("--check DIR goes alone: the board's own logs say everything else")
        return recheck(options.check, verify, options.json)
    if options.out is None:
        raise UsageError("--out is missing: write --out leaderboards/NAME")
    return make(
        options.runs,
        options.out,
        options.name,
        options.title,
        Options(tuple(options.note), _replays(options.replays, REPLAYS)),
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


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "play": _play,
    "tournament": _tournament,
    "serve": _serve,
    "bench": _bench,
    "replay": _replay,
    "board": _board,
    "export": _export,
    "games": _games,
    "doctor": _doctor,
}


if __name__ == "__main__":
    sys.exit(main())
