"""What is found per language: the guess at the language, names, and private-person cues, on sentences of our own.

    python -m tests.evals.languages

A name counts as found when 70 % of its characters are covered by `PERSON` findings; a finding is right when 70 % of it
lies in a name. Without a name model in the installation those two columns stay empty.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from filters.errors import DetectionError
from filters.findings import EntityType, TextFinding
from filters.keys import TenantKeys
from filters.protocols import TextDetector
from filters.records import ContentKind, PromptContent
from filters.text.attributes import attributed
from filters.text.language import language_of
from streams import app as build
from streams.settings import load_settings

COVERED = 0.7
_SEED, _EACH, _LOWERED = 4, 120, 0.3
NAMES: Mapping[str, tuple[str, str]] = {
    "en": ("Emily Colleen Derek Megan Brandon Ashley", "Thornberry Whitcombe Penhale Garrity Doyle Marsden"),
    "de": ("Sabine Jürgen Karin Lukas Heike Matthias", "Brandmeier Osterhagen Krause Vogelsang Lindner Böhme"),
    "fr": ("Camille Julien Claire Mathieu Élodie Benoît", "Lecointe Dufresne Garnier Marchand Lefèvre Béranger"),
    "es": ("Lucía Pablo Carmen Javier Íñigo Marisol", "Arriaga Bustamante Peñalver Quintana Ibáñez Morcillo"),
    "it": ("Giulia Marco Chiara Lorenzo Niccolò Federica", "Zanetti Pellegrino Bellandi Moretti Caruso Rinaldi"),
    "pt": ("João Beatriz Rui Inês Thiago Fernanda", "Figueiredo Carvalhal Azevedo Teixeira Brandão Queirós"),
    "nl": ("Sanne Daan Femke Joost Marijke Pieter", "Hoekstra Vermeulen de Graaf van Leeuwen Kuipers Wiersma"),
}
SENTENCES: Mapping[str, tuple[tuple[str, bool], ...]] = {
    "en": (
        ("a photo of my neighbour {} in the garden", True), ("{} is sitting on a bench by the sea", False),
        ("a portrait of {} with a red hat and a dog", False), ("her name is {} and she lives in a small house", True),
        ("the letter from {} to her sister", False), ("my boss {} as a clown at the office party", True),
    ),
    "de": (
        ("ein Foto meiner Nachbarin {} im Garten", True), ("{} sitzt auf einer Bank am Meer", False),
        ("ein Porträt von {} mit einem roten Hut", False), ("sie heißt {} und wohnt in einem kleinen Haus", True),
        ("der Brief von {} an ihre Schwester", False), ("mein Chef {} als Clown auf der Feier", True),
    ),
    "fr": (
        ("une photo de ma voisine {} dans le jardin", True), ("{} est assise sur un banc au bord de la mer", False),
        ("un portrait de {} avec un chapeau rouge", False), ("elle s'appelle {} et habite une petite maison", True),
        ("la lettre de {} à sa sœur", False), ("mon patron {} en clown dans la fête du bureau", True),
    ),
    "es": (
        ("una foto de mi vecina {} en el jardín", True), ("{} está sentada en un banco junto al mar", False),
        ("un retrato de {} con un sombrero rojo", False), ("se llama {} y vive en una casa pequeña", True),
        ("la carta de {} para su hermana", False), ("mi jefe {} como payaso en la fiesta", True),
    ),
    "it": (
        ("una foto della mia vicina {} nel giardino", True), ("{} è seduta su una panchina vicino al mare", False),
        ("un ritratto di {} con un cappello rosso", False), ("si chiama {} e abita in una piccola casa", True),
        ("la lettera di {} a sua sorella", False), ("il mio capo {} vestito da clown alla festa", True),
    ),
    "pt": (
        ("uma foto da minha vizinha {} no jardim", True), ("{} está sentada em um banco perto do mar", False),
        ("um retrato de {} com um chapéu vermelho", False), ("o nome dela não é {}, mas ela mora em uma casa", False),
        ("a carta de {} para sua irmã", False), ("meu chefe {} como palhaço na festa", True),
    ),
    "nl": (
        ("een foto van mijn buurvrouw {} in de tuin", True), ("{} zit op een bank aan zee", False),
        ("een portret van {} met een rode hoed", False), ("zij heet {} en woont in een klein huis", True),
        ("de brief van {} aan haar zus", False), ("mijn baas {} als clown op het feest", True),
    ),
}  # fmt: skip
"""Sentences with a place for a name, and whether something in them speaks for a private person."""


@dataclass(frozen=True, slots=True)
class Row:
    """Shares from 0 to 1 over `of` sentences; None where no name model is installed.

    `language`: guessed right. `raised`: of the sentences with a private-person cue, those whose name's score rose.
    """

    code: str
    language: float
    raised: float
    recall: float | None
    precision: float | None
    of: int


def name_detector() -> TextDetector | None:
    """The installation's detector of names, if it has one."""
    (medium,) = build.build_media(load_settings(None), [ContentKind.PROMPT], TenantKeys(None))
    return next((each for each in medium.detectors if EntityType.PERSON in each.entities), None)


def table(detector: TextDetector | None = None, each: int = _EACH) -> list[Row]:
    """A row for each language."""
    return [_row(code, detector, each) for code in SENTENCES]


def _row(code: str, detector: TextDetector | None, each: int) -> Row:
    rng = random.Random(_SEED)  # noqa: S311  material, not a secret
    given, surnames = (words.split() for words in NAMES[code])
    right = raised = cued = 0
    prompts, spans = [], []
    for number in range(each):
        sentence, cue = SENTENCES[code][number % len(SENTENCES[code])]
        name = f"{rng.choice(given)} {rng.choice(surnames)}"
        name = name.lower() if rng.random() < _LOWERED else name
        text, start = sentence.format(name), sentence.index("{}")
        oracle = TextFinding("prompt", start, start + len(name), EntityType.PERSON, 0.5, "oracle")
        content = PromptContent({"prompt": text})
        right += language_of(text) == code
        cued += cue
        raised += cue and attributed(content, [oracle])[0].score > oracle.score
        prompts.append(content)
        spans.append((oracle.start, oracle.end))
    recall, precision = _names(detector, prompts, spans) if detector else (None, None)
    return Row(code, right / each, raised / cued, recall, precision, each)


def _names(
    detector: TextDetector, prompts: Sequence[PromptContent], spans: Sequence[tuple[int, int]]
) -> tuple[float, float]:
    found = right = reported = 0
    for answer, (start, end) in zip(detector.detect(prompts), spans, strict=True):
        persons = (
            [] if isinstance(answer, DetectionError) else [f for f in answer if f.entity_type is EntityType.PERSON]
        )
        overlaps = [max(0, min(end, finding.end) - max(start, finding.start)) for finding in persons]
        found += sum(overlaps) >= COVERED * (end - start)
        right += sum(over >= COVERED * (f.end - f.start) for f, over in zip(persons, overlaps, strict=True))
        reported += len(persons)
    return found / len(spans), right / reported if reported else 1.0


def main() -> None:
    """Print the table."""
    shown = Table("language", "guessed right", "private cue seen", "names found", "names right", title="By language")
    for row in table(name_detector()):
        shares = (row.language, row.raised, row.recall, row.precision)
        shown.add_row(row.code, *("—" if share is None else f"{share:.1%}" for share in shares))
    Console(width=120).print(shown)


if __name__ == "__main__":
    main()
