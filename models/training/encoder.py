"""MiniLM with a head that labels tokens, in PyTorch, for training alone: what runs is written by `export.py`."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from models.shapes import SHAPES


class Layer(nn.Module):
    """One transformer layer of BERT (Devlin et al. 2019), normalisation after each residual."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.attended_norm = nn.LayerNorm(width, 1e-12)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.down_norm = nn.LayerNorm(width, 1e-12)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """`(batch, tokens, width)` → the same; `mask` is added to the attention `(batch, 1, 1, tokens)`."""
        batch, tokens, width = hidden.shape
        split = self.qkv(hidden).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        # written out: on a CPU the backward pass of PyTorch's own attention takes a third of the whole step
        scores = query @ key.transpose(2, 3) * (width // self.heads) ** -0.5 + mask.to(query.dtype)
        mixed = scores.softmax(-1).to(value.dtype) @ value
        attended = self.attended(mixed.transpose(1, 2).reshape(batch, tokens, width))
        hidden = self.attended_norm(hidden + self._dropped(attended))
        inner = functional.gelu(self.up(hidden))
        return self.down_norm(hidden + self._dropped(self.down(inner)))

    def _dropped(self, values: Tensor) -> Tensor:
        return functional.dropout(values, self.dropout, self.training) if self.dropout else values


class TokenClassifier(nn.Module):
    """Token ids and shape ids, `(batch, tokens)`, to logits `(batch, tokens, labels)`."""

    def __init__(self, config: Mapping[str, int], labels: int, dropout: float) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(config["max_position_embeddings"], width)
        self.shapes = nn.Embedding(SHAPES, width)
        self.norm = nn.LayerNorm(width, 1e-12)
        sizes = (width, config["num_attention_heads"], config["intermediate_size"])
        self.layers = nn.ModuleList(Layer(*sizes, dropout) for _ in range(config["num_hidden_layers"]))
        self.head = nn.Linear(width, labels)
        self.dropout = dropout
        nn.init.zeros_(self.shapes.weight)  # training begins with the encoder as it was published
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, ids: Tensor, shapes: Tensor, mask: Tensor) -> Tensor:
        """`mask` is true where there is a token."""
        places = torch.arange(ids.shape[1])
        hidden = self.norm(self.words(ids) + self.positions(places) + self.shapes(shapes))
        hidden = self._dropped(hidden)
        closed = torch.zeros(mask.shape).masked_fill(~mask, -1e4)[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, closed)
        logits: Tensor = self.head(self._dropped(hidden))
        return logits

    def _dropped(self, values: Tensor) -> Tensor:
        return functional.dropout(values, self.dropout, self.training) if self.dropout else values


def load_encoder(folder: Path, labels: int, dropout: float) -> TokenClassifier:
    """The classifier over a published BERT encoder (config.json and model.safetensors in `folder`)."""
    model = TokenClassifier(json.loads((folder / "config.json").read_text()), labels, dropout)
    model.load_state_dict(model.state_dict() | _renamed(load_file(folder / "model.safetensors")))
    return model


def _renamed(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """BERT's weights under our names; its one segment's embedding joins the positions'."""
    prefix = "bert." if any(name.startswith("bert.") for name in published) else ""
    source = {name.removeprefix(prefix): value for name, value in published.items()}
    segment = source["embeddings.token_type_embeddings.weight"][0]
    weights = {
        "words.weight": source["embeddings.word_embeddings.weight"],
        "positions.weight": source["embeddings.position_embeddings.weight"] + segment,
        "norm.weight": source["embeddings.LayerNorm.weight"],
        "norm.bias": source["embeddings.LayerNorm.bias"],
    }
    count = 1 + max(int(name.split(".")[2]) for name in source if name.startswith("encoder.layer."))
    for index in range(count):
        weights |= _renamed_layer(source, f"encoder.layer.{index}", f"layers.{index}")
    return weights


def _renamed_layer(source: Mapping[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    names = {
        "attended": "attention.output.dense",
        "attended_norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "down_norm": "output.LayerNorm",
    }
    weights = {}
    for part in ("weight", "bias"):
        three = [source[f"{theirs}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
        weights[f"{ours}.qkv.{part}"] = torch.cat(three)
        weights |= {f"{ours}.{our}.{part}": source[f"{theirs}.{their}.{part}"] for our, their in names.items()}
    return weights
