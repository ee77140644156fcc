"""`C2paSigner`: signs releases by c2pa-python, which is imported here only."""

import importlib
import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

from filters.carried import DIGITAL_SOURCE_TYPES, Carried
from filters.errors import ConfigurationError, RedactionError
from filters.image.formats import ImageFormat

_SOURCE = "source"
_SETTINGS = {"builder": {"thumbnail": {"enabled": False}}}
"""A thumbnail would cost 100 kB and show the same picture once more."""


class C2paSigner:
    """`ReleaseSigner` with a certificate chain and its private key.

    Args:
        chain: PEM, the signer's certificate first.
        private_key: PEM (PKCS #8), without a passphrase.
        algorithm: as C2PA names it: es256, es384, ps256, ed25519, …

    Raises:
        ConfigurationError: c2pa-python is not installed, or nothing can be signed with these.
    """

    def __init__(self, chain: bytes, private_key: bytes, algorithm: str) -> None:
        try:
            self._c2pa: Any = importlib.import_module("c2pa")
        except ImportError:
            raise ConfigurationError(
                "content_credentials: c2pa-python is not installed; install veilstream[credentials]",
                reason="not_installed",
            ) from None
        self._identity = (algorithm.encode(), chain, private_key)
        self._software = {"name": "Veilstream", "version": version("veilstream")}
        self._try_out()

    def sign(self, data: bytes, form: ImageFormat, carried: Carried) -> bytes:
        """See `ReleaseSigner.sign`."""
        c2pa, target = self._c2pa, io.BytesIO()
        manifest = json.dumps(_manifest(self._software, form, carried))
        try:
            with (
                c2pa.Signer.from_info(c2pa.C2paSignerInfo(*self._identity, None)) as signer,
                c2pa.Context(c2pa.Settings.from_dict(_SETTINGS)) as context,
                c2pa.Builder(manifest, context) as builder,
            ):
                builder.sign(signer, form.value, io.BytesIO(data), target)
        except c2pa.C2paError:
            raise RedactionError("the release could not be signed", reason="unsigned") from None
        return target.getvalue()

    def _try_out(self) -> None:
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "PNG")
        try:
            self.sign(file.getvalue(), ImageFormat.PNG, Carried())
        except RedactionError:
            raise ConfigurationError(
                "content_credentials: nothing can be signed with this certificate and key; the chain has to be valid "
                "today, be the key's, suit `algorithm` and be made for C2PA signing",
                reason="certificate",
            ) from None


def signer_from_files(certificate: Path, private_key: Path, algorithm: str) -> C2paSigner:
    """The signer whose chain and key lie in two PEM files.

    Raises:
        ConfigurationError: a file cannot be read; besides, as `C2paSigner`.
    """
    try:
        chain, key = certificate.read_bytes(), private_key.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"content_credentials: {error.filename} cannot be read: {error.strerror}", reason="certificate"
        ) from None
    return C2paSigner(chain, key, algorithm)


def _manifest(software: dict[str, str], form: ImageFormat, carried: Carried) -> dict[str, Any]:
    """That the picture was opened, edited and redacted, with C2PA's reason for personal data; or that its metadata
    were edited, where no more was done.
    """
    opened: dict[str, Any] = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_SOURCE]}}
    if carried.digital_source_type:
        opened["digitalSourceType"] = DIGITAL_SOURCE_TYPES + carried.digital_source_type
    done: list[dict[str, str]] = [{"action": "c2pa.edited.metadata"}]
    if carried.covered:
        described = {"action": "c2pa.edited", "description": "Private content was removed."}
        done = [described, {"action": "c2pa.redacted", "reason": "c2pa.PII.present"}]
    return {
        "claim_generator_info": [software],
        "ingredients": [{"title": _SOURCE, "format": form.value, "relationship": "parentOf", "label": _SOURCE}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [opened, *done]}}],
    }
