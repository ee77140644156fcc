"""What can be wrong with a policy document, and where: issues with a place, a code, and a way to mend them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from filters.errors import PolicyError


class Severity(StrEnum):
    """An error keeps the document from being used; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class IssueCode(StrEnum):
    """Stable names of the checks; docs/policy.md explains each. VS0xx are errors, VS1xx warnings."""

    SYNTAX = "VS001"
    DUPLICATE_KEY = "VS002"
    LIMIT = "VS003"
    SEVERAL_DOCUMENTS = "VS004"
    NOT_A_MAPPING = "VS005"
    FORBIDDEN_YAML = "VS006"
    UNKNOWN_FIELD = "VS010"
    MISSING_FIELD = "VS011"
    WRONG_TYPE = "VS012"
    NOT_A_CHOICE = "VS013"
    OUT_OF_RANGE = "VS014"
    CONTRADICTION = "VS015"
    WRONG_KEY = "VS020"
    VERSION_NOT_GROWN = "VS021"
    NOT_CAPABLE = "VS022"
    TENANT_TWICE = "VS023"
    UNREADABLE = "VS024"
    COSMETIC = "VS101"
    NOT_ENFORCED = "VS102"
    NEVER_REACHED = "VS103"
    NO_THRESHOLD = "VS104"
    EMPTY_SECTION = "VS105"
    ABSENT_SECTION = "VS106"
    UNLESS_WITHOUT_EFFECT = "VS107"
    REVERSIBLE = "VS108"
    NOTHING_SHARED = "VS109"
    KEPT_METADATA = "VS110"

    @property
    def severity(self) -> Severity:
        return Severity.WARNING if self.value.startswith("VS1") else Severity.ERROR


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text, line and column counted from 1 in characters."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class PolicyIssue:
    """One finding of the checks on a policy document.

    `source` is a file name or `topic:partition@offset`; line and column count from 1, in characters. `message` says
    what is wrong and `hint` how to mend it (empty where nothing is known). Neither quotes a value of the document: what
    arrives as a policy may be anything, a misdirected prompt too.
    """

    source: str
    line: int
    column: int
    code: IssueCode
    severity: Severity
    message: str
    hint: str = ""

    @classmethod
    def at(cls, source: str, place: Place, code: IssueCode, message: str, hint: str = "") -> "PolicyIssue":
        """An issue of `code` at a place, with the code's severity."""
        return cls(source, place.line, place.column, code, code.severity, message, hint)

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.source}:{self.line}:{self.column}: {self.severity} {self.code}: {self.message}{hint}"


class PolicyDocumentError(PolicyError):
    """A policy document cannot be used. Its message is one line an issue.

    Args:
        issues: at least one, in the order of the document.
    """

    def __init__(self, issues: Iterable[PolicyIssue]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(map(str, self.issues)), reason="invalid_document")
