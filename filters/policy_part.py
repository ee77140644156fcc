"""What every part of a policy document is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PolicyPart(BaseModel):
    """A mapping of a policy document: frozen, and closed to fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


RuleId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""A name that the policy's author gives, and that verdicts and logs may repeat."""
