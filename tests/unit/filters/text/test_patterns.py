"""The detector: same answers as Presidio's engine, no network, bounded time, loaded late."""

import re
import subprocess
import sys
import time

import pytest

from filters.decide import decide
from filters.errors import DetectorTimeout
from filters.findings import EntityType
from filters.records import ContentKind, PromptContent
from filters.text.context import ContextWords, Words
from filters.text.gate import GATES
from filters.text.patterns import PatternDetector
from tests.support.engines import analyzed
from tests.support.prompts import default_policy, detector, findings
from tests.unit.filters.text.test_golden import CLEAN, PRIVATE


@pytest.mark.parametrize("text", [re.sub("[⟦⟧]", "", marked) for _, marked, _ in PRIVATE] + [c["text"] for c in CLEAN])
def test_the_search_finds_what_the_analyzer_engine_finds(text):
    """On every golden text; thousands of others: tests/property/test_analyzer_identity.py."""
    assert detector().patterns.find(text, time.monotonic() + 60) == analyzed(text)


def test_no_address_is_looked_up_on_the_network():
    """Building a detector and judging an e-mail address and a URL opens no socket."""
    code = (
        "import socket\n"
        "def refuse(*_, **__): raise AssertionError('a socket was opened')\n"
        "socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from filters.text.patterns import PatternDetector\n"
        "from filters.records import PromptContent\n"
        "prompt = PromptContent({'prompt': 'jane@example.co.uk, https://example.com/x, me@nowhere.invalid'})\n"
        "found = {f.entity_type.value for f in PatternDetector().detect([prompt])[0]}\n"
        "assert {'EMAIL_ADDRESS', 'URL'} <= found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_importing_the_module_does_not_import_presidio():
    code = "import sys, filters.text.patterns, filters.text.medium; assert 'presidio_analyzer' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_text_made_to_stall_the_patterns_is_an_error_not_a_pass():
    """Presidio logs and skips a pattern that times out; here the record is not judged."""
    started = time.monotonic()
    prompts = [PromptContent({"prompt": text}) for text in ("a." * 30_000, "mail jane@example.com")]
    stalled, found = PatternDetector(budget=0.2).detect(prompts)
    assert isinstance(stalled, DetectorTimeout)
    assert "EMAIL_ADDRESS" in [finding.entity_type for finding in found], "its neighbour is judged"
    assert time.monotonic() - started < 10


def test_every_entity_type_has_a_gate_and_no_other():
    assert set(GATES) == detector().entities


def test_the_digest_is_stable_and_names_the_detector():
    again = PatternDetector()
    assert again.digest == detector().digest
    assert re.fullmatch(r"[0-9a-f]{64}", again.digest)
    assert again.name == "presidio"


def test_findings_name_their_field_and_come_in_order():
    content = PromptContent({"prompt": "a house", "negative_prompt": "text, jane@example.com, 536-22-1234"})
    (found,) = detector().detect([content])
    assert {f.field for f in found} == {"negative_prompt"}
    assert [f.start for f in found] == sorted(f.start for f in found)
    assert detector().detect([PromptContent({}), content]) == [[], found]


def test_a_card_in_a_prompt_is_rejected_by_default():
    found = findings("card 4111 1111 1111 1111")
    assert decide(found, default_policy(), ContentKind.PROMPT).action.value == "reject"


@pytest.mark.parametrize(
    ("text", "supported"),
    [
        ("passport: 912803456", True),
        ("her PASSPORT, issued in Oslo, is 912803456", True),
        ("passport one two three four five 912803456", False),
        ("passports 912803456", False),
        ("mypassport 912803456", False),
        ("912803456 passport", False),
        ("passport <EMAIL_ADDRESS> 912803456", False),
        ("passport <EMAIL_ADDRESS-abcdefghij> 912803456", False),
        ("<EMAIL_ADDRESS> passport 912803456", True),
        ("x" * 300 + "passport 912803456", False),
        ("x " * 300 + "passport 912803456", True),
    ],
)
def test_context_is_a_whole_word_within_five_before(text, supported):
    """Words after the number, parts of words, and words beyond a substitute say nothing."""
    (found,) = [f for f in findings(text) if f.entity_type is EntityType.US_PASSPORT]
    assert (found.score >= 0.4) is supported


def test_scripts_without_spaces_have_context_too():
    text = "หมายเลขเลขประจำตัวประชาชน 1101700230678"
    (found,) = [f for f in findings(text) if f.entity_type is EntityType.TH_TNIN]
    assert found.score == 1.0


def test_a_recognizer_without_context_words_lifts_nothing():
    (found,) = [f for f in findings("card 4111 1111 1111 1111") if f.entity_type is EntityType.CREDIT_CARD]
    assert ContextWords([]).enhance(Words("card 4111"), found) is found
