"""What the form of a document tells."""

import pytest

from filters.image.document_text import DocumentTextDetector, is_column
from filters.records import PromptContent


def found(text: str) -> set[tuple[str, str]]:
    (findings,) = DocumentTextDetector().detect([PromptContent({"text": text})])
    return {(each.entity_type.value, text[each.start : each.end]) for each in findings}


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("Name: Jane Q. Doe", "PERSON", "Jane Q. Doe"),
        ("SURNAME:\nMUSTERMANN", "PERSON", "MUSTERMANN"),
        ("Vorname: Erika", "PERSON", "Erika"),
        ("Apellidos: García López", "PERSON", "García López"),
        ("Cashier : AISYAH", "PERSON", "AISYAH"),
        ("DOB: 12.03.1984", "DATE_OF_BIRTH", "12.03.1984"),
        ("Geburtsdatum: 01.02.1970", "DATE_OF_BIRTH", "01.02.1970"),
        ("Tel: 07-386 7524", "PHONE_NUMBER", "07-386 7524"),
        ("Fax No.: +49 30 1234567", "PHONE_NUMBER", "+49 30 1234567"),
        ("Address: Rose Cottage, Lower End", "ADDRESS", "Rose Cottage, Lower End"),
        ("MUSTER WERKZEUG GMBH", "ORGANIZATION", "MUSTER WERKZEUG GMBH"),
    ],
)
def test_labels_and_legal_forms(text, entity, value):
    assert (entity, value) in found(text)


NUMERIC_DATES = ["19-03-18", "14/03/2018", "3/14/2018", "2018-03-14", "14.03.18", "4.3.2018"]
DATES_IN_WORDS = ["28 MAR 18", "14. März 2018", "March 14, 2018", "20 Jan'18"]
NO_DATES = ["1.2.34", "12.50", "31-13-2018", "4111-11-11-1111", "03-6258 7191", "5 x 3.20", "99/99/99"]


@pytest.mark.parametrize("date", NUMERIC_DATES + DATES_IN_WORDS)
def test_dates(date):
    """However they are written, with a time glued to them too."""
    assert ("DATE_TIME", date) in found(f"Date {date} 15:39 SH01")
    assert ("DATE_TIME", date) in found(f"{date}15:39")


@pytest.mark.parametrize(
    "text", ["1.2.34", "12.50", "31-13-2018", "4111-11-11-1111", "03-6258 7191", "5 x 3.20", "99/99/99"]
)
def test_numbers_that_are_no_dates(text):
    assert not [each for each in found(text) if each[0] == "DATE_TIME"]


@pytest.mark.parametrize(
    "lines",
    [
        ["221B Baker Street", "London NW1 6XE"],
        ["NO.12, JALAN KENANGA 5/2", "TAMAN MELATI", "81100 JOHOR BAHRU", "JOHOR"],
        ["LOT 5, GROUND FLOOR,", "PLAZA SENTOSA,", "50450 KUALA LUMPUR"],
        ["Hauptstraße 12", "10115 Berlin"],
        ["12 rue de la Paix", "75002 Paris"],
        ["1600 Pennsylvania Ave NW", "Washington, DC 20500"],
        ["Calle de Alcalá 48", "28014 Madrid"],
    ],
)
def test_an_address_is_found_whole_over_its_lines(lines):
    text = "\n".join(["THANK YOU FOR SHOPPING", *lines, "TOTAL 12.50", "CASH 20.00"])
    assert {("ADDRESS", each) for each in lines} == {each for each in found(text) if each[0] == "ADDRESS"}


@pytest.mark.parametrize(
    "text",
    [
        "TOTAL 12.50\nCASH 20.00\nCHANGE 7.50",
        "2 ChicMcMuffin 11.00\n1 M Porridge 5.60",
        "a castle on a hill, 8k, highly detailed",
        "OPEN DAILY\nFRESH FISH\nSOLD HERE",
        "Invoice no 000225\nThank you",
        "the name of the rose",
    ],
)
def test_other_lines_are_left_alone(text):
    assert not found(text)


@pytest.mark.parametrize("text", ["1.0 11.90 11.90", "15.00\n7.00\n18.00", "6 106.10 6.37", "+ 1.0 11.90 11.90"])
def test_amounts_are_a_column(text):
    assert is_column(text)


@pytest.mark.parametrize(
    "text", ["07-386 3793", "555.123.4567", "415.55.26.71", "4111 1111 1111 1111", "", "415.55 2671"]
)
def test_telephone_and_card_numbers_are_none(text):
    assert not is_column(text)


@pytest.mark.parametrize(
    "text", ["name: " * 5_000, "a, " * 20_000, "12 street " * 10_000, "\n1 st" * 20_000, " " * 60_000]
)
def test_hostile_text_takes_no_long_time(text):
    found(text)
