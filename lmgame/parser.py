"""What the `lmgame` command takes, and what `--help` says of it."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from lmgame import __version__
from lmgame.manual import BENCH, BOARD, DOCTOR, OVERRIDES, SERVE, TOURNAMENT


def build() -> argparse.ArgumentParser:
    """The parser; it sets ``command`` to the command's name."""
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
        "play matches and print score and goodput",
        """
        Plays a run: `lmgame play` alone lets the embedded model play Tetris on the
        disaggregated backend. Shows the boards while it plays, prints the score beside
        the scripted anchors' and the serving table, and writes runs/NAME/ with the
        logs, summary.json and an animated replay. Ctrl-C keeps what was played.
        """,
        OVERRIDES,
    )
    _takes_settings(play)
    _takes_many(play)
    _takes_json(play, "print summary.json's content alone on standard output")
    _add_tournament(commands)
    _add_serve(commands)
    _add_bench(commands)
    _add_replay(commands)
    _add_board(commands)
    _add_export(commands)
    _add_looks(commands)
    return parser


def _add_tournament(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    tournament = _command(
        commands,
        "tournament",
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


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = _command(
        commands,
        "serve",
        "serve a model over an OpenAI-compatible API",
        """
        Starts the embedded backend: a router, prefill workers and decode workers. With
        backend=vllm_pd, sglang_pd or dynamo_pd it starts those of vLLM, SGLang or NVIDIA
        Dynamo, with the flags of the installed version (docs/serving.md).
        Listens on 127.0.0.1:8000 unless backend.host= and backend.port= say otherwise;
        Ctrl-C stops it all. Point any OpenAI client at http://127.0.0.1:8000/v1.

        With --plan it starts nothing: it simulates every split of prefill and decode
        workers under a load, and tells which carries most within the limits
        (docs/planning.md).
        """,
        SERVE,
    )
    _takes_settings(serve)
    serve.add_argument(
        "--dry-run", action="store_true", help="print the commands instead of starting them"
    )
    serve.add_argument(
        "--format",
        choices=("text", "compose", "kubernetes"),
        help="print them as a Docker Compose file, or as Kubernetes manifests "
        "(a DynamoGraphDeployment for dynamo_pd)",
    )
    serve.add_argument(
        "--plan", action="store_true", help="say which split serves a load best; starts nothing"
    )
    _takes_json(serve, "with --plan: print JSON alone on standard output")


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = _command(
        commands,
        "bench",
        "measure a server under load from games",
        """
        Sends calls as games make them (shared prefixes that grow, short replies) to any
        server, or those of a trace, and tells which share met the limits, with intervals,
        and the goodput; also what this client may have added itself. Writes every call
        to runs/bench-KIND-NNN/. Ctrl-C keeps what was measured. See docs/bench.md.
        """,
        BENCH,
    )
    _takes_settings(bench)
    _takes_many(bench)
    bench.add_argument(
        "--calibrate",
        action="store_true",
        help="measure this client against a server whose times are known, and keep its error "
        "for later reports; load.processes=N counts",
    )
    bench.add_argument(
        "--capacity",
        action="store_true",
        help="find the highest load at which the target share of calls meets all limits",
    )
    bench.add_argument(
        "--frontier",
        action="store_true",
        help="play the same agents and seeds of a game under several configurations or latencies, "
        "and compare scores: game=NAME frontier=[A,B] or frontier.latency_s=[0,0.5]",
    )
    bench.add_argument(
        "--plots",
        action="store_true",
        help="draw the figures of the DistServe paper as SVG and PNG; needs lmgame[plot]",
    )
    _takes_json(bench, "print bench.json's content alone on standard output")


def _add_board(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    board = _command(
        commands,
        "board",
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
    board.add_argument(
        "--replays",
        metavar="N",
        help="how many matches of each unit and game have a page to step through: 2 if nothing is "
        "said, 0, or all",
    )
    board.add_argument("--no-verify", action="store_true", help="do not play the logs again")
    _takes_json(board, "print board.json's content, or what --check found, alone")


def _add_looks(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    games = _command(
        commands,
        "games",
        "list the games, or explain one",
        "Lists every installed game; with a NAME, prints its page and what players are told.",
    )
    games.add_argument("name", nargs="?", metavar="NAME", help="tetris, or Tetris-v1")
    _takes_json(games, "print JSON")
    doctor = _command(
        commands,
        "doctor",
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


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    export = _command(
        commands,
        "export",
        "write a run's model calls for serving benchmarks to replay",
        """
        Writes every model call of runs as one JSON line, in the order in which they were
        intended, for AIPerf, vLLM, GuideLLM, SGLang and Dynamo (docs/traces.md). The
        prompts are built again from the logs and compared with what was sent.
        """,
    )
    export.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="runs/NAME or a .jsonl file"
    )
    export.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="write lengths and the blocks that prompts share (Mooncake's form)",
    )
    export.add_argument(
        "--prompts", type=Path, metavar="FILE", help="write the prompts themselves, as messages"
    )
    export.add_argument(
        "--block", type=int, default=512, metavar="N", help="tokens of a block (512)"
    )
    export.add_argument(
        "--sessions",
        action="store_true",
        help="let each call wait for the one before it in its seat (closed loop), instead of "
        "sending it when it was sent",
    )
    _takes_json(export, "print JSON")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    short: str,
    description: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=short,
        description=textwrap.dedent(description).strip(),
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=name)
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
