"""What Presidio's patterns leave out: each form is found whole, and what looks like it in prompts is not."""

import time

import pytest

from filters.findings import EntityType as E
from filters.text.candidate import Candidate
from filters.text.gate import GATES, OWN_GATES, Features
from filters.text.overlap import without_outdone
from filters.text.own_numbers import cards, ibans, luhn
from filters.text.own_recognizers import own
from tests.support.prompts import findings

FOUND = [
    (E.PHONE_NUMBER, "they're not answering at (88) 684-334", "(88) 684-334"),
    (E.PHONE_NUMBER, "You can call 73 448 266 tonight", "73 448 266"),
    (E.PHONE_NUMBER, "You can call 33 93 31", "33 93 31"),
    (E.PHONE_NUMBER, "50-98-28-96-Office, red house", "50-98-28-96"),
    (E.PHONE_NUMBER, "166-684-7899 on a billboard", "166-684-7899"),
    (E.PHONE_NUMBER, "001-748-088-2851x818", "001-748-088-2851x818"),
    (E.PHONE_NUMBER, "+999 123 456 78", "+999 123 456 78"),
    (E.PHONE_NUMBER, "Telefon: 99 88 77 66", "99 88 77 66"),
    (E.CREDIT_CARD, "2223 0000 4840 0011", "2223 0000 4840 0011"),
    (E.CREDIT_CARD, "card 2223000048400011", "2223000048400011"),
    (E.CREDIT_CARD, "4111.1111.1111.1111", "4111.1111.1111.1111"),
    (E.CREDIT_CARD, "4111  1111  1111  1111", "4111  1111  1111  1111"),
    (E.CREDIT_CARD, "4111_1111_1111_1111", "4111_1111_1111_1111"),
    (E.CREDIT_CARD, "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
    (E.CREDIT_CARD, "4111 1111\n1111 1111".replace(" ", "\n"), "4111\n1111\n1111\n1111"),
    (E.CREDIT_CARD, "378282 246310 005 3782-822463-10005", "3782-822463-10005"),
    (E.CREDIT_CARD, "6205500000000000004 beside", "6205500000000000004"),
    (E.CREDIT_CARD, "5018 0000 0009", "5018 0000 0009"),
    (E.IBAN_CODE, "my iban is gb50mvfc38361978683032", "gb50mvfc38361978683032"),
    (E.IBAN_CODE, "de89.3704.0044.0532.0130.00.", "de89.3704.0044.0532.0130.00"),
    (E.IBAN_CODE, "No93 8601 1117 947 is it", "No93 8601 1117 947"),
    (E.IBAN_CODE, "mt84 malt 0110 0001 2345 mtlc ast0 01s", "mt84 malt 0110 0001 2345 mtlc ast0 01s"),
    (E.IBAN_CODE, "FR14/2004/1010/0505/0001/3M02/606", "FR14/2004/1010/0505/0001/3M02/606"),
    (E.US_SSN, "536/22/1234", "536/22/1234"),
    (E.US_SSN, "536 - 22 - 1234", "536 - 22 - 1234"),
    (E.US_SSN, "536_22_1234", "536_22_1234"),
    (E.US_SSN, "536\n22\n1234", "536\n22\n1234"),
    (E.EMAIL_ADDRESS, "jane@corp.local", "jane@corp.local"),
    (E.EMAIL_ADDRESS, 'write to "jane doe"@example.com', '"jane doe"@example.com'),
    (E.EMAIL_ADDRESS, "jane@[192.0.2.1]", "jane@[192.0.2.1]"),
    (E.URL, "www.janedoe.photography/portfolio.", "www.janedoe.photography/portfolio"),
    (E.URL, "(https://jane.internal/x?y=1)", "https://jane.internal/x?y=1"),
    (E.URL, "https://localhost:8080/jane", "https://localhost:8080/jane"),
    (E.US_DRIVER_LICENSE, "D400-7836-0001", "D400-7836-0001"),
    (E.US_DRIVER_LICENSE, "F255-921-50-094-0", "F255-921-50-094-0"),
    (E.US_DRIVER_LICENSE, "driver's license number is 99-1234-AB", "99-1234-AB"),
    (E.UK_DRIVING_LICENCE, "MORGA 657054 SM9IJ", "MORGA 657054 SM9IJ"),
]

NOT_FOUND = [
    *["seed 2223000048400012", "512 768 1024 1536", "1920x1080, 3840x2160", "call of the wild, 1920-1930, 2020-01-02"],
    *["call 2020-01-02", "the year 1999-2000-2001", "steps 30, cfg 7.5, 1000000 birds", "sheep 4 8 15 16 23 42"],
    *[
        "gb50mvfc38361978683031",
        "xx50mvfc38361978683032",
        "photo@2x.png",
        "<lora:jane@0.8>",
        "model@1.5",
        "000-22-1234",
    ],
    *["9/11/2001", "536/22-1234", "100-00-1000", "driver's license, wallet, keys", "a driving license for 2 people"],
    *["0000 0000 0000 0000", "4111 1111-1111 1111", "41111111111111110000000", "ABCDE123456AB1CD", "+12 to 30"],
]


def own_findings(text):
    """What our own recognizers find, each by itself."""
    return {
        (candidate.entity_type, text[candidate.start : candidate.end])
        for recognizer in own()
        for candidate in recognizer.scan(text, time.monotonic() + 60)
    }


@pytest.mark.parametrize(("entity", "text", "whole"), FOUND)
def test_the_form_is_found_whole_and_believed(entity, text, whole):
    assert (entity, whole) in own_findings(text)
    best = max((f for f in findings(text) if f.entity_type is entity), key=lambda f: f.score)
    assert text[best.start : best.end] == whole
    assert best.score >= 0.4


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_like_it_is_not_found(text):
    assert own_findings(text) == set()


@pytest.mark.parametrize(("entity", "text", "whole"), FOUND)
def test_no_gate_is_shut_over_a_form(entity, text, whole):
    assert OWN_GATES[entity].opens(Features.of(text))
    assert OWN_GATES[entity].opens(Features.of(f"a street, {text}, 35mm"))


def test_every_own_recognizer_has_a_gate_and_finds_a_type_that_policies_know_already():
    assert {recognizer.entity_type for recognizer in own()} == set(OWN_GATES) <= set(GATES)
    assert all(recognizer.describe() for recognizer in own())


@pytest.mark.parametrize(
    "unit", ["1 ", "4 ", "1-", "a@", '"', "gb29 ", "http://", "www.a.", "call 1 ", "K1", "111-11-1111 "]
)
def test_adversarial_texts_are_searched_in_linear_time(unit):
    """The longest text that is allowed, and one of half its length."""

    def seconds(length):
        text = (unit * length)[:length]
        started = time.process_time()
        for recognizer in own():
            list(recognizer.scan(text, time.monotonic() + 60))
        return time.process_time() - started

    assert seconds(65_536) < max(3 * seconds(32_768), 0.5)


def test_a_spent_budget_ends_the_scan():
    (recognizer,) = [each for each in own() if each.entity_type is E.US_SSN]
    with pytest.raises(TimeoutError):
        list(recognizer.scan("536/22/1234", time.monotonic() - 1))


def test_a_checksum_is_needed():
    """One digit off is no card and no IBAN, at every place."""
    card, iban = "2223000048400011", "gb50mvfc38361978683032"
    for place in range(len(card)):
        other = card[:place] + str((int(card[place]) + 1) % 10) + card[place + 1 :]
        assert not luhn(other)
        assert list(cards(other)) == []
    for place in range(8, len(iban)):
        other = iban[:place] + str((int(iban[place]) + 1) % 10) + iban[place + 1 :]
        assert list(ibans(other)) == []


def test_one_number_has_one_meaning():
    """What lies inside a card, an e-mail address, an IP address or a grouped SSN is not something else beside."""
    assert [f.entity_type for f in findings("jane@example.com") if f.score >= 0.4] == [E.EMAIL_ADDRESS]
    assert E.PHONE_NUMBER not in {f.entity_type for f in findings("pay with 4929697010226317")}
    assert E.PHONE_NUMBER not in {f.entity_type for f in findings("081-80-5372")}
    assert E.PHONE_NUMBER not in {f.entity_type for f in findings("my driver's license number is 341308170")}
    assert {f.entity_type for f in findings("x 86.231.85.193")} == {E.IP_ADDRESS}


def test_what_reaches_beyond_is_kept():
    card, phone = Candidate(0, 16, E.CREDIT_CARD, 1.0), Candidate(8, 20, E.PHONE_NUMBER, 0.4)
    weak = Candidate(0, 16, E.CREDIT_CARD, 0.3)
    inside = Candidate(0, 10, E.PHONE_NUMBER, 0.75)
    assert without_outdone([card, phone]) == [card, phone]
    assert without_outdone([weak, inside]) == [weak, inside]
    assert without_outdone([card, inside]) == [card]
