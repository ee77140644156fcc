"""The error tree of Veilstream.

::

    VeilstreamError
    ├─ ConfigurationError   refuse to start; on hot reload keep the last good
    │  ├─ PolicyError
    │  └─ ModelError
    ├─ RecordError          reject the record and write a dead letter
    │  ├─ MessageError
    │  ├─ PayloadTooLarge
    │  ├─ UnsupportedMedia
    │  ├─ ObjectError
    │  └─ UnknownTenant
    ├─ DetectionError       retry the record alone once, then the policy's `on_error`
    │  ├─ InferenceError
    │  ├─ DetectorTimeout
    │  └─ PoisonRecord
    ├─ ObjectStoreError     the policy's `on_error`; where a release cannot be written, reject
    ├─ RedactionError       the policy's `on_error`
    └─ DeliveryError        no ack: the process ends and the input is replayed

Record, detection and redaction errors become outcomes in `filters.pipeline`; delivery errors are handled in
`streams.gate`. No message of any of them may hold content: name positions, sizes, codes and settings only.
"""

from typing import ClassVar


class VeilstreamError(Exception):
    """Base of every error that Veilstream raises on purpose.

    Args:
        message: what went wrong, where, and how to mend it; never any part of a prompt or an image.
        reason: a machine-readable token (`snake_case`) that refines `code`; defaults to the code itself.
    """

    code: ClassVar[str] = "error"
    retriable: ClassVar[bool] = False

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or self.code


class ConfigurationError(VeilstreamError):
    """Settings, policies or models do not allow a safe start."""

    code = "configuration"


class PolicyError(ConfigurationError):
    """A policy document is malformed or asks for something that this installation cannot do."""

    code = "policy"


class ModelError(ConfigurationError):
    """Model weights are missing, altered or do not fit their manifest entry."""

    code = "model"


class RecordError(VeilstreamError):
    """The record itself cannot be judged; judging it again would fail the same way."""

    code = "record"


class MessageError(RecordError):
    """The platform's message does not follow the configured mapping."""

    code = "message"


class PayloadTooLarge(RecordError):
    """The payload exceeds a configured limit of bytes, pixels, frames or characters."""

    code = "payload_too_large"


class UnsupportedMedia(RecordError):
    """The payload is not decodable media of a supported and declared type."""

    code = "unsupported_media"


class ObjectError(RecordError):
    """What a record points at is not there, or is not what the record says."""

    code = "object"


class UnknownTenant(RecordError):
    """No policy is in force for the record's tenant."""

    code = "unknown_tenant"


class DetectionError(VeilstreamError):
    """A detector did not give an answer that can be trusted."""

    code = "detection"
    retriable = True


class InferenceError(DetectionError):
    """A detector raised, or answered with the wrong count or with invalid numbers."""

    code = "inference"


class DetectorTimeout(DetectionError):
    """The batch deadline passed before the record was judged."""

    code = "detector_timeout"


class PoisonRecord(DetectionError):
    """The process ended each time that it judged the record; no detector runs on it any more."""

    code = "poison"
    retriable = False


class ObjectStoreError(VeilstreamError):
    """An object store did not answer, or refused to; the record is not at fault."""

    code = "object_store"
    retriable = True


class RedactionError(VeilstreamError):
    """Redaction failed, or verification still finds something private afterwards."""

    code = "redaction"


class DeliveryError(VeilstreamError):
    """An output could not be made durable; the input must not be acknowledged."""

    code = "delivery"
    retriable = True
