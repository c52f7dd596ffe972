"""Ways to put a model on some workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lmgame.placement.profile import Profile

Kind = Literal["split", "prefill_first", "chunked"]


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """One worker: GPUs in tensor parallel (or CPU threads), times pipeline stages.

    Written ``of 2`` for two GPUs, ``of 2x4`` for four stages of two.
    """

    size: int = 1
    stages: int = 1

    @property
    def units(self) -> int:
        """GPUs, or cores, that it takes."""
        return self.size * self.stages

    def __str__(self) -> str:
        if self.units == 1:
            return ""
        return f" of {self.size}" + (f"x{self.stages}" if self.stages > 1 else "")


@dataclass(frozen=True, slots=True)
class Split:
    """A placement.

    Attributes:
        kind: ``split``; or colocated, and what such workers do first.
        prefills: Prefill workers; 0 where all are colocated.
        decodes: Decode workers; or colocated ones.
        prefill: What a prefill worker is.
        decode: What a decode or colocated worker is.
        chunk: Tokens between two decode steps, for ``chunked``.
    """

    kind: Kind
    prefills: int
    decodes: int
    prefill: Shape = Shape()
    decode: Shape = Shape()
    chunk: int = 0

    @property
    def units(self) -> int:
        """GPUs, or cores, that it takes."""
        return self.prefills * self.prefill.units + self.decodes * self.decode.units

    def __str__(self) -> str:
        if self.kind == "split":
            return f"{self.prefills}P{self.prefill} + {self.decodes}D{self.decode}"
        how = "prefill first" if self.kind == "prefill_first" else f"chunked {self.chunk}"
        return f"{self.decodes}C{self.decode}, {how}"

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        plain: dict[str, object] = {"name": str(self), "kind": self.kind, "units": self.units}
        if self.kind == "split":
            plain["prefill"] = _shape(self.prefills, self.prefill)
            plain["decode"] = _shape(self.decodes, self.decode)
        else:
            plain["colocated"] = _shape(self.decodes, self.decode)
        return plain | ({"chunk": self.chunk} if self.kind == "chunked" else {})


def enumerate_splits(profile: Profile, units: int, fewer: bool = False) -> Iterator[Split]:
    """All placements on some units.

    Args:
        profile: Which workers there are.
        units: GPUs, or cores.
        fewer: Also those that leave units unused, as DistServe's search does, which
            asks for the best rate per GPU.
    """
    sizes = [one.size for one in profile.speeds]
    for size in sizes:
        for count in range(1, units // size + 1):
            if count * size == units or fewer:
                yield Split("prefill_first", 0, count, decode=Shape(size))
                for chunk in profile.chunks:
                    yield Split("chunked", 0, count, decode=Shape(size), chunk=chunk)
    shapes = [Shape(size, stages) for stages in profile.stages for size in sizes]
    # On shared cores a prefill worker takes whatever the others leave, at any size.
    for prefill in shapes if profile.cores is None else [Shape()]:
        for decode in shapes:
            for prefills in range(1, (units - decode.units) // prefill.units + 1):
                left = units - prefills * prefill.units
                for decodes in range(1, left // decode.units + 1):
                    if decodes * decode.units == left or fewer:
                        yield Split("split", prefills, decodes, prefill, decode)


def _shape(count: int, shape: Shape) -> dict[str, int]:
    return {"workers": count, "size": shape.size, "stages": shape.stages}
