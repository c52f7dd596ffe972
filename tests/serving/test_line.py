"""Whose turn it is, and who is turned away."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgame.serving.job import Job
from lmgame.serving.line import Line, QueueFull
from lmgame.serving.reply import Request

NUMBERS = itertools.count(1)


def job(client: str, tokens: int = 100, deadline: float | None = None) -> Job:
    return Job(next(NUMBERS), Request([1] * tokens, 8), client, deadline=deadline)


def served(line: Line, turns: int) -> list[Job]:
    found = []
    for _ in range(turns):
        found.append(line.first(1)[0])
        line.take(found[-1])
    return found


def test_one_client_is_served_in_order() -> None:
    line = Line(10)
    jobs = [job("a") for _ in range(5)]
    for one in jobs:
        line.add(one)
    assert served(line, 5) == jobs
    assert len(line) == 0


@given(st.lists(st.integers(1, 900), min_size=12, max_size=30), st.integers(1, 8))
def test_clients_get_the_same_tokens_whatever_they_ask(sizes: list[int], few: int) -> None:
    """Start-time fair queueing: busy clients differ by no more than two largest prompts."""
    line = Line(1000)
    for size in sizes:
        line.add(job("many", size))
        line.add(job("long", 900))
    for _ in range(few):
        line.add(job("few", 300))
    got = {"many": 0, "long": 0, "few": 0}
    while all(any(one.client == name for one in line) for name in got):
        (one,) = served(line, 1)
        got[one.client] += len(one.request.prompt)
        assert max(got.values()) - min(got.values()) <= 2 * 900


def test_who_comes_late_is_next_and_gains_no_more_than_its_share() -> None:
    line = Line(100)
    for _ in range(20):
        line.add(job("greedy", 100))
    served(line, 10)
    line.add(job("new"))
    got = []
    for _ in range(10):  # it comes back as soon as it has had its turn
        (one,) = served(line, 1)
        got.append(one.client)
        if one.client == "new":
            line.add(job("new"))
    assert got[0] == "new"
    assert got.count("new") in (5, 6)


def test_the_earliest_deadline_of_a_client_comes_first() -> None:
    line = Line(10)
    late, none, soon = job("a", deadline=9.0), job("a"), job("a", deadline=2.0)
    for one in (late, none, soon):
        line.add(one)
    assert served(line, 3) == [soon, late, none]


def test_a_full_line_turns_away_who_has_most_waiting() -> None:
    line = Line(4)
    mine = [job("busy") for _ in range(4)]
    for one in mine:
        line.add(one)
    with pytest.raises(QueueFull) as refused:
        line.add(job("busy"))
    assert refused.value.retry_after_s >= 1
    assert line.add(job("other")) is mine[-1]
    assert line.add(job("other")) is mine[-2]
    with pytest.raises(QueueFull):  # 2 and 2: nobody has more than a fair share
        line.add(job("other"))
    assert len(line) == 4


def test_what_lost_its_worker_waits_before_all_others() -> None:
    line = Line(2)
    first, second = job("a"), job("b")
    line.add(first)
    line.add(second)
    lost = served(line, 1)[0]
    line.put_back(lost)
    assert line.first(1)[0] is lost
    line.remove(lost)
    assert lost not in list(line)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20), st.integers(1, 25))
def test_who_is_next_is_told_before_they_are_served(clients: list[str], most: int) -> None:
    line = Line(20)
    for client in clients:
        line.add(job(client))
    told = line.first(most)
    assert told == served(line, min(most, len(clients)))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_nothing_is_lost_and_the_bound_holds(steps: list[tuple[str, bool]]) -> None:
    line, inside = Line(5), set[Job]()
    for client, takes in steps:
        if takes and inside:
            one = line.first(1)[0]
            line.take(one)
            inside.remove(one)
            continue
        one = job(client)
        try:
            away = line.add(one)
        except QueueFull:
            continue
        inside.add(one)
        inside.discard(away) if away else None
    assert set(line) == inside
    assert len(line) == len(inside) <= 5


def test_names_that_are_used_once_do_not_fill_the_memory() -> None:
    idle, busy = Line(8), Line(8)
    busy.add(job("waits", 10**6))
    busy.add(job("waits", 10**6))
    for number in range(100):
        for line in (idle, busy):
            one = job(f"user {number}")
            line.add(one)
            line.take(one)
    assert len(idle._clients) == 0  # nothing else shows what is remembered
    assert len(busy._clients) <= 8 + 1  # as above
