"""Settings come from options, environment and file in that order; mistakes are named and never echoed."""

import base64

import pytest

from filters.errors import ConfigurationError
from filters.records import ContentKind
from streams.kafka_client import client_arguments
from streams.settings import load_settings

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("VEILSTREAM_"):
            monkeypatch.delenv(name)


def test_options_win_over_environment_and_environment_over_file(tmp_path, monkeypatch):
    file = tmp_path / "veilstream.yaml"
    file.write_text("kafka: {bootstrap_servers: file:1, group: file, username: file}\n")
    monkeypatch.setenv("VEILSTREAM_KAFKA__GROUP", "environment")
    monkeypatch.setenv("VEILSTREAM_KAFKA__USERNAME", "environment")
    settings = load_settings(file, kafka={"username": "option"})
    kafka = settings.kafka
    assert (kafka.bootstrap_servers, kafka.group, kafka.username) == ("file:1", "environment", "option")


def test_the_file_can_be_named_by_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "veilstream.yaml"
    file.write_text("http: {port: 1234}\n")
    monkeypatch.setenv("VEILSTREAM_CONFIG", str(file))
    assert load_settings().http.port == 1234


@pytest.mark.parametrize(
    ("name", "named"),
    [("VEILSTREAM_KAFAK__GROUP", "VEILSTREAM_KAFKA__"), ("VEILSTREAM_KAFKA__GRUOP", "kafka.gruop")],
)
def test_unknown_variables_are_refused_by_name(monkeypatch, name, named):
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigurationError, match=named):
        load_settings()


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_settings(tmp_path / "none.yaml")


@pytest.mark.parametrize("key", ["hunter2-secret!", base64.b64encode(b"hunter2-secret").decode()])
def test_a_bad_key_is_refused_without_being_shown(monkeypatch, key):
    monkeypatch.setenv("VEILSTREAM_KEYS__MASTER", key)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "keys" in str(caught.value)
    assert key not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


def test_secrets_do_not_show_in_the_settings(monkeypatch):
    monkeypatch.setenv("VEILSTREAM_KEYS__MASTER", KEY)
    settings = load_settings(kafka={"password": "hunter2"})
    assert settings.keys.master_bytes() == bytes(range(32))
    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_each_stream_has_its_own_limits():
    settings = load_settings()
    assert settings.stream(ContentKind.PROMPT) is settings.prompts
    assert settings.stream(ContentKind.IMAGE) is settings.images


def test_sasl_needs_a_login():
    with pytest.raises(ConfigurationError, match=r"kafka\.username"):
        client_arguments(load_settings(kafka={"security_protocol": "SASL_SSL"}).kafka)


def test_sasl_and_tls_reach_the_client():
    settings = load_settings(kafka={"security_protocol": "SASL_SSL", "username": "u", "password": "p"})
    arguments = client_arguments(settings.kafka)
    assert arguments["sasl_plain_password"] == "p"
    assert arguments["ssl_context"] is not None


def test_broken_yaml_and_broken_json_are_configuration_errors(tmp_path, monkeypatch):
    file = tmp_path / "veilstream.yaml"
    file.write_text("kafka: {bootstrap_servers: [")
    with pytest.raises(ConfigurationError, match=r"veilstream\.yaml"):
        load_settings(file)
    monkeypatch.setenv("VEILSTREAM_KAFKA", "{hunter2")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_images_by_reference_need_a_place_for_what_is_released(monkeypatch):
    """An original is never released in its own place, and a release can never be taken for an original."""
    monkeypatch.setenv("VEILSTREAM_OBJECTS__ALLOWED", '["s3://images/in/{tenant}/", "file:///srv/in/"]')
    with pytest.raises(ConfigurationError, match=r"needs `objects\.released`"):
        load_settings()
    for meeting in ("s3://images/in/acme/out/", "s3://images/", "file:///srv/"):
        with pytest.raises(ConfigurationError, match="meets an allowed prefix"):
            load_settings(objects={"released": meeting})
    assert load_settings(objects={"released": "s3://images/out/"}).objects.prefixes == (
        *("s3://images/in/{tenant}/", "file:///srv/in/"),
        "s3://images/out/",
    )


@pytest.mark.parametrize("prefix", ["s3://images", "file:///", "https://images/", "s3://images/../x/"])
def test_what_is_no_folder_is_no_prefix(prefix):
    with pytest.raises(ConfigurationError, match="a prefix is"):
        load_settings(objects={"allowed": [prefix], "released": "s3://images/out/"})
