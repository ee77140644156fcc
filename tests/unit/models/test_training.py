"""How examples are made for the training, and the graph that is written for it; one test needs PyTorch."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from filters.errors import ModelError
from models.session import Device, open_session
from models.shapes import APART, SHAPES, in_capitals, in_small_letters, token_shapes
from models.training.augment import hidden, recased, renamed
from models.training.examples import LABELS, UNUSED, Encoded, Example, Span, encode, read_examples
from models.training.graph import classifier, in_eight_bits
from models.training.tweets import example_of, read_tweets, written
from tests.support.text_models import wordpiece

TWEET = [
    ("RT", "O"),
    ("@", "B-PER"),
    ("jane", "B-PER"),
    (":", "O"),
    ("Jane", "B-PER"),
    ("Doe", "I-PER"),
    ("in", "O"),
    ("@rome", "O"),
]


def parts(example: Example) -> list[tuple[str, str]]:
    return [(example.text[span.start : span.end], span.label) for span in example.spans]


@pytest.fixture
def tokenizer() -> Tokenizer:
    made = wordpiece()
    made.no_padding()
    made.no_truncation()
    return made


def test_tweets_are_joined_as_they_were_annotated(tmp_path: Path) -> None:
    """A mark that stands apart and the name behind it are one person, an attached mark begins a user name."""
    path = tmp_path / "t.conll"
    path.write_text("\n".join("\t".join(row) for row in TWEET) + "\n\nhi\tO\n")
    first, second = read_tweets(path)
    example = example_of(first, "t")
    assert example.text == "RT @ jane : Jane Doe in @rome"
    assert parts(example) == [("@ jane", "PERSON"), ("Jane Doe", "PERSON"), ("@rome", "USERNAME")]
    assert second == [("hi", "O")]


def test_tweets_are_also_written_as_one_would() -> None:
    """The blanks of the annotation go, and `@ name` becomes `@name`, which is a user name."""
    example = written(TWEET, "t", random.Random(2))  # noqa: S311
    assert example.text == "RT @jane: Jane Doe in @rome"
    assert parts(example) == [("@jane", "USERNAME"), ("Jane Doe", "PERSON"), ("@rome", "USERNAME")]


def test_people_get_other_names_in_their_case() -> None:
    """Spans move along; marks with a name stay."""
    example = Example(
        "@ jane met Jane Doe, jane of Rome",
        (Span(0, 6, "PERSON"), Span(11, 19, "PERSON"), Span(21, 25, "PERSON"), Span(29, 33, "LOCATION")),
        "t",
    )
    chance = random.Random(0)  # noqa: S311
    while (other := renamed(example, ["Ana Sá"], chance)) == example:
        pass
    assert parts(other) == [("@ jane", "PERSON"), ("Ana Sá", "PERSON"), ("ana sá", "PERSON"), ("Rome", "LOCATION")]


@given(st.text(max_size=40), st.data())
def test_every_token_has_a_shape(text: str, data: st.DataObject) -> None:
    """Ids are in range whatever the text, 0 for added tokens, and case can be taken away from them."""
    starts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    offsets = [(start, data.draw(st.integers(start, len(text)))) for start in starts]
    shapes = token_shapes(text, offsets)
    assert ((shapes >= 0) & (shapes < SHAPES)).all()
    assert all(shape == 0 for shape, (start, end) in zip(shapes, offsets, strict=True) if start == end)
    for change in (in_small_letters, in_capitals):
        assert (change(change(shapes)) == change(shapes)).all()
        assert (change(shapes) // APART == shapes // APART).all()


def test_shapes_tell_case_and_place() -> None:
    """Small, Title, a capital, CAPITALS, mIxed, a number, other signs; and the same behind another sign."""
    words = ["jane", "Jane", "J", "JANE", "jAne", "12", "!", "写"]
    text = " ".join(words)
    offsets = [(text.index(word), text.index(word) + len(word)) for word in words]
    apart = token_shapes(text, offsets)
    assert len(set(apart.tolist())) == len(words)
    attached = token_shapes("@" + text, [(1, 5)])
    assert attached[0] == apart[0] - APART
    assert in_small_letters(apart)[:5].tolist() == [apart[0]] * 5


def test_tokens_carry_the_labels_of_their_span(tokenizer: Tokenizer) -> None:
    """`B-` at the first token, `I-` for the rest, nothing for special tokens and spans of no label."""
    example = Example(
        "jane doez in berlin, castle", (Span(0, 9, "PERSON"), Span(13, 19, "LOCATION"), Span(21, 27, "")), "t"
    )
    encoded = encode(example, tokenizer, 64)
    names = ["-" if label == UNUSED else LABELS[label] for label in encoded.labels]
    assert names[0] == names[-1] == "-"
    inner = names[1:-1]
    assert inner[0] == "B-PERSON"
    assert inner[1:4] == ["I-PERSON", "I-PERSON", "O"]
    assert inner[-3:] == ["B-LOCATION", "O", "-"]
    assert len(encode(example, tokenizer, 4).ids) == 4


def test_artists_behind_a_cue_are_not_private(tmp_path: Path) -> None:
    """`by X and Y` is a style; a bare name among the tags is left out of the loss; other people stay private."""
    text = "photo of Ann Lee by Al Ray and Bo Fay, Cy Dee, 8k"
    place = {
        name: [text.index(name), text.index(name) + len(name)] for name in ("Ann Lee", "Al Ray", "Bo Fay", "Cy Dee")
    }
    row = {
        "text": text,
        "slice": "s",
        "spans": [[*at, "PERSON"] for at in place.values()],
        "style": [place[name] for name in ("Al Ray", "Bo Fay", "Cy Dee")],
    }
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (example,) = read_examples(path)
    assert parts(example) in ([("Ann Lee", "PERSON")], [("Ann Lee", "PERSON"), ("Cy Dee", "")])
    path.write_text(json.dumps(row) + '\n{"text": 3}\n')
    with pytest.raises(ModelError, match=r"c\.jsonl:2 is no example"):
        list(read_examples(path))


def test_hidden_tokens_keep_their_labels() -> None:
    """The mask takes words, never special tokens."""
    one = Encoded(np.arange(500), np.full(500, 3), np.where(np.arange(500) % 5, 1, UNUSED))
    other = hidden(one, 7, np.random.default_rng(0))
    changed = other.ids != one.ids
    assert 5 < changed.sum() < 100
    assert (other.ids[changed] == 7).all()
    assert (one.labels[changed] != UNUSED).all()
    assert (other.labels == one.labels).all()


def test_case_is_changed_now_and_then() -> None:
    """Ids and labels stay: the vocabulary is uncased."""
    one = Encoded(np.arange(3), token_shapes("Jane doe 12", [(0, 4), (5, 8), (9, 11)]), np.ones(3, np.int64))
    kinds = {tuple(recased(one, random.Random(seed)).shapes.tolist()) for seed in range(200)}  # noqa: S311
    assert len(kinds) == 3


def tiny_weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    width, inner = 16, 32
    shapes = {
        "words.weight": (50, width),
        "positions.weight": (40, width),
        "shapes.weight": (SHAPES, width),
        "norm.weight": (width,),
        "norm.bias": (width,),
        "head.weight": (3, width),
        "head.bias": (3,),
    }
    for index in range(2):
        name = f"layers.{index}"
        shapes |= {
            f"{name}.qkv.weight": (3 * width, width),
            f"{name}.attended.weight": (width, width),
            f"{name}.up.weight": (inner, width),
            f"{name}.down.weight": (width, inner),
        }
        shapes |= {
            f"{name}.{part}_norm.{kind}": (width,) for part in ("attended", "down") for kind in ("weight", "bias")
        }
        shapes |= {
            f"{name}.qkv.bias": (3 * width,),
            f"{name}.attended.bias": (width,),
            f"{name}.up.bias": (inner,),
            f"{name}.down.bias": (width,),
        }
    return {
        name: rng.normal(size=shape).astype(np.float32) * (0.5 if len(shape) > 1 else 0.1) + ("norm.weight" in name)
        for name, shape in shapes.items()
    }


def feed(rng: np.random.Generator, lengths: list[int], tokens: int) -> dict[str, np.ndarray]:
    mask = np.array([[1] * length + [0] * (tokens - length) for length in lengths], np.int64)
    return {
        "input_ids": rng.integers(0, 50, mask.shape) * mask,
        "attention_mask": mask,
        "token_shapes": rng.integers(0, SHAPES, mask.shape) * mask,
    }


@pytest.mark.parametrize("eight_bits", [False, True])
def test_a_text_is_answered_alike_alone_and_in_company(*, eight_bits: bool) -> None:
    """Rows are rounded one by one: neither other texts nor padding change a number, to the last bit."""
    rng = np.random.default_rng(4)
    session = open_session(
        classifier(tiny_weights(rng), 4, eight_bits=eight_bits).SerializeToString(), Device.CPU, threads=1
    )
    given_ = feed(rng, [16, 9, 3, 16, 12], 16)
    (together,) = session.run_all(given_)
    for index in range(5):
        (alone,) = session.run_all({name: value[index : index + 1] for name, value in given_.items()})
        count = int(given_["attention_mask"][index].sum())
        assert (alone[0, :count] == together[index, :count]).all()


def test_eight_bits_stay_close_to_the_float_model() -> None:
    """The same weights, rounded; not the same numbers, and hardly other ones."""
    rng = np.random.default_rng(5)
    weights = tiny_weights(rng)
    given_ = feed(rng, [16, 16], 16)
    exact, rounded = (
        open_session(classifier(weights, 4, eight_bits=bits).SerializeToString(), Device.CPU).run_all(given_)[0]
        for bits in (False, True)
    )
    assert 0 < np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


def test_rounding_keeps_each_row_within_half_a_step() -> None:
    """Whole numbers from -127 to 127 with one scale a row; a row of zeros is no division by zero."""
    weight = np.random.default_rng(6).normal(size=(5, 8)).astype(np.float32)
    weight[2] = 0
    whole, scales = in_eight_bits(weight)
    assert np.abs(whole).max() == 127
    assert (np.abs(whole * scales[:, None] - weight) <= scales[:, None] * 0.501).all()


def test_the_graph_is_what_pytorch_trains() -> None:
    """The exported float model gives the trained one's numbers."""
    torch = pytest.importorskip("torch", reason="PyTorch is installed for training only")
    from models.training.encoder import TokenClassifier

    rng = np.random.default_rng(7)
    weights = tiny_weights(rng)
    config = {
        "hidden_size": 16,
        "vocab_size": 50,
        "max_position_embeddings": 40,
        "num_attention_heads": 4,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
    }
    model = TokenClassifier(config, 3, 0.0).eval()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    given_ = feed(rng, [16, 7], 16)
    (ours,) = open_session(classifier(weights, 4, eight_bits=False).SerializeToString(), Device.CPU).run_all(given_)
    with torch.no_grad():
        theirs = model(
            *(torch.from_numpy(given_[name]) for name in ("input_ids", "token_shapes")),
            torch.from_numpy(given_["attention_mask"]).bool(),
        ).numpy()
    inside = given_["attention_mask"].astype(bool)
    assert np.abs(ours - theirs)[inside].max() < 1e-4
