"""The demo's images: photographs and drawings as platforms produce them, and those that are broken on purpose."""

from collections.abc import Iterator

from filters.records import ContentKind, ImageContent
from filters.verdict import Action
from streams.demo import drawings, files
from streams.demo.cases import DemoCase, Face, Outgoing
from streams.demo.messages import Wrapping, wrap_image
from streams.demo.photos import CAMERA, CAT, COFFEE, ROCKET, load_photo
from streams.demo.policies import DEFAULT_TENANT, HOLDING_TENANT, MOSAIC_TENANT, UNKNOWN_TENANT

_OWNER = "Jane Roe, Elm Street 12"
_COMMENT = "at the pad with Max, call +1 650-555-0143"
_PARAMETERS = (
    "portrait of jane.roe@example.com in orange, studio light\nNegative prompt: lowres\n"
    "Steps: 30, Sampler: Euler a, CFG scale: 7, Seed: 1234567890, Size: 512x512"
)
_TRAILER = "backup of the uncropped original: max.muster@example.net"
_BOMB_SIDE = 10_000


def image_cases() -> list[DemoCase]:
    """All images, in the order in which they are shown."""
    return [*_people(), *_cards(), *_hidden(), *_animations(), *_without_people(), *_broken()]


def _people() -> Iterator[DemoCase]:
    one, two = drawings.astronaut(), drawings.two_people()
    yield _case(
        "photo-exif",
        "a telephone's JPEG: face, owner, position, comment",
        files.with_camera_exif(one, _OWNER, _COMMENT),
        one.faces,
        private=(_OWNER, _COMMENT),
    )
    yield _case("photo-webp", "the same photograph as WebP", files.webp(one), one.faces, wrapping=Wrapping.RAW)
    yield _case("photo-two", "two people, one mirrored; a cat between them stays", files.jpeg(two), two.faces)
    yield _case(
        "photo-mosaic",
        "a tenant whose faces become a mosaic, computed from the surroundings only",
        files.jpeg(two),
        two.faces,
        tenant=MOSAIC_TENANT,
    )
    small, close = drawings.spectator(), drawings.closeup()
    yield _case("photo-small", "a face of 36 × 45 pixels in a wide view", files.jpeg(small), small.faces)
    yield _case("photo-close", "a face that fills the frame", files.png(close), close.faces, tenant=MOSAIC_TENANT)
    yield _case("photo-turned", "pixels on their side, set upright by EXIF", files.turned(one), one.faces)
    yield _case(
        "photo-held",
        "a tenant that holds faces back for a person, encrypted",
        files.jpeg(one),
        one.faces,
        tenant=HOLDING_TENANT,
        expected=Action.HOLD,
    )


def _cards() -> Iterator[DemoCase]:
    badge, identity = drawings.badge(), drawings.identity_card()
    yield _case(
        "card-badge",
        "a drawn badge: the portrait goes; its words stay, text in pictures is not read yet",
        files.png(badge),
        badge.faces,
        wrapping=Wrapping.STRUCTURED,
        request_id="pii-email",
    )
    yield _case(
        "card-identity",
        "a drawn card with a portrait and its ghost; its words stay, see above",
        files.jpeg(identity),
        identity.faces,
        tenant=MOSAIC_TENANT,
        wrapping=Wrapping.JSON,
    )
    yield _case(
        "card-bank",
        "a drawn bank card without a face: released as it is, text in pictures is not read yet",
        files.png(drawings.bank_card()),
        expected=Action.ALLOW,
    )


def _hidden() -> Iterator[DemoCase]:
    one, under = drawings.astronaut(), drawings.under_transparency()
    coffee = drawings.plain(load_photo(COFFEE))
    yield _case(
        "hidden-parameters",
        "a PNG that carries its prompt in a text chunk",
        files.with_parameters(one, _PARAMETERS),
        one.faces,
        private=("jane.roe@example.com",),
    )
    yield _case("hidden-alpha", "a face in the file, under transparent pixels", files.png(under), under.faces)
    yield _case(
        "hidden-trailer",
        "text behind the end of the image; nothing else to redact",
        files.with_trailer(files.jpeg(coffee), _TRAILER),
        private=(_TRAILER, "max.muster@example.net"),
    )


def _animations() -> Iterator[DemoCase]:
    long, short = drawings.fly_past(8), drawings.fly_past(4, 300)
    yield _case("moving-webp", "an animation; nobody is in its first frame", files.webp(long), long.faces)
    yield _case("moving-png", "an animated PNG", files.png(short), short.faces, tenant=MOSAIC_TENANT)


def _without_people() -> Iterator[DemoCase]:
    for name, photo, encode, tenant, request_id in (
        ("calm-cat", CAT, files.png, DEFAULT_TENANT, "pii-phone-uk"),
        ("calm-coffee", COFFEE, files.webp, DEFAULT_TENANT, "art-monet"),
        ("calm-rocket", ROCKET, files.jpeg, HOLDING_TENANT, "art-newsroom"),
    ):
        image = encode(drawings.plain(load_photo(photo)))
        shows = "nobody in it: released to the last byte as it came"
        yield _case(name, shows, image, tenant=tenant, expected=Action.ALLOW, request_id=request_id)


def _broken() -> Iterator[DemoCase]:
    camera = files.jpeg(drawings.plain(load_photo(CAMERA)))
    coffee = files.png(drawings.plain(load_photo(COFFEE).resize((150, 100))))
    mislabelled = ImageContent(coffee.data, "image/jpeg")
    for name, shows, image, tenant in (
        ("broken-jpeg", "a JPEG that ends half-way", files.cut_off(camera), DEFAULT_TENANT),
        (
            "broken-bomb",
            "a PNG of some hundred bytes that unpacks to 100 megapixels",
            files.bomb(_BOMB_SIDE),
            MOSAIC_TENANT,
        ),
        ("broken-type", "a PNG that says it is a JPEG", mislabelled, DEFAULT_TENANT),
        ("broken-noise", "bytes that are no image", ImageContent(b"\x00\x17" * 400, "image/png"), DEFAULT_TENANT),
        ("broken-stranger", "no policy for this tenant", coffee, UNKNOWN_TENANT),
    ):
        yield _case(name, shows, image, tenant=tenant, expected=Action.REJECT)
    null = Outgoing(b"broken-null-image", None, (("tenant", DEFAULT_TENANT.encode()), ("content-type", b"image/png")))
    yield DemoCase(
        id="broken-null-image",
        kind=ContentKind.IMAGE,
        tenant=DEFAULT_TENANT,
        envelope="broken",
        shows="a null value",
        message=null,
        content=None,
        expected=Action.REJECT,
    )


def _case(
    name: str,
    shows: str,
    image: ImageContent,
    faces: tuple[Face, ...] = (),
    *,
    tenant: str = DEFAULT_TENANT,
    wrapping: Wrapping = Wrapping.BINARY,
    expected: Action = Action.REDACT,
    private: tuple[str, ...] = (),
    request_id: str | None = None,
) -> DemoCase:
    request = request_id or name
    return DemoCase(
        id=name,
        kind=ContentKind.IMAGE,
        tenant=tenant,
        envelope=wrapping.value,
        shows=shows,
        message=wrap_image(wrapping, tenant, request, image),
        content=image,
        expected=expected,
        private=private,
        faces=faces,
        request_id=request,
    )
