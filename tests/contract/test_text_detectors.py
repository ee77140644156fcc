"""What every `TextDetector` owes the pipeline, asked of the real ones, of models that users bring, and of the fake."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from filters.findings import TextFinding
from filters.protocols import TextDetector
from filters.records import PromptContent
from filters.text.patterns import PatternDetector
from models.manifest import load_manifest
from tests.fakes import WordDetector
from tests.support.text_models import built, tiny_byte_pairs, tiny_wordpiece

PRIVATE = "Jane Doe lives in Berlin, write to jane.doe@example.org"


@pytest.fixture(scope="module", params=["fake", "patterns", "wordpiece", "byte pairs", "veilstream-pii"])
def detector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TextDetector:
    match request.param:
        case "fake":
            return WordDetector(["Jane"])
        case "patterns":
            return PatternDetector()
        case "wordpiece":
            return tiny_wordpiece(tmp_path_factory.mktemp("models"))
        case "byte pairs":
            return tiny_byte_pairs(tmp_path_factory.mktemp("models"))
    return built(load_manifest().entry(request.param))


@pytest.fixture(scope="module")
def prompts() -> list[PromptContent]:
    """Prompts of one and more fields, of several lengths and scripts, with and without something private."""
    return [
        PromptContent({"prompt": PRIVATE}),
        PromptContent({"prompt": "a castle on a hill, 8k, (sharp:1.3)", "negative_prompt": "blurry"}),
        PromptContent({"prompt": f"portrait, {PRIVATE}", "negative_prompt": "ugly, Jane Doe", "style": ""}),
        PromptContent({}),
        PromptContent({"prompt": "ein Schloß über Zürich — Jane Doe 👩🏽‍🎨, 写真"}),
        PromptContent({"prompt": "a castle, " * 300 + PRIVATE}),
        PromptContent({"prompt": PRIVATE}),
    ]


@pytest.fixture(scope="module")
def alone(detector: TextDetector, prompts: list[PromptContent]) -> list[list[TextFinding]]:
    """Each prompt's findings when it is asked for by itself."""
    return [answer(detector, [prompt])[0] for prompt in prompts]


def answer(detector: TextDetector, batch: list[PromptContent]) -> list[list[TextFinding]]:
    """The findings; none of these prompts may meet an error."""
    found = detector.detect(batch)
    assert not any(isinstance(each, Exception) for each in found)
    return [list(each) for each in found]


def test_an_empty_batch_has_an_empty_answer(detector: TextDetector) -> None:
    """No prompts, no lists, no error."""
    assert list(detector.detect([])) == []


def test_one_list_a_prompt_in_the_order_of_the_batch(
    detector: TextDetector, prompts: list[PromptContent], alone: list[list[TextFinding]]
) -> None:
    """The answer has as many lists as the batch has prompts, each that of its prompt alone, to the last bit."""
    assert answer(detector, prompts) == alone
    assert answer(detector, prompts[::-1]) == alone[::-1]


def test_any_part_of_a_batch_gives_the_same(
    detector: TextDetector, prompts: list[PromptContent], alone: list[list[TextFinding]]
) -> None:
    """A prompt's findings are the same in every company."""
    for start in range(len(prompts)):
        assert answer(detector, prompts[start : start + 3]) == alone[start : start + 3]


def test_something_is_found(alone: list[list[TextFinding]]) -> None:
    """The suite would say nothing of a detector that finds nothing; what stands at the end of a long text counts."""
    assert alone[0]
    assert max(finding.end for finding in alone[5]) > 3000


def test_findings_lie_inside_their_field(
    detector: TextDetector, prompts: list[PromptContent], alone: list[list[TextFinding]]
) -> None:
    """Spans are parts of the original field, scores are numbers from 0 to 1, entities are announced."""
    for prompt, found in zip(prompts, alone, strict=True):
        for finding in found:
            assert 0 <= finding.start < finding.end <= len(prompt.fields[finding.field])
            assert math.isfinite(finding.score)
            assert 0 < finding.score <= 1
            assert finding.entity_type in detector.entities
            assert finding.detector == detector.name


def test_threads_may_ask_at_the_same_time(
    detector: TextDetector, prompts: list[PromptContent], alone: list[list[TextFinding]]
) -> None:
    """Answers to several threads are those to one."""
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda prompt: answer(detector, [prompt])[0], prompts * 3)) == alone * 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\n\t",
        "\u200b",
        "a",
        "\U0001f468\u200d\U0001f469",
        "e\u0301" * 50,
        "[CLS] [SEP] [PAD] <s> </s>",
        "x" * 5000,
    ],
)
def test_odd_texts_are_judged(detector: TextDetector, text: str) -> None:
    """Nothing, blanks, marks that only change their neighbours, a tokenizer's own words, a word without end."""
    (found,) = answer(detector, [PromptContent({"prompt": text})])
    assert all(finding.end <= len(text) for finding in found)


def test_a_detector_names_itself(detector: TextDetector) -> None:
    """Findings, verdicts and metrics need a plain name and a digest in hex."""
    assert detector.name.isprintable()
    assert len(detector.digest) == 64
    assert set(detector.digest) <= set("0123456789abcdef")
    assert detector.entities
