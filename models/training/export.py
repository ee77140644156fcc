"""Writes what runs: `python -m models.training.export --help`. The same weights give the same bytes."""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from shutil import copyfile

from safetensors.numpy import load_file

from models.manifest import CONFIG, TOKENIZER
from models.training.examples import LABELS
from models.training.graph import classifier

HEADS, POSITIONS = 12, 512
"""Of MiniLM-L6-H384."""
MODEL = "model.onnx"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m models.training.export", description=__doc__)
    parser.add_argument("--trained", type=Path, required=True, help="folder that models.training.train wrote")
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {MODEL}, {TOKENIZER} and {CONFIG}")
    parser.add_argument("--float", action="store_true", help="weights of 32 bits, to compare with")
    return parser.parse_args()


def main() -> None:
    """Write the three files and print what the manifest says of them."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    weights = load_file(options.trained / "model.safetensors")
    model = classifier(weights, HEADS, eight_bits=not options.float)
    (options.out / MODEL).write_bytes(model.SerializeToString(deterministic=True))
    copyfile(options.trained / TOKENIZER, options.out / TOKENIZER)
    config = {
        "model_type": "bert",
        "max_position_embeddings": POSITIONS,
        "pad_token_id": 0,
        "id2label": {str(index): label for index, label in enumerate(LABELS)},
    }
    (options.out / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
    for name in (MODEL, TOKENIZER, CONFIG):
        data = (options.out / name).read_bytes()
        sys.stdout.write(f"{name}: sha256: {hashlib.sha256(data).hexdigest()} size: {len(data)}\n")


if __name__ == "__main__":
    main()
