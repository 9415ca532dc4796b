"""Bytes of a text file as text: UTF-8, UTF-16 and UTF-32, and Windows-1252 where nothing else fits better."""

import codecs

from assay.errors import BadInput

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; those of UTF-32 first, because UTF-16's begin like them."""


def decoded(data: bytes, where: str) -> tuple[str, str | None]:
    """(the text, what to tell the person about its encoding; None: nothing).

    Raises BadInput, naming the encoding, for text that could only be guessed.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _strict(data, encoding, where), None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(data, where, error.start)
    if "\0" in text and (encoding := _utf16_without_mark(data)):
        return _strict(data, encoding, where), None
    return text, None


def _strict(data: bytes, encoding: str, where: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise BadInput(f"{where}: begins as {name} text but is not (byte {error.start}): save it as UTF-8") from None


def _utf16_without_mark(data: bytes) -> str | None:
    """By the NULs that UTF-16 puts beside each ASCII character."""
    even, odd, half = data[::2].count(0), data[1::2].count(0), len(data) // 4
    if odd > half and odd > 10 * even:
        return "utf-16-le"
    if even > half and even > 10 * odd:
        return "utf-16-be"
    return None


def _not_utf8(data: bytes, where: str, place: int) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    if encoding := _utf16_without_mark(data):
        return _strict(data, encoding, where), f"{where}: is read as {encoding.upper()}"
    # The detector is asked about Windows-1252 first: among the encodings of Latin scripts it can only guess, and this
    # is the one that Windows and Excel write in most places. It says no to text in other scripts.
    if b"\0" not in data and from_bytes(data, cp_isolation=["cp1252"]).best() is not None:
        return data.decode("cp1252"), f"{where}: is read as Windows-1252, not UTF-8: see that its accents are right"
    best = from_bytes(data).best() if b"\0" not in data else None
    looks = f"looks like {best.encoding} text" if best else "is not text in an encoding that is known"
    raise BadInput(f"{where}: {looks} (byte {place} is not UTF-8): save it as UTF-8")
