"""A guess at a prompt's language: enough to say whether the name model was made for it, fast enough for every prompt.

Function words vote, and word endings and letters that are typical of one language vote less. A list of tags has few of
either and stays undetermined, which is what it is.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Final


class Language(StrEnum):
    """ISO 639-1 codes of the languages that names are looked for in; `other`; `und` where nothing speaks for any."""

    ENGLISH = "en"
    GERMAN = "de"
    FRENCH = "fr"
    SPANISH = "es"
    ITALIAN = "it"
    PORTUGUESE = "pt"
    DUTCH = "nl"
    OTHER = "other"
    UNDETERMINED = "und"

    @property
    def supported(self) -> bool:
        """Whether names are looked for as they should be. Tags are: they are what it learned from."""
        return self is not Language.OTHER


SAMPLE: Final = 600
"""Characters that are looked at."""
_LEAST: Final = 1.5
"""Votes that a language needs: one function word alone is a title or a name ("La Traviata")."""
_LEAD: Final = 1.2
"""How many times as many votes as the next it needs."""
_FOREIGN_SHARE: Final = 0.3
"""Share of letters outside the Latin script from which on the prompt is in another one."""
_ENDING_VOTE: Final = 0.4
_WITH_ENDING: Final = 5
"""Letters of the shortest word whose ending says something."""

_WORD: Final = re.compile(r"[^\W\d_]+(?:'(?=\w))?")
_LATIN_END: Final = "\u024f"

_FUNCTION_WORDS: Final[Mapping[str, str]] = {
    "en": (
        "the of and a an to in is with on that by for it as was are at from his her their my your this who has "
        "have be she he they we you i its not but or into over under near behind while wearing holding standing "
        "sitting looking made some very two one which through between against around like there where when out up"
    ),
    "de": (
        "der die das und ein eine einen einem einer eines mit von im am auf ist zu den dem des für nicht sich ich "
        "er sie wir ihr mein meine meiner meinem sein seine seinen ihre ihrem aus bei nach vor über unter "
        "zwischen neben durch wie wird sitzt steht trägt hält vom zum zur oder aber auch noch als an wo wenn "
        "einer zwei"
    ),
    "fr": (
        "le la les un une des de du et en dans avec sur pour par est au aux qui que ce cette ces son sa ses mon "
        "ma mes leur il elle nous vous je ne pas plus sous devant derrière entre chez vers sans très comme où "
        "mais ou était sont d' l' j' c' s' deux qu' n' été porte"
    ),
    "es": (
        "el la los las un una unos de del y en con sobre por para es al que su sus mi mis se lo como más pero muy "
        "sin entre bajo desde hasta está están junto detrás delante yo ella él nosotros este esta ese no o dos "
        "lleva cerca sentado sentada mientras cuando donde"
    ),
    "it": (
        "il lo la i gli le un una uno di del della dello dei delle degli e ed in nel nella nei con su sul sulla "
        "per da dal dalla è al alla che mia mio suo sua sono non si come più ma molto tra fra sotto davanti "
        "dietro vicino mentre quando dove l' d' un' dell' nell' sull' all' dall' due questo questa indossa seduto "
        "seduta"
    ),
    "pt": (
        "o a os as um uma uns umas de do da dos das e em no na nos nas com sobre por para é ao à que seu sua seus "
        "meu minha se como mais mas muito sem entre sob está estão ele ela nós este esta não ou pelo pela num "
        "numa dois duas perto atrás sentado sentada enquanto quando onde"
    ),
    "nl": (
        "de het een en van in op met is aan voor door bij naar uit over onder tussen achter naast zijn haar mijn "
        "onze hij zij ik wij je niet ook maar of als dat die deze dit er wordt heeft staat zit draagt te om tegen "
        "twee zeer wie waar toen nog"
    ),
    "pl": "i w z na do się jest nie że to jak po przez dla od o za przed pod nad przy jego jej są który która",
    "cs": "a v na s se je do z že to jako po pro od za před pod nad u jeho její jsou který která který",
    "sv": (
        "och i en ett på med är av för som till den det att från hans hennes min mitt inte om vid under över "
        "mellan bakom"
    ),
    "da": "og i en et på med er af for som til den det at fra hans hendes min mit ikke om ved under over mellem bag",
    "fi": "ja on ei se että hän joka kanssa kuin mutta oli minun hänen vieressä alla päällä edessä takana",
    "tr": "ve bir bu ile için de da çok gibi olan var onun benim üzerinde altında yanında önünde arkasında",
    "ro": "și în cu pe de la o un este care nu din pentru lui ei mea meu sub peste lângă sunt",
    "hu": "a az és egy van nem hogy is volt egyik alatt fölött mellett előtt mögött neki vele",
    "id": "dan di yang dengan untuk dari ini itu pada seorang sebuah adalah tidak ke dalam atas bawah depan",
    "vi": "và của là một với trong không người những được cho trên dưới này có",
    "ca": "el la els les i amb un una de del que per al és en no sota sobre davant meva meu seva",
    "hr": "i u na s je da se za od do po kao koji koja su nije ispod iznad pored ispred iza njegov moja",
}
_ENDINGS: Final[Mapping[str, str]] = {
    "en": "ing ght ess ous ful ith ark own hed",
    "de": "ung ich eit sch isc hen ige ßen tte cht rün iß",
    "fr": "eux eau ois ent aux lle que ère ées ait ette ieux",
    "es": "ión dad ado ida ndo ños ñas ño ña jer llo lla",
    "it": "one tto tta cchi llo lla ggio tà zza gno glia ndo ese",
    "pt": "ção ões ão ãos nho nha lho lha ade eiro eira",
    "nl": "ijk oor aar een eren eel ijn heid uis aan eur sch dje tje",
}
_LETTERS: Final[Mapping[str, str]] = {
    "ß": "de",
    "ñ": "es",
    "ã": "pt",
    "õ": "pt",
    "ł": "pl",
    "ő": "hu",
    "ğ": "tr",
    "ș": "ro",
}


@cache
def _votes() -> Mapping[str, tuple[tuple[str, float], ...]]:
    """For each function word the languages it speaks for; what many share says less for each."""
    languages: dict[str, list[str]] = {}
    for language, words in _FUNCTION_WORDS.items():
        for word in dict.fromkeys(words.split()):
            languages.setdefault(word, []).append(language)
    return {word: tuple((each, 1 / len(all_) ** 0.5) for each in all_) for word, all_ in languages.items()}


@cache
def _ending_votes() -> Mapping[str, tuple[tuple[str, float], ...]]:
    languages: dict[str, list[str]] = {}
    for language, endings in _ENDINGS.items():
        for ending in endings.split():
            languages.setdefault(ending[-3:], []).append(language)
    return {ending: tuple((each, _ENDING_VOTE / len(all_)) for each in all_) for ending, all_ in languages.items()}


def language_of(text: str) -> Language:
    """The language of the first `SAMPLE` characters."""
    sample = text[:SAMPLE]
    if not sample.isascii():
        sample = unicodedata.normalize("NFKC", sample)
        if _is_foreign(sample):
            return Language.OTHER
    totals: dict[str, float] = {}
    for language, vote in _cast(sample.lower()):
        totals[language] = totals.get(language, 0.0) + vote
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    if not ranked or ranked[0][1] < _LEAST or (len(ranked) > 1 and ranked[0][1] < _LEAD * ranked[1][1]):
        return Language.UNDETERMINED
    best = ranked[0][0]
    return Language(best) if best in _ENDINGS else Language.OTHER


def _cast(sample: str) -> Iterator[tuple[str, float]]:
    votes, endings = _votes(), _ending_votes()
    for word in _WORD.findall(sample):
        known = votes.get(word)
        if known is not None:
            yield from known
        elif len(word) >= _WITH_ENDING:
            yield from endings.get(word[-3:], ())
    if not sample.isascii():
        yield from ((language, 1.0) for letter, language in _LETTERS.items() if letter in sample)


def _is_foreign(sample: str) -> bool:
    letters = [character for character in sample if character.isalpha()]
    foreign = sum(character > _LATIN_END and not "\u1e00" <= character <= "\u1eff" for character in letters)
    return foreign > _FOREIGN_SHARE * len(letters)
