"""`veilstream reveal` prints a text with its tokens opened, and says how many were."""

import base64

import pytest
from typer.testing import CliRunner

from filters.keys import TenantKeys
from filters.text.cipher import TokenCipher
from streams.cli.main import app

KEY = bytes(range(32))
TOKEN = TokenCipher(TenantKeys(KEY), "acme").token("jane@x.com", "EMAIL_ADDRESS")
MASTER = {"VEILSTREAM_KEYS__MASTER": base64.b64encode(KEY).decode()}


def reveal(text: bytes, *arguments: str, env: dict[str, str] | None = None):
    result = CliRunner().invoke(app, ["reveal", *arguments], input=text, env=MASTER if env is None else env)
    return result.exit_code, result.stdout_bytes, result.stderr


def test_tokens_are_opened_and_the_rest_stays_byte_for_byte():
    code, out, err = reveal(f"to {TOKEN}\r\nand <lora:x:1> é".encode(), "--tenant", "acme")
    assert (code, out) == (0, "to jane@x.com\r\nand <lora:x:1> é".encode())
    assert err == "1 tokens opened, 0 not\n"


def test_a_file_is_read(tmp_path):
    file = tmp_path / "released.txt"
    file.write_text(TOKEN, encoding="utf-8")
    assert reveal(b"", str(file), "--tenant", "acme")[:2] == (0, b"jane@x.com")


def test_a_token_of_another_tenant_stays_and_is_told():
    code, out, err = reveal(TOKEN.encode(), "--tenant", "bolt")
    assert (code, out, err) == (1, TOKEN.encode(), "0 tokens opened, 1 not\n")


@pytest.mark.parametrize(("text", "arguments"), [(b"\xff", ["-"]), (b"", ["no-such-file"])])
def test_what_cannot_be_read_is_an_error(text, arguments):
    code, out, _ = reveal(text, *arguments, "--tenant", "acme")
    assert code in (1, 2)
    assert out == b""


def test_without_a_key_nothing_is_opened():
    assert reveal(TOKEN.encode(), "--tenant", "acme", env={"VEILSTREAM_KEYS__MASTER": ""})[:2] != (0, b"jane@x.com")
