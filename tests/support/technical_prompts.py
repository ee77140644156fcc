"""Prompts full of what only looks private: seeds, sizes, hashes, names of weights. Nothing in them is anybody's."""

import random
from collections.abc import Callable, Iterator, Mapping

_SUBJECTS = (
    "a castle on a hill at dawn",
    "isometric render of a kitchen, octane, 8k",
    "1girl, solo, long hair, masterpiece, best quality",
    "macro shot of a dew drop on a leaf",
    "cyberpunk alley in the rain, neon signs",
    "watercolour of a harbour, loose brush strokes",
)
_NETWORKS = (
    *("add_detail", "epi_noiseoffset2", "lcm-lora-sdxl", "GlowingRunesAI", "film_grain_v2", "MoXinV1", "pixelArt_xl"),
    *("detail_slider_v4", "LowRA", "japanese_ink-v1.5", "Cyberpunk-Edgerunners_style", "wet_look_03", "3DMM_V12"),
)
_MODELS = (
    *("v1-5-pruned-emaonly.safetensors", "sd_xl_base_1.0.safetensors", "dreamshaper_8.safetensors"),
    *("realisticVisionV60B1_v51VAE.safetensors", "vae-ft-mse-840000-ema-pruned.ckpt", "flux1-dev-fp8.safetensors"),
    *("4x-UltraSharp.pth", "RealESRGAN_x4plus.pth", "control_v11p_sd15_openpose.pth"),
)
_SAMPLERS = ("Euler a", "DPM++ 2M Karras", "DPM++ SDE", "DDIM", "UniPC", "Heun")
_CAMERAS = (
    *("Canon EOS R5", "Nikon Z9", "Sony A7R IV", "Fujifilm X-T4", "Leica M11", "Hasselblad X2D 100C", "Canon AE-1"),
    *("Mamiya RB67", "shot on Kodak Portra 400", "Ilford HP5"),
)
Kind = Callable[[random.Random], str]


def _hex(length: int) -> Kind:
    return lambda rng: "".join(rng.choice("0123456789abcdef") for _ in range(length))


def _one(of: tuple[str, ...]) -> Kind:
    return lambda rng: rng.choice(of)


_TOKENS: Mapping[str, Kind] = {
    "seed": lambda rng: rng.choice(("Seed: {}", "seed={}", "--seed {}", "seed {}", '"seed": {}')).format(
        rng.randrange(10 ** rng.randrange(4, 16))
    ),
    "size": lambda rng: rng.choice(("Size: {}x{}", "--width {} --height {}", "{} x {}", "{}x{} px")).format(
        rng.randrange(256, 4097, 64), rng.randrange(256, 4097, 64)
    ),
    "aspect": lambda rng: f"--ar {rng.randrange(1, 33)}:{rng.randrange(1, 33)}",
    "f-stop": lambda rng: f"f/{rng.choice(('1.2', '1.4', '2.8', '5.6', '11', '22'))}, {rng.randrange(8, 600)}mm",
    "exposure": lambda rng: f"ISO {rng.choice((100, 800, 3200, 12800))}, 1/{rng.choice((60, 250, 8000))}s",
    "model hash": lambda rng: f"Model hash: {_hex(10)(rng)}",
    "sha256": lambda rng: f"sha256: {_hex(64)(rng)}",
    "hash in brackets": lambda rng: f"[{_hex(8)(rng)}]",
    "LoRA": lambda rng: f"<lora:{rng.choice(_NETWORKS)}:{rng.choice(('0.8', '1', '0.35', '1.25'))}>",
    "LoRA hashes": lambda rng: f'Lora hashes: "{rng.choice(_NETWORKS)}: {_hex(12)(rng)}"',
    "embedding": lambda rng: rng.choice(("embedding:EasyNegative", "bad-hands-5", "verybadimagenegative_v1.3")),
    "model": lambda rng: f"Model: {rng.choice(_MODELS)}",
    "sampler": lambda rng: f"Steps: {rng.randrange(10, 150)}, Sampler: {rng.choice(_SAMPLERS)}, CFG scale: 7.5",
    "colour": lambda rng: f"#{_hex(6)(rng)} background",
    "camera": _one(_CAMERAS),
    "weight": lambda rng: f"(detailed background:{rng.choice(('1.1', '1.35', '0.85'))})",
    "version": _one(("Version: v1.10.1", "--v 6.1", "--niji 5", "v1.5", "SDXL 1.0", "Version: f2.0.1v1.10.1-313")),
    "site": _one(("trending on artstation.com", "deviantart.com", "artstation HQ", "pinterest.com", "cgsociety")),
    "years": _one(("1980s", "circa 1890", "1920s 1930s", "12 March 1889", "the year 2077", "late 90s")),
    "denoising": lambda rng: f"Denoising strength: 0.{rng.randrange(1, 99)}, ENSD: 31337, Clip skip: 2",
    "wildcard": _one(("__season__", "__colors/warm__", "{red|blue|green} dress", "{2$$fog|rain|snow}")),
    "break": _one(("BREAK", "AND", "--no text, watermark", "--stylize 750 --chaos 12", "--iw 1.5")),
    "uuid": lambda rng: "job " + "-".join(_hex(length)(rng) for length in (8, 4, 4, 4, 12)),
}
"""By kind, what makes a technical token."""


def technical_prompts(count: int, seed: int = 11) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Prompts of two to six technical tokens each, and the kinds of those."""
    rng = random.Random(seed)  # noqa: S311  material, not a secret
    for _ in range(count):
        kinds = tuple(rng.sample(sorted(_TOKENS), rng.randrange(2, 7)))
        yield ", ".join([rng.choice(_SUBJECTS), *(_TOKENS[kind](rng) for kind in kinds)]), kinds


TOKEN_KINDS = frozenset(_TOKENS)
