"""Text that travels with an image: judged as a prompt, it decides about the image too."""

from dataclasses import replace

from filters.case import Case
from filters.decide import Decision, Hit
from filters.errors import RecordError
from filters.findings import FindingSource, ImageFinding
from filters.records import Content, PromptContent, Record
from filters.verdict import Action, strictest


def text_case(case: Case, text: PromptContent) -> Case:
    """A case of its own for the text, under the same policy, for the same request."""
    return Case(Record(case.record.context, text), policy=case.policy)


def joined(case: Case, text: Case) -> PromptContent | None:
    """What of a judged text may go out with the image; None where all of it has to stay behind.

    The text's decision joins the image's, its findings as findings of the file. Text that is no prompt (too long, NUL)
    stays behind; text that could not be judged is an error of the image.
    """
    if text.error is not None:
        if not isinstance(text.error, RecordError):
            case.fail(text.error, text.stage)
        return None
    if text.decision is None or case.decision is None:
        return None
    case.models.extend(model for model in text.models if model not in case.models)
    case.decision = _both(case.decision, text.decision)
    content: Content | None = text.released if text.decision.action is Action.REDACT else text.record.content
    return content if isinstance(content, PromptContent) else None


def _both(image: Decision, text: Decision) -> Decision:
    return Decision(
        strictest((image.action, text.action)),
        tuple(dict.fromkeys((*image.rules, *text.rules))),
        (*image.hits, *(_of_the_file(hit) for hit in text.hits)),
    )


def _of_the_file(hit: Hit) -> Hit:
    found = hit.finding
    finding = ImageFinding(0, None, found.entity_type, found.score, found.detector, FindingSource.FILE)
    return replace(hit, finding=finding, operator=None)
