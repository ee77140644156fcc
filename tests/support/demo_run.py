"""A run of the demo without Kafka: the real judge on the demo's own cases, the face detector knows the scenes."""

from collections.abc import Sequence

from PIL import Image
from prometheus_client import CollectorRegistry, generate_latest

from filters.findings import Detection, EntityType, FindingSource
from filters.image.medium import ImageMedium
from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline
from filters.policy_source import parse_policy
from filters.protocols import Pixels
from filters.records import ContentKind, SourcePosition
from filters.text.medium import PromptMedium, TextLimits
from filters.text.patterns import PatternDetector
from models.manifest import load_manifest
from models.text_pii import TextPiiDetector
from streams.dead_letter import LetterKeeping
from streams.demo import drawings
from streams.demo.cases import DemoCase
from streams.demo.client import Received
from streams.demo.drawings import Scene
from streams.demo.evidence import Evidence
from streams.demo.faces import likeness
from streams.demo.messages import TEXT_FIELDS
from streams.demo.outcomes import join_outcomes
from streams.demo.policies import policy_documents
from streams.judge import Judge, OutputLimits
from streams.mapping import JsonPointers, MessageMapping
from streams.message import MessageReader, RawMessage
from streams.metrics import Metrics
from streams.topics import TopicNames
from tests.fakes import CollectingObserver, StaticPolicies
from tests.support.text_models import built

MASTER_KEY = bytes(range(32))
TOPICS = TopicNames()
_LIMIT = 26_000_000
_SEEN = 0.5


class SceneFaces:
    """`ImageDetector` that knows the demo's scenes, and reports those of their faces that can still be made out."""

    name = "scenes"
    digest = "0" * 64
    entities = frozenset({EntityType.FACE})
    sources = frozenset({FindingSource.PIXELS})

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._faces = [(scene.frames[face.frame], face.box) for scene in scenes for face in scene.faces]

    def detect(self, batch: Sequence[Pixels]) -> list[list[Detection]]:
        return [self._find(Image.fromarray(frame)) for frame in batch]

    def _find(self, frame: Image.Image) -> list[Detection]:
        known = (item for item in self._faces if item[0].size == frame.size)
        boxes = dict.fromkeys(box for image, box in known if likeness(image, frame, box) > _SEEN)
        return [Detection(box, EntityType.FACE, 0.9) for box in boxes]


def known_scenes() -> list[Scene]:
    """Every scene with a face."""
    still = (
        drawings.astronaut(),
        drawings.two_people(),
        drawings.spectator(),
        drawings.closeup(),
        drawings.badge(),
        drawings.identity_card(),
        drawings.under_transparency(),
    )
    return [*still, drawings.fly_past(8), drawings.fly_past(4, 300)]


def text_model() -> TextPiiDetector:
    """The built-in one."""
    return built(load_manifest().entry("veilstream-pii"))


def judged(cases: Sequence[DemoCase]) -> Evidence:
    """What a worker would write about the cases, and what it would count."""
    keys = TenantKeys(MASTER_KEY)
    media = [
        PromptMedium([PatternDetector(), text_model()], keys, TextLimits()),
        ImageMedium([SceneFaces(known_scenes())]),
    ]
    policies = StaticPolicies(*(parse_policy(text, name) for name, text in policy_documents()))
    pipeline = FilterPipeline(media, policies, CollectingObserver())
    mapping = MessageMapping(json_pointers=JsonPointers(fields=TEXT_FIELDS))
    registry = CollectorRegistry()
    metrics = Metrics(registry, lambda _: True)
    placed, received = [], []
    for kind in ContentKind:
        mine = [case for case in cases if case.kind is kind]
        limits = OutputLimits(_LIMIT, _LIMIT)
        judge = Judge(
            kind, MessageReader(kind, mapping, _LIMIT), pipeline, TOPICS, keys, limits, LetterKeeping(policies)
        )
        raws = [
            RawMessage(f"in.{kind}", 0, offset, case.message.key, case.message.value, case.message.headers)
            for offset, case in enumerate(mine)
        ]
        for case, raw, judgement in zip(mine, raws, judge.judge(raws, float("inf")), strict=True):
            metrics.stream(kind.value).delivered(judgement, 0.1)
            written = (judgement.audit, *judgement.outputs)
            received += [Received(record.topic, record.key, record.value, record.headers) for record in written]
            placed.append((case, SourcePosition(raw.topic, raw.partition, raw.offset)))
    outcomes = join_outcomes(placed, received, TOPICS)
    return Evidence(outcomes, generate_latest(registry).decode(), "", 0, MASTER_KEY, {"judge": 0.1})
