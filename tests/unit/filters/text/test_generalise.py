"""Generalising keeps a town or a decade, and nothing where it cannot tell."""

import pytest

from filters.findings import EntityType
from filters.text.generalise import generalised


def kept(text: str, entity: str) -> str | None:
    found = generalised(text, EntityType(entity))
    return found.text if found else None


@pytest.mark.parametrize(
    ("address", "town"),
    [
        ("12 Main St, Springfield, IL 62704", "Springfield, IL"),
        ("12 Main St, Apt 4, St. Louis, MO 63101-1234", "St. Louis, MO"),
        ("Hauptstraße 5, 10115 Berlin", "Berlin"),
        ("Hauptstr. 5 10115 Berlin", "Berlin"),
        ("Kaiserallee 3\n61348 Bad Homburg\nGermany", "Bad Homburg"),
        ("10 Downing Street, London SW1A 2AA", "London"),
        ("5 rue de la Paix, 75002 Paris, France", "Paris"),
        ("Keizersgracht 1, 1015 CJ Amsterdam", "Amsterdam"),
        ("Calle Mayor 1, 28013 Madrid", "Madrid"),
        ("Rua Augusta 1, 1100-048 Lisboa", "Lisboa"),
        ("Hauptstraße ５, １０１１５ Berlin", "Berlin"),
        ("12 Main Street Springfield", None),
        ("12 Main St, Jane Doe", None),
        ("12345 Main Street", None),
        ("62704 Jane Doe Street 5", None),
        ("Main Street 62704", None),
        ("a" * 600 + ", 10115 Berlin", None),
    ],
)
def test_of_an_address_the_town_beside_the_postcode_stays(address, town):
    assert kept(address, "ADDRESS") == town


@pytest.mark.parametrize(
    ("date", "decade"),
    [
        ("1980-02-29", "1980s"),
        ("born 29 Feb 1989", "1980s"),
        ("19800229", "1980s"),
        ("03/12/85", "1980s"),
        ("3.12.29", "2020s"),
        ("3.12.30", "1930s"),
        ("2001", "2000s"),
        ("1979 to 1981", None),
        ("on Tuesday", None),
        ("1234567", None),
    ],
)
@pytest.mark.parametrize("entity", ["DATE_OF_BIRTH", "DATE_TIME"])
def test_of_a_date_the_decade_stays(date, decade, entity):
    assert kept(date, entity) == decade


def test_a_location_stays_unless_it_has_a_number():
    assert kept("Lower Saxony", "LOCATION") == "Lower Saxony"
    assert kept("Main Street 5", "LOCATION") is None


@pytest.mark.parametrize("entity", ["PERSON", "EMAIL_ADDRESS", "TERM"])
def test_other_types_have_no_part_to_share(entity):
    assert kept("10115 Berlin", entity) is None
