"""What stands in the slots of the grammar: people, places, firms, handles and dates, each with its label."""

import random
from collections.abc import Callable, Mapping, Sequence

from models.training import invented
from models.training.grammar import Piece, Slot, Split, of_split
from models.training.pools import Pool

MIXED = 0.2
"""How often a name or place comes from another locale than the rest of its text."""

Draw = Callable[[], str]

_PERSON = "PERSON"
_ADDRESS = "ADDRESS"
_LOCATION = "LOCATION"


class Draws:
    """The slots for one text after another; `turn` before each text.

    Args:
        pools: one for each locale.
        weights: how often each is drawn.
        lists: further names by list name (`data/*.txt`), of every split.
        split: whose entries are used.
        chance: draws everything.
    """

    def __init__(
        self,
        pools: Sequence[Pool],
        weights: Sequence[int],
        lists: Mapping[str, Sequence[str]],
        split: Split,
        chance: random.Random,
    ) -> None:
        self._pools = pools
        self._weights = weights
        self._chance = chance
        self._lists = {name: of_split(entries, split) for name, entries in lists.items() if "." not in name}
        self._titles = {name: list(entries) for name, entries in lists.items() if "." in name}
        self._pool = pools[0]
        self._again: dict[str, str] = {}
        self.slots: Mapping[str, Slot] = self._people() | self._places() | self._rest()

    def turn(self, locale: str = "") -> str:
        """Begins a text; draws its locale (of those that begin with `locale`) and answers with its name."""
        fit = [(pool, weight) for pool, weight in zip(self._pools, self._weights, strict=True)]
        if locale:
            fit = [(pool, weight) for pool, weight in fit if pool.locale.startswith(locale)]
        self._pool = self._chance.choices([pool for pool, _ in fit], [weight for _, weight in fit])[0]
        self._again = {}
        return self._pool.locale

    def _one(self, name: str) -> str:
        return self._chance.choice(self._lists[name])

    def _any_pool(self) -> Pool:
        if self._chance.random() < MIXED:
            return self._chance.choices(self._pools, self._weights)[0]
        return self._pool

    def _people(self) -> dict[str, Slot]:
        labelled = {
            "person": self._person,
            "first": self._first,
            "last": self._last,
            "full": self._full,
            "namesake": lambda: f"{self._one('wordlike_first')} {self._one('wordlike_last')}",
            "titled": self._titled,
            "initials": self._initials,
            "surname_first": self._surname_first,
            "nick": lambda: self._one("nickname"),
            "celebrity": lambda: self._one("celebrity"),
        }
        slots: dict[str, Slot] = {name: self._labelled(draw, _PERSON) for name, draw in labelled.items()}
        slots["artist"] = lambda: [Piece(self._one("artist"), _PERSON, style=True)]
        slots["private_artist"] = lambda: [Piece(self._full(), _PERSON, style=True)]
        slots["same_first"] = lambda: [Piece(self._remembered("first", self._first), _PERSON)]
        slots["same_last"] = lambda: [Piece(self._remembered("last", self._last), _PERSON)]
        return slots

    @staticmethod
    def _labelled(draw: Draw, label: str | None) -> Slot:
        return lambda: [Piece(draw(), label)]

    def _remembered(self, part: str, draw: Draw) -> str:
        return self._again.get(part) or draw()

    def _first(self) -> str:
        chance, pool = self._chance, self._any_pool()
        if chance.random() < 0.12:
            return self._one("nickname")
        first = chance.choice(pool.first)
        self._again["first"] = first
        return first

    def _last(self) -> str:
        chance, pool = self._chance, self._any_pool()
        kind = chance.random()
        if kind < 0.06:
            last = invented.coined_surname(chance, self._lists["surname_head"], self._lists["surname_tail"])
        elif kind < 0.1:
            last = f"{chance.choice(pool.last)}-{chance.choice(pool.last)}"
        else:
            last = chance.choice(pool.last)
        self._again["last"] = last
        return last

    def _full(self) -> str:
        chance = self._chance
        first, last = self._first(), self._last()
        kind = chance.random()
        if kind < 0.07:
            return f"{first} {chance.choice('ABCDEFGHJKLMNPRSTVW')}. {last}"
        if kind < 0.12:
            return f"{first} {chance.choice(self._pool.first)} {last}"
        if kind < 0.15 and self._pool.locale in {"zh", "ja", "ko", "hu_HU", "vi_VN"}:
            return f"{last} {first}"
        if kind < 0.18:
            return f"{first} {last} {chance.choice(self._titles['title.after'])}"
        return f"{first} {last}"

    def _titled(self) -> str:
        title = self._chance.choice(self._titles["title.before"])
        return f"{title} {self._full() if self._chance.random() < 0.5 else self._last()}"

    def _initials(self) -> str:
        chance = self._chance
        letters = chance.choices("ABCDEFGHIJKLMNOPRSTW", k=2)
        return chance.choice(
            (
                f"{letters[0]}. {self._last()}",
                f"{letters[0]}.{letters[1]}. {self._last()}",
                f"{self._first()} {letters[1]}.",
            )
        )

    def _surname_first(self) -> str:
        comma = self._chance.choice((", ", ", ", ", ", ","))
        middle = f" {self._chance.choice('ABCDEFGHJKLMRST')}." if self._chance.random() < 0.2 else ""
        return f"{self._last()}{comma}{self._first()}{middle}"

    def _person(self) -> str:
        kind = self._chance.random()
        if kind < 0.58:
            return self._full()
        if kind < 0.78:
            return self._first()
        return self._last() if kind < 0.84 else self._titled() if kind < 0.94 else self._initials()

    def _places(self) -> dict[str, Slot]:
        return {
            "city": self._labelled(self._city, _LOCATION),
            "region": self._labelled(self._region, _LOCATION),
            "country": self._labelled(lambda: self._one("country"), _LOCATION),
            "place": self._labelled(self._place, _LOCATION),
            "street": self._labelled(self._street, _ADDRESS),
            "street_name": self._labelled(lambda: self._chance.choice(self._any_pool().street_names), _ADDRESS),
            "address": self._labelled(self._address, _ADDRESS),
            "corner": self._labelled(self._corner, _ADDRESS),
            "unit": self._labelled(lambda: invented.unit(self._chance), _ADDRESS),
            "postcode": self._labelled(self._postcode, _ADDRESS),
        }

    def _city(self) -> str:
        city = self._chance.choice(self._any_pool().cities)
        return city.upper() if self._chance.random() < 0.05 else city

    def _region(self) -> str:
        return self._chance.choice(self._pool.regions or self._lists["country"])

    def _place(self) -> str:
        kind = self._chance.random()
        if kind < 0.55:
            return self._city()
        return self._one("country") if kind < 0.85 else self._one("geography")

    def _postcode(self) -> str:
        return invented.postcode(self._chance, self._chance.choice(self._any_pool().postcodes))

    def _street(self) -> str:
        chance, pool = self._chance, self._any_pool()
        street = chance.choice(pool.streets)
        kind = chance.random()
        if kind < 0.12:
            return f"{chance.randint(1, 99):02d} {street}"
        if kind < 0.2:
            return f"{chance.randint(1, 999)} {chance.choice(pool.street_names)}"
        if kind < 0.28:
            return f"{street} {invented.unit(chance)}"
        return (
            f"{chance.choice(('P.O. Box', 'PO Box', 'p.o. box'))} {chance.randint(10, 9999)}" if kind < 0.31 else street
        )

    def _corner(self) -> str:
        chance, pool = self._chance, self._any_pool()
        roads = [chance.choice((*pool.street_names, chance.choice(pool.streets))) for _ in range(2)]
        roads = [f"{self._last()} Street" if chance.random() < 0.3 else road for road in roads]
        before = chance.choice(("the corner of ", "corner of ", ""))
        return f"{before}{roads[0]} {chance.choice(('and', '&', 'and'))} {roads[1]}"

    def _address(self) -> str:
        """One postal address as a sentence holds it, up to the country; on one line or on several."""
        chance = self._chance
        kind = chance.random()
        if kind < 0.1:
            return invented.military(chance, self._last())
        if kind < 0.18:
            return self._corner()
        unit = invented.unit(chance) if chance.random() < 0.45 else ""
        state = chance.choice((self._region(), chance.choice(self._titles["state.code"]), ""))
        country = self._one("country") if chance.random() < 0.55 else ""
        code = self._postcode() if chance.random() < 0.7 else ""
        return invented.postal(chance, self._street(), unit, self._city(), state, country, code)

    def _rest(self) -> dict[str, Slot]:
        chance = self._chance
        plain = {
            "email": lambda: invented.email(chance, self._first(), self._last()),
            "phone": lambda: invented.phone(chance),
            "card": lambda: invented.card(chance),
            "ssn": lambda: invented.ssn(chance),
            "iban": lambda: invented.iban(chance),
            "ip": lambda: invented.ip(chance),
            "url": lambda: invented.url(chance, self._lists["surname_head"]),
            "code": lambda: invented.code(chance),
            "date": lambda: invented.date(chance, 1990, 2026),
            "year": lambda: str(chance.randint(1850, 2026)),
            "clock": lambda: invented.clock(chance),
            "n": lambda: str(chance.randint(2, 30)),
            "age": lambda: str(chance.randint(3, 95)),
            "seed": lambda: str(chance.randint(1, 2**32 - 1)),
            "amount": lambda: invented.amount(chance),
        }
        slots: dict[str, Slot] = {name: self._labelled(draw, None) for name, draw in plain.items()}
        slots["lb"], slots["rb"] = (lambda: [Piece("{")]), (lambda: [Piece("}")])
        slots["org"] = self._labelled(self._organisation, "ORGANIZATION")
        slots["user"] = self._labelled(
            lambda: invented.handle(chance, self._first(), self._last(), self._titles["handle.word"]), "USERNAME"
        )
        slots["dob"] = self._labelled(lambda: invented.date(chance, 1925, 2018), "DATE_OF_BIRTH")
        return slots

    def _organisation(self) -> str:
        kind = self._chance.random()
        if kind < 0.3:
            return self._one("organisation")
        if kind < 0.5:
            return f"{self._one('firm_head')} {self._one('firm_tail')}"
        return self._chance.choice(self._any_pool().companies)
