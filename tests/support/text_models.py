"""Token classifiers for tests: tiny exports of Hugging Face's form, with tokenizers of two families."""

import hashlib
import json
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from models.manifest import CONFIG, TOKENIZER, ModelEntry
from models.session import Device
from models.text_pii import TextPiiDetector, build_text_detector
from models.weights import WeightStore

WORDS = ("jane", "doe", "berlin", "portrait", "castle")


def wordpiece() -> Tokenizer:
    """An uncased WordPiece tokenizer, like BERT's: whole words for some, letters for the rest."""
    letters = string.ascii_lowercase + string.digits + string.punctuation
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, *letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106  no password
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(entries[:4])
    ends = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.enable_truncation(8)  # as exports have it: it must not cut our texts
    tokenizer.enable_padding(length=8)
    return tokenizer


def byte_pairs() -> Tokenizer:
    """A cased byte-level BPE tokenizer, like RoBERTa's: tokens begin with the blank before them."""
    names = [word.title() for word in WORDS]
    merges = [(name[:end], name[end]) for name in names for end in range(1, len(name))]
    merges += [("Ġ", name) for name in names]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = ["<pad>", "<s>", "</s>", *alphabet, *dict.fromkeys(first + second for first, second in merges)]
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.BPE(vocabulary, list(dict.fromkeys(merges))))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(entries[:3])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1), trim_offsets=False)
    return tokenizer


def table_model(rows: Mapping[int, int], vocabulary: int, labels: int, inputs: Sequence[str]) -> onnx.ModelProto:
    """A classifier that gives each token id the label that `rows` says, else label 0, whatever stands around it."""
    table = np.full((vocabulary, labels), -4, np.float32)
    for token in range(vocabulary):
        table[token, rows.get(token, 0)] = 4
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["looked_up"])]
    last = "looked_up"
    for name in (name for name in inputs if name != "input_ids"):  # all inputs are used, and change nothing
        nodes += [
            helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_float", "nothing"], [f"{name}_none"]),
            helper.make_node("Unsqueeze", [f"{name}_none", "last"], [f"{name}_wide"]),
            helper.make_node("Add", [last, f"{name}_wide"], [f"{name}_sum"]),
        ]
        last = f"{name}_sum"
    nodes.append(helper.make_node("Identity", [last], ["logits"]))
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.zeros((), np.float32), "nothing"),
        numpy_helper.from_array(np.array([2], np.int64), "last"),
    ]
    axes = ["batch", "tokens"]
    given = [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in inputs]
    answer = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [*axes, labels])
    graph = helper.make_graph(nodes, "tiny", given, [answer], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def export(folder: Path, model: onnx.ModelProto, tokenizer: Tokenizer, labels: Sequence[str], **config: object) -> Path:
    """The three files of an export."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    tokenizer.save(str(folder / TOKENIZER))
    document = {"model_type": "bert", "max_position_embeddings": 64, "id2label": dict(enumerate(labels)), **config}
    (folder / CONFIG).write_text(json.dumps(document))
    return folder


def entry_of(folder: Path, **reading: object) -> ModelEntry:
    """A manifest entry for an export in a folder."""
    companions = {name: _file(folder / name) for name in (TOKENIZER, CONFIG)}
    return ModelEntry.model_validate(
        {
            "name": "tiny",
            "task": "text_pii",
            "family": "token_classification",
            "description": "a tiny model",
            "licence": "MIT",
            **_file(folder / "model.onnx"),
            "companions": companions,
            "reading": reading,
        }
    )


def _file(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"source": f"file:{path}", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def built(entry: ModelEntry, cache: Path | None = None) -> TextPiiDetector:
    """The detector of an entry, on the CPU, one thread."""
    store = WeightStore(cache)
    store.pull(entry)
    return build_text_detector(entry, store.stored(entry), Device.CPU, threads=1)


def tiny_wordpiece(folder: Path, **reading: object) -> TextPiiDetector:
    """Knows the words jane, doe (PER) and berlin (LOC); BIO labels, uncased, with segments."""
    tokenizer = wordpiece()
    labels = ["O", "B-PER", "I-PER", "B-LOC"]
    rows = {tokenizer.token_to_id("jane"): 1, tokenizer.token_to_id("doe"): 2, tokenizer.token_to_id("berlin"): 3}
    model = table_model(rows, tokenizer.get_vocab_size(), 4, ["input_ids", "attention_mask", "token_type_ids"])
    return built(entry_of(export(folder / "tiny", model, tokenizer, labels), **reading), folder / "cache")


def tiny_byte_pairs(folder: Path, **reading: object) -> TextPiiDetector:
    """Knows Jane and Doe (a person) and Berlin (a place) with capitals; plain labels of names of its own."""
    tokenizer = byte_pairs()
    known = {"Jane": 2, "ĠJane": 2, "Doe": 2, "ĠDoe": 2, "Berlin": 1, "ĠBerlin": 1}
    rows = {token: label for name, label in known.items() if (token := tokenizer.token_to_id(name)) is not None}
    model = table_model(rows, tokenizer.get_vocab_size(), 3, ["input_ids", "attention_mask"])
    labels = {"labels": {"who": "PERSON", "where": "LOCATION"}}
    config = {"model_type": "roberta", "max_position_embeddings": 66, "pad_token_id": 1}
    folder_ = export(folder / "tiny", model, tokenizer, ["O", "where", "who"], **config)
    return built(entry_of(folder_, **labels, **reading), folder / "cache")
