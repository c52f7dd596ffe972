"""The cases: their logic against every possible world, their proofs against a walk of the game."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgame.errors import ConfigError
from lmgame.games.courtroom import Courtroom, draft, logic, prove
from lmgame.games.courtroom.__main__ import main
from lmgame.games.courtroom.check import check
from lmgame.games.courtroom.draft import Source, read
from lmgame.games.courtroom.game import CASES, shipped
from lmgame.games.courtroom.logic import clash, parse, reason
from lmgame.games.courtroom.wording import Chance, tell
from lmgame.rng import Rng

from .slow_courtroom import walk

ROOT = Path(__file__).parent.parent.parent
NUMBERS = range(1, len(shipped()) + 1)

# Logic ---------------------------------------------------------------------

KEYS, VALUES, QUANTITIES = ("k.a", "k.b", "k.c"), ("u", "v"), ("q.x", "q.y")
WORLDS: list[dict[str, str | int]] = [
    {"k.a": a, "k.b": b, "k.c": c, "q.x": x, "q.y": y}
    for a, b, c in product(*[(*VALUES, key) for key in KEYS])
    for x, y in product(range(5), repeat=2)
]


def holds(text: str, world: dict[str, str | int]) -> bool:
    """Whether a fact is so in a world; written anew from the words of its description."""
    if text.startswith("if "):
        premises, _, then = text.removeprefix("if ").partition(" then ")
        return not all(holds(one, world) for one in premises.split(" and ")) or holds(then, world)
    key, sign, other = text.split(" ", 2)
    if key in KEYS:
        return (world[key] == other) == (sign == "=")
    first, plus, by = other.partition(" + ")
    right = int(world[first]) if first in QUANTITIES else int(first)
    left, right = int(world[key]), right + (int(by) if plus else 0)
    return {"=": left == right, "<": left < right, "<=": left <= right, ">": left > right,
            ">=": left >= right}[sign]  # fmt: skip


words = st.builds("{} {} {}".format, st.sampled_from(KEYS), st.just("="), st.sampled_from(VALUES))
denied = st.builds("{} != {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES))
amounts = st.builds(
    "{} {} {}".format,
    st.sampled_from(QUANTITIES),
    st.sampled_from(["=", "<", "<=", ">", ">="]),
    st.one_of(
        st.integers(0, 4).map(str),
        st.builds("{} + {}".format, st.sampled_from(QUANTITIES), st.integers(0, 3)),
    ),
)
plain = st.one_of(words, denied, amounts)
rules = st.builds("if {} and {} then {}".format, words, words, plain)
within = tuple(f"{key} {sign}" for key in QUANTITIES for sign in (">= 0", "<= 4"))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(plain, rules), max_size=7))
def test_facts_clash_exactly_when_they_hold_in_no_world(texts: list[str]) -> None:
    facts = [parse(text) for text in (*texts, *within)]
    possible = any(all(holds(text, world) for text in texts) for world in WORLDS)
    assert clash(facts) == (not possible)
    if not possible:
        few = reason(facts)
        assert clash(few)
        assert not any(clash([one for one in few if one is not left]) for left in few)


def test_times_of_the_day_are_minutes() -> None:
    assert clash([parse("t.a = 21:40"), parse("t.a = 1301")])
    assert not clash([parse("t.a = 21:40"), parse("t.a = 1300")])
    assert clash([parse("t.b >= t.a + 30"), parse("t.a = 9:45"), parse("t.b < 10:15")])
    assert not clash([parse("t.b >= t.a - 30"), parse("t.a = 9:45"), parse("t.b = 9:15")])


@pytest.mark.parametrize(
    "text",
    [
        "", "dry", "sky = dry", "sky.noon", "sky.noon dry", "sky.noon < dry", "t.a = 24:00",
        "t.a != 5", "t.a = 21:60", "t.a >= t.b + t.c", "if sky.noon = dry", "sky.noon = Dry",
        "if t.a = 5 then sky.noon = dry", "if sky.noon != dry then t.a = 5",
        "if a.b = c then if c.d = e then f.g = h", "t.a = 1 = 2",
    ],
)  # fmt: skip
def test_what_is_no_fact_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fact|form|time"):
        parse(text)


# Our own cases -------------------------------------------------------------


def test_there_are_six_cases_of_rising_difficulty() -> None:
    drafts = [source.draft for source in shipped()]
    assert len(drafts) == 6
    lengths = [len(draft.testimonies) for draft in drafts]
    assert lengths == sorted(lengths)
    pairs = [
        len(draft.evidence) * sum(len(one.statements) for one in draft.testimonies)
        for draft in drafts
    ]
    assert pairs == sorted(pairs)
    proofs = [check(source) for source in shipped()]
    chained = [sum(len(one.facts) > 2 for one in proof.answers) for proof in proofs]
    assert chained[:2] == [0, 0]
    assert chained[3:] == [3, 3, 4]
    assert max(len(one.facts) for one in proofs[-1].answers) == 4
    assert [sum(one.presses > 0 for one in proof.answers) for proof in proofs] == [0, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_telling_is_proved(number: int) -> None:
    source = shipped()[number - 1]
    own = {(one.line.id, one.evidence.id) for one in check(source).answers}
    tellings = {tell(source.draft, Chance(None)).story}
    for seed in range(3):
        case = tell(source.draft, Chance(Rng(seed)))
        assert {(one.line.id, one.evidence.id) for one in prove(case).answers} == own
        tellings.add(case.story)
    assert len(tellings) == 4


@pytest.mark.parametrize("number", NUMBERS)
def test_paraphrases_are_whole_and_differ(number: int) -> None:
    draft = shipped()[number - 1].draft
    texts, people = set(), set()
    for seed in range(60):
        game = Courtroom(cases=number)
        game.reset(seed)
        text = game.text(0)
        assert not re.search(r"[{}\[\]|]|\b[Aa] [aeiou]|\s\s|\.\.|,[.,]|\b(\w+) \1\b", text), text
        texts.add(text)
        people.add(re.search(r"testimony of (\w+ \w+)", text)[1])  # type: ignore[index]  # found
    assert len(texts) == 60
    assert len(people) > 40
    for _, _, line in draft.lines():
        ways = line.text.count("|") + line.text.count("{")
        assert ways, f"{line.id} has one wording only"


def test_without_paraphrase_every_seed_tells_the_same() -> None:
    one, other = Courtroom(paraphrase=False), Courtroom(paraphrase=False)
    one.reset(1)
    other.reset(2)
    assert one.text(0) == other.text(0)
    assert "Ada Finch is accused of stealing the prize lemon cake" in one.text(0)


def walked(number: int, seed: int | None) -> None:
    game = Courtroom(cases=number, paraphrase=seed is not None, penalties=9)
    game.reset(seed or 0)
    case = game._stage.case
    proof = prove(case)
    declared: dict[int, set[tuple[str, str]]] = {}
    for one in proof.answers:
        declared.setdefault(one.testimony + 1, set()).add((one.evidence.name, one.line.text))
    found = walk(game)
    assert found.right == declared
    assert all(len(pairs) == 1 for pairs in declared.values())
    assert found.won
    assert found.dead == 0
    assert found.stages == proof.stages


@pytest.mark.parametrize("number", NUMBERS)
def test_walking_the_game_finds_the_declared_answers_and_no_others(number: int) -> None:
    walked(number, 100 + number)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize("number", NUMBERS)
def test_walking_more_tellings(number: int, seed: int | None) -> None:
    walked(number, seed)


def test_all_statements_and_evidence_stand_on_common_ground() -> None:
    """What evidence shows is claimed or agreed somewhere, so that the proof says something."""
    for source in shipped():
        case = tell(source.draft, Chance(None))
        claimed = {
            key
            for _, _, line in source.draft.lines()
            for claims in (line.claims, line.press.claims if line.press else [])
            for claim in claims
            for key in re.findall(r"[a-z][a-z0-9_]*\.[a-z0-9_]+", claim)
        }
        claimed |= {key for fact in case.facts for key in logic.keys(fact)}
        for evidence in case.evidence.values():
            shown = {key for fact in evidence.shows for key in logic.keys(fact)}
            assert shown & claimed, f"{case.title}: {evidence.id}"


# Files ---------------------------------------------------------------------

GOOD = re.search(
    r"```yaml\n(.*?)```", (ROOT / "docs" / "courtroom.md").read_text(encoding="utf-8"), re.S
)[1]  # type: ignore[index]  # the page holds an example


def source(tmp_path: Path, text: str) -> Source:
    path = tmp_path / "case.yaml"
    path.write_text(text, encoding="utf-8")
    return read(str(path))[0]


def test_the_documented_case_is_proved_and_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(f"{GOOD}---\n{GOOD}", encoding="utf-8")
    assert main([str(path)]) == 0
    said = capsys.readouterr().out
    assert said.count("The Borrowed Bicycle: proved, in 4 stages and 6 tellings") == 2
    assert "t.lake = 15:20; t.school = 15:00; t.lake >= t.school + 30" in said
    game = Courtroom(file=str(path), paraphrase=False)
    for _ in range(2):
        game.apply({0: "press 1"})
        game.apply({0: "present the school diary at 1"})
    outcome = game.outcome()
    assert outcome is not None
    assert outcome.scores == (2.0,)
    assert outcome.reason == "2 of 2 cases won"


def test_every_key_is_documented() -> None:
    page = (ROOT / "docs" / "courtroom.md").read_text(encoding="utf-8")
    for model in (draft.Draft, draft.TestimonyDraft, draft.LineDraft, draft.PressDraft,
                  draft.EvidenceDraft, draft.AgreedDraft, draft.AnswerDraft):  # fmt: skip
        for name in model.model_fields:
            assert f"`{name}" in page, f"{model.__name__}.{name}"


def refused(tmp_path: Path, text: str) -> tuple[str, str]:
    """The line that a file is refused for, and why."""
    with pytest.raises(ConfigError) as caught:
        check(source(tmp_path, text))
    match = re.fullmatch(r".*case\.yaml, line (\d+): (.+)", str(caught.value), re.DOTALL)
    assert match, str(caught.value)
    return text.splitlines()[int(match[1]) - 1], match[2]


RED = "shows: [thing.colour = red]"
LAKE_TIME = "claims: [client.place = lake, t.lake = 15:20]\n"
SLIP = "  slip:\n    name: slip\n    text: A slip.\n    shows: [a.slip = torn]\n"


@pytest.mark.parametrize(
    ("old", "new", "at", "why"),
    [
        ('title: "The', 'titel: "The', "titel", "needs a key that is missing"),
        (RED, f"{RED}\n    colour: red", "colour: red", "unknown key"),
        ("shift: [0, -60, 45]", "shift: [0, soon]", "shift", "valid integer"),
        ("shift: [0, -60, 45]", "shift: [0]\nshift: [1]", "shift: [1]", "stands here twice"),
        ("shift: [0, -60, 45]", "shift: &a [0]\nagreed: *a", "shift", "an alias refers to this"),
        ("shift: [0, -60, 45]", "shift: [0\nx: y", "x: y", "expected"),
        ("shift: [0, -60, 45]", "shift: [700]", "{15:00}", "15:00, shifted by 700 minutes"),
        ("- {ride: 40}", "- {rode: 40}", "rode", "same names"),
        ('he"\nwords', 'it"\nwords', "it", "pattern"),
        ("  photo:\n", "  Photo:\n", "Photo", "pattern"),
        ("  photo:\n", "  thing:\n", "title", "'thing' names two things"),
        (RED, "shows: []", "shows: []", "at least 1"),
        (RED, "shows: [thing = red]", "thing = red", "is not a fact"),
        (RED, "shows: [thing.colour = 5, t.lake = red]", "t.lake = red", "a word in one fact and"),
        ("{thing}, red", "{think}, red", "{think}", "nothing is called 'think'"),
        ("{thing}, red", "{thing}, r\u00e9d", "r\u00e9d", "the picture has no such sign"),
        ("{thing}, red", "{thing}, {15:70}", "15:70", "15:70 is not a time"),
        ("The {thing}, red", "- {thing}", "- {thing}", "does not begin with a letter"),
        ('"photograph"', '"photo: one"', "photo: one", "cannot hold a colon"),
        ("witness: owner", "witness: wner", "wner", "unknown person 'wner'; did you mean 'owner'?"),
        ("- id: red", "- id: lake", "- id: lake", "two statements 'lake'"),
        ("- id: red", "- id: lake_time", "- id: lake_time", "two statements 'lake_time'"),
        ("evidence: bell}]", "evidence: bel}]", "bel}", "did you mean 'bell'?"),
        ("statement: lake_time,", "statement: late,", "late", "unknown statement 'late'"),
        ("t.school + {ride}", "t.school + {rid}", "{rid}", "no number is called 'rid'"),
        ('text: "[Ch', 'gives: pump\n          text: "[Ch', "pump", "unknown evidence 'pump'"),
    ],
)  # fmt: skip
def test_malformed_files_are_refused_with_line_and_reason(
    tmp_path: Path, old: str, new: str, at: str, why: str
) -> None:
    assert GOOD.count(old) == 1
    line, reason = refused(tmp_path, GOOD.replace(old, new))
    assert at in line
    assert why in reason


@pytest.mark.parametrize(
    ("old", "new", "at", "why"),
    [
        # a second answer
        ("      - id: red\n", "      - id: other\n        text: It is blue.\n"
         "        claims: [thing.colour = blue]\n      - id: red\n", "- id: other",
         "evidence 'photo' contradicts statement 'other' too (thing.colour = blue; thing."),
        # a second answer after pressing
        ('text: "[Cherry red|Red as a fire engine]."', "text: Blue.\n"
         "          claims: [thing.colour = blue]", "- id: red", "contradicts statement 'red' too"),
        # a second answer, by two pieces of evidence together
        (RED, "shows: [thing.colour = red, t.a >= t.b + 5]\n  clock:\n    name: clock\n"
         "    text: A clock.\n    shows: [t.b = 15:00]\n  watch:\n    name: watch\n"
         "    text: A watch.\n    shows: [t.lake >= t.a + 16]", "id: lake_time",
         "evidence 'clock' with 'photo' with 'watch' contradicts statement 'lake_time' too"),
        # a second answer, by what is agreed
        ('t.school + {ride}"]', 't.school + {ride}", client.place = school]', "- id: lake",
         "what is agreed contradicts statement 'lake' too"),
        # an answer that is none
        ("t.lake = 15:20", "t.lake = 15:40", "id: lake_time",
         "'bell' does not contradict statement 'lake_time'"),
        # an answer that is none in one row of the numbers
        ("- {ride: 40}", "- {ride: 20}", "id: lake_time", "does not contradict"),
        # a premise that holds in no statement
        ("t.lake = 15:20", "if client.place = school then t.lake = 15:20", "id: lake_time",
         "does not contradict"),
        # evidence that comes with the answer it is needed for
        ("answers: [", "gives: bell\n    answers: [", "witness: owner",
         "testimony 1 cannot be solved"),
        # evidence that never enters the record
        ("  photo:\n", f"{SLIP}  photo:\n", "slip:", "evidence 'slip' never enters the record"),
        # a testimony that cannot be reached
        ("statement: lake_time, evidence: bell}", "statement: lake_time, evidence: slip}",
         "witness: owner", "testimony 1 cannot be solved"),
        # pressing loses the answer
        (LAKE_TIME, f"{LAKE_TIME}            press:\n              text: I take it back.\n"
         "              amends:\n                {id: gone, text: Forget it.,"
         " claims: [client.place = school]}\n", "witness: owner",
         "can become impossible to solve: with gone pressed"),
        # the evidence contradicts itself
        (RED, "shows: [thing.colour = red, thing.colour = blue]", "photo:",
         "the evidence and what is agreed contradict each other: thing.colour = red; thing.col"),
        # the evidence contradicts what is agreed
        ("shows: [t.school = 15:00]", "shows: [t.school = 15:00, t.lake = 15:10]", "title",
         "the evidence and what is agreed contradict each other"),
        # more than the page holds
        ('"I saw {client} on my {thing} at the lake."', f'"{"A long statement. " * 55}"',
         "witness: owner", "shorten the texts"),
    ],
)  # fmt: skip
def test_cases_that_cannot_be_proved_are_refused_with_line_and_reason(
    tmp_path: Path, old: str, new: str, at: str, why: str
) -> None:
    assert GOOD.count(old) == 1
    text = GOOD.replace(old, new)
    if "slip" in new:  # given with the last answer, which is too late for everything
        text = text.replace("answers: [", "gives: slip\n    answers: [")
        text = text if SLIP in text else text.replace("  photo:\n", f"{SLIP}  photo:\n")
    if "shorten" in why:
        text = text.replace('"The {thing}, red, with a basket."', f'"{"A photograph. " * 70}"')
        text = text.replace('"My {thing} is red[|, as everybody knows]."', f'"{"It is. " * 140}"')
        text = text.replace('"When? By my watch..."', f'"{"It is. " * 140}"')
    line, reason = refused(tmp_path, text)
    assert why in reason, reason
    assert at in line, (at, line, reason)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no case"),
        ("- 1", "line 1"),
        ("[" * 1500, "cannot be read|line 1"),
        ("a: *b", "line 1"),
        ("\x00", "cannot be read"),
    ],
)
def test_what_is_no_case_file_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        source(tmp_path, text)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Courtroom(file=str(tmp_path / "none.yaml"))
    (tmp_path / "large.yaml").write_bytes(b"# large\n" * 130_000)
    with pytest.raises(ConfigError, match="larger than"):
        Courtroom(file=str(tmp_path / "large.yaml"))
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        Courtroom(file=str(tmp_path / "odd.yaml"))


def test_the_author_is_told_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 2
    assert "FILE" in capsys.readouterr().err
    path = tmp_path / "case.yaml"
    path.write_text(GOOD.replace("15:20", "15:50"), encoding="utf-8")
    assert main([str(path)]) == 2
    assert "does not contradict statement 'lake_time'" in capsys.readouterr().err


def test_the_checker_is_a_command() -> None:
    path = str(sorted(CASES.glob("*.yaml"))[0])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "lmgame.games.courtroom", path],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The Missing Prize: proved")


TWO = """\
  - {witness: client, role: rider, title: once more, opening: So be it., ordered: true,
     statements: [
       {id: blue, text: It was blue., claims: [thing.colour = blue], press: {text: Sky blue.}},
       {id: old, text: It was old., claims: [thing.age = old], press: {text: And slow.}},
       {id: fast, text: It was fast., claims: [thing.speed = fast], press: {text: Very.}}],
     answers: [{statement: blue, evidence: [photo, paint]}]}
"""


def test_evidence_comes_with_the_answer_and_either_piece_is_right(tmp_path: Path) -> None:
    text = GOOD.replace("answers: [", "gives: paint\n    answers: [") + TWO
    paint = "  paint:\n    name: paint\n    text: Red paint.\n    shows: [thing.colour = red]\n"
    path = tmp_path / "two.yaml"
    path.write_text(text.replace("  photo:\n", f"{paint}  photo:\n"), encoding="utf-8")
    proof = check(read(str(path))[0])
    assert {(one.testimony, one.line.id, one.evidence.id) for one in proof.answers} == {
        (0, "lake_time", "bell"), (1, "blue", "photo"), (1, "blue", "paint"),
    }  # fmt: skip
    orders = set()
    for seed in range(20):
        game = Courtroom(file=str(path))
        game.reset(seed)
        if "at the lake at" not in game.text(0):
            place = 1 if "\n1. I saw" in game.text(0) else 2
            game.apply({0: f"press {place}"})
            name = "school diary" if "school diary" in game.text(0) else "class book"
            game.apply({0: f"present {name} at {place}"})
        assert "E3 paint: Red paint." in game.text(0)
        orders.add(game.text(0).partition("testimony of")[2].partition("\n")[2])
        before = game.save()
        for name in ("photograph", "paint"):
            game.restore(before)
            game.apply({0: f"present the {name} at 1"})
            assert game.scores() == (2.0,)
    assert orders == {"So be it.\n1. It was blue.\n2. It was old.\n3. It was fast."}
