"""The labels of a token classifier: which entity type each stands for, and whether it begins a span."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from filters.errors import ModelError
from filters.findings import EntityType

OUTSIDE = "O"
_PREFIXES = frozenset("BIESLU")
"""Of BIO, IOB2, BIOES and BILOU."""
_BEGINS = frozenset("BSU")

KNOWN: Mapping[str, EntityType] = MappingProxyType(
    {
        "PER": EntityType.PERSON,
        "NAME": EntityType.PERSON,
        "LOC": EntityType.LOCATION,
        "GPE": EntityType.LOCATION,
        "FAC": EntityType.LOCATION,
        "CITY": EntityType.LOCATION,
        "COUNTRY": EntityType.LOCATION,
        "STREET_ADDRESS": EntityType.ADDRESS,
        "ORG": EntityType.ORGANIZATION,
        "ORGANISATION": EntityType.ORGANIZATION,
        "COMPANY": EntityType.ORGANIZATION,
        "CORPORATION": EntityType.ORGANIZATION,
        "GROUP": EntityType.ORGANIZATION,
        "USER": EntityType.USERNAME,
        "USER_NAME": EntityType.USERNAME,
        "DOB": EntityType.DATE_OF_BIRTH,
        "BIRTHDATE": EntityType.DATE_OF_BIRTH,
        "NORP": EntityType.NRP,
        "DATE": EntityType.DATE_TIME,
        "TIME": EntityType.DATE_TIME,
        "EMAIL": EntityType.EMAIL_ADDRESS,
        "PHONE": EntityType.PHONE_NUMBER,
        **{entity.value: entity for entity in EntityType},
    }
)
"""Names in use for what we know (CoNLL-2003, OntoNotes, WNUT17), beside our own."""


@dataclass(frozen=True, slots=True)
class LabelSet:
    """What the columns of a classifier's answer mean.

    Attributes:
        types: the entity types that it can report.
        inside: `(labels, types)`; 1 where a label stands for a type, so that `probabilities @ inside` are the types'.
        begins: `(labels, types)`; the part of `inside` that begins a span. All 0 where labels are plain.
    """

    types: tuple[EntityType, ...]
    inside: npt.NDArray[np.float32]
    begins: npt.NDArray[np.float32]


def read_labels(id2label: Mapping[int, str], mapping: Mapping[str, EntityType | None]) -> LabelSet:
    """The meaning of a model's labels.

    Args:
        id2label: of its configuration; ids count from 0.
        mapping: label names (without prefix, any case) to types, or to None where a label is to be ignored; goes before
            `KNOWN`. Names that stand in neither are ignored.

    Raises:
        ModelError: ids are missing, or no label stands for an entity type.
    """
    if sorted(id2label) != list(range(len(id2label))):
        raise ModelError("the model's id2label does not number its labels from 0 on", reason="labels")
    known = {**KNOWN, **{name.upper(): entity for name, entity in mapping.items()}}
    read = [_split(id2label[index]) for index in range(len(id2label))]
    meant = [known.get(name) if name != OUTSIDE else None for _, name in read]
    types = tuple(sorted({entity for entity in meant if entity is not None}))
    if not types:
        raise ModelError(
            "none of the model's labels stands for an entity type: map their names in the manifest (`reading.labels`)",
            reason="labels",
        )
    inside = np.zeros((len(read), len(types)), np.float32)
    begins = np.zeros_like(inside)
    for index, ((prefix, _), entity) in enumerate(zip(read, meant, strict=True)):
        if entity is not None:
            inside[index, types.index(entity)] = 1
            begins[index, types.index(entity)] = prefix in _BEGINS
    return LabelSet(types, inside, begins)


def _split(label: str) -> tuple[str, str]:
    """Prefix (empty where there is none) and name in capitals."""
    prefix, separator, name = label[:1].upper(), label[1:2], label[2:]
    if prefix in _PREFIXES and separator in {"-", "_"} and name:
        return prefix, name.upper()
    return "", label.upper()
