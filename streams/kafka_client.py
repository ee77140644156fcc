"""Connection arguments for aiokafka and Faust from one group of settings."""

import ssl
from typing import Any

import faust
from aiokafka.helpers import create_ssl_context

from filters.errors import ConfigurationError
from streams.settings import KafkaSettings


def client_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments for aiokafka's clients.

    Raises:
        ConfigurationError: SASL is asked for without user name and password, or the CA file cannot be read.
    """
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
    }
    if (context := _ssl_context(settings)) is not None:
        arguments["ssl_context"] = context
    if settings.security_protocol.startswith("SASL"):
        username, password = _login(settings)
        arguments |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": username,
            "sasl_plain_password": password,
        }
    return arguments


def broker_credentials(settings: KafkaSettings) -> Any:  # noqa: ANN401  Faust does not export the type
    """What Faust calls `broker_credentials`.

    Raises:
        ConfigurationError: as `client_arguments`.
    """
    context = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        username, password = _login(settings)
        return faust.SASLCredentials(
            username=username, password=password, mechanism=settings.sasl_mechanism, ssl_context=context
        )
    return faust.SSLCredentials(context) if context is not None else None


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    if not settings.security_protocol.endswith("SSL"):
        return None
    try:
        context: ssl.SSLContext = create_ssl_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"kafka.ca_file {settings.ca_file} cannot be used: {error.strerror}") from None
    return context


def _login(settings: KafkaSettings) -> tuple[str, str]:
    if settings.username is None or settings.password is None:
        raise ConfigurationError("kafka.security_protocol asks for SASL; set kafka.username and kafka.password")
    return settings.username, settings.password.get_secret_value()
