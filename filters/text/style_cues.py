"""Cues that a name stands for a style, a character or a figure. All patterns read `filters.text.surroundings` text.

Two frames are told apart. *Said outright* ("in the style of …", "painted by …") needs no name on a list; a bare "by" is
an art prompt's only where a medium or a tag's border stands before it ("oil painting by …", "forest, by …"). "Written
by", "taken by" and "standing by" never are.
"""

import re
from enum import IntEnum
from typing import Final

OTHER_NAME: Final = "\ue000"
"""Stands for another finding of a person, or for what an earlier redaction has put in its place (private use area)."""


class Frame(IntEnum):
    """How much a frame says: `LISTED` convinces only together with a name on a list of artists."""

    NONE = 0
    LISTED = 1
    STYLE = 2


_FILLER: Final = (
    r"(?:(?:the |an? |der |die |dem |le |la |les |el |los |il |lo |o |a |de )?(?:(?:great|famous|legendary|renowned|"
    r"young|old|dutch|french|"
    r"italian|german|spanish|american|british|japanese|russian|chinese) ){0,3}"
    r"(?:artists?|painters?|illustrators?|photographers?|architects?|directors?|masters?|mangakas?|sculptors?|"
    r"cinematographers?|animators?|kunstlers?|malers?|peintre|artiste|pintora?|artista|pittore|schilder|kunstenaar)"
    r" ?:? ?)?"
)
_ART_VERBS: Final = (
    r"painted|drawn|illustrated|sculpted|sketched|designed|directed|photographed|rendered|engraved|etched|inked|"
    r"animated|imagined|envisioned|shot"
)
_SAID_OUTRIGHT: Final = re.compile(
    r"(?:(?<!\w)(?:(?:style|manner|spirit|vein|aesthetics?|look) (?:of|like|by)|styled (?:like|after)|a la|"
    r"inspired by|influenced by|influences? of|reminiscent of|homage to|tribute to|inspiration from|"
    rf"(?:{_ART_VERBS})(?: entirely| digitally)? by|style:|"
    r"(?:im|in dem) stil[e]? (?:von|des|der)|nach art von|inspiriert von|(?:gemalt|gezeichnet|entworfen) von|"
    r"(?:dans le |au )?style de|inspiree? (?:par|de)|a la maniere de|(?:peinte?|dessinee?) par|"
    r"(?:al|en el|del|con) estilo de|estilo|inspirad[oa] (?:en|por)|(?:pintad[oa]|dibujad[oa]|desenhad[oa]) por|"
    r"(?:nello|in|allo) stile di|alla maniera di|ispirat[oa] (?:a|da)|(?:dipint[oa]|disegnat[oa]) da|"
    r"(?:no|ao|em) estilo de|a maneira de|in de stijl van|geinspireerd door|(?:geschilderd|getekend) door) "
    rf"|(?<!\w)(?:style d'|by (?:the )?(?:late |famous |great )?artists? |artists?: ?|art:)){_FILLER}\Z"
)
_BY: Final = re.compile(rf"(?:\A|(?<=[^\w'-]))by:? {_FILLER}\Z")
_AFTER_ARTIST: Final = re.compile(rf"(?:\A|(?<=[^\w'-]))after {_FILLER}\Z")
_OF_ARTIST: Final = re.compile(
    r"(?<!\w)(?:olgemalde|gemalde|aquarell|holzschnitt|skulptur|radierung|peinture|tableau|sculpture|gravure|"
    r"aquarelle|cuadro|pintura|"
    r"escultura|grabado|acuarela|dipinto|quadro|scultura|incisione|acquerello|gravura|aquarela|schilderij|"
    r"beeldhouwwerk|"
    r"ets|gravure|artworks?|works?|paintings|drawings) (?:von|par|de|del|di|da|por|van|door|of) \Z"
)
_MEDIUM: Final = re.compile(
    r"(?:\w+-)?(?:paint(?:ing|ings)?|portraits?|selfportrait|photos?|photographs?|photography|pictures?|images?|"
    r"drawings?|sketch(?:es)?|illustrations?|illustrated|\w*art|artworks?|artstyle|graphics|graphic|line|lines|"
    r"renders?|renderings?|3d|"
    r"sculptures?|"
    r"statues?|engravings?|etchings?|woodcuts?|prints?|posters?|comics?|panels?|manga|anime|cartoons?|watercolou?rs?|"
    r"gouache|pastels?|mosaics?|frescos?|murals?|graffiti|tattoos?|logos?|tapestry|photocopy|screenshots?|"
    r"screenprints?|"
    r"silkscreen|screen|hologram|diagrams?|stipple|life|collages?|cover|scene|still|landscapes?|concept|designs?|"
    r"study|studies|"
    r"masterpieces?|works?|style|movie|film|storybook|lithographs?|linocuts?|pixel|voxel|vector|stitch|puzzle|"
    r"architecture|building|dress|fashion|cinematography|lighting|colou?rs?|canvas|oils?|ink|charcoal|acrylics?|"
    r"baroque|rococo|renaissance|deco|nouveau|wallpaper|impasto|matte|fresco|triptych|relief|bust|book|album|ukiyo-e|"
    r"cinematic|aesthetic|airbrush|daguerreotype|tintype|polaroid|caricature|doodle|"
    r"\w{3,}(?:ism|esque|punk|wave|core))\Z"
)
_PHOTO_OF_SOMEBODY: Final = re.compile(
    r"(?<!\w)(?:photos?|pictures?|images?|snapshot|selfie|video|footage) (?:of|with)(?!\w)"
)
_TAG_BEHIND: Final = re.compile(r"\A ?, ?(?P<tag>[^,]{1,60})(?:,|\Z)")
_MOST_TAG_WORDS: Final = 7
_DOING: Final = re.compile(
    r"(?:\w+(?:ed|ing)|written|taken|sent|told|said|held|seen|sung|made|built|sold|bought|given|known|kept|led|met|"
    r"on|in|at|off|from|with|to|and|sat|stood|stand|stands|sit|sits|goes|go|come|comes|stop|stops|right|near|close|"
    r"side|abused|bullied|day|"
    r"night|"
    r"letters?|notes?|messages?|mails?|emails?|posts?|tweets?|poems?|songs?|speech|report|diary|account|profile|"
    r"cards?|"
    r"signature|quote|review|comments?|article|text|essay|recipe|invoice|calls?|house|home|party|wedding)\Z"
)
ART_CONTEXT: Final = re.compile(
    r"(?<!\w)(?:artstation|deviantart|behance|cgsociety|pixiv|conceptart\w*|concept art|digital art|oil on canvas|"
    r"matte painting|"
    r"(?:oil|digital|acrylic|matte|watercolou?r) painting|highly detailed|intricate|masterpiece|unreal engine|octane|"
    r"8k|4k|hdr|uhd|sharp focus|trending|volumetric|cinematic|illustration|watercolou?r|engraving|woodcut|anime|"
    r"\w{4,}ism|art nouveau|art deco|ukiyo-e|baroque|surreal(?:ist)?|concept|fantasy|sci-?fi|cyberpunk|"
    r"steampunk)(?!\w)"
)
_STYLE_AFTER: Final = re.compile(
    r"\A(?:'s?)?[ -](?:(?:art|painting|drawing|illustration|anime|movie|film|photo|comic)[ -]?)?"
    r"(?:styles?|styled|inspired|esque|aesthetics?|stil|stijl)(?!\w| by| like)|\A(?:esque|ian)(?!\w)"
)
_WORK_AFTER: Final = re.compile(
    r"\A's (?:\w+ ){0,2}(?:style|art|artworks?|paintings?|works?|manner|sculptures?|films?|aesthetics?|"
    r"drawings?)(?!\w)"
)
_SEPARATOR: Final = re.compile(
    r"(?: ?, ?(?:and |und |et |y |e |en )?| ?[&+/;] ?| (?:and|und|et|y|e|en|x|feat\.?|with) )\Z"
)
_UNLISTED_NAME: Final = re.compile(
    r"(?<![\w'-])(?:by|style of|manner of) (?!(?:the|an?|my|his|her|their|our|this|that|its) )"
    r"(?P<name>[\w'.-]{1,30}(?: [\w'.-]{1,30}){1,4})\Z"
)
_CONJUNCTION: Final = re.compile(r"\w|[&+]")


_MADE_BY_HAND: Final = re.compile(
    r"(?:paint(?:ing|ed)s?|drawings?|drawn|sketch(?:es)?|illustrations?|illustrated|renderings?|engravings?|etchings?|"
    r"woodcuts?|linocuts?|lithographs?|(?:screen|silkscreen)?prints?|watercolou?rs?|gouache|pastels?|mosaics?|fresco(?:e?s)?|"
    r"murals?|graffiti|tapestry|sculptures?|statues?|art|artwork|comics?|manga|anime|cartoons?|ukiyo-e|stipple)\Z"
)
_CAMERA_MADE: Final = re.compile(
    r"(?:photos?|photograph\w*|pictures?|images?|snapshots?|selfies?|polaroid|video|footage|film|screenshots?|portraits?|"
    r"selfportrait|headshots?|mugshots?|raw|dslr|bust|tattoos?|caricature|book|album|logos?|dress|fashion)\Z"
)
_SOMEBODY: Final = re.compile(
    r"(?:\d?\+?(?:girl|boy|woman|man|lady|guy|person|child|kid|baby|bride|groom|nurse|doctor|teacher|model|actress|actor|"
    r"worker|soldier|student|couple|friend|mother|mom|father|dad|son|daughter|sister|brother|wife|husband|ex|family|gentleman|"
    r"waitress|waiter|dancer|singer|player|astronaut|knight|queen|king|princess|prince|officer|politician|teen|toddler|"
    r"wedding|birthday|funeral|anniversary|graduation|name|named|called|text|saying|says|sign|letter|card|badge|banner)s?|"
    r"women|men|people|children|ladies|gentlemen|somebody|someone|human|female|male|she|he|her|his|him|they|i|me|my|our|you|"
    r"your|face|faces|facial|hair|haired|eyes|lips|skin|smile|smiling|wearing|naked|nude|topless|sexy|body|cosplay|"
    r"blonde|brunette|redhead|solo|who|frau|mann|madchen|junge|femme|homme|fille|mujer|hombre|chica|donna|uomo|ragazza|"
    r"mulher|homem|vrouw|meisje)\Z"
)
_BORDERS: Final = ",;.|:&+/-"
_POSSESSIVE: Final = re.compile(r"\A's?(?!\w)")
_GOES_ON: Final = re.compile(r"\A (?:of|with|at|from|in|on|and (?:her|his|their)|who|taken)(?!\w)")


def style_after(after: str) -> Frame:
    """What stands behind a name says of it: "style", "-inspired"; "'s paintings" only of artists."""
    style = _STYLE_AFTER.match(after)
    if style:
        # "jane doe style hair" is somebody's hair
        rest = after[style.end() :].split(maxsplit=1)
        return Frame.STYLE if not rest or rest[0][0] in _BORDERS or _MEDIUM.match(rest[0]) else Frame.LISTED
    return Frame.LISTED if _WORK_AFTER.match(after) else Frame.NONE


def style_before(before: str, after: str) -> Frame:
    """What stands before a name says of it."""
    tail = before[-120:]
    if _SAID_OUTRIGHT.search(tail):
        return Frame.LISTED if _POSSESSIVE.match(after) else Frame.STYLE
    if _OF_ARTIST.search(tail) or _AFTER_ARTIST.search(tail):
        return Frame.LISTED
    by = _BY.search(tail)
    return _by_frame(tail[: by.start()].rstrip(), after) if by else Frame.NONE


def _by_frame(prior: str, after: str) -> Frame:
    """What a "by" says after `prior`."""
    if _POSSESSIVE.match(after):
        return Frame.LISTED  # a shirt by Jane's daughter
    if not prior or prior[-1] in _BORDERS:
        return Frame.STYLE
    segment = re.split(r"[,;.|]", prior)[-1]
    last = segment.rpartition(" ")[2]
    if _MEDIUM.match(last):
        return Frame.LISTED if last.startswith(("photo", "picture")) and _GOES_ON.match(after) else Frame.STYLE
    if last == OTHER_NAME:
        return Frame.LISTED
    return Frame.NONE if _DOING.match(last) else _subject_frame(segment, prior, after)


def _subject_frame(segment: str, prior: str, after: str) -> Frame:
    """What a "by" says after a subject: "portrait of a woman by …", "two cats by …"."""
    if _PHOTO_OF_SOMEBODY.search(segment):
        return Frame.LISTED
    is_art = any(map(_MEDIUM.match, segment.split())) or _is_tag_behind(after) or ART_CONTEXT.search(prior)
    return Frame.STYLE if is_art else Frame.LISTED


def _is_tag_behind(after: str) -> bool:
    """Whether a short tag follows that speaks of nobody."""
    tag = _TAG_BEHIND.match(after)
    words = tag["tag"].split() if tag else []
    return 0 < len(words) <= _MOST_TAG_WORDS and not any(map(_SOMEBODY.match, words))


def separator_before(before: str) -> tuple[str, bool] | None:
    """What stands before a separator of a list of names, and whether it is a conjunction; None where none stands."""
    match = _SEPARATOR.search(before)
    return (before[: match.start()], bool(_CONJUNCTION.search(match.group()))) if match else None


def unlisted_name(before: str) -> int | None:
    """Where what stands behind a "by" begins, if `before` ends with it: two to five words without a mark."""
    match = _UNLISTED_NAME.search(before)
    return match.start("name") if match else None


def is_art_without_people(text: str) -> bool:
    """Whether a prompt speaks of a made picture (no photograph), and of nobody who could be in it."""
    words = re.findall(r"[\w'-]+", text)
    made = any(map(_MADE_BY_HAND.match, words))
    return made and not any(map(_SOMEBODY.match, words)) and not any(map(_CAMERA_MADE.match, words))


FICTION_BEFORE: Final = re.compile(
    r"(?<!\w)(?:(?:fictional|anime|manga|cartoon|video ?game|movie|film|book|novel|comic|disney|marvel|dc|pixar|"
    r"jrpg|rpg|d&d|dnd|"
    r"original|fantasy|main|player|playable)[ -](?:\w+ )?(?:characters?|heroine|hero|villain|protagonist|superhero)|"
    r"characters?|superhero(?:ine)?|(?:roman|anime|film|comic|spiel)figur|personnage(?: fictif)?|"
    r"personaje(?: ficticio)?|"
    r"personaggio|personagem|personage|oc|cosplay (?:of|as)|cosplaying(?: as)?|cosplayer as|dressed (?:up )?as|"
    r"verkleidet als|kostum von|deguisee? en|disfrazad[oa] de)"
    r"(?: (?:named|called|namens|nomme|llamad[oa]|genaamd))?:? \Z"
)
FICTION_AFTER: Final = re.compile(
    r"\A,? ?(?:as )?(?:is )?(?:an? |the )?(?:fictional|(?:anime|manga|cartoon|video ?game|game|comic) (?:character|"
    r"hero))(?!\w)"
    r"|\A(?:,? (?:of|from) (?:the )?(?:anime|manga|movie|film|video ?game|game|novel|comics?|tv series|series|"
    r"cartoon)(?!\w))"
)
FRANCHISE_AFTER: Final = re.compile(
    r"\A ?(?:(?:from|of|aus|de|di|van) )?(?:the )?(?:(?:series|game|anime|movie) )?"
    r"(?:star wars|star trek|harry potter|lord of the rings|the hobbit|game of thrones|house of the dragon|marvel|"
    r"dc comics|disney|pixar|"
    r"dreamworks|ghibli|naruto|one piece|dragon ?ball(?: z)?|pokemon|digimon|sailor moon|evangelion|"
    r"neon genesis evangelion|"
    r"attack on titan|shingeki no kyojin|demon slayer|kimetsu no yaiba|jujutsu kaisen|my hero academia|"
    r"fullmetal alchemist|"
    r"death note|one punch man|hunter x hunter|cowboy bebop|spy x family|chainsaw man|vocaloid|touhou|"
    r"genshin impact|honkai|"
    r"azur lane|fate/?(?:stay night|grand order|zero)?|re:zero|idolmaster|hololive|persona 5|final fantasy|"
    r"kingdom hearts|resident evil|street fighter|tekken|mortal kombat|metal gear(?: solid)?|the legend of zelda|"
    r"legend of zelda|"
    r"zelda|super mario|metroid|fire emblem|nier:? automata|dark souls|elden ring|bloodborne|sekiro|the witcher|"
    r"witcher|"
    r"cyberpunk 2077|mass effect|skyrim|the last of us|red dead redemption|gta(?: v)?|"
    r"assassin'?s creed|overwatch|league of legends|valorant|apex legends|warcraft|world of warcraft|starcraft|"
    r"baldur'?s gate(?: 3)?|undertale|the simpsons|simpsons|family guy|south park|futurama|rick and morty|"
    r"adventure time|"
    r"gravity falls|avatar the last airbender|steven universe|spongebob|stranger things|breaking bad|"
    r"the walking dead|"
    r"doctor who|blade runner|terminator|indiana jones|"
    r"back to the future|pirates of the caribbean|shrek|toy story|the hunger games|hunger games|narnia|"
    r"batman|spider-?man|x-men|avengers|justice league|watchmen)(?![\w'])"
)
