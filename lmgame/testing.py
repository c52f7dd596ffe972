"""Conformance checks that every game and agent passes, ours and third parties'.

Call :func:`check_game` from a test of your own::

    from lmgame.testing import check_game
    def test_my_game() -> None:
        check_game(MyGame)

:class:`ScriptedServer` is a model server that says what it is told, over a real
socket, for tests without a model.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable

from lmgame.agent import Agent, Seating
from lmgame.errors import GameError, IllegalAction, StateError
from lmgame.game import Game, State, Turn
from lmgame.registry import ID
from lmgame.rng import Rng
from lmgame.scripted_server import Reply, ScriptedServer
from lmgame.world import World

__all__ = ["Reply", "ScriptedServer", "check_agent", "check_game"]

NONSENSE = ("", "\x00\x1b[2J", "no such action", "9" * 500, "🎲")


def check_game(
    factory: Callable[[], Game],
    *,
    seeds: tuple[int, ...] = (0, 1, 2),
    longest: int = 5000,
    seeded: bool = True,
) -> None:
    """Check that a game keeps the contract of :class:`lmgame.game.Game`.

    Args:
        factory: Makes a new instance.
        seeds: Matches of random play to look at.
        longest: Within how many random decisions a match must end.
        seeded: Whether different seeds must begin different matches.

    Raises:
        AssertionError: It does not; says what was expected.
    """
    _check_spec(factory())
    starts = {_started(factory, seed).fingerprint() for seed in seeds}
    assert not seeded or len(starts) == len(seeds), "different seeds begin the same match"
    for seed in seeds:
        _check_determinism(factory, seed)
        _check_match(factory, seed, longest)
        _check_views(factory, seed)


def _check_spec(game: Game) -> None:
    spec = game.spec
    assert ID.fullmatch(spec.id), f"id {spec.id!r} is not Name-vN"
    assert spec.seats, "a game has at least one seat"
    assert len(set(spec.seats)) == len(spec.seats), "seat names repeat"
    assert spec.hz is None or spec.hz > 0, "hz is ticks a second"
    assert spec.hz is not None or spec.pace == 0, "a pace needs hz"
    assert spec.menu is None or len(set(spec.menu)) == len(spec.menu), "the menu repeats"
    assert game.rules.strip(), "rules: what a player is told"


def _started(factory: Callable[[], Game], seed: int) -> Game:
    game = factory()
    game.reset(seed)
    return game


def _move(game: Game, rng: Rng) -> None:
    """One random decision for every acting seat, then the game's pace."""
    chosen = {seat: rng.choice(game.actions(seat).choices) for seat in game.acting()}
    game.apply(chosen)
    if game.spec.hz is not None and game.outcome() is None:
        game.advance(rng.below(2 * game.pace() + 2))


def _check_determinism(factory: Callable[[], Game], seed: int) -> None:
    """Two instances, the same seed and actions: the same states, step by step."""
    one, other = _started(factory, seed), _started(factory, seed)
    first, second = Rng(seed), Rng(seed)
    for _ in range(60):
        _check_state(one)
        assert one.fingerprint() == other.fingerprint(), "same seed and actions, other state"
        if one.outcome() is not None:
            break
        for seat in range(len(one.spec.seats)):
            assert one.text(seat) == other.text(seat), "same state, other text"
        _move(one, first)
        _move(other, second)
    one.reset(seed)
    assert one.fingerprint() == _started(factory, seed).fingerprint(), "reset leaves traces"


def _check_match(factory: Callable[[], Game], seed: int, longest: int) -> None:
    """A whole match of random play, looking closely every now and then."""
    game, rng = _started(factory, seed), Rng(seed ^ 0x5EED)
    for number in range(longest):
        _check_state(game)
        if game.outcome() is not None:
            _check_end(game)
            return
        if number % 13 == 0:
            _check_actions(factory, game, rng)
            _check_save(factory, game, rng)
            _check_time(factory, game, rng)
        _move(game, rng)
    raise AssertionError(f"random play has not ended after {longest} decisions")


def _check_state(game: Game) -> None:
    seats = len(game.spec.seats)
    scores, acting = game.scores(), game.acting()
    assert len(scores) == seats, "a score for every seat"
    assert all(math.isfinite(score) for score in scores), f"scores {scores} are not finite"
    assert list(acting) == sorted(set(acting)), f"acting {acting} is not ascending"
    assert all(0 <= seat < seats for seat in acting), f"acting {acting} names no seat"
    assert bool(acting) == (game.outcome() is None), "somebody acts exactly until the end"
    for seat in range(seats):
        numbers = game.statistics(seat).values()
        assert all(math.isfinite(number) for number in numbers), "statistics are not finite"


def _check_end(game: Game) -> None:
    outcome = game.outcome()
    assert outcome is not None
    assert outcome.scores == game.scores(), "the outcome's scores are the final ones"
    assert outcome.winner is None or 0 <= outcome.winner < len(game.spec.seats), "no such winner"
    assert outcome.reason, "an outcome says why"
    before = game.fingerprint()
    for text in game.spec.menu or NONSENSE:
        _refused(f"{text!r} after the end", game.apply, {0: text})
    if game.spec.hz is not None:
        game.advance(10)
    assert game.fingerprint() == before, "the world moves after the end"


def _refused(what: str, act: Callable[..., object], *given: object) -> None:
    try:
        act(*given)
    except IllegalAction as error:
        reason = str(error)
    else:
        raise AssertionError(f"{what} was not refused with IllegalAction")
    assert reason, f"{what} is refused without a reason"


def _copy(factory: Callable[[], Game], game: Game) -> Game:
    copy = factory()
    copy.reset(0)
    copy.restore(json.loads(json.dumps(game.save())))
    return copy


def _check_actions(factory: Callable[[], Game], game: Game, rng: Rng) -> None:
    before = game.fingerprint()
    for seat in game.acting():
        actions = game.actions(seat)
        assert actions.choices, "an acting seat has something to choose from"
        assert len(set(actions.choices)) == len(actions.choices), "choices repeat"
        assert actions.complete or actions.grammar, "incomplete choices come with a grammar"
        for text in actions.choices:
            assert game.canonical(seat, text) == text, f"{text!r} is offered but not canonical"
            found = [game.canonical(seat, one) for one in game.find(text)]
            assert found == [text], f"find({text!r}) finds {found}"
            assert game.spec.menu is None or text in game.spec.menu, f"{text!r} is not in the menu"
        for text in (actions.default, rng.choice(actions.choices)):
            _copy(factory, game).apply({seat: text})
        for text in NONSENSE:
            offered = repr(text)
            _refused(offered, game.canonical, seat, text)
            _refused(offered, game.apply, {seat: text})
    idle = [seat for seat in range(len(game.spec.seats)) if seat not in game.acting()]
    for seat in idle:
        default = game.actions(game.acting()[0]).default
        _refused(f"seat {seat} out of turn", game.apply, {seat: default})
    assert game.fingerprint() == before, "looking at actions changed the state"


def _check_save(factory: Callable[[], Game], game: Game, rng: Rng) -> None:
    """Saved and restored in another instance, a match goes on just the same."""
    saved = game.save()
    copy = _copy(factory, game)
    assert copy.fingerprint() == game.fingerprint(), "restore does not bring the state back"
    for seat in range(len(game.spec.seats)):
        assert copy.text(seat) == game.text(seat), "restored, the text differs"
    one, other, start = _copy(factory, game), copy, rng.state
    for each in (one, other):
        rng.state = start
        for _ in range(5):
            if each.outcome() is None:
                _move(each, rng)
    assert one.fingerprint() == other.fingerprint(), "restored twice, the match went on differently"
    assert game.save() == saved, "a copy's moves reached the original"
    foreign: tuple[State, ...] = ({}, {**saved, "game": "Other-v9"}, {"no": "such"})
    for wrong in foreign:
        try:
            copy.restore(wrong)
        except StateError:
            continue
        raise AssertionError(f"restore took {wrong!r}: it must raise StateError")


def _check_time(factory: Callable[[], Game], game: Game, rng: Rng) -> None:
    if game.spec.hz is None:
        try:
            game.advance(1)
        except (NotImplementedError, GameError):
            return
        raise AssertionError("a game without hz does not advance")
    whole, parts = _copy(factory, game), _copy(factory, game)
    first, second = rng.below(120), rng.below(120)
    whole.advance(first + second)
    parts.advance(first)
    parts.advance(second)
    assert whole.fingerprint() == parts.fingerprint(), "advance(a + b) is advance(a), advance(b)"
    if whole.outcome() is None:
        assert whole.tick == game.tick + first + second, "advance(n) moves the tick by n"


def _check_views(factory: Callable[[], Game], seed: int) -> None:
    """Text and image tell apart the same states, and stay as they were taken.

    In a game that says that it needs the image (``spec.needs_image``) or that the
    image shows more (``spec.scenery``), the text need not tell apart what the
    image does, nor the reverse.
    """
    game, rng = _started(factory, seed), Rng(seed)
    size = game.observe(0).picture.size
    images: dict[str, bytes] = {}
    texts: dict[bytes, str] = {}
    for _ in range(70):
        for seat in range(len(game.spec.seats)):
            seen = game.observe(seat)
            now = game.observe(seat).picture
            assert now.size == size, "the picture's size changes"
            if game.outcome() is None and seat == game.acting()[0]:
                _move(game, rng)
            pixels = seen.picture.rgb().tobytes()
            assert pixels == now.rgb().tobytes(), "an observation changed after it was taken"
            if not (game.spec.needs_image or game.spec.scenery):
                assert images.setdefault(seen.text, pixels) == pixels, "one text, two pictures"
                assert texts.setdefault(pixels, seen.text) == seen.text, "one picture, two texts"
            assert all(char.isprintable() or char == "\n" for char in seen.text), "unprintable text"


def _is_canonical(turn: Turn, action: str) -> bool:
    """Whether an action is legal and in the game's own spelling."""
    try:
        return turn.canonical(action) == action
    except IllegalAction:
        return False


def check_agent(
    make: Callable[[Seating], Agent], game: Callable[[], Game], *, turns: int = 20, seed: int = 0
) -> None:
    """Check that an agent keeps the contract of :class:`lmgame.agent.Agent`.

    Args:
        make: Makes an agent for a seat.
        game: Makes the game it plays; every seat is played by the agent.
        turns: Decisions to look at.
        seed: The match seed.

    Raises:
        AssertionError: It does not; says what was expected.
    """
    asyncio.run(_check_agent(make, game(), turns, seed))


async def _check_agent(make: Callable[[Seating], Agent], game: Game, turns: int, seed: int) -> None:
    world = World(game, seed)
    agents = [make(Seating(game.spec, seat, seed)) for seat in range(len(game.spec.seats))]
    for _ in range(turns):
        world.offer(lambda seat: None)
        if world.over:
            break
        wanted: dict[int, str | None] = {}
        for seat, turn in world.turns.items():
            before = game.fingerprint()
            decision = await agents[seat].decide(turn)
            assert game.fingerprint() == before, "an agent reached into the game"
            if decision.outcome == "ok":
                assert decision.action is not None, "an ok decision has an action"
                assert _is_canonical(turn, decision.action), f"{decision.action!r} is not canonical"
            else:
                assert decision.action is None, f"a {decision.outcome} decision has no action"
                assert decision.reason, f"a {decision.outcome} decision says why"
            wanted[seat] = decision.action
        for seat, turn in list(world.turns.items()):
            agents[seat].remember(turn, wanted[seat] or turn.actions.default, "ok")
        world.land(wanted)
        world.advance(game.pace())
    await asyncio.gather(*(agent.close() for agent in agents))
