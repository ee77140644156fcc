"""Letters that look like Latin ones: for reading only, never for release.

Compiled by eye from the Cyrillic, Greek, Armenian, Cherokee and Latin-extension blocks, in the sense of Unicode
Technical Standard 39 ("confusable"); small capitals and hooked letters are read as the letters that they imitate.
"""

from collections.abc import Mapping

_PAIRS = (
    # Cyrillic
    "аa вb еe ѕs іi јj кk мm нh оo рp сc тt уy хx ԁd ԛq ԝw ӏl ьb зʒ гr пn "
    "АA ВB ЕE ЅS ІI ЈJ КK МM НH ОO РP СC ТT УY ХX Ԛq ԜW ӀI "
    # Greek
    "αa βb γy εe ζz ηn ιi κk νv οo ρp σo ςc τt υu χx ωw "
    "ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX ϲc Ϲc ϳj "
    # Armenian, Cherokee, Lisu
    "օo սu ոn ցg հh զq տu ԼL ՕO ᎪA ᏴB ᏟC ᎠD ᎬE ᎻH ᏌU ᎫJ ᏦK ᏞL ᎷM ᏢP ᏚS ᎢT ᏙV ᎳW ᏃZ ꓮA ꓐB ꓚC ꓓD ꓰE ꓝF ꓖG ꓧH ꓲI ꓙJ ꓗK "
    # Latin letters that NFKC leaves alone
    "ıi ɑa ƅb ƈc ɗd ҽe ƒf ɡg ɦh ɩi ʝj ƙk ɭl ɱm ɳn ƥp ʠq ɾr ʂs ƭt ʋv ɯw ʏy ʐz øo łl đd ħh ŧt "
    "ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ᴢz "
    # Digits
    "౦0 ೦0 ൦0 օo 〇0"
)
LOOKS_LATIN: Mapping[str, str] = {pair[0]: pair[1] for pair in _PAIRS.split() if pair[1].isascii()}
"""One character to one ASCII character."""
