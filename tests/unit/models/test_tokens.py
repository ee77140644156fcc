"""Windows, special tokens and a model's own limits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.errors import ModelError
from models.tokens import TokenReader, padded, usable_positions, windows
from tests.support.text_models import byte_pairs, wordpiece


@given(st.integers(0, 2000), st.integers(1, 130), st.data())
def test_every_token_is_answered_for_once(count: int, size: int, data: st.DataObject) -> None:
    """Windows cover all tokens, are full where they can be, and share their overlap out without a gap."""
    overlap = data.draw(st.integers(0, size - 1))
    found = windows(count, size, overlap)
    assert [token for window in found for token in range(window.first, window.last)] == list(range(count))
    for window in found:
        assert 0 <= window.start <= window.first < window.last <= window.end <= count
        assert window.end - window.start == min(size, count)


def test_a_token_in_an_overlap_has_neighbours_on_both_sides() -> None:
    """What stands at the edge of a window is answered for by the next one."""
    first, second = windows(150, 100, 50)
    assert (first.last, second.first) == (75, 75)


def test_windows_that_do_not_move_on_are_refused() -> None:
    """An overlap of the whole window would never end."""
    with pytest.raises(ValueError, match="overlap"):
        windows(100, 10, 10)


@pytest.mark.parametrize("make", [wordpiece, byte_pairs])
def test_nothing_is_cut_off_or_filled_up(make) -> None:
    """Exports often carry truncation and padding; a text keeps all its tokens, and its own special words stay text."""
    reader = TokenReader(make().to_str().encode())
    text = "jane doe [SEP] </s> " * 20
    tokens = reader.read(text)
    assert tokens.offsets[-1, 1] >= len(text.rstrip())
    assert len(tokens) > 40
    specials = set(reader.sequence(tokens.ids[:0]).tolist())
    assert len(specials) == 2
    assert not specials & set(tokens.ids.tolist())


@pytest.mark.parametrize("make", [wordpiece, byte_pairs])
@pytest.mark.parametrize(
    "text", ["Jané Doe", "ＪＡＮＥ doe", "a 👩🏽‍🎨 Jane", "İstanbul Jane", "写真 Jane", "  Jane  ", "ﬁne"]
)
def test_offsets_count_characters_of_the_text(make, text: str) -> None:
    """Whatever a tokenizer folds or splits, offsets stay inside the text and never run backwards."""
    offsets = TokenReader(make().to_str().encode()).read(text).offsets
    starts, ends = offsets[:, 0], offsets[:, 1]
    assert (starts[1:] >= starts[:-1]).all()
    assert (ends <= len(text)).all()
    if "Jane" in text and make is byte_pairs:
        assert "Jane" in {text[start:end].strip() for start, end in offsets.tolist()}


@pytest.mark.parametrize("data", [b"junk", b"{}", b"\xff\xfe"])
def test_what_is_no_tokenizer_is_refused(data: bytes) -> None:
    """An error of ours, without the file's text."""
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be read"):
        TokenReader(data)


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"max_position_embeddings": 512, "model_type": "bert", "pad_token_id": 0}, 512),
        ({"max_position_embeddings": 514, "model_type": "xlm-roberta", "pad_token_id": 1}, 512),
        ({"model_type": "deberta"}, None),
    ],
)
def test_a_models_own_limit_counts(config: dict[str, object], positions: int | None) -> None:
    """RoBERTa's positions begin behind its padding."""
    found, labels = usable_positions(json.dumps(config | {"id2label": {"0": "O"}}).encode())
    assert found == positions
    assert labels == {0: "O"}


@pytest.mark.parametrize("config", [b"", b"[]", b"{}", b'{"id2label": {"a": "O"}}', b'{"id2label": ["O"]}'])
def test_a_configuration_without_labels_is_refused(config: bytes) -> None:
    """Nobody guesses what a column means."""
    with pytest.raises(ModelError, match=r"config\.json"):
        usable_positions(config)


def test_rows_are_filled_with_padding() -> None:
    """Missing rows and missing tokens are zeros."""
    assert padded([padded([], 2, 0)[:0].reshape(-1)], 2, 2).tolist() == [[0, 0], [0, 0]]
