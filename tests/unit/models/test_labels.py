"""Labels of other people's models: schemes, names, and what is refused."""

import pytest

from filters.errors import ModelError
from filters.findings import EntityType
from models.labels import read_labels

PERSON, PLACE = EntityType.PERSON, EntityType.LOCATION


def labels(*names: str) -> dict[int, str]:
    return dict(enumerate(names))


@pytest.mark.parametrize(
    "names",
    [
        ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
        ("B-PERSON", "I-PERSON", "B-GPE", "I-GPE", "O"),
        ("O", "B_per", "I_per", "B_loc", "I_loc"),
        ("O", "PER", "LOC"),
        ("O", "B-PER", "I-PER", "E-PER", "S-PER", "U-LOC", "L-LOC", "B-LOC", "B-MISC"),
    ],
)
def test_the_schemes_in_use_are_read(names: tuple[str, ...]) -> None:
    """BIO, BIOES, BILOU and plain labels, in any case and under the usual names; others are ignored."""
    read = read_labels(labels(*names), {})
    assert set(read.types) == {PERSON, PLACE}
    for index, name in enumerate(names):
        meant = [read.types[column] for column in read.inside[index].nonzero()[0]]
        kind = name.upper().replace("_", "-").rpartition("-")[2]
        assert meant == {"O": [], "MISC": [], "PER": [PERSON], "PERSON": [PERSON]}.get(kind, [PLACE])
        assert read.begins[index].any() == (bool(meant) and name[:2].upper() in {"B-", "B_", "S-", "U-"})


def test_the_manifest_goes_before_what_is_known() -> None:
    """A name may get another type, or none."""
    read = read_labels(
        labels("O", "B-PER", "B-LOC", "B-kunde"), {"kunde": PERSON, "per": EntityType.USERNAME, "LOC": None}
    )
    assert set(read.types) == {PERSON, EntityType.USERNAME}


@pytest.mark.parametrize("names", [("O",), ("LABEL_0", "LABEL_1"), ("O", "B-MISC")])
def test_labels_that_mean_nothing_here_are_refused(names: tuple[str, ...]) -> None:
    """A detector that can find nothing would pass for one that found nothing."""
    with pytest.raises(ModelError, match=r"reading\.labels"):
        read_labels(labels(*names), {})


def test_ids_with_gaps_are_refused() -> None:
    """Columns could not be told apart."""
    with pytest.raises(ModelError, match="id2label"):
        read_labels({0: "O", 2: "B-PER"}, {})
