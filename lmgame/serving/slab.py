"""Shared memory through which KV state travels from a prefill to a decode worker.

One memory file without a name, split into equal slabs. It has no entry in any
directory from its first moment, so a crash of everybody leaves nothing behind. The
router owns the bookkeeping and hands out slab numbers; it never maps the bytes.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile

_PAGE = mmap.PAGESIZE


def create_file() -> int:
    """Create the memory file, still empty.

    Returns:
        Its file descriptor. Pages take memory only once they are written.
    """
    if sys.platform == "linux":
        return os.memfd_create("lmgame-kv", os.MFD_CLOEXEC)
    else:  # noqa: RET505  # mypy takes what follows a platform check for unreachable
        descriptor, path = tempfile.mkstemp(prefix="lmgame-kv-")
        os.unlink(path)
        return descriptor


def slab_size(state_bytes: int) -> int:
    """Bytes of one slab that holds a state of ``state_bytes``, in whole pages."""
    return -(-state_bytes // _PAGE) * _PAGE


class SlabMap:
    """A worker's view of the slabs, mapped on first use.

    Args:
        descriptor: The memory file, inherited from the router.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._maps: dict[int, memoryview] = {}

    def view(self, number: int, size: int) -> memoryview:
        """The memory of one slab.

        Args:
            number: Which slab.
            size: Bytes per slab, the same for all.
        """
        if number not in self._maps:
            area = mmap.mmap(self._descriptor, size, mmap.MAP_SHARED, offset=number * size)
            self._maps[number] = memoryview(area)
        return self._maps[number]


class SlabPool:
    """The router's count of who uses which slab.

    Args:
        count: How many slabs there are.
    """

    def __init__(self, count: int) -> None:
        self.descriptor = create_file()
        self.size = 0
        self.count = count
        self._free = list(range(count - 1, -1, -1))

    def resize(self, state_bytes: int) -> None:
        """Set the slab size, once the first worker has said what a full state needs."""
        if self.size == 0:
            self.size = slab_size(state_bytes)
            os.ftruncate(self.descriptor, self.size * self.count)

    @property
    def in_use(self) -> int:
        """Slabs handed out."""
        return self.count - len(self._free)

    @property
    def available(self) -> bool:
        """Whether :meth:`take` would succeed."""
        return bool(self._free)

    def take(self) -> int:
        """Hand out the slab used last: its pages are already in memory."""
        return self._free.pop()

    def give(self, number: int) -> None:
        """Take a slab back."""
        self._free.append(number)

    def close(self) -> None:
        """Let go of the memory; it ends when the last worker does."""
        os.close(self.descriptor)
