"""The text detector over models that others made, and over the project's own."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from filters.errors import DetectorTimeout, InferenceError, ModelError
from filters.findings import EntityType
from filters.records import PromptContent
from models.manifest import load_manifest
from models.session import Device
from models.text_pii import TextPiiDetector, build_text_detector
from models.weights import StoredModel, WeightStore
from tests.support.text_models import built, entry_of, export, table_model, tiny_byte_pairs, tiny_wordpiece, wordpiece

PERSON, PLACE = EntityType.PERSON, EntityType.LOCATION


@pytest.fixture(scope="module")
def bio(tmp_path_factory: pytest.TempPathFactory) -> TextPiiDetector:
    return tiny_wordpiece(tmp_path_factory.mktemp("bio"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> TextPiiDetector:
    return tiny_byte_pairs(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def own() -> TextPiiDetector:
    return built(load_manifest().entry("veilstream-pii"))


def found(detector: TextPiiDetector, text: str) -> list[tuple[str, EntityType]]:
    (findings,) = detector.detect([PromptContent({"prompt": text})])
    return [(text[each.start : each.end], each.entity_type) for each in findings]


def test_an_uncased_model_with_bio_labels_drops_in(bio: TextPiiDetector) -> None:
    """PER and LOC become our types; capitals do not matter to it."""
    assert bio.entities == {PERSON, PLACE}
    assert found(bio, "a portrait of JANE Doe, Berlin") == [("JANE Doe", PERSON), ("Berlin", PLACE)]
    assert found(bio, "jane jane") == [("jane", PERSON), ("jane", PERSON)]


def test_a_cased_model_with_plain_labels_of_its_own_drops_in(plain: TextPiiDetector) -> None:
    """The manifest says what its labels mean; spans hold no blank, and neighbours of one type are one."""
    assert plain.entities == {PERSON, PLACE}
    assert found(plain, "Jane Doe lives in Berlin") == [("Jane Doe", PERSON), ("Berlin", PLACE)]
    assert found(plain, "jane doe lives in berlin") == []


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("ｊａｎｅ　ｄｏｅ", ["ｊａｎｅ　ｄｏｅ"]),
        ("a ja\u200bne d\u00adoe!", ["ja\u200bne d\u00adoe"]),
        ("𝐣𝐚𝐧𝐞, berlin", ["𝐣𝐚𝐧𝐞", "berlin"]),
        ("👩🏽‍🎨 jane 👩🏽‍🎨", ["jane"]),
    ],
)
def test_spans_are_those_of_the_original(bio: TextPiiDetector, text: str, spans: list[str]) -> None:
    """What is written in other letters is read, and found where it stands, with the invisible marks in it."""
    assert [span for span, _ in found(bio, text)] == spans


@given(
    st.lists(
        st.sampled_from(["jane", "doe", "berlin", "hill", "ﬁ", "ｊａｎｅ", "\u200b", "é", "👩🏽‍🎨", "x" * 30]),
        max_size=300,
    )
)
def test_every_known_word_is_found_wherever_windows_end(bio: TextPiiDetector, words: list[str]) -> None:
    """Texts of any length: each name, and nothing but names, at its place."""
    text = " ".join(words)
    wanted = [word for word in words if word in {"jane", "doe", "berlin", "ｊａｎｅ"}]
    pieces = [piece for span, _ in found(bio, text) for piece in span.replace("\u200b", " ").split()]
    assert pieces == wanted


def test_a_prompt_without_end_is_an_error_of_its_own(bio: TextPiiDetector) -> None:
    """Signs alone cost a token each: beyond the limit nobody may think that nothing was found; others are judged."""
    long = PromptContent({"a": "!" * 10_000, "b": "?" * 10_000})
    refused, (finding,) = bio.detect([long, PromptContent({"prompt": "jane"})])
    assert isinstance(refused, DetectorTimeout)
    assert refused.reason == "budget"
    assert finding.entity_type is PERSON


def test_a_threshold_of_a_type_goes_before_the_general_one(tmp_path: Path) -> None:
    """`min_scores` in the manifest."""
    strict = tiny_wordpiece(tmp_path, min_score=0.5, min_scores={"PERSON": 1.0})
    assert found(strict, "jane of berlin") == [("berlin", PLACE)]


def test_scores_are_softened_by_the_temperature(bio: TextPiiDetector, tmp_path: Path) -> None:
    """The same span, a smaller score."""
    soft = tiny_wordpiece(tmp_path, temperature=4.0)
    sharp_score, soft_score = (d.detect([PromptContent({"p": "jane"})])[0][0].score for d in (bio, soft))
    assert 0.5 < soft_score < sharp_score <= 1


def test_the_digest_covers_what_answers_depend_on(bio: TextPiiDetector, plain: TextPiiDetector, tmp_path: Path) -> None:
    """Other files, other reading: another digest. The same: the same."""
    same, other = tiny_wordpiece(tmp_path / "a"), tiny_wordpiece(tmp_path / "b", min_score=0.4)
    assert same.digest == bio.digest
    assert len({bio.digest, plain.digest, other.digest}) == 3


def damaged(folder: Path, name: str, data: bytes) -> StoredModel:
    entry = entry_of(folder)
    store = WeightStore(folder / "cache")
    store.pull(entry)
    stored = store.stored(entry)
    return (
        StoredModel(data, stored.companions)
        if name == "model"
        else StoredModel(stored.weights, {**stored.companions, name: data})
    )


def test_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Too few labels, an unknown input, files that are none: no detector, and an error that says which."""
    model = table_model({}, 300, 4, ["input_ids", "attention_mask"])
    folder = export(tmp_path / "few", model, wordpiece(), ["O", "B-PER"])
    with pytest.raises(ModelError, match="labels ask for"):
        built(entry_of(folder), tmp_path / "cache")
    strange = table_model({}, 300, 2, ["input_ids", "pixel_values"])
    with pytest.raises(ModelError, match="pixel_values"):
        built(entry_of(export(tmp_path / "strange", strange, wordpiece(), ["O", "B-PER"])), tmp_path / "cache")
    for name in ("model", "tokenizer.json", "config.json"):
        with pytest.raises(ModelError):
            build_text_detector(entry_of(folder), damaged(folder, name, b"junk"), Device.CPU)


def test_a_face_model_is_no_text_model() -> None:
    """A setting that names the wrong model says so."""
    with pytest.raises(ModelError, match=r"models\.text"):
        build_text_detector(load_manifest().entry("centerface"), StoredModel(b"", {}), Device.CPU)


def test_an_altered_companion_is_never_used(tmp_path: Path) -> None:
    """Another tokenizer would give other tokens to the same weights."""
    tiny_wordpiece(tmp_path)
    entry, store = entry_of(tmp_path / "tiny"), WeightStore(tmp_path / "cache")
    path = store.location(entry, "tokenizer.json")
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelError, match="veilstream models pull tiny"):
        store.stored(entry)
    store.pull(entry)
    store.stored(entry)


def test_an_answer_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    """NaN does not pass for "nothing private"."""
    model = table_model({}, 300, 2, ["input_ids"])
    bad = numpy_helper.from_array(np.full((300, 2), np.nan, np.float32), "table")
    next(tensor for tensor in model.graph.initializer if tensor.name == "table").CopyFrom(bad)
    detector = built(entry_of(export(tmp_path / "nan", model, wordpiece(), ["O", "B-PER"])), tmp_path / "cache")
    with pytest.raises(InferenceError, match="no number"):
        detector.detect([PromptContent({"prompt": "jane"})])


def test_dynamic_quantization_does_not_let_prompts_change_each_other(tmp_path: Path) -> None:
    """Its range is the batch's: a model that uses it runs prompt by prompt, and answers do not depend on company."""
    model = table_model({}, 300, 2, ["input_ids", "attention_mask"])
    table = (
        np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
        * np.arange(1, 301, dtype=np.float32)[:, None]
        / 40
    )
    next(tensor for tensor in model.graph.initializer if tensor.name == "table").CopyFrom(
        numpy_helper.from_array(table, "table")
    )
    model.graph.node[-1].output[0] = "exact"
    names = ["rounded", "scale", "middle"]
    model.graph.node.append(helper.make_node("DynamicQuantizeLinear", ["exact"], names))
    model.graph.node.append(helper.make_node("DequantizeLinear", names, ["logits"]))
    onnx.checker.check_model(model)
    detector = built(
        entry_of(export(tmp_path / "d", model, wordpiece(), ["O", "B-PER"]), min_score=0.01), tmp_path / "cache"
    )
    prompts = [
        PromptContent({"p": text}) for text in ("jane doe", "a castle on a hill, 8k", "berlin", "portrait, sharp jane")
    ]
    assert detector.detect(prompts) == [detector.detect([prompt])[0] for prompt in prompts]


@pytest.mark.parametrize(
    ("text", "span", "entity"),
    [
        ("photo of my neighbour Jane Doe in her garden", "Jane Doe", PERSON),
        ("photo of my neighbour jane doe in her garden", "jane doe", PERSON),
        ("she lives at 12 Elm Street, Springfield", "12 Elm Street", EntityType.ADDRESS),
    ],
)
def test_the_own_weights_find_what_they_are_for(own: TextPiiDetector, text: str, span: str, entity: EntityType) -> None:
    """A few plain cases; the tables of `make eval-text` measure it."""
    assert any(entity is kind and span in found_ for found_, kind in found(own, text))


def test_the_own_weights_leave_art_alone(own: TextPiiDetector) -> None:
    """No tag, flag or number is private."""
    assert found(own, "masterpiece, best quality, a red fox in the snow, golden hour, 8k, (bokeh:1.3) --ar 16:9") == []
