"""Workers that share the cores of one machine, and what that leaves each."""

from __future__ import annotations

from typing import Protocol

from lmgame.placement.profile import Cores


class Tenant(Protocol):
    """A worker that wants cores while it is at work."""

    threads: int
    urgent: bool
    speed: float

    def retime(self) -> None:
        """Go on at another speed from now on."""


class Machine:
    """Gives cores to those at work: first the urgent ones, then the rest.

    Within a class cores are shared evenly, and nobody gets more than it has threads.

    Args:
        cores: The machine; None where every worker has its own hardware.
    """

    def __init__(self, cores: Cores | None) -> None:
        self._cores = cores
        self._busy: list[Tenant] = []

    def enter(self, tenant: Tenant) -> None:
        """A worker begins to work."""
        if self._cores is not None:
            self._busy.append(tenant)
            self._share(self._cores, tenant)

    def leave(self, tenant: Tenant) -> None:
        """A worker has nothing to do for now."""
        if self._cores is not None:
            self._busy.remove(tenant)
            self._share(self._cores, tenant)

    def _share(self, cores: Cores, cause: Tenant) -> None:
        free = float(cores.count)
        for urgent in (True, False):
            some = sorted(
                (one for one in self._busy if one.urgent is urgent), key=lambda one: one.threads
            )
            for index, one in enumerate(some):
                given = min(one.threads, free / (len(some) - index))
                free -= given
                self._set(cores, one, given, one is not cause)

    def _set(self, cores: Cores, tenant: Tenant, given: float, tell: bool) -> None:
        speed = cores.faster(given) / cores.faster(tenant.threads)
        if given < tenant.threads:
            speed *= cores.crowded
        if len(self._busy) > 1:
            speed *= cores.beside
        # Nice values do not starve: a worker that gets nothing still moves a little.
        speed = max(speed, 0.02)
        if speed != tenant.speed:
            tenant.speed = speed
            if tell:
                tenant.retime()
