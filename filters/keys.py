"""Keys per tenant and purpose, all derived from the one master key of the settings."""

from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from filters.errors import ConfigurationError

MASTER_KEY_BYTES = 32


class KeyPurpose(StrEnum):
    """What a derived key is for; one is never used for another's purpose."""

    DIGEST = "digest"
    ENCRYPT = "encrypt"
    PSEUDONYM = "pseudonym"
    SEAL = "seal"


class TenantKeys:
    """Derives keys with HKDF-SHA256 (RFC 5869). Without a master key, `available` is False.

    Args:
        master: exactly 32 random bytes, or None.

    Raises:
        ConfigurationError: the master key has another length.
    """

    def __init__(self, master: bytes | None) -> None:
        if master is not None and len(master) != MASTER_KEY_BYTES:
            raise ConfigurationError(f"the master key must be {MASTER_KEY_BYTES} bytes, got {len(master)}")
        self._master = master

    @property
    def available(self) -> bool:
        return self._master is not None

    def derive(self, tenant: str, purpose: KeyPurpose, length: int = 32) -> bytes:
        """The tenant's key for a purpose, of `length` bytes; ask for one length a purpose.

        Raises:
            ConfigurationError: there is no master key.
        """
        if self._master is None:
            raise ConfigurationError(f"a {purpose} key is needed and no master key is set; set VEILSTREAM_KEYS__MASTER")
        info = f"veilstream/v1/{purpose}/{tenant}".encode()
        return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(self._master)
