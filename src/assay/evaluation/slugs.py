"""Names that people write, as names that contracts take."""

import re
import unicodedata

SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def slug(text: str, otherwise: str = "") -> str:
    """`Order status` as `order-status`, at most 64 characters; `otherwise` where nothing of it is left."""
    if SLUG.fullmatch(text):
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._-]+", "-", plain).lstrip("-._")[:64].rstrip("-") or otherwise
