"""The demo's prompts: those of `prompts.yaml`, and those that are broken on purpose."""

from importlib import resources

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

from filters.records import ContentKind, PromptContent
from filters.verdict import Action
from streams.demo.cases import DemoCase, Outgoing
from streams.demo.messages import Wrapping, text_fields, wrap_prompt
from streams.demo.policies import DEFAULT_TENANT, UNKNOWN_TENANT

_BROKEN_MAIL = "lost.and.found@example.org"
"""Stands in the broken messages, so that it can be looked for in their dead letters."""


class _Entry(BaseModel):
    """One entry of `prompts.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    tenant: str = DEFAULT_TENANT
    envelope: Wrapping
    prompt: str
    negative_prompt: str | None = None
    workflow: str | None = None
    regions: list[str] | None = None
    expect: Action
    private: tuple[str, ...] = ()
    shows: str

    def case(self) -> DemoCase:
        fields = self.model_dump(include={"prompt", "negative_prompt", "workflow", "regions"}, exclude_none=True)
        return DemoCase(
            id=self.id,
            kind=ContentKind.PROMPT,
            tenant=self.tenant,
            envelope=self.envelope.value,
            shows=self.shows,
            message=wrap_prompt(self.envelope, self.tenant, self.id, fields),
            content=PromptContent(text_fields(fields)),
            expected=self.expect,
            private=self.private,
            request_id=self.id,
        )


def prompt_cases() -> list[DemoCase]:
    """All prompts, in the order in which they are shown."""
    text = resources.files("streams.demo").joinpath("prompts.yaml").read_text(encoding="utf-8")
    written = [_Entry.model_validate(entry).case() for entry in YAML(typ="safe").load(text)]
    return [*written, *_broken_prompts()]


def _broken_prompts() -> list[DemoCase]:
    fields = {"prompt": f"a lost umbrella, notice to {_BROKEN_MAIL}"}
    unknown = wrap_prompt(Wrapping.BINARY, UNKNOWN_TENANT, "broken-unknown-tenant", fields)
    unnamed = Outgoing(b"broken-no-tenant", b'{"prompt": "notice to ' + _BROKEN_MAIL.encode() + b'"}')
    cut = wrap_prompt(Wrapping.JSON, DEFAULT_TENANT, "broken-json", fields)
    cut = Outgoing(cut.key, (cut.value or b"")[:-9], cut.headers)
    long = wrap_prompt(Wrapping.BINARY, DEFAULT_TENANT, "broken-long", {"prompt": f"{_BROKEN_MAIL}, sharp, " * 2_500})
    form = f"prompt=notice+to+{_BROKEN_MAIL}".encode()
    noise = b"\xff\xfe\x00\x9f\x92\x96" + _BROKEN_MAIL.encode()
    return [
        _broken("broken-unknown-tenant", "no policy for this tenant", unknown, UNKNOWN_TENANT),
        _broken("broken-no-tenant", "no tenant at all", unnamed, ""),
        _broken("broken-null", "a null value, which would delete on a compacted topic", _raw(None, "text/plain")),
        _broken("broken-bytes", "bytes that are no UTF-8", _raw(noise, "text/plain")),
        _broken("broken-json", "JSON that ends too early", cut),
        _broken("broken-form", "a form instead of a prompt", _raw(form, "application/x-www-form-urlencoded")),
        _broken("broken-long", "more characters than the limit", long),
    ]


def _raw(value: bytes | None, media_type: str) -> Outgoing:
    headers = (("tenant", DEFAULT_TENANT.encode()), ("content-type", media_type.encode()))
    return Outgoing(None, value, headers)


def _broken(name: str, shows: str, message: Outgoing, tenant: str = DEFAULT_TENANT) -> DemoCase:
    return DemoCase(
        id=name,
        kind=ContentKind.PROMPT,
        tenant=tenant,
        envelope="broken",
        shows=shows,
        message=message,
        content=None,
        expected=Action.REJECT,
        private=(_BROKEN_MAIL,) if message.value else (),
    )
