"""One bench of a sweep (`-m`): measured once, and what came of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmgame import figure
from lmgame.bench import command, settings
from lmgame.client.trouble import clean
from lmgame.errors import ConfigError
from lmgame.report import Sheet


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a job, for ``sweep.json``.

    Attributes:
        chosen: The values that set it apart, as overrides.
        run: Its folder, within the sweep's.
        status: ``done`` or ``failed``.
        error: Why it failed, or "".
        calls: How many counted.
        attainment: Share of them that met all limits, or None.
        goodput_rps: Calls a second that met all limits, or None; of a search at its capacity.
        throughput_rps: Calls a second that were served, or None; likewise.
        verdict: Whether the target was met; "" for a search.
        capacity: The highest load that met the target; None where no search found one.
    """

    chosen: tuple[str, ...]
    run: str
    status: str
    error: str
    calls: int
    attainment: float | None
    goodput_rps: float | None
    throughput_rps: float | None
    verdict: str
    capacity: float | None


@dataclass(frozen=True, slots=True)
class Benches:
    """The benches of a sweep.

    Attributes:
        capacity: Whether each is a search for the capacity.
        plots: Whether figures are drawn.
    """

    capacity: bool = False
    plots: bool = False

    def specification(self, overrides: Sequence[str]) -> str:
        """What a combination measures; its settings are checked.

        Raises:
            ConfigError: It cannot be measured.
        """
        chosen = settings.load(overrides)
        if chosen.compare is not None:
            raise ConfigError(
                "compare measures several configurations in turn, -m one after the other: write "
                "one of the two"
            )
        if self.capacity:
            command.check_level(chosen)
        plain = chosen.model_dump(mode="json", exclude=set(settings.BenchSettings.free))
        return json.dumps([self.capacity, plain], sort_keys=True)

    def measure(self, path: Path, overrides: Sequence[str]) -> int:
        """Measure, unless that was done; what was stopped before its end is measured anew.

        Args:
            path: The folder.
            overrides: The settings, ``run`` among them.

        Returns:
            The exit status.
        """
        if self._found(path):
            return 0
        if (path / "config.yaml").exists():  # a bench left it, before its end
            shutil.rmtree(path)
        run = command.find_capacity if self.capacity else command.bench
        return run(overrides, as_json=False, plots=self.plots, quiet=True)

    def outcome(
        self, path: Path, chosen: tuple[str, ...], run: str, status: str, error: str
    ) -> Measured:
        """What came of a job."""
        found = self._found(path)
        if not found:
            return Measured(chosen, run, status, error, 0, None, None, None, "", None)
        if self.capacity:
            blocks = [one for one in found["blocks"] if one["load"] == found["load"]]
        else:
            blocks = [found["serving"]]
        joint = [one["attainment"]["joint"] for one in blocks]
        met, n = (sum(one[name] for one in joint) for name in ("met", "n"))
        return Measured(
            chosen,
            run,
            status,
            error,
            calls=n,
            attainment=met / n if n else None,
            goodput_rps=_mean([one["goodput_rps"] for one in blocks]),
            throughput_rps=_mean([one["throughput_rps"] for one in blocks]),
            verdict="" if self.capacity else found["verdict"]["said"],
            capacity=found["load"] if self.capacity else None,
        )

    def table(self, outcomes: Sequence[Measured]) -> Sheet:
        """All of them, one a row."""
        last = "capacity" if self.capacity else "target"
        rows = [
            (
                clean(" ".join(one.chosen)) or figure.NONE,
                one.status,
                str(one.calls),
                *(_figure(each) for each in (one.throughput_rps, one.goodput_rps)),
                figure.share(one.attainment, 1),
                _figure(one.capacity) if self.capacity else one.verdict or figure.NONE,
            )
            for one in outcomes
        ]
        headings = ("combination", "status", "calls", "calls/s", "goodput/s", "attainment", last)
        return Sheet(f"{len(rows)} combinations", headings, rows, names=2)

    def _found(self, path: Path) -> Mapping[str, Any]:
        """What was measured to its end; empty where nothing was."""
        file = path / ("capacity.json" if self.capacity else "bench.json")
        found: Mapping[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return {} if found.get("stopped") else found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _figure(value: float | None) -> str:
    return figure.NONE if value is None else f"{value:.4g}"
