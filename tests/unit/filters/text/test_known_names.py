"""The lists of names: folded alike, free of what would excuse private people, and large enough."""

import pytest

from filters.text.known_names import MOST_WORDS, KnownNames, NameList, built_in_names, folded


@pytest.mark.parametrize(
    ("written", "looked_up"),
    [
        ("Jean-Léon Gérôme", "jean leon gerome"),
        ("Zdzisław Beksiński", "zdzislaw beksinski"),
        ("Georgia O’Keeffe's", "georgia okeeffe"),
        ("GREG_RUTKOWSKI", "greg rutkowski"),
        ("M.C. Escher", "m c escher"),
        ("Ｍｏｎｅｔ", "monet"),
        ("Vilhelm Hammershøi", "vilhelm hammershoi"),
        ("...", ""),
    ],
)
def test_names_are_folded(written, looked_up):
    assert folded(written) == looked_up


def test_folding_is_done_once():
    names = built_in_names()
    for each in names.artists | names.characters | names.public:
        assert folded(each) == each


def test_the_lists_are_as_large_as_they_are_said_to_be():
    names = built_in_names()
    assert len(names.artists) > 1_500
    assert len(names.characters) > 500
    assert len(names.public) > 800


def test_no_name_is_longer_than_what_is_looked_up():
    names = built_in_names()
    assert max(len(each.split()) for each in names.artists | names.characters | names.public) <= MOST_WORDS


@pytest.mark.parametrize(
    "given",
    [
        "Freya",
        "Athena",
        "Diana",
        "Thor",
        "Jesus",
        "Pandora",
        "Isis",
        "Hermione",
        "Zelda",
        "Elvis",
        "Sakura",
        "Jane",
        "John",
    ],
)
def test_given_names_alone_are_on_no_list(given):
    """Someone's daughter has them."""
    names = built_in_names()
    assert folded(given) not in names.characters | names.public | names.artists


def test_artists_with_common_names_are_not_public_by_name_alone():
    names = KnownNames.of(
        {
            NameList.HISTORIC_ARTISTS: ["John Martin", "Rembrandt"],
            NameList.COMMON_SURNAMES: ["martin"],
            NameList.ARTISTS: ["Wlop"],
        }
    )
    assert names.public == {"rembrandt"}
    assert names.artists == {"john martin", "rembrandt", "wlop"}


def test_the_digest_is_of_all_lists():
    digests = {KnownNames.of({name: ["Jane Roe"]}).digest for name in NameList}
    assert len(digests) == len(NameList)
