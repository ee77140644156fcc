"""Message headers as Kafka carries them: ordered, repeatable, any bytes or none."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from filters.errors import MessageError

HeaderItems = tuple[tuple[str, bytes | None], ...]

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_ASCII_COMPATIBLE = ("utf-8", "utf8", "us-ascii", "ascii")


class Headers:
    """Headers looked up without regard to case, and changed in place; what is not touched keeps bytes and order."""

    def __init__(self, items: Iterable[tuple[str, bytes | None]]) -> None:
        self.items: HeaderItems = tuple(items)

    def get(self, name: str) -> bytes | None:
        """The value of the one header `name`; None where it is absent or null.

        Raises:
            MessageError: there are several, and readers differ in which one they take.
        """
        wanted = name.lower()
        values = [value for key, value in self.items if key.lower() == wanted]
        if len(values) > 1:
            raise MessageError(
                f"a header that the mapping reads is given {len(values)} times", reason="duplicate_header"
            )
        return values[0] if values else None

    def with_value(self, name: str, value: bytes) -> "Headers":
        """The header `name` changed where it stands, or appended."""
        wanted = name.lower()
        if all(key.lower() != wanted for key, _ in self.items):
            return Headers((*self.items, (name, value)))
        return Headers((key, value if key.lower() == wanted else old) for key, old in self.items)

    def without_prefix(self, prefix: str) -> "Headers":
        """Without the headers whose names begin with `prefix` (lower case)."""
        return Headers(item for item in self.items if not item[0].lower().startswith(prefix))


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type without its parameters, in lower case."""

    name: str

    @property
    def is_json(self) -> bool:
        return self.name == "application/json" or self.name.endswith("+json")


def parse_media_type(declared: bytes | None) -> MediaType | None:
    """The declared type; None where it is absent, empty, or the `application/octet-stream` that declares nothing.

    Raises:
        MessageError: it is no media type, or it declares a charset in which UTF-8 would read as something else.
    """
    name, _, parameters = (declared or b"").decode("latin-1").lower().partition(";")
    name = name.strip()
    if name in ("", "application/octet-stream"):
        return None
    if not _MEDIA_TYPE.fullmatch(name):
        raise MessageError("the declared media type is malformed", reason="invalid_media_type")
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip() == "charset" and value.strip(' \t"') not in _ASCII_COMPATIBLE:
            raise MessageError("text must be UTF-8, and another charset is declared", reason="unsupported_charset")
    return MediaType(name)
