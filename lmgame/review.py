"""`lmgame replay`: verifies logs, times them anew, prints or draws them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lmgame import film, page, record, replay, video
from lmgame.errors import LmgameError, ReplayMismatch, UsageError
from lmgame.frame import Look
from lmgame.record import Log
from lmgame.reread import Tally
from lmgame.retime import retime
from lmgame.show import print_match


def review(
    run: Path, way: str, out: Path | None, scale: int, latency: str | None, as_json: bool
) -> int:
    """Play logs again, one way or another.

    Args:
        run: A run folder or one log.
        way: ``gif``, ``mp4``, ``html``, ``text``, ``verify``, ``reread`` or ``latency``.
        out: The file to write, or None for the run's own place.
        scale: Enlarges what is drawn.
        latency: What ``latency`` plays with.
        as_json: Print JSON.

    Returns:
        The exit status.
    """
    paths = replay.find_logs(run)
    if out and len(paths) > 1:
        raise UsageError(f"--out takes one match, {run} has {len(paths)}: name a .jsonl file")
    if way == "verify":
        return _verify(paths, as_json)
    if way == "reread":
        return _reread(paths, as_json)
    if way == "latency" and latency is not None:
        return _retime(paths, latency, as_json)
    if way == "mp4":
        video.check_extra()
    for path in paths:
        log = record.read(path)
        if way == "text":
            print_match(log)
        else:
            _draw(log, way, out, scale, as_json)
    return 0


def _draw(log: Log, kind: str, out: Path | None, scale: int, as_json: bool) -> None:
    folder = log.path.parent.parent if log.path.parent.name == "matches" else log.path.parent
    path = out or folder / "replay" / f"{log.path.stem}.{kind}"
    if out is not None and (out.suffix != f".{kind}" or not out.parent.is_dir()):
        raise UsageError(f"--out {out}: name a .{kind} file in a folder that exists")
    if kind == "html":
        frames = page.write(log, path)
    elif kind == "mp4":
        frames = video.write(log, path, scale)
    else:
        frames = film.draw(log, path, film.Film(look=Look(scale)))
    told = json.dumps({"file": str(path), "frames": frames})
    print(told if as_json else f"{path}: {frames} frames")


def _retime(paths: Sequence[Path], latency: str, as_json: bool) -> int:
    """Compare every log's scores with those under another latency."""
    found = []
    for path in paths:
        one = retime(record.read(path), latency)
        line: dict[str, object] = {"log": str(path), "latency": latency, "before": one.before}
        line |= {"after": one.result.scores, "reason": one.result.reason, "beyond": one.beyond}
        found.append(line)
        if not as_json:
            before, after = (" ".join(f"{x:g}" for x in s) for s in (one.before, one.result.scores))
            more = f", {one.beyond} decisions beyond the log" if one.beyond else ""
            print(f"{path}: score {before} -> {after} at latency {latency}{more}")
    if as_json:
        print(json.dumps(found, indent=1))
    return 0


def _reread(paths: Sequence[Path], as_json: bool) -> int:
    """Tell what the reader of today makes of the replies; 1 where it reads some otherwise."""
    tally = Tally()
    for path in paths:
        tally.add(record.read(path))
    differing = [{"at": at, **asdict(one)} for at, one in tally.differing]
    if as_json:
        print(json.dumps({"counts": tally.counts, "differing": differing}, indent=1))
    else:
        for at, one in tally.differing:
            then, now = (
                f"{outcome} {action or ''}".strip() for outcome, action in (one.then, one.now)
            )
            print(f"{at}: {one.change}: {then} -> {now}: {one.reply[:120]!a}")
        told = ", ".join(f"{count} {change}" for change, count in sorted(tally.counts.items()))
        print(f"{sum(tally.counts.values())} replies: {told or 'none that a model wrote'}")
    return 1 if differing else 0


def _verify(paths: Sequence[Path], as_json: bool) -> int:
    """Verify every log; go on after one that differs, and fail at the end."""
    findings = []
    for path in paths:
        finding: dict[str, object] = {"log": str(path), "ok": True}
        try:
            log = record.read(path)
            game = replay.verify(log)
            finding |= {
                "decisions": len(log.played),
                "finished": log.result is not None,
                "scores": list(game.scores()),
            }
        except LmgameError as error:
            finding |= {"ok": False, "error": str(error)}
        findings.append(finding)
    if as_json:
        print(json.dumps(findings, indent=1))
    else:
        for finding in findings:
            _print_finding(finding)
    bad = sum(not finding["ok"] for finding in findings)
    if bad and not as_json:
        raise ReplayMismatch(f"{bad} of {len(findings)} logs cannot be replayed as written")
    return 1 if bad else 0


def _print_finding(finding: dict[str, object]) -> None:
    if finding["ok"]:
        state = "finished" if finding["finished"] else "unfinished"
        print(f"ok   {finding['log']}: {finding['decisions']} decisions, {state}")
    else:
        print(f"BAD  {finding['error']}")
