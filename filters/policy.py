"""The tenant's policy document: a closed pydantic schema, without a language of its own.

`FilterPolicy` is the document; `check_capabilities` says whether an installation can keep what a document promises.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from filters.errors import PolicyError
from filters.findings import ContextAttribute, EntityType, FindingSource
from filters.policy_operators import KEYED_OPERATORS, ImageOperator, TextOperator
from filters.policy_part import PolicyPart, RuleId
from filters.policy_terms import MAX_LISTS, TermList, check_term_lists
from filters.records import ContentKind
from filters.verdict import Action, PolicyRef

TENANT_PATTERN = r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"
DEFAULT_MIN_SCORE = 0.4
"""Presidio gives its weaker patterns 0.4 once a context word stands near; below lies noise."""

Score = Annotated[float, Field(ge=0.0, le=1.0)]


class Mode(StrEnum):
    """How far a policy is rolled out."""

    OFF = "off"
    SHADOW = "shadow"
    CANARY = "canary"
    ENFORCE = "enforce"


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────

Entities = Annotated[tuple[EntityType, ...], Field(min_length=1)]


class _Rule(PolicyPart):
    id: RuleId | None = Field(default=None, description="Named in verdicts; else the rule's place in the document.")
    entities: Entities
    min_score: Score = DEFAULT_MIN_SCORE
    action: Action

    @model_validator(mode="after")
    def _operator_goes_with_redact(self) -> Self:
        if getattr(self, "operator", None) is not None and self.action is not Action.REDACT:
            raise ValueError(f"`operator` has no effect under `action: {self.action}`; use `action: redact` or drop it")
        if len(set(self.entities)) != len(self.entities):
            raise ValueError("`entities` names an entity twice")
        return self


class PromptRule(_Rule):
    """What to do with text findings of some types."""

    operator: TextOperator | None = Field(default=None, description="For `redact`; `{type: replace}` where absent.")
    unless: tuple[ContextAttribute, ...] = Field(
        default=(), description="The rule passes over findings that carry one of these attributes."
    )
    lists: tuple[RuleId, ...] = Field(
        default=(), description="For `TERM`: only what these term lists found; all of them where absent."
    )

    @model_validator(mode="after")
    def _lists_go_with_terms(self) -> Self:
        if self.lists and self.entities != (EntityType.TERM,):
            raise ValueError("`lists` goes with `entities: [TERM]` alone")
        return self


class ImageRule(_Rule):
    """What to do with image findings of some types."""

    operator: ImageOperator | None = Field(default=None, description="For `redact`; `{type: fill}` where absent.")
    source: FindingSource | None = Field(default=None, description="Only findings made this way; any where absent.")


class MetadataHandling(StrEnum):
    """`strip`: an image with metadata is released without; `keep`: an image without findings keeps its bytes."""

    STRIP = "strip"
    KEEP = "keep"


class Keepable(StrEnum):
    """Metadata that a release can keep, written afresh: `generation`, the parameters that generators write (judged as
    prompts); `digital_source_type`, IPTC's word for how a picture was made ("by a trained algorithm")."""

    GENERATION = "generation"
    DIGITAL_SOURCE_TYPE = "digital_source_type"


class ContentCredentials(StrEnum):
    """`strip`: a release has none; `sign`: one that was made anew gets a C2PA manifest of the operator's own."""

    STRIP = "strip"
    SIGN = "sign"


class OnUnsupportedLanguage(StrEnum):
    """What a prompt gets at least, whose language no name model was made for."""

    FLAG = "flag"
    HOLD = "hold"
    REJECT = "reject"


class PromptSection(PolicyPart):
    """How prompts are judged."""

    rules: tuple[PromptRule, ...] = ()
    terms: Annotated[tuple[TermList, ...], Field(max_length=MAX_LISTS)] = Field(
        default=(), description="The tenant's own words and regular expressions, found as `TERM`."
    )
    on_unsupported_language: OnUnsupportedLanguage | None = Field(
        default=None,
        description="The least action for prompts in a language that names are not found in; absent: the rules alone.",
    )

    @model_validator(mode="after")
    def _terms_and_rules_meet(self) -> Self:
        check_term_lists(self.terms, [rule.lists for rule in self.rules if EntityType.TERM in rule.entities])
        return self


class ImageSection(PolicyPart):
    """How images are judged."""

    rules: tuple[ImageRule, ...] = ()
    metadata: MetadataHandling = MetadataHandling.STRIP
    keep_metadata: tuple[Keepable, ...] = Field(
        default=(), description="With `metadata: strip`: what is written into releases all the same."
    )

    content_credentials: ContentCredentials = Field(
        default=ContentCredentials.STRIP,
        description="The source's C2PA manifest always goes; `sign` puts a new one into JPEG, PNG and WebP.",
    )

    @model_validator(mode="after")
    def _keep_metadata_goes_with_strip(self) -> Self:
        if self.keep_metadata and self.metadata is not MetadataHandling.STRIP:
            raise ValueError("`keep_metadata` goes with `metadata: strip`; `metadata: keep` keeps everything")
        return self


Section = PromptSection | ImageSection


class OnError(StrEnum):
    """What becomes of a record that cannot be judged. There is no way to write "pass"."""

    REJECT = "reject"
    HOLD = "hold"


class Keeping(StrEnum):
    """What a dead letter keeps of the original: `sealed`, all of it, encrypted under the tenant's key; or `none`."""

    SEALED = "sealed"
    NONE = "none"


class PolicySpec(PolicyPart):
    """The judgement itself. A kind of content without a section is rejected."""

    mode: Mode = Mode.ENFORCE
    canary_percent: Annotated[int, Field(ge=1, le=99)] | None = Field(
        default=None, description="With `mode: canary`: the share of request ids that is enforced; the rest is shadow."
    )
    on_error: OnError = OnError.REJECT
    dead_letters: Keeping = Field(
        default=Keeping.NONE,
        description="Whether the dead letter of a record that could not be judged keeps the original, encrypted.",
    )
    prompts: PromptSection | None = None
    images: ImageSection | None = None

    @model_validator(mode="after")
    def _canary_percent_goes_with_canary(self) -> Self:
        if (self.mode is Mode.CANARY) != (self.canary_percent is not None):
            raise ValueError("`canary_percent` and `mode: canary` go together")
        return self

    @model_validator(mode="after")
    def _generation_is_judged_by_prompt_rules(self) -> Self:
        if self.images and Keepable.GENERATION in self.images.keep_metadata and self.prompts is None:
            raise ValueError("`generation` is judged as prompts are: add a `prompts` section, or keep something else")
        return self


class PolicyMetadata(PolicyPart):
    """Whose policy this is, and its version, which must grow with each change."""

    tenant: Annotated[str, Field(pattern=TENANT_PATTERN)]
    version: Annotated[int, Field(ge=1, le=2**53 - 1)]  # whole in every JSON reader


class FilterPolicy(PolicyPart):
    """A tenant's policy document."""

    apiVersion: Literal["veilstream/v1"]  # noqa: N815  the document's own spelling
    kind: Literal["FilterPolicy"]
    metadata: PolicyMetadata
    spec: PolicySpec

    @property
    def tenant(self) -> str:
        return self.metadata.tenant

    @property
    def ref(self) -> PolicyRef:
        return PolicyRef(self.metadata.tenant, self.metadata.version, self.spec.mode.value)

    def section(self, kind: ContentKind) -> Section | None:
        """The section for a kind of content; None where the document has none."""
        return self.spec.prompts if kind is ContentKind.PROMPT else self.spec.images

    def entities(self, kind: ContentKind) -> frozenset[EntityType]:
        """Every entity type that a rule for `kind` names."""
        section = self.section(kind)
        return frozenset(entity for rule in (section.rules if section else ()) for entity in rule.entities)

    @property
    def signs_images(self) -> bool:
        """Whether releases of images are to be signed."""
        return self.spec.images is not None and self.spec.images.content_credentials is ContentCredentials.SIGN

    @property
    def actions(self) -> frozenset[Action]:
        """Every action that a record can get under this policy."""
        sections = (self.spec.prompts, self.spec.images)
        rules = (rule for section in sections if section for rule in section.rules)
        others = {Action(self.spec.on_error.value)}
        if self.spec.prompts and self.spec.prompts.on_unsupported_language:
            others.add(Action(self.spec.prompts.on_unsupported_language.value))
        return frozenset(rule.action for rule in rules) | others


def policy_json_schema() -> dict[str, Any]:
    """The document's JSON Schema (draft 2020-12), for editors and validators."""
    return FilterPolicy.model_json_schema() | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Veilstream FilterPolicy",
    }


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a process can do: the entity types that its detectors find in the kinds it judges, the ways by which they
    find them in images; whether a key is set; whether releases can be signed."""

    entities: Mapping[ContentKind, frozenset[EntityType]]
    sources: Mapping[EntityType, frozenset[FindingSource]]
    has_key: bool
    signs: bool = False


def _keyed_operators(policy: FilterPolicy) -> bool:
    rules: Iterable[PromptRule] = policy.spec.prompts.rules if policy.spec.prompts else ()
    return any(isinstance(rule.operator, KEYED_OPERATORS) for rule in rules)


def _needs_key(policy: FilterPolicy) -> bool:
    seals = Action.HOLD in policy.actions or policy.spec.dead_letters is Keeping.SEALED
    return seals or _keyed_operators(policy)


def never_fires(rule: ImageRule, capabilities: Capabilities) -> bool:
    """Whether one of the rule's entities is never found by the rule's `source`: faces in text, say."""
    return rule.source is not None and any(
        rule.source not in capabilities.sources.get(entity, ()) for entity in rule.entities
    )


def check_capabilities(policy: FilterPolicy, capabilities: Capabilities) -> None:
    """Refuse a policy that this process could not keep, as far as the kinds go that it judges.

    Raises:
        PolicyError: it holds, seals or uses keyed operators while no key is set, or signs while no certificate is; or a
            rule names an entity type that no installed detector finds, or a source by which none finds it.
    """
    where = f"policy of tenant {policy.tenant!r}, version {policy.metadata.version}"
    if not capabilities.has_key and _needs_key(policy):
        raise PolicyError(
            f"{where}: `hold`, `hash`, `encrypt`, `pseudonym` and `sealed` need a key and none is set; set "
            "VEILSTREAM_KEYS__MASTER",
            reason="key_missing",
        )
    if policy.signs_images and not capabilities.signs and ContentKind.IMAGE in capabilities.entities:
        raise PolicyError(
            f"{where}: `content_credentials: sign` needs a certificate and none is set; set "
            "VEILSTREAM_CONTENT_CREDENTIALS__CERTIFICATE and VEILSTREAM_CONTENT_CREDENTIALS__PRIVATE_KEY",
            reason="certificate_missing",
        )
    for kind, entities in capabilities.entities.items():
        missing = policy.entities(kind) - entities
        if missing:
            names = ", ".join(sorted(missing))
            raise PolicyError(
                f"{where}: no installed detector finds {names} in {kind.value}s; drop the rule or install a detector",
                reason="detector_missing",
            )
    for rule in policy.spec.images.rules if policy.spec.images and ContentKind.IMAGE in capabilities.entities else ():
        if never_fires(rule, capabilities):
            raise PolicyError(
                f"{where}: a rule asks for `source: {rule.source}`, and no installed detector reports its entities so; "
                "drop `source`",
                reason="source_missing",
            )
