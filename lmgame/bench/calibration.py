"""How wrong the client is on this machine, as it was measured; kept by machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs
from pydantic import TypeAdapter, ValidationError

from lmgame.environment import environment
from lmgame.slo import Share, Spread


@dataclass(frozen=True, slots=True)
class Level:
    """The client's error at one number of streams.

    Attributes:
        streams: Calls under way at the same time.
        processes: Processes that sent them.
        calls: How many were measured.
        ttft_error_s: How far TTFT was from the truth, in seconds, without its sign.
        tpot_error_s: How far TPOT was, likewise.
        ttft_bias_s: The median of TTFT minus the truth.
        attained: The share of calls that met limits half as long again (TTFT) and a
            quarter longer (TPOT) than the truth: all should.
        server_late_s: How late the known server itself was for one call in a hundred:
            of the error so much is not the client's.
    """

    streams: int
    processes: int
    calls: int
    ttft_error_s: Spread
    tpot_error_s: Spread
    ttft_bias_s: float
    attained: Share
    server_late_s: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known of a machine.

    Attributes:
        when: The day of the last measurement, ISO 8601.
        environment: The machine and its software.
        levels: The measurements.
    """

    when: str
    environment: dict[str, object]
    levels: tuple[Level, ...]

    def level(self, streams: int, processes: int) -> Level | None:
        """The measurement that covers so many streams; None where there is none."""
        fitting = [
            one for one in self.levels if one.streams >= streams and one.processes == processes
        ]
        return min(fitting, key=lambda one: one.streams, default=None)

    def with_levels(self, levels: Sequence[Level]) -> tuple[Level, ...]:
        """The measurements with new ones in the place of old ones."""
        known = {(one.streams, one.processes): one for one in (*self.levels, *levels)}
        return tuple(known[key] for key in sorted(known, key=lambda key: (key[1], key[0])))


_FORM = TypeAdapter(Calibration)


def place() -> Path:
    """The file for this machine and this software, in the user's cache folder."""
    root = os.environ.get("LMGAME_CACHE") or platformdirs.user_cache_dir("lmgame")
    key = hashlib.blake2b(json.dumps(environment(), sort_keys=True).encode(), digest_size=6)
    return Path(root) / "calibration" / f"{key.hexdigest()}.json"


def load() -> Calibration | None:
    """What is known of this machine; None where nothing is, or the file is damaged."""
    try:
        return _FORM.validate_json(place().read_bytes())
    except (OSError, ValidationError):
        return None


def save(levels: Sequence[Level], when: str) -> Calibration:
    """Keep measurements, beside earlier ones of other levels.

    Args:
        levels: The measurements.
        when: The day, ISO 8601.
    """
    before = load() or Calibration(when, environment(), ())
    kept = Calibration(when, environment(), before.with_levels(levels))
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(kept), indent=1) + "\n")
    return kept
