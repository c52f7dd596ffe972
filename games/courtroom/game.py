"""Courtroom: trials in which a statement contradicts the evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from lmgame.errors import ConfigError, IllegalAction, StateError
from lmgame.game import Actions, Game, GameSpec, Json, Outcome, State, digest
from lmgame.picture import Picture
from lmgame.rng import Rng

from . import notation
from .case import Case, begin
from .check import checked
from .draft import Source, read
from .notation import NOTHING, Action
from .render import draw
from .text import snapshot, write
from .wording import Chance, tell

MOST_PENALTIES = 9
CASES = Path(__file__).with_name("cases")


class Courtroom(Game):
    """Courtroom: press witnesses, and present the evidence that contradicts them.

    Description:
        The player defends the accused in several cases. A trial is a row of
        testimonies; in each, one statement contradicts one piece of evidence,
        alone or together with what both sides agree on. Presenting that evidence
        at that statement brings the next testimony or the verdict. Pressing a
        statement brings an answer, and sometimes another wording, another
        statement or new evidence. The cases are our own; `games/courtroom/check.py`
        proves of each, from facts in its file, that it can be won from every
        stage and that no testimony has a second answer.

    Observation (text):
        Case, testimony and penalties; the story; what both sides agree on; the
        court record as ``E1 name: text``; the statements as ``1. text``, each
        followed by the answers that pressing it brought, as ``> text``; the pairs
        that were refused in this testimony. ``parse_text`` reads it.

    Observation (image):
        The same text on a page of 960 by 924 pixels, in letters of 10 by 14.

    Actions:
        ``press N`` a statement that has not answered yet; ``present EN at N``:
        evidence at a statement, unless the pair was refused and the statement
        has not changed since. ``choices`` are all
        of these. The default, ``say nothing``, is always legal and never offered:
        it costs a penalty. ``present evidence 2 on statement 3`` and names of the
        evidence instead of its number are read too.

    Score:
        Contradictions found, summed over the cases: one for each testimony that
        was solved, also of cases that were lost later. Lmgame-Bench (arXiv
        2505.15146) counts correct actions in the first case of a commercial game
        until five lives are lost. Here the cases are others, pressing scores
        nothing, and the lives are those of one case, so that a hard case does
        not hide the ones after it: the numbers cannot be compared one to one.

    Starting state:
        The first testimony of the first case, nothing pressed. The seed decides
        how the cases are told: names, numbers, times, wording, the order of
        evidence and statements.

    End:
        After the last case. A case is won with its last contradiction and lost
        with its last penalty. Every action presses something, costs a penalty or
        solves a testimony, so every match ends.

    Illegal actions:
        Refused with a reason, the state unchanged: text that is no action, a
        statement or evidence that is not there, a name that fits several pieces
        of evidence, pressing a statement again, a pair that was refused.

    Time:
        None of its own: the world waits. The tick counts moves since the reset.

    Arguments:
        cases (str): ``"all"``, the default, in order of difficulty; or the number
            of a case, from 1, or a list of numbers, in the order to be played.
        penalties (int): How many lose a case, 1 to 9; default 5, as in
            Lmgame-Bench.
        paraphrase (bool): Whether the seed changes names, numbers, order and
            wording, so that a case cannot be known by heart; default true. If
            not, all seeds are alike.
        file (str): A case file, instead of our own cases; it must be proved like
            them, see docs/courtroom.md. Default none.

    Version history:
        v1: First version.
    """

    spec: ClassVar[GameSpec] = GameSpec(
        id="Courtroom-v1", seats=("defence",), score="contradictions found"
    )

    def __init__(
        self,
        cases: str | int | Sequence[int] = "all",
        penalties: int = 5,
        paraphrase: bool = True,
        file: str | None = None,
    ) -> None:
        if not isinstance(penalties, int) or isinstance(penalties, bool):
            raise ConfigError(f"penalties={penalties!r} is not a whole number")
        if not 1 <= penalties <= MOST_PENALTIES:
            raise ConfigError(f"penalties={penalties} is not from 1 to {MOST_PENALTIES}")
        if not isinstance(paraphrase, bool):
            raise ConfigError(f"paraphrase={paraphrase!r} is not true or false")
        if file is not None and not isinstance(file, str):
            raise ConfigError(f"file={file!r} is not the path of a case file")
        self.rules = Path(__file__).with_name("rules.md").read_text(encoding="utf-8")
        self.penalties, self.paraphrase = penalties, paraphrase
        known = shipped() if file is None else checked(file)
        self._sources = [known[number - 1] for number in _numbers(cases, len(known))]
        told = "\n".join(source.draft.model_dump_json() for source in self._sources)
        self._arguments: list[Json] = [penalties, paraphrase, digest(told.encode())]
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begin a new match at its first case."""
        self._rng = Rng(seed)
        self._past: list[int] = []  # contradictions found in each case that is over
        self._tick = self._presses = self._spent = 0
        self._begin()

    def _begin(self) -> None:
        """Begin the case after those that are over, if there is one."""
        self._acts: list[str] = []  # in this case
        self._wrong = 0
        self._refused: list[tuple[int, int]] = []
        if len(self._past) < len(self._sources):
            self._stage = begin(self._case(len(self._past)))

    def _case(self, number: int) -> Case:
        seed = self._rng.split(number).state if self.paraphrase else None
        return _told(self._sources[number], seed)

    @property
    def _over(self) -> bool:
        return len(self._past) == len(self._sources)

    def acting(self) -> tuple[int, ...]:
        """The defence, until the last case is over."""
        return () if self._over else (0,)

    def actions(self, seat: int) -> Actions:
        """Every press and present that is legal."""
        self._check_acting(seat)
        stage = self._stage
        legal = [Action(-1, place) for place, said in enumerate(stage.said) if said.open]
        legal += [
            Action(evidence, place)
            for evidence in range(len(stage.record))
            for place in range(len(stage.said))
            if (evidence, place) not in self._refused
        ]
        return Actions(tuple(map(notation.spell, legal)), notation.SILENT)

    def canonical(self, seat: int, text: str) -> str:
        """``press 2``, ``present E3 at 2`` or ``say nothing``."""
        return notation.spell(self._parse(seat, text))

    def find(self, reply: str) -> list[str]:
        """Passages like "press 2" or "present the gate log on statement 3"."""
        return notation.find(reply)

    def apply(self, actions: Mapping[int, str]) -> None:
        """Press, present or say nothing."""
        if len(actions) != 1:
            raise IllegalAction(f"give one action for one seat, not {len(actions)}")
        for seat, text in actions.items():
            self._do(self._parse(seat, text))

    def _parse(self, seat: int, text: str) -> Action:
        self._check_acting(seat)
        stage = self._stage
        names = [stage.case.evidence[one].name for one in stage.record]
        action = notation.parse(text, names, len(stage.said))
        if action != NOTHING and action.evidence < 0 and not stage.said[action.statement].open:
            raise IllegalAction(
                f"statement {action.statement + 1} cannot be pressed: the witness has answered"
            )
        if action in self._refused:
            raise IllegalAction(f"{notation.spell(action)!r} was refused before")
        return action

    def _do(self, action: Action) -> None:
        stage = self._stage
        self._tick += 1
        self._acts.append(notation.spell(action))
        if action == NOTHING:
            self._fail()
        elif action.evidence < 0:
            self._presses += 1
            self._stage = after = stage.press(action.statement)
            place = action.statement
            if after.said[place].line is not stage.said[place].line:
                # It says something else now, which evidence refused before may contradict.
                self._refused = [pair for pair in self._refused if pair[1] != place]
        elif stage.right(*action):
            self._refused = []
            following = stage.solved()
            if following is None:
                self._close(stage.number + 1)
            else:
                self._stage = following
        else:
            self._refused.append((action.evidence, action.statement))
            self._fail()

    def _fail(self) -> None:
        self._wrong += 1
        self._spent += 1
        if self._wrong == self.penalties:
            self._close(self._stage.number)

    def _close(self, found: int) -> None:
        """The case is over; what was seen last stays to be seen after the last case."""
        self._past.append(found)
        if not self._over:
            self._begin()

    def _check_acting(self, seat: int) -> None:
        if self._over:
            raise IllegalAction("the match is over")
        if seat != 0:
            raise IllegalAction(f"there is no seat {seat}")

    def text(self, seat: int) -> str:
        """See the class, "Observation (text)"."""
        cases = len(self._sources)
        case = min(len(self._past) + 1, cases), cases
        refused = tuple((evidence + 1, place + 1) for evidence, place in self._refused)
        return write(snapshot(self._stage, case, (self._wrong, self.penalties), refused))

    def drawing(self, seat: int) -> Callable[[], Picture]:
        """See the class, "Observation (image)"."""
        text = self.text(seat)
        return lambda: draw(text)

    @property
    def tick(self) -> int:
        """Moves since the reset."""
        return self._tick

    def scores(self) -> tuple[float, ...]:
        """Contradictions found, summed over the cases."""
        return (float(sum(self._past) + (0 if self._over else self._stage.number)),)

    def _won(self) -> int:
        return sum(
            found == len(source.draft.testimonies)
            for found, source in zip(self._past, self._sources, strict=False)
        )

    def outcome(self) -> Outcome | None:
        """The contradictions, and how many cases were won."""
        if not self._over:
            return None
        return Outcome(self.scores(), None, f"{self._won()} of {len(self._sources)} cases won")

    def statistics(self, seat: int) -> dict[str, float]:
        """Cases won and counts since the reset."""
        return {"won": self._won(), "penalties": self._spent, "presses": self._presses}

    def save(self) -> State:
        """The whole state; it also names the arguments it belongs to."""
        return {
            "game": self.spec.id,
            "arguments": [*self._arguments],
            "seed": self._rng.state,
            "past": [*self._past],
            "acts": [*self._acts],
            "tick": self._tick,
            "presses": self._presses,
            "penalties": self._spent,
        }

    def restore(self, state: State) -> None:
        """Return to a saved state; nothing changes if it is refused."""
        if not isinstance(state, dict) or state.get("game") != self.spec.id:
            other = state.get("game") if isinstance(state, dict) else state
            raise StateError(f"this is {self.spec.id}, but the state was saved by {other!r:.60}")
        if state.get("arguments") != self._arguments:
            raise StateError(
                "the state was saved with penalties, paraphrase, cases = "
                f"{state.get('arguments')!r:.80}; this game has {self._arguments!r:.80}"
            )
        if state.keys() != self.save().keys():
            raise StateError("the saved state has the wrong keys")
        replayed = self._copy()
        replayed._replay(state)
        for name in ("_rng", "_past", "_tick", "_presses", "_spent", "_acts", "_wrong", "_refused",
                     "_stage"):  # fmt: skip
            setattr(self, name, getattr(replayed, name))

    def _copy(self) -> Courtroom:
        """Another game with the same arguments; its match is yet to be set."""
        other = object.__new__(type(self))
        other.__dict__ |= self.__dict__
        return other

    def _replay(self, state: State) -> None:
        """Play the saved case again up to where it was saved.

        A match that is over is saved in front of the last action of its last case.
        """
        most = 10_000
        past, acts = state["past"], state["acts"]
        if not isinstance(past, list) or len(past) > len(self._sources):
            raise StateError(f"saved past is {past!r:.60}, not a list of the cases that are over")
        self._rng = Rng(_count(state["seed"], "seed", (1 << 64) - 1))
        counted = [
            _count(found, "past", len(source.draft.testimonies))
            for found, source in zip(past, self._sources, strict=False)
        ]
        over = len(counted) == len(self._sources)
        self._past = counted[: len(counted) - over]
        self._tick = self._presses = self._spent = 0
        self._begin()
        if not isinstance(acts, list) or not all(isinstance(one, str) for one in acts):
            raise StateError(f"saved acts are {acts!r:.60}, not a list of actions")
        before = len(self._past)
        for act in acts:
            if len(self._past) != before:
                raise StateError("the saved acts go on after the end of the case")
            try:
                self._do(self._parse(0, str(act)))
            except IllegalAction as error:
                raise StateError(f"the saved act {act!r:.40} is not legal: {error}") from None
        if self._past != counted:
            raise StateError(f"the saved acts do not lead to the saved past {counted}")
        self._tick = _count(state["tick"], "tick", most, self._tick)
        self._presses = _count(state["presses"], "presses", most, self._presses)
        self._spent = _count(state["penalties"], "penalties", most, self._spent)


def shipped() -> tuple[Source, ...]:
    """Our own cases, in order of difficulty; the tests prove them."""
    return tuple(source for path in sorted(CASES.glob("*.yaml")) for source in read(str(path)))


@lru_cache(maxsize=256)
def _told(source: Source, seed: int | None) -> Case:
    return tell(source.draft, Chance(None if seed is None else Rng(seed)))


def _numbers(cases: str | int | Sequence[int], most: int) -> list[int]:
    """The numbers of the cases to be played, from 1."""
    if cases == "all":
        return list(range(1, most + 1))
    listed: list[int] = []
    if isinstance(cases, int):
        listed = [cases]
    elif isinstance(cases, Sequence) and not isinstance(cases, str):
        listed = list(cases)
    if not 0 < len(listed) <= 99 or not all(_is_number(one, most) for one in listed):
        raise ConfigError(
            f"cases={cases!r} is not 'all', a number from 1 to {most}, or a list of such numbers"
        )
    return listed


def _is_number(value: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _count(value: Json, name: str, most: int, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise StateError(f"saved {name} is {value!r:.40}, not a whole number, {least} to {most}")
    return value
