"""The demo's photographs: those that ship inside the scikit-image wheel, all of them free to use."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from filters.errors import ConfigurationError
from filters.findings import BoundingBox


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph as it lies in the package, and whom to thank for it."""

    file: str
    credit: str


ASTRONAUT = Photo("astronaut.png", "Eileen Collins, NASA; public domain")
CAMERA = Photo("camera.png", "Lav Varshney; CC0")
CAT = Photo("chelsea.png", "Chelsea the cat, Stéfan van der Walt; CC0")
COFFEE = Photo("coffee.png", "Rachel Michetti for Pikolo Espresso Bar; CC0")
ROCKET = Photo("rocket.jpg", "SpaceX; public domain")
CREDITS = (ASTRONAUT, CAMERA, CAT, COFFEE, ROCKET)

ASTRONAUT_FACE = BoundingBox(180, 72, 264, 178)
"""From hairline to chin, in pixels of the 512 × 512 photograph."""


def load_photo(photo: Photo) -> Image.Image:
    """The pixels as RGB, and nothing else of the file.

    Raises:
        ConfigurationError: scikit-image is not installed, or no longer ships the photograph.
    """
    spec = find_spec("skimage")  # not imported: only its files are wanted
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / "data" / photo.file
        if path.is_file():
            with Image.open(path) as image:
                pixels = image.convert("RGB")
            return Image.frombytes("RGB", pixels.size, pixels.tobytes())
    raise ConfigurationError(
        f"the demo's photograph {photo.file} comes with scikit-image; pip install 'veilstream[demo]'", reason="demo"
    )
