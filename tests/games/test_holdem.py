"""Hold'em: the rules by example and against slow ones, the deal, saving, the anchor."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from pokerkit import StandardHighHand

from lmgame.agents.scripted.holdem import best, equity, strength
from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Json, Turn
from lmgame.games.holdem import Holdem
from lmgame.games.holdem.hand import DECK, Hand
from lmgame.games.holdem.notation import parse
from lmgame.rng import Rng
from lmgame.world import World

from .slow_poker import NAMES, RANKS, best_five, winner
from .test_docstring import SECTIONS, sections

# The ranking of hands.


def deals(count: int) -> list[tuple[str, ...]]:
    """Nine cards each: two, two and the board; often from few ranks or suits."""
    random, found = Random(8), []
    for number in range(count):
        ranks = random.sample(RANKS, (13, 13, 4, 6, 8)[number % 5])
        suits = "cdhs" if number % 5 < 3 else random.sample("cdhs", 2)
        cards = [card for card in DECK if card[0] in ranks and card[1] in suits]
        found.append(tuple(random.sample(cards, 9)))
    return found


def test_pokerkit_ranks_as_the_slow_evaluator() -> None:
    kinds: Counter[str] = Counter()
    for cards in deals(800):
        one, other = (
            StandardHighHand.from_game("".join(own), "".join(cards[4:]))
            for own in (cards[:2], cards[2:4])
        )
        slow = winner(cards[:2], cards[2:4], cards[4:])
        assert (one > other) - (one < other) == slow, cards
        kinds[NAMES[best_five(cards[:2] + cards[4:])[0]]] += 1
    assert set(kinds) == set(NAMES)


def test_the_anchor_ranks_as_the_slow_evaluator() -> None:
    for cards in deals(1200):
        one, other = (
            strength([(RANKS.index(card[0]), card[1]) for card in own + cards[4:]])
            for own in (cards[:2], cards[2:4])
        )
        assert one[0] == best_five(cards[:2] + cards[4:])[0]
        assert (one > other) - (one < other) == winner(cards[:2], cards[2:4], cards[4:]), cards


def test_who_is_all_in_wins_what_the_slow_evaluator_says() -> None:
    random = Random(4)
    for number in range(50):
        deck = tuple(random.sample(DECK, 52))
        hand = played("raise to 50", "call", deck=deck, button=number % 2, stack=50)
        assert hand.over
        assert hand.showdown
        assert hand.board == deck[4:9]
        assert hand.won(0) == 50 * winner(deck[:2], deck[2:4], deck[4:9])
        assert hand.won(1) == -hand.won(0)


# The betting.


def played(*actions: str, deck: tuple[str, ...] = DECK, button: int = 0, stack: int = 200) -> Hand:
    hand = Hand(deck, button, stack)
    for text in actions:
        hand.act(parse(hand, text))
    return hand


def test_the_button_acts_first_before_the_flop_and_last_after_it() -> None:
    for button in (0, 1):
        hand = played(button=button)
        assert hand.actor == button
        assert (hand.stack(button), hand.stack(1 - button)) == (199, 198)
        hand = played("call", button=button)
        assert hand.actor == 1 - button
        assert hand.street == "preflop"  # the big blind may still raise
        hand = played("call", "check", button=button)
        assert (hand.street, hand.actor) == ("flop", 1 - button)


def test_a_raise_adds_at_least_the_last_one() -> None:
    assert played().raises() == range(4, 201)
    assert played("raise to 4").raises() == range(6, 201)
    assert played("raise to 10").raises() == range(18, 201)
    assert played("call", "check").raises() == range(2, 199)
    assert played("call", "check", "raise to 50").raises() == range(100, 199)
    assert played("call", "check", "raise to 150").raises() == range(198, 199)
    assert played("raise to 200").raises() == range(0)


def test_a_fold_gives_the_pot_away() -> None:
    hand = played("raise to 6", "call", "check", "raise to 9", "fold")
    assert hand.over
    assert not hand.showdown
    assert [hand.won(seat) for seat in (0, 1)] == [6, -6]
    assert hand.board == DECK[4:7]


def test_equal_hands_share_the_pot() -> None:
    deck = ("2c", "3c", "2d", "3d", "Ah", "Kh", "Qh", "Jh", "Th", *(
        card for card in DECK if card[1] == "s"
    ))  # fmt: skip
    hand = played("raise to 200", "call", deck=deck)
    assert hand.over
    assert hand.won(0) == hand.won(1) == 0


def test_a_hand_that_is_checked_down() -> None:
    hand = played("call", *["check"] * 7)
    assert hand.over
    assert hand.showdown
    assert [one.put for one in hand.streets] == [[2, 2], [0, 0], [0, 0], [0, 0]]


def test_chips_are_conserved() -> None:
    random = Random(2)
    for seed in range(12):
        game = Holdem(hands=6, stack=random.choice((10, 11, 60, 200)))
        game.reset(seed)
        while game.acting():
            hand = game._hand
            assert hand.pot + hand.stack(0) + hand.stack(1) == 2 * game.stack
            assert min(hand.stack(0), hand.stack(1)) >= 0
            game.apply({hand.actor: random.choice(game.actions(hand.actor).choices)})
            assert sum(game.scores()) == 0
        outcome = game.outcome()
        assert outcome is not None
        assert outcome.reason == "6 hands played"
        assert abs(outcome.scores[0]) <= 6 * game.stack
        assert outcome.winner == (None if not outcome.scores[0] else int(outcome.scores[0] < 0))


# The deal.


def test_the_deal_does_not_depend_on_what_is_done() -> None:
    def cards(play: str) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        game = Holdem(hands=6)
        game.reset(77)
        while game.acting():
            if (game._number, game._hand.cards) not in found:
                found.append((game._number, game._hand.cards))
            (seat,) = game.acting()
            choices = game.actions(seat).choices
            game.apply({seat: play if play in choices else choices[0]})
        return found

    assert len(cards("fold")) == 6
    assert cards("fold") == cards("call") == cards("check")


def test_the_button_alternates_and_decks_are_whole() -> None:
    game = Holdem(hands=5)
    seen = []
    while game.acting():
        seen.append(game._hand.button)
        game.apply({game.acting()[0]: "fold"})
    assert seen == [0, 1, 0, 1, 0]
    assert len(set(DECK)) == 52


def test_equal_agents_with_seats_swapped_end_at_zero() -> None:
    one, other = match(3, best, best, hands=4), match(3, best, best, hands=4)
    assert one[0] + other[1] == 0
    assert match(3, best, caller, hands=4)[0] + match(3, caller, best, hands=4)[1] != 0


# Notation.


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("fold", ["fold"]),
        ("I **call**.", ["call"]),
        ("Raise to 12!", ["Raise to 12"]),
        ("raise to $12", ["raise to $12"]),
        ("bet 12 or check", ["bet 12", "check"]),
        ("raise 12", ["raise 12"]),
        ("raise by 12", ["raise by 12"]),
        ("all in, all-in, ALLIN", ["all in", "all-in", "ALLIN"]),
        ("I raise", ["raise"]),
        ("he folded, she calls, a checkered recall", []),
        ("", []),
    ],
)
def test_find(reply: str, found: list[str]) -> None:
    assert Holdem().find(reply) == found


@pytest.mark.parametrize("part", ["raise", "raise to ", "bet  ", "all ", "fold", "1", " "])
def test_find_takes_linear_time(part: str) -> None:
    Holdem().find(part * (100_000 // len(part)))


@pytest.mark.parametrize(
    ("before", "text", "canonical"),
    [
        ((), "FOLD", "fold"),
        ((), " Call\n", "call"),
        ((), "raise to $6", "raise to 6"),
        ((), "Raise  to  0006", "raise to 6"),
        ((), "all-in", "raise to 200"),
        (("raise to 200",), "all in", "call"),
        (("call", "check"), "bet 7", "raise to 7"),
        (("call", "check"), "bet to 7", "raise to 7"),
        (("call", "check"), "check", "check"),
    ],
)
def test_canonical(before: tuple[str, ...], text: str, canonical: str) -> None:
    game = Holdem()
    for action in before:
        game.apply({game.acting()[0]: action})
    (seat,) = game.acting()
    assert game.canonical(seat, text) == canonical
    assert game.canonical(seat, canonical) == canonical


@pytest.mark.parametrize(
    ("before", "text", "reason"),
    [
        ((), "check", "you cannot check a bet: call 1, raise or fold"),
        ((), "raise to 3", "you cannot raise to 3: N is from 4 to 200"),
        ((), "raise to 201", "you cannot raise to 201: N is from 4 to 200"),
        ((), "raise", "raise to what"),
        ((), "raise 6", "could be by or to"),
        ((), "bet 6", "could be by or to"),
        ((), "raise by 6", "is not an action: write 'fold'"),
        ((), "shove", "'shove' is not an action"),
        ((), "x" * 10_000_000, r"'x{40}\.\.\.' is not an action"),
        (("call",), "fold", "there is no bet to fold to: check"),
        (("call",), "call", "there is nothing to call: check"),
        (("raise to 200",), "raise to 200", "you cannot raise a bet that is all in"),
        (("call", "check", "raise to 150"), "raise to 190", "N is 198 only"),
    ],
)
def test_refusals_say_what_to_do(before: tuple[str, ...], text: str, reason: str) -> None:
    game = Holdem()
    for action in before:
        game.apply({game.acting()[0]: action})
    (seat,) = game.acting()
    state = game.fingerprint()
    calls: list[Callable[[], object]] = [
        lambda: game.canonical(seat, text),
        lambda: game.apply({seat: text}),
    ]
    for call in calls:
        with pytest.raises(IllegalAction, match=reason) as error:
            call()
        assert len(str(error.value)) < 200
    assert game.fingerprint() == state


def test_turns_are_kept() -> None:
    game = Holdem()
    with pytest.raises(IllegalAction, match="it is the turn of the first seat"):
        game.apply({1: "call"})
    with pytest.raises(IllegalAction, match="one seat acts at a time"):
        game.apply({0: "call", 1: "call"})


def test_choices_are_few_and_the_grammar_is_all() -> None:
    random = Random(6)
    for seed in range(6):
        game = Holdem(hands=6, stack=random.choice((10, 25, 200, 999)))
        game.reset(seed)
        while game.acting():
            (seat,) = game.acting()
            actions, legal = game.actions(seat), game._hand.raises()
            assert len(actions.choices) <= 6
            assert actions.default in ("check", "fold")
            accepted = {text for text in actions.choices if not text.startswith("raise")}
            accepted |= {f"raise to {amount}" for amount in legal}
            if actions.complete:
                assert accepted == set(actions.choices)
            else:
                reader = pattern(actions.grammar or "")
                tried = [f"raise to {amount}" for amount in range(1200)]
                written = {text for text in (*tried, "fold", "check", "call", "raise to")
                           if reader.fullmatch(text)}  # fmt: skip
                assert written == accepted
            game.apply({seat: random.choice(actions.choices)})


def pattern(grammar: str) -> re.Pattern[str]:
    """A regular expression of what this simple kind of grammar writes."""
    rules = dict(line.split(" ::= ") for line in grammar.splitlines())
    whole = rules["root"].replace("amount", f"(?:{rules['amount']})")
    parts = re.split(r'("[^"]*")', whole)
    return re.compile(
        "".join(part.strip('"') if part[:1] == '"' else part.replace(" ", "") for part in parts)
    )


def test_the_rules_name_what_is_accepted() -> None:
    told = re.findall(r"`([^`]+)`", Holdem.rules.rpartition("Answer with")[2])
    assert told == ["fold", "check", "call", "raise to 12", "bet 12", "all in"]
    for text in told:
        game = Holdem()
        if text in ("check", "bet 12"):
            for action in ("call", "check"):
                game.apply({game.acting()[0]: action})
        (seat,) = game.acting()
        kind = game.canonical(seat, text).partition(" ")[0]
        assert any(choice.startswith(kind) for choice in game.actions(seat).choices)
    assert len(Holdem.rules) < 1500


def test_the_page_has_every_section() -> None:
    found = sections(Holdem)
    assert list(found) == SECTIONS
    assert re.findall(r"^    (\w+) \(", found["Arguments"], re.MULTILINE) == ["hands", "stack"]


@pytest.mark.parametrize(
    "arguments", [{"hands": 0}, {"hands": 1001}, {"stack": 9}, {"stack": 1000}, {"hands": True}]
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="is not a whole number from"):
        Holdem(**arguments)


# Saving.


def middle() -> Holdem:
    game = Holdem()
    game.reset(5)
    for text in ("raise to 6", "fold", "call", "raise to 8", "call", "check", "raise to 8"):
        game.apply({game.acting()[0]: text})
    return game


def test_a_saved_match_goes_on_the_same() -> None:
    game, copy = middle(), Holdem()
    copy.restore(json.loads(json.dumps(game.save())))
    assert copy.fingerprint() == game.fingerprint()
    assert (copy.tick, copy.scores()) == (game.tick, game.scores()) == (7, (2.0, -2.0))
    for each in (game, copy):
        while each.acting():
            (seat,) = each.acting()
            each.apply({seat: each.actions(seat).choices[-1]})
    assert copy.fingerprint() == game.fingerprint()
    assert [copy.statistics(seat) for seat in (0, 1)] == [game.statistics(seat) for seat in (0, 1)]


@pytest.mark.parametrize(
    "change",
    [
        {"game": "Holdem-v2"}, {"arguments": [10, 100]}, {"more": 1}, {"seed": -1}, {"seed": "5"},
        {"hand": 10}, {"hand": 0.5}, {"tick": True}, {"chips": [2, -1]}, {"chips": [500, -500]},
        {"chips": 2}, {"actions": "call"}, {"actions": [1]}, {"actions": ["check"]},
        {"actions": ["fold"]}, {"actions": ["fold", "call"]}, {"counts": {}}, {"counts": None},
    ],
)  # fmt: skip
def test_a_damaged_state_is_refused_and_changes_nothing(change: dict[str, Json]) -> None:
    game = middle()
    before = game.fingerprint()
    with pytest.raises(StateError, match=r".{20,}"):
        game.restore({**game.save(), **change})
    assert game.fingerprint() == before


def test_statistics_count_what_was_done() -> None:
    game = middle()
    game.apply({game.acting()[0]: "all in"})
    game.apply({game.acting()[0]: "call"})
    one, other = game.statistics(0), game.statistics(1)
    assert one["hands"] == other["hands"] == 2
    assert one["showdowns"] == other["showdowns"] == 1
    assert one["all_ins"] == other["all_ins"] == 1
    assert (one["folds"], other["folds"]) == (0, 1)


# The anchor.


def caller(turn: Turn) -> str:
    """Never raises, never folds."""
    return "check" if "check" in turn.actions.choices else "call"


def match(seed: int, *seats: Callable[[Turn], str], hands: int = 10) -> tuple[float, ...]:
    world = World(Holdem(hands=hands), seed)
    while not world.over:
        world.offer(lambda seat: None)
        ((seat, turn),) = world.turns.items()
        choice = seats[seat](turn)
        assert turn.canonical(choice) == choice
        world.land({seat: choice})
    return world.game.scores()


def test_the_anchor_beats_random_play_and_calling() -> None:
    rng = Rng(1)

    def chance(turn: Turn) -> str:
        return rng.choice(turn.actions.choices)

    for other in (chance, caller):
        won = sum(
            match(seed, best, other, hands=8)[0] + match(seed, other, best, hands=8)[1]
            for seed in range(2)
        )
        assert won > 100


def test_the_anchor_knows_good_cards() -> None:
    assert equity(("Ah", "As"), ()) > 0.75 > 0.5 > equity(("7h", "2c"), ())
    assert equity(("Kh", "Qh"), ("Ah", "Jh", "Th")) == 1.0
    assert equity(("9c", "8c"), ("7c", "2d", "Kh")) == equity(("9c", "8c"), ("7c", "2d", "Kh"))
