"""Pictures by reference for the oracle: what is sent points at an object, what is released is read as if inline.

So the oracle asks of both the same: one verdict, no face, no original, every allowed byte as it was.
"""

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import Message

from filters.records import ContentKind
from streams.topics import TopicNames
from tests.support.house import House
from tests.support.kafka_io import Headers, Incoming, Outgoing, produce
from tests.support.material import Case
from tests.support.objects import S3Server
from tests.support.oracle import Input, output_topics
from tests.support.tail import TopicTail

CLAIMING = ("binary", "structured", "json")
MAPPING = json.dumps({"json": {"reference": "/image_url", "media_type": "/image_type"}})
"""For `images.mapping`."""
_ATTRIBUTES = ("dataref", "datarefsha256", "datarefsize")


class Shelf:
    """Where originals lie and releases go: a bucket and a folder.

    Args:
        server: an S3 with `bucket`.
        folder: for `file://`.
        released: the prefix of releases; a folder of the bucket where absent.
    """

    def __init__(self, server: S3Server, bucket: str, folder: Path, released: str | None = None) -> None:
        self._server = server
        self._bucket = bucket
        self._folder = folder
        self.released = released or f"s3://{bucket}/out/"

    def settings(self, endpoint: str | None = None, timeout: float = 5.0) -> dict[str, str]:
        """For a worker."""
        return {
            "IMAGES__MAPPING": MAPPING,
            "OBJECTS__ALLOWED": json.dumps([f"s3://{self._bucket}/in/", f"file://{self._folder}/in/"]),
            "OBJECTS__RELEASED": self.released,
            "OBJECTS__ENDPOINT": endpoint or self._server.endpoint,
            "OBJECTS__REGION": "us-east-1",
            "OBJECTS__TIMEOUT_SECONDS": str(timeout),
        }

    def store(self, scheme: str, name: str, data: bytes) -> str:
        """Write an original; its URL."""
        if scheme == "s3":
            return self._server.write(self._bucket, f"in/{name}", data)
        path = self._folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"file://{path}"

    def load(self, url: str) -> bytes:
        """An object's content."""
        scheme, _, place = url.partition("://")
        if scheme == "s3":
            return self._server.read(*place.split("/", 1))
        return Path(place).read_bytes()

    def releases(self) -> set[str]:
        """The URLs of all objects under the released prefix."""
        if self.released.startswith("s3://"):
            keys = self._server.keys(self._bucket)
            return {url for url in (f"s3://{self._bucket}/{key}" for key in keys) if url.startswith(self.released)}
        folder = Path(self.released.removeprefix("file://"))
        return {f"file://{path}" for path in folder.rglob("*") if path.is_file()} if folder.exists() else set()


@dataclasses.dataclass(frozen=True, slots=True)
class Claimed:
    """A picture that is sent by reference.

    `case` is the same picture inline; `url` is where it lies; `said` overrides attributes, None leaves one out.
    """

    case: Case
    url: str
    said: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def to(self, topic: str) -> Outgoing:
        """The record to produce."""
        value, headers = _referring(self.case, self.url, self.said)
        return Outgoing(topic, value, self.case.key, headers)


def claimed(shelf: Shelf, case: Case, scheme: str, **said: Any) -> Claimed:
    """Put an inline case's picture on the shelf, under a name that no output may hold."""
    data = encoded(case)
    name = f"{case.tenant}/original-{case.request_id}-{hashlib.sha256(data).hexdigest()[:8]}.bin"
    url = shelf.store(scheme, name, data)
    return Claimed(dataclasses.replace(case, private=(*case.private, name)), url, said)


def encoded(case: Case) -> bytes:
    """The picture's file."""
    if case.envelope == "binary":
        return case.value
    document = json.loads(case.value)
    return base64.b64decode(document.get("data_base64") or document["image"].partition(",")[2])


def send_all(house: House, given: Iterable[Claimed | Case]) -> list[Input]:
    """Produce; the inputs are inline cases, for the oracle."""
    given = list(given)
    places = produce(house.bootstrap, [each.to(house.topics.images) for each in given])
    cases = [each.case if isinstance(each, Claimed) else each for each in given]
    return [Input(place, case) for place, case in zip(places, cases, strict=True)]


def _referring(case: Case, url: str, overrides: Mapping[str, Any]) -> tuple[bytes | None, Headers]:
    data = encoded(case)
    said = {"dataref": url, "datarefsha256": hashlib.sha256(data).hexdigest(), "datarefsize": len(data), **overrides}
    said = {name: value for name, value in said.items() if value is not None}
    if case.envelope == "binary":
        return None, (*case.headers, *((f"ce_{name}", str(value).encode()) for name, value in said.items()))
    document = json.loads(case.value)
    if case.envelope == "structured":
        del document["data_base64"]
        return json.dumps(document | said).encode(), case.headers
    media_type = document.pop("image").partition(";")[0].removeprefix("data:")
    renamed = {name.replace("dataref", "image_") if name != "dataref" else "image_url": said[name] for name in said}
    return json.dumps(document | renamed | {"image_type": media_type}).encode(), case.headers


class ResolvingTail(TopicTail):
    """A tail of all that workers write, with released references read as inline images.

    Raises, while reading:
        AssertionError: a release points elsewhere, or at an object that is not what the record says.
    """

    def __init__(self, bootstrap: str, topics: TopicNames, shelf: Shelf) -> None:
        super().__init__(bootstrap, output_topics(topics))
        self._released_topic = topics.images_released
        self._shelf = shelf
        self.raw: list[Incoming] = []
        self.pointed_at: dict[bytes, set[str]] = {}
        """URLs of releases, by the position of their input."""

    def _take(self, message: Message) -> Incoming | None:
        record = super()._take(message)
        if record is None:
            return None
        self.raw.append(record)
        return self._resolved(record) if record.topic == self._released_topic else record

    def _resolved(self, record: Incoming) -> Incoming:
        if record.header("ce_dataref") is not None:
            said = [(record.header(f"ce_{name}") or b"").decode() for name in _ATTRIBUTES]
            assert not record.value
            kept = tuple(item for item in record.headers if item[0] not in {f"ce_{name}" for name in _ATTRIBUTES})
            return dataclasses.replace(record, value=self._object(record, *said), headers=kept)
        document = _document(record.value)
        if "dataref" in document:
            data = self._object(record, *(document.pop(name) for name in _ATTRIBUTES))
            return _with_document(record, document | {"data_base64": base64.b64encode(data).decode()})
        if "image_url" in document:
            data = self._object(record, *(document.pop(f"image_{name}") for name in ("url", "sha256", "size")))
            text = base64.b64encode(data).decode()
            return _with_document(record, document | {"image": f"data:{document.pop('image_type')};base64,{text}"})
        return record

    def _object(self, record: Incoming, url: str, sha256: str, size: str | int) -> bytes:
        assert url.startswith(self._shelf.released), "a release points elsewhere"
        data = self._shelf.load(url)
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, int(size)), "a release says what is not so"
        self.pointed_at.setdefault(record.header("veilstream-source-offset") or b"", set()).add(url)
        return data

    def names(self, wanted: Callable[[bytes], bool]) -> list[Incoming]:
        """Outputs, of any topic, with a key, value or header that is `wanted`."""
        return [record for record in self.raw if any(map(wanted, _parts(record)))]


def _parts(record: Incoming) -> list[bytes]:
    headers = [part for name, value in record.headers for part in (name.encode(), value or b"")]
    return [record.key or b"", record.value or b"", *headers]


def _document(value: bytes | None) -> dict[str, Any]:
    if not (value or b"").startswith(b"{"):
        return {}
    document: dict[str, Any] = json.loads(value or b"{}")
    return document


def _with_document(record: Incoming, document: Mapping[str, Any]) -> Incoming:
    return dataclasses.replace(record, value=json.dumps(document, ensure_ascii=False).encode())


def only_claiming(cases: Iterable[Case]) -> list[Case]:
    """The cases whose envelope can hold a reference."""
    return [case for case in cases if case.kind is ContentKind.IMAGE and case.envelope in CLAIMING]
