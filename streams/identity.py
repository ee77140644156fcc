"""Tenant and request id: they stand in verdicts, logs and dead letters, so nothing that could be free text passes."""

import re
from dataclasses import dataclass

from filters.errors import MessageError
from filters.policy import TENANT_PATTERN

REQUEST_ID_PATTERN = r"[A-Za-z0-9._:/@+-]{1,128}"

_TENANT = re.compile(TENANT_PATTERN)
_REQUEST_ID = re.compile(REQUEST_ID_PATTERN)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a message and for which request, as far as it could be read and is well formed."""

    tenant: str | None
    request_id: str | None


def is_tenant(text: str | None) -> bool:
    return text is not None and _TENANT.fullmatch(text) is not None


def is_request_id(text: str | None) -> bool:
    return text is not None and _REQUEST_ID.fullmatch(text) is not None


def checked_tenant(text: str | None, default: str | None) -> str:
    """The tenant that a message names, or the default where it names none.

    Raises:
        MessageError: it is no tenant name, or there is none.
    """
    if text is None:
        if default is None:
            raise MessageError("the message names no tenant and there is no default", reason="missing_tenant")
        return default
    if not is_tenant(text):
        raise MessageError("the tenant is not a valid name", reason="invalid_tenant")
    return text


def checked_request_id(text: str | None) -> str | None:
    """The request id that a message names, None where it names none.

    Raises:
        MessageError: it holds other characters than `REQUEST_ID_PATTERN` has, or is too long.
    """
    if text is not None and not is_request_id(text):
        raise MessageError("the request id holds other characters than allowed", reason="invalid_request_id")
    return text
