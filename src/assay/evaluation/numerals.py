"""Numbers in prose: digits, fractions and number words, told apart from names that hold digits."""

import re
from collections.abc import Collection

COUNTS = re.findall(
    r"\w+",
    """
    two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions
    billion billions dozen dozens
""",
)
PARTS = re.findall(
    r"\w+",
    """
    half halves third thirds quarter quarters fourth fifth fifths sixth seventh eighth ninth tenth tenths halved twice
    thrice double doubles doubled triple tripled quadruple quadrupled zero percent permille
""",
)

WORD = re.compile(
    rf"(?<!\w)(?:(?:{'|'.join(COUNTS)}|many|several)-?fold|{'|'.join(COUNTS + PARTS)}|per\s+cent)(?!\w)", re.IGNORECASE
)
DIGITS = re.compile(r"[-+−]?\d(?:[\d.,:/]*\d)?\s?[%‰]?|[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞%‰]")

NOT_NUMBERS = (
    re.compile(r"\bpass[\^@](?:k|\d+)", re.IGNORECASE),
    re.compile(r"\b\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z?)?\b"),
    re.compile(r"\b[A-Za-z][\w.-]*@[\w.-]*\w"),  # agent@version, dataset@version
    re.compile(r"^\s*\d+[.)]\s", re.MULTILINE),  # a numbered list
    re.compile(r"\bdouble[- ]check\w*|\bthird[- ]part(?:y|ies)\b|\bhalf-?way\b", re.IGNORECASE),
)
NAME = re.compile(r"(?<![\w.])([A-Za-z]+)[-_.^]?\d[\w.-]*")
GLUED = frozenset(
    re.findall(
        r"\w+",
        """
    about above all almost approx around at below best by ca chf circa down eur every exactly first from gbp in jpy last
    least less max mid min minus more most n nearly no of only or over past per plus post pre roughly some sub than the
    times to top total under up usd with within worst x
    """,
    )
)
"""What a number may be glued to: `top-3` and `USD50` are numbers, while `v2`, `gpt-4o` and `airline-007` are names."""

QUOTED = re.compile(r"`([^`]*)`")
MARKED = re.compile(r"[\"“„«]([^\"“”„«»]+)[\"”“»]")
QUOTATION = 3
"""Words: fewer could be any number."""
ID = re.compile(r"[A-Za-z_][\w@.:/^-]*")
HASH = re.compile(r"(?=.*[a-f])[0-9a-f]{16,64}")


def numerals(prose: str, names: Collection[str] = (), sources: Collection[str] = ()) -> list[str]:
    """The numbers, in the order in which they stand.

    No numbers are ISO dates, list numbers, `agent@version`, `pass^k`, names such as v2 or gpt-4o, ids in backticks, and
    the `names`: a name that is nothing but a number (a scenario called 12) only in backticks. Nor is what stands in
    quotation marks, three words or more, and word for word in one of the `sources`.
    """
    plain = _without_quotations(prose, sources)
    plain = QUOTED.sub(lambda quoted: " " if _is_name(quoted.group(1), names) else f" {quoted.group(1)} ", plain)
    for name in sorted((name for name in names if _found(name)), key=len, reverse=True):
        if any(character.isalpha() for character in name):
            plain = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", plain)
    for pattern in NOT_NUMBERS:
        plain = pattern.sub(" ", plain)
    return _found(NAME.sub(_unless_glued, plain))


def _without_quotations(prose: str, sources: Collection[str]) -> str:
    said = [" ".join(source.casefold().split()) for source in sources]

    def keep(match: re.Match[str]) -> str:
        words = match.group(1).casefold().split()
        quoted = " ".join(words).rstrip(".,;:…")
        return " " if len(words) >= QUOTATION and any(quoted in source for source in said) else match.group(0)

    return MARKED.sub(keep, prose) if said else prose


def _found(plain: str) -> list[str]:
    matches = [match for pattern in (DIGITS, WORD) for match in pattern.finditer(plain)]
    return [match.group(0).strip() for match in sorted(matches, key=re.Match.start)]


def _is_name(quoted: str, names: Collection[str]) -> bool:
    if quoted in names or HASH.fullmatch(quoted):
        return True
    if ID.fullmatch(quoted) and not WORD.fullmatch(quoted):
        return not DIGITS.search(NAME.sub(_unless_glued, quoted))
    return not _found(quoted)


def _unless_glued(match: re.Match[str]) -> str:
    return match.group(0) if match.group(1).lower() in GLUED else " "
