"""What a bench leaves behind: a folder with every call, and what they came to.

``calls.jsonl`` and ``calls.csv`` hold one line a call, in the order in which they were
intended; ``bench.json`` what is printed; ``server.md`` what the server's own metrics say
beside it; ``config.yaml`` and ``environment.json`` how and
on what it was measured.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast

import yaml

from lmgame import slo
from lmgame.bench import beside
from lmgame.bench.drive import Outcome, Record
from lmgame.bench.result import decision
from lmgame.bench.settings import BenchSettings
from lmgame.environment import environment
from lmgame.errors import UsageError
from lmgame.folder import fresh_name
from lmgame.slo import Slo

Row = dict[str, object]
_LISTS = ("chunks", "stages", "server", "failure")


def folder(settings: BenchSettings, root: Path = Path("runs")) -> Path:
    """Make the folder of a bench.

    Raises:
        UsageError: There is something in it already, or it cannot be made.
    """
    path = Path(settings.run) if settings.run else fresh_name(root, f"bench-{settings.load.kind}")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is not empty: a bench is measured anew, choose another run=DIR")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {path}: {error.strerror}; choose run=DIR") from None
    plain = settings.model_dump(mode="json")
    (path / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    (path / "environment.json").write_text(json.dumps(environment(), indent=1) + "\n")
    return path


@contextmanager
def kept(settings: BenchSettings) -> Iterator[Path]:
    """The folder of a bench; taken away again where nothing came to be measured."""
    path = folder(settings)
    try:
        yield path
    except BaseException:
        if {one.name for one in path.iterdir()} <= {"config.yaml", "environment.json"}:
            shutil.rmtree(path)
        raise


def write(
    path: Path, found: Mapping[str, object], outcomes: Sequence[Outcome], limits: Slo
) -> None:
    """Write what was measured.

    Args:
        path: The folder.
        found: What it came to; plain values.
        outcomes: The calls, those that are left out too.
        limits: What they are judged by.
    """
    (path / "bench.json").write_text(json.dumps(found, indent=1) + "\n")
    server = cast("Mapping[str, object]", found["server"])
    if server["beside"]:
        (path / "server.md").write_text(beside.markdown(server))
    records = [one for outcome in outcomes for one in outcome.records]
    records.sort(key=lambda one: (one.intended_s, one.process))
    with (path / "calls.jsonl").open("w", encoding="utf-8") as lines:
        for row in rows(records, limits):
            lines.write(json.dumps(row, separators=(",", ":")) + "\n")
    with (path / "calls.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        for number, row in enumerate(rows(records, limits)):
            flat = _flat(row)
            if number == 0:
                table.writerow(flat)
            table.writerow(flat.values())


def rows(records: Sequence[Record], limits: Slo) -> Iterator[Row]:
    """One row a call. Times are seconds since the call was intended."""
    for one in records:
        call, timing = one.call, asdict(one.call.timing)
        yield {
            "session": one.session,
            "step": one.step,
            "process": one.process,
            "intended_s": one.intended_s,
            "begun_late_s": one.late_s,
            "counts": not one.settling,
            **timing,
            "ttft_s": call.ttft_s,
            "tpot_s": slo.tpot(call),
            "itl_s": slo.itl(call, limits.itl_percentile),
            **{
                f"{name}_tokens": count
                for name, count in asdict(call.usage).items()
                if name != "usd"
            },
            "finish": call.finish,
            "met": limits.judge(call, decision(call).seconds).to_json(),
            "stages": dict(call.stages),
            "server": dict(call.server),
            "failure": None if call.failure is None else asdict(call.failure),
        }


def _flat(row: Row) -> Row:
    """A row of one level: chunks as their number, a failure as its kind."""
    flat = {name: value for name, value in row.items() if name not in (*_LISTS, "met")}
    chunks, met, stages, failure = row["chunks"], row["met"], row["stages"], row["failure"]
    assert isinstance(chunks, tuple)
    assert isinstance(met, dict)
    assert isinstance(stages, dict)
    flat["chunks"] = len(chunks)
    flat |= {f"met_{name}": value for name, value in met.items()}
    for name in ("prefill_queue_s", "prefill_s", "transfer_s", "decode_queue_s", "decode_s"):
        flat[name] = stages.get(name)
    flat["failure"] = failure["kind"] if isinstance(failure, dict) else ""
    return flat
