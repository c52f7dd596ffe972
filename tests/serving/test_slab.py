from __future__ import annotations

import mmap
import os
from collections.abc import Iterator

import pytest

from lmgame.serving.slab import SlabMap, SlabPool, create_file, slab_size


@pytest.fixture
def pool() -> Iterator[SlabPool]:
    pool = SlabPool(3)
    yield pool
    pool.close()


def test_slabs_are_whole_pages() -> None:
    assert slab_size(1) == mmap.PAGESIZE
    assert slab_size(mmap.PAGESIZE) == mmap.PAGESIZE
    assert slab_size(mmap.PAGESIZE + 1) == 2 * mmap.PAGESIZE


def test_what_one_worker_writes_another_reads(pool: SlabPool) -> None:
    pool.resize(100)
    writer, reader = SlabMap(pool.descriptor), SlabMap(pool.descriptor)
    for number in range(3):
        writer.view(number, pool.size)[:3] = bytes([number, 7, 9])
    for number in range(3):
        assert bytes(reader.view(number, pool.size)[:3]) == bytes([number, 7, 9])


def test_each_slab_has_one_user(pool: SlabPool) -> None:
    taken = [pool.take() for _ in range(3)]
    assert sorted(taken) == [0, 1, 2]
    assert (pool.available, pool.in_use) == (False, 3)
    pool.give(taken[1])
    assert pool.available
    assert pool.take() == taken[1]


def test_the_warmest_slab_is_taken_first(pool: SlabPool) -> None:
    first, second = pool.take(), pool.take()
    pool.give(second)
    pool.give(first)
    assert pool.take() == first


def test_the_size_is_set_once(pool: SlabPool) -> None:
    pool.resize(10_000)
    size = pool.size
    pool.resize(99_000)
    assert pool.size == size
    assert os.fstat(pool.descriptor).st_size == 3 * size


def test_an_untouched_slab_takes_no_memory(pool: SlabPool) -> None:
    pool.resize(100_000_000)
    assert os.fstat(pool.descriptor).st_blocks == 0


def test_the_file_has_no_name() -> None:
    descriptor = create_file()
    try:
        assert os.fstat(descriptor).st_nlink == 0
    finally:
        os.close(descriptor)
