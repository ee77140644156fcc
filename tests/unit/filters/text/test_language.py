"""The guess at a prompt's language: right on sentences, silent on tags, fast on everything."""

import time

import pytest

from filters.text.language import SAMPLE, Language, language_of

SENTENCES = {
    "en": [
        "a photo of my neighbour in the garden",
        "two cats playing chess",
        "a red car parked in front of the house",
    ],
    "de": [
        "ein Foto meiner Nachbarin im Garten",
        "der alte Mann sitzt am Meer bei Nacht",
        "ein rotes Auto vor dem Haus",
    ],
    "fr": [
        "une photo de ma voisine dans le jardin",
        "portrait d'une femme aux cheveux roux",
        "une voiture devant la maison",
    ],
    "es": [
        "una foto de mi vecina en el jardín",
        "retrato de una mujer con pelo rojo",
        "un coche delante de la casa",
    ],
    "it": [
        "una foto della mia vicina nel giardino",
        "ritratto di una donna con i capelli rossi",
        "il gatto è sul tetto",
    ],
    "pt": [
        "uma foto da minha vizinha no jardim",
        "retrato de uma mulher com cabelo vermelho",
        "um carro em frente da casa",
    ],
    "nl": [
        "een foto van mijn buurvrouw in de tuin",
        "portret van een vrouw met rood haar",
        "een rode auto voor het huis",
    ],
    "other": [
        "портрет женщины в саду",
        "雪山の夕暮れ",
        "صورة لجارتي في الحديقة",
        "zdjęcie mojej sąsiadki w ogrodzie i na plaży",
        "ett foto av min granne i trädgården",
        "bahçede oturan bir kadın ve köpek ile",
        "fotografie mé sousedky na zahradě a v domě",
    ],
    "und": [
        "masterpiece, best quality, 1girl, 8k",
        "castle, mist, artstation",
        "La Traviata",
        "Seed: 1234567890",
        "",
        "🌋🌋",
    ],
}
CASES = [(language, sentence) for language, sentences in SENTENCES.items() for sentence in sentences]


@pytest.mark.parametrize(("language", "sentence"), CASES)
def test_a_sentence_is_in_its_language(language, sentence):
    assert language_of(sentence) == language
    assert language_of(sentence.upper()) in (language, "und")


def test_letters_in_disguise_are_read():
    assert language_of("𝐚 𝐩𝐡𝐨𝐭𝐨 𝐨𝐟 𝐦𝐲 𝐧𝐞𝐢𝐠𝐡𝐛𝐨𝐮𝐫 𝐢𝐧 𝐭𝐡𝐞 𝐠𝐚𝐫𝐝𝐞𝐧") is Language.ENGLISH


def test_a_foreign_word_makes_no_foreign_prompt():
    assert language_of("the word 雪 painted on the wall of a temple in the mist") is Language.ENGLISH


def test_only_other_is_not_supported():
    assert [language for language in Language if not language.supported] == [Language.OTHER]


def test_no_more_than_the_sample_is_looked_at():
    assert language_of("x" * SAMPLE + " der die das und ist nicht") is Language.UNDETERMINED


def test_a_prompt_takes_no_longer_than_fifty_microseconds():
    """Best of several, so that a busy machine does not matter; thrice the time is allowed for slow ones."""
    prompt = "a castle on a hill in the mist, oil painting by an old master, highly detailed, a woman by the gate"

    def seconds() -> float:
        started = time.perf_counter()
        for _ in range(100):
            language_of(prompt)
        return (time.perf_counter() - started) / 100

    assert min(seconds() for _ in range(10)) < 150e-6
