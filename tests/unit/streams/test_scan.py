"""`veilstream scan` runs the worker's pipeline on files: one document a line, codes for what is bad."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from streams.cli.main import app


def scan(*arguments: str, text: bytes | None = None) -> tuple[int, list[dict]]:
    result = CliRunner().invoke(app, ["scan", *arguments], input=text)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_lines_of_text_and_of_json_get_a_line_each():
    lines = [
        "a red house, seed 1234567890",
        json.dumps({"id": "a", "prompt": "mail jane@example.com", "negative_prompt": "blurry"}),
        "{red|blue} house",
    ]
    code, out = scan("text", "-", "--json", text="\n".join(lines).encode())
    assert code == 0
    assert [line["id"] for line in out] == ["1", "a", "3"]
    assert [line["action"] for line in out] == ["allow", "redact", "allow"]
    assert out[1]["fields"] == {"prompt": "mail <EMAIL_ADDRESS>", "negative_prompt": "blurry"}
    (finding,) = out[1]["findings"]
    assert finding | {"score": None, "detector": None} == {
        "field": "prompt",
        "start": 5,
        "end": 21,
        "entity_type": "EMAIL_ADDRESS",
        "score": None,
        "detector": None,
    }
    assert len({line["verdict_id"] for line in out}) == 3


@pytest.mark.parametrize(
    ("line", "reason"), [(b'{"id": "x"}', "no_prompt"), (b'{"prompt": 7}', "no_prompt"), (b"\xff\xfe", "invalid_utf8")]
)
def test_a_line_that_cannot_be_read_is_a_line_with_a_code(line, reason):
    code, (out,) = scan("text", "-", "--json", text=line)
    assert code == 1
    assert (out["action"], out["fields"], out["error"]["reason"]) == ("reject", {}, reason)


def test_a_policy_file_and_a_tenant_can_be_given(tmp_path):
    policy = tmp_path / "acme.yaml"
    policy.write_text(
        "apiVersion: veilstream/v1\nkind: FilterPolicy\nmetadata: {tenant: acme, version: 1}\n"
        "spec: {prompts: {rules: [{entities: [EMAIL_ADDRESS], action: reject}]}}\n"
    )
    code, (out,) = scan("text", "-", "--json", "--policy", str(policy), text=b"jane@example.com")
    assert (code, out["action"], out["rules"]) == (0, "reject", ["prompts.rules[0]"])


def test_images_are_walked_and_released_below_out(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    Image.fromarray(data.astronaut()).save(source / "deep" / "face.jpg", quality=90)
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(source / "plain.png")
    (source / "bad.webp").write_bytes(b"no image")
    code, lines = scan("images", str(source), "--out", str(out), "--json")
    by_name = {line["path"].rsplit("/", 1)[1]: line for line in lines}
    assert code == 1
    face, plain, bad = by_name["face.jpg"], by_name["plain.png"], by_name["bad.webp"]
    assert (face["action"], plain["action"], bad["action"]) == ("redact", "allow", "reject")
    (finding,) = face["findings"]
    assert finding["entity_type"] == "FACE"
    x0, y0, x1, y1 = finding["box"]
    released = np.asarray(Image.open(out / "deep" / "face.jpg"))
    assert released[y0:y1, x0:x1].max() < 12, "the face is filled with black"
    assert (out / "plain.png").read_bytes() == (source / "plain.png").read_bytes()
    assert bad["released_path"] is None
    assert bad["error"]["code"] == "unsupported_media"


def test_two_files_of_one_name_do_not_overwrite_each_other(tmp_path):
    for folder, grey in (("a", 100), ("b", 200)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((30, 30, 3), grey, np.uint8)).save(tmp_path / folder / "same.png")
    paths = [str(tmp_path / folder / "same.png") for folder in ("a", "b")]
    _, lines = scan("images", *paths, "--out", str(tmp_path / "out"), "--json")
    assert len({line["released_path"] for line in lines}) == 2


def test_an_input_is_never_overwritten(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).save(buffer, "PNG")
    (tmp_path / "face.png").write_bytes(buffer.getvalue())
    result = CliRunner().invoke(app, ["scan", "images", str(tmp_path / "face.png"), "--out", str(tmp_path)])
    assert result.exit_code != 0
    assert (tmp_path / "face.png").read_bytes() == buffer.getvalue()


def test_a_file_name_that_is_not_utf8_does_not_end_the_run(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / b"caf\xe9.png".decode("utf-8", "surrogateescape")).write_bytes(b"no image")
    code, (line,) = scan("images", str(source), "--out", str(tmp_path / "out"), "--json")
    assert (code, line["error"]["reason"]) == (1, "unknown_format")
