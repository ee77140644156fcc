"""Names, places and companies by locale: Faker's lists, and lists of our own for what Faker writes in other scripts."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from faker import Faker

from models.training.grammar import Split, in_split, of_split

FAKER_LOCALES: Mapping[str, int] = MappingProxyType(
    {
        "en_US": 16,
        "en_GB": 9,
        "en_IN": 4,
        "en_AU": 3,
        "en_CA": 3,
        "en_IE": 2,
        "en_NZ": 2,
        "en_NG": 2,
        "en_KE": 2,
        "de_DE": 5,
        "de_CH": 2,
        "fr_FR": 5,
        "es_ES": 4,
        "es_MX": 3,
        "it_IT": 4,
        "pt_BR": 4,
        "nl_NL": 4,
        "nl_BE": 1,
        "pl_PL": 3,
        "sv_SE": 3,
        "da_DK": 2,
        "no_NO": 2,
        "fi_FI": 2,
        "cs_CZ": 2,
        "hu_HU": 2,
        "tr_TR": 2,
        "ro_RO": 1,
        "hr_HR": 2,
        "sl_SI": 1,
        "et_EE": 1,
        "is_IS": 1,
        "el_GR": 1,
        "yo_NG": 1,
        "zu_ZA": 1,
        "id_ID": 1,
        "fil_PH": 1,
        "vi_VN": 1,
    }
)
"""How often each is drawn, relative to the others."""

OWN_LOCALES: Mapping[str, int] = MappingProxyType(
    {"ja": 2, "zh": 2, "ko": 2, "ar": 3, "fa": 1, "hi": 2, "pa": 1, "af": 2, "ru": 2, "he": 1}
)
"""Romanised, from `data/names.txt`."""

WITHOUT_PLACES = frozenset({"tr_TR", "et_EE", "is_IS", "yo_NG", "en_NG", "en_KE"})
"""Locales for which Faker writes American streets: they borrow addresses of others."""

_DRAWS = 700
_TOWNS = 350


@dataclass(frozen=True, slots=True)
class Pool:
    """What one locale's texts are made from; every list holds entries of one split only.

    Attributes:
        locale: its name, `en_US` or `ja`.
        first, last: given names and surnames.
        streets: a street with its number, as written there.
        street_names: a street without a number.
        cities, regions, postcodes, companies: as written there.
    """

    locale: str
    first: Sequence[str]
    last: Sequence[str]
    streets: Sequence[str]
    street_names: Sequence[str]
    cities: Sequence[str]
    regions: Sequence[str]
    postcodes: Sequence[str]
    companies: Sequence[str]


def faker_pool(locale: str, split: Split, seed: int, own: Mapping[str, Sequence[str]]) -> Pool:
    """A pool of one of `FAKER_LOCALES`; real towns of `own` come on top of those that Faker invents."""
    fake = _faker(locale)
    fake.seed_instance(f"{seed}-{locale}")

    def drawn(method: str, count: int, otherwise: Sequence[str] = ()) -> list[str]:
        draw: Callable[[], str] | None = getattr(fake, method, None)
        if draw is None:
            return list(otherwise)
        return of_split((" ".join(str(draw()).replace("\n", ", ").split()) for _ in range(count)), split)

    places = _faker("en_US" if locale in WITHOUT_PLACES else locale)
    places.seed_instance(f"{seed}-{locale}-places")
    real = of_split(own.get(f"{locale}.city", ()), split)
    cities = [*drawn("city", _TOWNS), *real * (_TOWNS // (2 * len(real)) if real else 0)]
    return Pool(
        locale=locale,
        first=drawn("first_name", _DRAWS),
        last=drawn("last_name", _DRAWS),
        streets=of_split((" ".join(places.street_address().replace("\n", ", ").split()) for _ in range(_DRAWS)), split),
        street_names=of_split((places.street_name() for _ in range(_TOWNS)), split),
        cities=cities,
        regions=drawn("administrative_unit", 60),
        postcodes=[str(places.postcode()) for _ in range(_TOWNS)],
        companies=drawn("company", _TOWNS),
    )


def _faker(locale: str) -> Faker:
    """With Italian towns sorted: Faker lists them out of a set, in another order in every process."""
    fake = Faker(locale)
    for provider in fake.get_providers() if locale == "it_IT" else ():
        if hasattr(provider, "cities"):
            provider.cities = sorted(provider.cities)
    return fake


def own_pool(locale: str, split: Split, seed: int, own: Mapping[str, Sequence[str]]) -> Pool:
    """A pool of one of `OWN_LOCALES`: streets are numbered here."""
    chance = random.Random(f"{seed}-{locale}")  # noqa: S311  a reproducible draw
    roads = of_split(own[f"{locale}.street"], split)
    cities = of_split(own[f"{locale}.city"], split)
    names = own[f"{locale}.last"]
    firms = [f"{name} {end}" for name in names for end in own["company.end"]]
    return Pool(
        locale=locale,
        first=of_split(own[f"{locale}.first"], split),
        last=of_split(names, split),
        streets=[_numbered(chance.choice(roads), chance) for _ in range(_TOWNS)],
        street_names=roads,
        cities=cities,
        regions=cities,
        postcodes=[str(chance.randint(10000, 999999)) for _ in range(_TOWNS)],
        companies=[firm for firm in firms if in_split(firm, split)],
    )


def _numbered(road: str, chance: random.Random) -> str:
    number = chance.randint(1, 240)
    return chance.choice(
        (
            f"{number} {road}",
            f"{number}, {road}",
            f"{road} {number}",
            f"No. {number}, {road}",
            f"Flat {chance.randint(1, 40)}{chance.choice('ABCD')}, {number} {road}",
            f"Villa {chance.randint(1, 90)}, {road}",
            f"{chance.randint(1, 9)}-{chance.randint(1, 30)}-{chance.randint(1, 20)} {road}",
        )
    )


def pools(split: Split, seed: int, own: Mapping[str, Sequence[str]]) -> tuple[list[Pool], list[int]]:
    """Every locale's pool, and how often each is drawn."""
    made = [faker_pool(locale, split, seed, own) for locale in FAKER_LOCALES]
    made += [own_pool(locale, split, seed, own) for locale in OWN_LOCALES]
    return made, [*FAKER_LOCALES.values(), *OWN_LOCALES.values()]
