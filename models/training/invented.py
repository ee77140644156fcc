"""Invented numbers, dates and codes in the forms in which people write them; they are anybody's by accident only."""

import random
import re
import unicodedata
from collections.abc import Sequence

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def pattern(chance: random.Random, form: str) -> str:
    """`#` becomes a digit, `?` a capital letter, `%` a digit other than 0."""
    draws = {"#": "0123456789", "?": "ABCDEFGHJKLMNPRSTUVWXYZ", "%": "123456789"}
    return "".join(chance.choice(draws[sign]) if sign in draws else sign for sign in form)


def phone(chance: random.Random) -> str:
    """In national and international forms."""
    forms = (
        "(%##) ###-####", "%##-###-####", "%##.###.####", "+1-%##-###-####", "001-%##-###-####x####", "+44 7### ######",
        "020 #### ####", "+49 1## #######", "0%# ## ## ## ##", "+33 6 ## ## ## ##", "+34 6## ### ###",
        "+39 3## #######",
        "06-########", "+91 %#### #####", "## ## ## ##", "%######### ", "0## ### ## ##", "+81 3-####-####",
    )  # fmt: skip
    return pattern(chance, chance.choice(forms)).strip()


def card(chance: random.Random) -> str:
    """Of the length of a card number; its checksum is left to chance."""
    return pattern(
        chance, chance.choice(("4###############", "4### #### #### ####", "5###-####-####-####", "3#############"))
    )


def ssn(chance: random.Random) -> str:
    """Of the form of a social security number."""
    return pattern(chance, chance.choice(("%##-##-####", "%##-##-####", "%########", "%## ## ####")))


def iban(chance: random.Random) -> str:
    """Of the form of an account number."""
    return pattern(
        chance, chance.choice(("DE## #### #### #### #### ##", "GB##????##############", "FR##########################"))
    )


def ip(chance: random.Random) -> str:
    """A dotted quad."""
    return ".".join(str(chance.randint(1, 254)) for _ in range(4))


def url(chance: random.Random, words: Sequence[str]) -> str:
    """An address of a page."""
    host = f"{chance.choice(words)}{chance.choice(words)}".lower()
    start = chance.choice(("http://", "https://", "https://www.", "www."))
    end = chance.choice(("com", "org", "net", "de", "fr", "co.uk", "io"))
    return f"{start}{host}.{end}{chance.choice(('', '/', '/p/' + host))}"


def code(chance: random.Random) -> str:
    """A number of an order, a ticket or a licence."""
    return pattern(chance, chance.choice(("??-#####", "#####", "?#######", "INV-####", "#%###-???", "#%######")))


def amount(chance: random.Random) -> str:
    """A sum of money."""
    return f"{chance.choice('$€£')}{chance.randint(3, 9000)}{chance.choice(('', '.00', '.50', ',000'))}"


def clock(chance: random.Random) -> str:
    """A time of day."""
    return chance.choice(
        (
            f"{chance.randint(1, 12)}:{chance.randint(0, 59):02d} {chance.choice(('am', 'pm'))}",
            f"{chance.randint(1, 12)}pm",
        )
    )


def date(chance: random.Random, earliest: int, latest: int) -> str:
    """A day in one of the usual forms."""
    year, month, day = chance.randint(earliest, latest), chance.randint(1, 12), chance.randint(1, 28)
    name = _MONTHS[month - 1]
    ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
    return chance.choice(
        (
            f"{month}/{day}/{year}", f"{day:02d}/{month:02d}/{year}", f"{day}.{month}.{year}",
            f"{day:02d}.{month:02d}.{year}",
            f"{year}-{month:02d}-{day:02d}", f"{name} {day}, {year}", f"{day} {name} {year}",
            f"{name[:3]} {day} {year}",
            f"{day:02d}-{month:02d}-{year}", f"{name} {day}{ending}, {year}", f"the {day}{ending} of {name} {year}",
            f"{month:02d}/{day:02d}/{year % 100:02d}", f"{day} {name[:3]} {year}",
        )
    )  # fmt: skip


def unit(chance: random.Random) -> str:
    """A flat or an office."""
    return chance.choice(
        (
            f"Apt. {chance.randint(1, 999)}", f"Suite {chance.randint(1, 999):03d}", f"Apt {chance.randint(1, 99)}",
            f"Apt {chance.randint(1, 30)}{chance.choice('ABCD')}", f"Unit {chance.randint(1, 60)}",
            f"Flat {chance.randint(1, 40)}", f"Apt. {chance.randint(100, 999)}", f"Suite {chance.randint(100, 999)}",
            f"#{chance.randint(1, 400)}", f"{chance.randint(2, 9)}th floor",
        )
    )  # fmt: skip


def postcode(chance: random.Random, local: str) -> str:
    """The local form, or five digits."""
    return pattern(chance, "#####") if chance.random() < 0.4 else local


def military(chance: random.Random, name: str) -> str:
    """An address of the American forces abroad."""
    end = pattern(chance, f"{chance.choice(('AA', 'AE', 'AP'))} #####")
    return chance.choice(
        (
            pattern(chance, "Unit #### Box ####") + f"\nDPO {end}",
            pattern(chance, "PSC ####, Box ####") + f"\nAPO {end}",
            f"USS {name}\nFPO {end}",
            f"USNS {name}, FPO {end}",
        )
    )


def postal(chance: random.Random, street: str, unit_: str, city: str, state: str, country: str, zip_: str) -> str:
    """The parts of an address in one of the usual orders; parts may be empty."""
    line = [street, unit_, city, f"{state} {zip_}".strip(), country]
    kind = chance.random()
    if kind < 0.2:
        parts, glue = [street, unit_, city, f"{country} {zip_}".strip()], "\n"
    elif kind < 0.3:
        parts, glue = (
            [f"{street} {unit_}".strip(), f"{city}{', ' if state else ' '}{state} {zip_}".strip(), country],
            "\n",
        )
    elif kind < 0.4:
        parts, glue = [street, unit_, f"{zip_} {city}".strip(), country], "\n"
    elif kind < 0.5:
        parts, glue = (
            [street, city, state, f"{country} {zip_}".strip()],
            "\n",
        )
    elif kind < 0.7:
        parts, glue = [f"{street} {unit_}".strip(), city, f"{country or state} {zip_}".strip()], ", "
    elif kind < 0.8:
        parts, glue = [street, unit_, f"{zip_} {city}".strip(), country], ", "
    elif kind < 0.9:
        parts, glue = [street, unit_, city, state, country, zip_], " "
    else:
        parts, glue = line, ", "
    return glue.join(part for part in parts if part.strip())


def plain(word: str) -> str:
    """Small ASCII letters and digits of a word; empty where it has none."""
    letters = unicodedata.normalize("NFKD", word.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", letters)


def email(chance: random.Random, first: str, last: str) -> str:
    """An address made of a name."""
    one, two = plain(first) or "mail", plain(last) or "box"
    local = chance.choice(
        (f"{one}.{two}", f"{one}{two}", f"{one[0]}{two}", f"{one}_{chance.randint(1, 99)}", f"{two}{one[0]}")
    )
    host = chance.choice(
        ("gmail.com", "yahoo.com", "example.org", "web.de", "hotmail.fr", "mail.ru", f"{two}.com", "rhyme.hu")
    )
    return f"{local}@{host}"


def handle(chance: random.Random, first: str, last: str, words: Sequence[str]) -> str:
    """A user name, now and then with the mark before it."""
    one, two, word = plain(first) or "kim", plain(last) or "lee", chance.choice(words)
    forms = (
        f"{one}{two}", f"{one}_{two}", f"{one}.{two}{chance.randint(1, 99)}", f"{one}{chance.randint(1950, 2012)}",
        f"{one[0]}{two}", f"{one[0]}{two}{chance.randint(1, 999)}", f"{word}_{one}", f"{word}{chance.randint(1, 9999)}",
        f"{first}{word.title()}", f"x{word}x", f"the_{word}_{two}",
        f"{word}{chance.choice(words)}{chance.randint(0, 99)}",
        f"{one}_xo", f"real{one.title()}{two.title()}", f"{one}__{chance.choice('abcxyz')}",
    )  # fmt: skip
    name = chance.choice(forms).replace(" ", "")
    return chance.choice(
        (name, name, f"@{name}", f"@{name}", f"@{name}", f"u/{name}", f"{name}#{chance.randint(1000, 9999)}")
    )


def coined_surname(chance: random.Random, heads: Sequence[str], tails: Sequence[str]) -> str:
    """A surname that no list holds."""
    return chance.choice(heads) + chance.choice(tails)
