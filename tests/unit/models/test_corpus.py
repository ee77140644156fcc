"""The synthetic corpus: spans are what was drawn, everything occurs, and a seed settles it all."""

import json
import os
import random
import re
import subprocess
import sys

import pytest

pytest.importorskip("faker", reason="the `training` extra is not installed")

from filters.errors import ModelError
from models.training import noise
from models.training.corpus import DATA, SLICES, TYPES, corpus
from models.training.grammar import Grammar, Piece, in_split, lines_of_split, of_split, read_rules
from models.training.pools import FAKER_LOCALES, OWN_LOCALES, own_pool
from models.training.slots import Draws

COUNT = 3000


def seeded(seed=1):
    """Randomness of the kind that the generator takes."""
    return random.Random(seed)  # noqa: S311  a reproducible draw


@pytest.fixture(scope="module")
def rows():
    return list(corpus(7, COUNT, "train"))


@pytest.fixture(scope="module")
def held_out():
    return list(corpus(7, 1500, "test"))


@pytest.mark.slow
def test_spans_lie_in_their_texts(rows, held_out):
    """In order, without overlap, and no span begins or ends with a blank."""
    for row in [*rows, *held_out]:
        end = 0
        for start, stop, label in row.spans:
            assert end <= start < stop <= len(row.text)
            assert row.text[start:stop] == row.text[start:stop].strip()
            assert label in TYPES
            end = stop


def test_a_slice_alone_holds_names_and_characters_in_the_same_words():
    """Else the words around a name would tell, and not the name."""
    alone = list(corpus(5, 400, "train", "prompt_name"))
    assert {row.slice for row in alone} == {"prompt_name"}
    private = sum(bool(row.spans) for row in alone) / len(alone)
    assert 0.6 < private < 0.9
    assert {label for row in alone for _, _, label in row.spans} <= {"PERSON", "LOCATION"}


@pytest.mark.slow
def test_every_type_slice_and_locale_occurs(rows):
    assert {label for row in rows for _, _, label in row.spans} == set(TYPES)
    assert {row.slice for row in rows} == {name for name, kind in SLICES.items() if kind.weight}
    assert {row.locale for row in rows} == {*FAKER_LOCALES, *OWN_LOCALES}


@pytest.mark.slow
def test_languages_get_names_of_their_own(rows):
    """A German sentence is about people with German names, for the most part."""
    for row in rows:
        assert row.locale.startswith(SLICES[row.slice].locale)


@pytest.mark.slow
def test_no_negative_text_has_a_span(rows, held_out):
    """Artists' handles, characters, brands, movements, captions and technical parameters are nobody's data."""
    negative = [row for row in [*rows, *held_out] if not SLICES[row.slice].private]
    assert len(negative) > COUNT // 5
    assert [row.text for row in negative if row.spans] == []


@pytest.mark.slow
def test_artists_are_people_that_are_marked_as_styles(rows):
    """Whoever trains may leave them in, out, or undecided."""
    styled = [row for row in rows if row.styles]
    assert len(styled) > COUNT // 20
    assert {row.slice for row in styled} <= {"prompt_style", "prompt_person", "prompt_place"}
    assert all((*style, "PERSON") in row.spans for row in styled for style in row.styles)


def written(path, seed, hashing):
    """The file that the command writes in a process of its own."""
    command = [sys.executable, "-m", "models.training.corpus", "--seed", seed, "--count", "600", "--out", str(path)]
    environment = {**os.environ, "PYTHONHASHSEED": hashing}
    subprocess.run(command, check=True, env=environment, cwd=DATA.parents[2])
    return path.read_bytes()


@pytest.mark.slow
def test_a_seed_settles_everything(tmp_path):
    """The same bytes for the same seed in every process, whatever order sets have there; others for another seed."""
    first, again = (written(tmp_path / hashing, "3", hashing) for hashing in ("1", "2"))
    assert first == again
    assert written(tmp_path / "other", "4", "1") != first


@pytest.mark.slow
def test_lines_are_json_objects_of_the_documented_form(rows):
    row = rows[0]
    assert json.loads(row.line()) == {
        "text": row.text,
        "spans": [list(span) for span in row.spans],
        "style": [list(span) for span in row.styles],
        "slice": row.slice,
        "locale": row.locale,
    }


def test_the_splits_share_no_entry_of_a_list():
    """Artists that the test split names were never seen in training; nor were sentences."""
    rules = read_rules(DATA)
    for name in ("artist", "celebrity", "surname_head", "company.end"):
        assert not set(of_split(rules[name], "train")) & set(of_split(rules[name], "test"))
    for name in ("sentence.service", "slice.prompt_person", "social.person"):
        shared = set(lines_of_split(rules[name], "train")) & set(lines_of_split(rules[name], "test"))
        assert [line for line in shared if any(map(str.isalpha, re.sub(r"\{[^{}]*\}", "", line)))] == []


@pytest.mark.slow
def test_every_text_is_nearly_unique(rows):
    """Few texts repeat, so that scores on the held-out split are no echo."""
    assert len({row.text for row in rows}) > 0.93 * COUNT


def test_every_slot_of_every_rule_is_known():
    """A misspelt slot would else be found at the hundred-thousandth line."""
    rules = read_rules(DATA)
    pool = own_pool("ja", "train", 1, rules)
    known = {*rules, *Draws([pool], [1], rules, "train", seeded()).slots}
    used = {name for lines in rules.values() for line in lines for name in re.findall(r"\{([^{}|]*)\}", line)}
    assert used
    assert used - known == set()
    assert {f"slice.{name}" for name in SLICES} == {name for name in rules if name.startswith("slice.")}


def test_an_unknown_slot_is_named():
    with pytest.raises(ModelError, match="neither a rule nor a slot 'nobody'"):
        Grammar({"a": ["{nobody}"]}, "train").expand("a", {}, seeded())


def test_rules_that_go_round_are_refused():
    with pytest.raises(ModelError, match="circle"):
        Grammar({"a": ["x {a}"]}, "train").expand("a", {}, seeded())


@pytest.mark.parametrize(("text", "complaint"), [("x\n", "before the first rule"), ("= a\n{b|{c}}\n", "within braces")])
def test_rule_files_are_checked(tmp_path, text, complaint):
    (tmp_path / "rules.txt").write_text(text)
    with pytest.raises(ModelError, match=complaint):
        read_rules(tmp_path)


def test_an_expansion_keeps_labels_with_what_was_drawn():
    pieces = Grammar({"a": ["Hi {person}, {good|fine}!"]}, "train").expand(
        "a", {"person": lambda: [Piece("Jane Doe", "PERSON")]}, seeded()
    )
    text, spans, styles = noise.example(pieces)
    assert text in {"Hi Jane Doe, good!", "Hi Jane Doe, fine!"}
    assert spans == [(3, 11, "PERSON")]
    assert styles == []


def test_noise_moves_spans_along():
    """Whatever happens to a text, a span still covers its name."""
    pieces = [Piece("photo of "), Piece("  José Ñandú ", "PERSON"), Piece(", at home. {x}")]
    for seed in range(300):
        chance = seeded(seed)
        changed = noise.careless(noise.recased(pieces, chance, 0.3), chance)
        changed = noise.tokenised(changed) if seed % 2 else changed
        text, spans, _ = noise.example(changed)
        [(start, end, label)] = spans
        assert label == "PERSON"
        assert noise.without_accents(text[start:end]).casefold() == "jose nandu"


def test_an_entry_belongs_to_one_split_whatever_its_case():
    for entry in ("Jane", "Wroński", "x"):
        assert in_split(entry, "train") != in_split(entry, "test")
        assert in_split(entry.upper(), "test") == in_split(entry.lower(), "test")


SHARED_WORDS = 5
"""So many words in a row are what sentences of independent origin hardly ever share."""


def word_rows(text):
    """Every row of `SHARED_WORDS` words that no slot interrupts, and the whole, slots included."""
    marked = re.sub(r"\{+[^{}]*\}+", " § ", text.replace("’", "'"))
    words = [word for word in (re.sub(r"[^\w'§]", "", word) for word in marked.casefold().split()) if word]
    rows = {tuple(words[at : at + SHARED_WORDS]) for at in range(len(words) - SHARED_WORDS + 1)}
    whole = [tuple(words)] if set(words) - {"§"} and "§" in words else []
    return {row for row in rows if "§" not in row} | set(whole)


def sentences_measured_on(folder):
    """The templates, tweets and captions of the evaluation material."""
    yield from (row["masked"] for row in json.loads((folder / "text/presidio_generated_large.json").read_text()))
    for path in sorted(folder.glob("text/*.conll")):
        for tweet in path.read_text(encoding="utf-8").split("\n\n"):
            yield " ".join(line.partition("\t")[0] for line in tweet.splitlines()).replace(" ' ", "'")
    yield from (line.partition("\t")[0] for line in (folder / "prompts/partiprompts.tsv").read_text().splitlines())


def test_no_rule_repeats_what_the_detector_is_measured_on(shared_material):
    """Trained on the sentences of a test, it would be measured on its memory."""
    measured = {row for text in sentences_measured_on(shared_material / "eval") for row in word_rows(text)}
    assert len(measured) > 10_000
    repeated = {line for lines in read_rules(DATA).values() for line in lines if word_rows(line) & measured}
    assert repeated == set()
