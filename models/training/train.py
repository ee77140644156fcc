"""Fine-tunes the encoder; `python -m models.training.train --help`. Deterministic for a seed, a machine and a version.

What it reads and with which arguments the committed weights were made stands in models/training/README.md.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from models.training.augment import hidden, recased, renamed
from models.training.encoder import TokenClassifier, load_encoder
from models.training.examples import LABELS, UNUSED, Encoded, Example, Ids, encode, read_examples
from models.training.tweets import read_tweets, tweet_examples

WEIGHTS = "model.safetensors"
BATCH_TOKENS = 2560
"""Padding included."""
BUCKET_BATCHES = 40
"""So many batches are drawn together and sorted by length: little padding, and yet another order every time."""
WARM_UP = 0.06
NEW_PARTS_FASTER = 8.0
"""Head and shapes begin at nothing and learn at this multiple of the rate."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m models.training.train", description=__doc__)
    parser.add_argument("--encoder", type=Path, required=True, help="folder of the published encoder")
    parser.add_argument("--start", type=Path, help="folder of an earlier run whose weights are trained further")
    parser.add_argument("--tweets", type=Path, nargs="*", default=[], help="CoNLL files")
    parser.add_argument("--corpus", type=Path, nargs="*", default=[], help="JSON lines of the synthetic corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.safetensors and tokenizer.json")
    parser.add_argument("--tweet-weight", type=int, default=2, help="passes over the tweets in each epoch")
    parser.add_argument("--corpus-share", type=float, default=1.0, help="part of the corpus drawn for each epoch")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1.5e-4, help="largest learning rate")
    parser.add_argument("--max-tokens", type=int, default=96)
    parser.add_argument(
        "--dropout", type=float, default=0.0, help="a few passes need none; it costs a fifth of the time"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Train and write the weights."""
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    tokenizer = Tokenizer.from_file(str(options.encoder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    epochs = list(_epochs(options, tokenizer))
    batches = [batch for epoch in epochs for batch in epoch]
    model = load_encoder(options.encoder, len(LABELS), options.dropout)
    if options.start:
        model.load_state_dict(load_file(options.start / WEIGHTS))
    options.out.mkdir(parents=True, exist_ok=True)
    _fit(model, batches, options.rate)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, options.out / WEIGHTS)
    tokenizer.save(str(options.out / "tokenizer.json"), pretty=False)
    used = {
        name: str(value)
        for name, value in vars(options).items()
        if name not in {"tweets", "corpus", "encoder", "out", "start"}
    }
    (options.out / "training.json").write_text(json.dumps(used, indent=1))


def _epochs(options: argparse.Namespace, tokenizer: Tokenizer) -> Iterator[list[list[Encoded]]]:
    chance, numbers = random.Random(options.seed), np.random.default_rng(options.seed)  # noqa: S311  augmentation
    tweets = [tweet for path in options.tweets for tweet in tweet_examples(read_tweets(path), path.stem, options.seed)]
    corpus = [example for path in options.corpus for example in read_examples(path)]
    names = sorted({text for example in corpus for text in _people(example)})
    mask_id = tokenizer.token_to_id("[MASK]") or 0
    for _ in range(options.epochs):
        drawn = chance.sample(corpus, round(len(corpus) * options.corpus_share))
        drawn += [renamed(tweet, names, chance) for _ in range(options.tweet_weight) for tweet in tweets]
        encoded = [recased(encode(example, tokenizer, options.max_tokens), chance) for example in drawn]
        chance.shuffle(encoded)
        yield list(_batches([hidden(example, mask_id, numbers) for example in encoded], chance))


def _people(example: Example) -> Iterator[str]:
    for span in example.spans:
        name = example.text[span.start : span.end]
        if span.label == "PERSON" and name.istitle():
            yield name


def _batches(examples: Sequence[Encoded], chance: random.Random) -> Iterator[list[Encoded]]:
    pool = BUCKET_BATCHES * 64
    batches: list[list[Encoded]] = []
    for start in range(0, len(examples), pool):
        batches.append([])
        for example in sorted(examples[start : start + pool], key=lambda each: len(each.ids)):
            if (len(batches[-1]) + 1) * len(example.ids) > BATCH_TOKENS:
                batches.append([])
            batches[-1].append(example)
    chance.shuffle(batches)
    yield from batches


def _fit(model: TokenClassifier, batches: Sequence[Sequence[Encoded]], rate: float) -> None:
    for table in (model.words, model.positions):
        table.weight.requires_grad_(False)  # rare names keep the neighbours that they have; a sixth of the time, too
    new = [value for name, value in model.named_parameters() if name.startswith(("head.", "shapes."))]
    given = ("head.", "shapes.", "words.", "positions.")
    old = [value for name, value in model.named_parameters() if not name.startswith(given)]
    groups = [{"params": old, "lr": rate}, {"params": new, "lr": rate * NEW_PARTS_FASTER}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    warm = max(1, round(WARM_UP * len(batches)))

    def factor(step: int) -> float:
        return min((step + 1) / warm, (len(batches) - step) / max(1, len(batches) - warm))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    model.train()
    started, total = time.monotonic(), 0.0
    for step, batch in enumerate(batches, 1):
        loss = _loss(model, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*old, *new], 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 50 == 0:
            sys.stderr.write(f"{step}/{len(batches)} loss {total / 50:.4f} {time.monotonic() - started:.0f} s\n")
            total = 0.0


def _loss(model: TokenClassifier, batch: Sequence[Encoded]) -> Tensor:
    length = max(len(example.ids) for example in batch)

    def padded(rows: Sequence[Ids], filling: int) -> Tensor:
        return torch.from_numpy(
            np.stack([np.pad(row, (0, length - len(row)), constant_values=filling) for row in rows])
        )

    ids = padded([example.ids for example in batch], 0)
    shapes = padded([example.shapes for example in batch], 0)
    labels = padded([example.labels for example in batch], UNUSED)
    mask = padded([np.ones(len(example.ids), np.int64) for example in batch], 0).bool()
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids, shapes, mask)
    return functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=UNUSED)


if __name__ == "__main__":
    main()
