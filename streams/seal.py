"""Sealed originals and keyed digests: how content is kept, or recognised again, without being readable."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from filters.keys import KeyPurpose, TenantKeys

MAGIC = b"VSE1"
NONCE_BYTES = 12
"""96 random bits, as NIST SP 800-38D asks of GCM; up to 2^32 seals a tenant stay within its bound (§8.3)."""
TAG_BYTES = 16
OVERHEAD_BYTES = len(MAGIC) + NONCE_BYTES + TAG_BYTES
NO_TENANT = "_"
"""Stands for a tenant that could not be read; no tenant can be called so."""


class Sealer:
    """AES-256-GCM and HMAC-SHA256 under keys of the tenant. Stateless and thread-safe.

    A sealed value is `VSE1`, the nonce, the ciphertext, and the tag. The associated data (a verdict's id, say) is not
    in it and has to be known to open it: a sealed value cannot be passed off as another record's.
    """

    def __init__(self, keys: TenantKeys) -> None:
        self._keys = keys

    @property
    def available(self) -> bool:
        """Whether there is a key; without one, every method raises ConfigurationError."""
        return self._keys.available

    def seal(self, tenant: str | None, plaintext: bytes, aad: bytes) -> bytes:
        """Encrypt for a tenant, or for none; `OVERHEAD_BYTES` longer. Never the same bytes twice.

        Raises:
            ConfigurationError: no master key is set.
        """
        nonce = os.urandom(NONCE_BYTES)
        return MAGIC + nonce + self._cipher(tenant).encrypt(nonce, plaintext, MAGIC + aad)

    def open(self, tenant: str | None, sealed: bytes, aad: bytes) -> bytes:
        """What was sealed for the same tenant with the same associated data.

        Raises:
            ConfigurationError: no master key is set.
            ValueError: it is no sealed value, it was altered, or key, tenant or associated data differ.
        """
        cipher = self._cipher(tenant)
        if len(sealed) < OVERHEAD_BYTES or not sealed.startswith(MAGIC):
            raise ValueError("not a sealed value")
        body = memoryview(sealed)[len(MAGIC) :]
        try:
            return cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], MAGIC + aad)
        except InvalidTag as error:
            raise ValueError("the sealed value was altered, or tenant, key or associated data differ") from error

    def digest(self, tenant: str | None, data: bytes) -> str:
        """64 hex digits that tell equal data of one tenant, and nothing to who has no key.

        Raises:
            ConfigurationError: no master key is set.
        """
        key = self._keys.derive(tenant or NO_TENANT, KeyPurpose.DIGEST)
        return hmac.new(key, data, hashlib.sha256).hexdigest()

    def _cipher(self, tenant: str | None) -> AESGCM:
        return AESGCM(self._keys.derive(tenant or NO_TENANT, KeyPurpose.SEAL))
