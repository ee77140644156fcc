"""Three tenants and their policies: the first redacts, the second rejects, the third holds."""

from collections.abc import Mapping

REDACTS, REJECTS, HOLDS = "acme", "globex", "initech"
"""Tenants, by what their policies do with faces."""

POLICIES: Mapping[str, str] = {
    REDACTS: """\
apiVersion: veilstream/v1
kind: FilterPolicy
metadata: {tenant: acme, version: 1}
spec:
  on_error: reject
  prompts:
    rules:
      - {id: secrets, entities: [CREDIT_CARD, US_SSN], action: reject}
      - {id: contacts, entities: [EMAIL_ADDRESS, PHONE_NUMBER, IP_ADDRESS, IBAN_CODE], action: redact}
      - {id: links, entities: [URL], min_score: 0.6, action: redact}
  images:
    rules:
      - {id: faces, entities: [FACE], min_score: 0.3, action: redact, operator: {type: fill, margin: 0.15}}
""",
    REJECTS: """\
apiVersion: veilstream/v1
kind: FilterPolicy
metadata: {tenant: globex, version: 1}
spec:
  on_error: reject
  prompts:
    rules:
      - {id: mail, entities: [EMAIL_ADDRESS], action: redact, operator: {type: remove}}
      - {id: numbers, entities: [PHONE_NUMBER, IP_ADDRESS], action: redact, operator: {type: mask}}
      - {id: rest, entities: [CREDIT_CARD, US_SSN, IBAN_CODE], action: reject}
      - {id: links, entities: [URL], min_score: 0.6, action: redact}
  images:
    rules:
      - {id: faces, entities: [FACE], min_score: 0.3, action: reject}
""",
    HOLDS: """\
apiVersion: veilstream/v1
kind: FilterPolicy
metadata: {tenant: initech, version: 1}
spec:
  on_error: hold
  prompts:
    rules:
      - {id: secrets, entities: [CREDIT_CARD, US_SSN, IBAN_CODE], action: hold}
      - {id: mail, entities: [EMAIL_ADDRESS], action: redact, operator: {type: pseudonym}}
      - {id: numbers, entities: [PHONE_NUMBER, IP_ADDRESS], action: redact, operator: {type: hash}}
      - {id: links, entities: [URL], min_score: 0.6, action: redact}
  images:
    rules:
      - {id: faces, entities: [FACE], min_score: 0.3, action: hold}
""",
}
