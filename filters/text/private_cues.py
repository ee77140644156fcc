"""Cues that a name is a private person's: kin and acquaintance, contact data, identifiers, likeness, introductions.

All patterns read `filters.text.surroundings` text: lower case, without accents. English, German, French, Spanish,
Italian, Portuguese and Dutch.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from filters.text.technical import technical_tokens


class PrivateCue(StrEnum):
    """What speaks for a private person."""

    ACQUAINTANCE = "acquaintance"
    INTRODUCED = "introduced"
    ADDRESS = "address"
    CONTACT = "contact"
    IDENTIFIER = "identifier"
    SURNAME_FIRST = "surname_first"
    TITLE = "title"
    LIKENESS = "likeness"


_KIN: Final = (
    # English
    r"neighbou?rs?|boss|ex(?:-(?:wife|husband|girlfriend|boyfriend|partner))?|daughters?|sons?|teachers?|wife|"
    r"husband|spouse|"
    r"girlfriend|boyfriend|fiancee?|partner|mum|mom|mother|dad|father|parents?|brother|sister|siblings?|aunt|uncle|"
    r"cousin|niece|"
    r"nephew|grandma|grandpa|grandmother|grandfather|granddaughter|grandson|kids?|child|baby|friends?|bestie|"
    r"best friend|roommate|"
    r"flatmate|classmate|colleague|co-?worker|manager|landlord|tenant|doctor|dentist|therapist|lawyer|client|patient|"
    r"student|professor|coach|nanny|crush|stepmother|stepfather|stepson|stepdaughter|employee|assistant|secretary|"
    # German
    r"nachbar(?:in|n)?|chef(?:in)?|tochter|sohn|lehrer(?:in)?|frau|mann|freund(?:in)?|exfreund(?:in)?|mutter|vater|"
    r"bruder|"
    r"schwester|tante|onkel|cousine|oma|opa|kollegen?|kollegin|mitbewohner(?:in)?|vermieter(?:in)?|arzt|arztin|kind|"
    r"schuler(?:in)?|"
    # French
    r"voisine?|patron(?:ne)?|fille|fils|professeure?|femme|mari|copain|copine|petite? amie?|mere|pere|frere|soeur|"
    r"tante|oncle|"
    r"cousine?|"
    r"grand-mere|grand-pere|collegue|amie?|maitresse|enfant|"
    # Spanish, Portuguese, Italian
    r"vecin[oa]|jef[ea]|hij[oa]|profesora?|espos[oa]|marido|novi[oa]|madre|padre|herman[oa]|ti[oa]|prim[oa]|"
    r"abuel[oa]|amig[oa]|"
    r"companer[oa]|vizinh[oa]|filh[oa]|professora?|mulher|namorad[oa]|mae|pai|irmao|irma|tia|avo|chefe|colega|"
    r"vicin[oa]|capo|figli[oa]|insegnante|moglie|marito|fidanzat[oa]|fratello|sorella|zi[oa]|cugin[oa]|nonn[oa]|"
    r"amic[oa]|collega|"
    # Dutch
    r"buurman|buurvrouw|buurmeisje|baas|dochter|zoon|leraar|lerares|juf|vrouw|man|vriend(?:in)?|moeder|vader|broer|"
    r"zus|"
    r"oom|nicht|neef|kind"
)
_MY: Final = (
    r"my|our|his|her|their|your|mein(?:e[nmrs]?)?|unser(?:e[nmrs]?)?|sein(?:e[nmr]?)?|ihr(?:e[nmr]?)?|mon|ma|mes|"
    r"notre|son|sa|"
    r"mi|mis|su|nuestr[oa]|mio|mia|meu|minha|nosso|nossa|seu|sua|il mio|la mia|nostr[oa]|suo|sua|mijn|onze|ons|zijn|"
    r"haar"
)
_ACQUAINTANCE_BEFORE: Final = re.compile(
    rf"(?<!\w)(?:{_MY}) (?:\w+[ -]){{0,2}}(?:{_KIN})(?: (?:is|named|called|namens|ist|heisst|est|es|e|is))?[,:]? \Z"
)
_ACQUAINTANCE_NEAR: Final = re.compile(
    rf"(?<!\w)(?:my|our|mein\w{{0,2}}|unser\w{{0,2}}|mon|ma|mes|notre|mi|mis|nuestr[oa]|mi[oa]|meu|minha|noss[oa]|"
    rf"mijn|onze|ons) (?:\w+[ -]){{0,2}}(?:{_KIN})(?!\w)"
)
_BORDER: Final = re.compile(r"[,;.]")
_ACQUAINTANCE_AFTER: Final = re.compile(
    rf"\A,? ?(?:(?:who|die|qui|que|che) )?(?:(?:is|was|ist|war|est|es|e|"
    rf"was) )?(?:{_MY}) (?:\w+[ -]){{0,2}}(?:{_KIN})(?!\w)"
    r"|\A from (?:work|school|my|the office|accounting|hr|next door|church|class)(?!\w)"
)
_INTRODUCED: Final = re.compile(
    r"(?<!\w)(?:(?:her|his|their|my|your) (?:full |real |last |first )?name is|my name's|(?<!character )name:|i am|"
    r"i'm|this is|"
    r"named after me|"
    r"ich hei(?:ss|s)e|(?:sie|er) hei(?:ss|s)t|mein name ist|(?:ihr|sein) name ist|ich bin|"
    r"je m'appelle|(?:elle|il) s'appelle|(?:son|mon) nom est|me llamo|se llama|(?:su|mi) nombre es|mi chiamo|"
    r"si chiama|"
    r"il (?:suo|mio) nome e|(?:o )?(?:meu|seu) nome e|(?:eu )?me chamo|chama-se|ik heet|(?:zij|hij|ze) heet|"
    r"mijn naam is|(?:haar|zijn) naam is|full name|real name|patient|customer|employee|student|suspect|"
    r"client)[:,]? \Z"
)
_TITLE: Final = re.compile(
    r"(?<!\w)(?:mr|mrs|ms|miss|mx|dr|prof|herrn?|frau|fraulein|m\.|mme|mlle|monsieur|madame|mademoiselle|sra?|srta|"
    r"senora?|senorita|"
    r"don|dona|sig|sigra|signora?|signorina|dhr|mevr|mevrouw|meneer|nurse|officer|coach)\.? \Z"
)
_LIKENESS: Final = re.compile(
    r"(?<!\w)(?:(?:photo(?:graph)?s?|pictures?|pics?|snapshots?|selfies?|headshots?|mugshots?|face|nudes?|video|"
    r"deepfakes?|likeness|body|foto|fotos|fotografie|gesicht|visage|cara|"
    r"volto|viso|rosto|gezicht) (?:of|with|von|mit|de|du|con|di|com|van|met)"
    r"|looks? (?:exactly |just )?like|looking like|resembl(?:es|ing)|lookalike of|sieht aus wie|ressemble a|"
    r"se parece a|parece-se com|somiglia a|lijkt op|naked|nude|undressed|nackt|nue?|desnud[oa]|nud[oa]|naakt) "
    r"(?:(?:the|a|young|old|real|actual) ){0,2}\Z"
)
_NO_UNIT: Final = (
    r"(?!(?:mm|cm|k|x|years?|year-old|yo|px|mp|degrees?|people|persons?|men|women|girls?|boys?|cats?|dogs?) )"
)
_STREET: Final = re.compile(
    rf"(?<![\w.:])\d{{1,5}}[a-d]?,? {_NO_UNIT}(?:(?:[\w.'-]+ ){{1,3}}?(?:st|street|road|rd|ave|avenue|blvd|"
    rf"boulevard|highway|hwy)"
    r"|(?:[\w.'-]+ ){1,2}?(?:lane|ln|drive|dr|court|ct|way|place|square|sq|terrace|close|crescent|row))"
    r"(?!\w| (?:photo|art|style|view|scene|lamp|light|fashion|wear|food|vendor|market|corner|cafe|up|shot))"
    r"|\w{3,}(?:strasse|str\.|weg|gasse|platz|allee|ufer|damm|straat|laan|plein|gracht|kade|singel) ?\d{1,4}(?!\d)"
    r"|(?<!\w)(?:am|an der|im|auf der) \w{3,20} \d{1,3}[a-z]?, ?\d{5}(?!\d)"
    r"|(?<!\d)\d{1,4},? (?:bis |ter )?(?:rue|avenue|bd|boulevard|place|chemin|impasse|allee|quai|route|cours) (?:de|"
    r"du|des|d')"
    r"|(?<!\d)\d{1,4},? (?:bis |ter )?(?:rue|bd|chemin|impasse)(?!\w)"
    r"|(?<!\w)(?:calle|c/|avenida|av\.|paseo|plaza|via|viale|piazza|corso|vicolo|rua|travessa|estrada) "
    r"(?:[a-z.'-]+ ){0,4}[a-z.'-]{3,},? (?:n[o.]* ?)?\d{1,3}(?!\d)"
    r"|(?<!\w)(?:home address|p\.?o\.? box|zip code|postcode|adresse|direccion|indirizzo)(?!\w)"
)
_LIVES_AFTER: Final = re.compile(
    r"\A,? ?(?:(?:who|which|qui|que|che|die) )?(?:is |est )?(?:(?:lives?|living|lived|resid(?:es|ing|ent)) (?:at|in|"
    r"on|near|next)"
    r"|wohnt|wohnhaft|habite|domiciliee?|vive (?:en|a|in|na|no)|abita|residente|mora (?:em|na|no)|reside|woont)(?!\w)"
)
_E_MAIL: Final = re.compile(r"[\w.+-]{1,64} ?(?:@|\[at\]|\(at\)) ?[\w-]{1,63}\.\w{2,}|<(?:email_address|phone_number)")
_CONTACT_WORD: Final = re.compile(
    r"(?<!\w)(?:phone|tel|telephone|mobile|cell|whatsapp|call (?:me|him|her|us)|e-?mail|instagram|insta|snapchat|"
    r"facebook|tiktok|telefon|"
    r"handy|telephone|portable|telefono|movil|cellulare|telefone|celular|telefoon|mobiel)(?:(?: number)?:| (?:is|at|"
    r"number|no)| \+?\d)"
)
_IDENTIFIER: Final = re.compile(
    r"(?<!\w)(?:ssn|social security|passport|driver'?s licen[cs]e|licen[cs]e plate|national id|id (?:card|number|"
    r"no)|dob|"
    r"date of birth|born (?:on|in \d)|iban|account (?:number|no)|patient id|employee id|student id|case no|"
    r"geboren am|geburtsdatum|geb\.|ausweis|personalausweis|reisepass|steuer-?id|nee? le \d|date de naissance|"
    r"passeport|"
    r"nacid[oa] el|fecha de nacimiento|pasaporte|dni|nat[oa] il|data di nascita|codice fiscale|passaporto|"
    r"nascid[oa] em|data de nascimento|cpf|passaporte|geboren op|geboortedatum|paspoort|bsn)(?!\w)"
)
_AGE_AFTER: Final = re.compile(
    r"\A,? ?\(?(?:(?:aged?|alter|alt|age de|edad|eta|idade|leeftijd):? ?\d{1,2}(?!\d)"
    r"|\d{1,2} ?(?:years? old|yo|y/o|jahre|ans|anos|anni|jaar)(?!\w)|[1-9]\d(?=[,.] ))"
)
_DIGITS: Final = re.compile(r"\+?\d(?:[ ().-]{0,2}\d){6,}")
_INVERTED: Final = re.compile(r"\A[\w'-]+(?: [\w'-]+)?, ?[\w'-]+(?: [\w'.-]+)?\Z")


def private_cues(before: str, name: str, after: str) -> Iterator[PrivateCue]:
    """What speaks for a private person in a name and up to 200 characters on either side."""
    if _ACQUAINTANCE_BEFORE.search(before[-100:]) or _ACQUAINTANCE_AFTER.match(after):
        yield PrivateCue.ACQUAINTANCE
    if _INTRODUCED.search(before[-60:]):
        yield PrivateCue.INTRODUCED
    if _INVERTED.match(name):
        yield PrivateCue.SURNAME_FIRST
    if _TITLE.search(before[-20:]):
        yield PrivateCue.TITLE
    if _LIKENESS.search(before[-80:]):
        yield PrivateCue.LIKENESS
    yield from _beside(before, after)


def _beside(before: str, after: str) -> Iterator[PrivateCue]:
    """Data of a person near the name: before it, or after it."""
    sides = (before[-100:], after[:100])
    if any(map(_STREET.search, sides)) or _LIVES_AFTER.match(after):
        yield PrivateCue.ADDRESS
    if any(_E_MAIL.search(side) or _CONTACT_WORD.search(side) or _has_phone(side) for side in sides):
        yield PrivateCue.CONTACT
    if any(map(_IDENTIFIER.search, sides)) or _AGE_AFTER.match(after):
        yield PrivateCue.IDENTIFIER


def _has_phone(side: str) -> bool:
    """Whether seven digits or more stand there that are no seed, size or hash."""
    digits = _DIGITS.search(side)
    if digits is None:
        return False
    return not any(token.start < digits.end() and digits.start() < token.end for token in technical_tokens(side))


def acquaintance_near(before: str, after: str) -> bool:
    """Whether an acquaintance is spoken of in the same tag or clause: "a drawing of my daughter by …"."""
    sides = (_BORDER.split(before[-100:])[-1], _BORDER.split(after[:60])[0])
    return any(map(_ACQUAINTANCE_NEAR.search, sides))
