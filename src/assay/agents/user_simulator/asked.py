"""Which of the user's facts an agent asks for, and whether the user told one."""

import re
from collections.abc import Iterable, Mapping

SYNONYMS = {
    "number": ("reference",),
    "mail": ("email", "e-mail", "mail"),
    "reason": ("why", "reason", "wrong with"),
    "address": ("address", "where should", "deliver to"),
    "item": ("which item", "which of", "which product", "which one"),
    "product": ("which item", "which of", "which product", "which one"),
    "code": ("code", "voucher"),
    "name": ("your name", "full name"),
    "date": ("when", "what day", "date"),
    "phone": ("phone", "telephone"),
}
"""Other words that ask for a fact whose name holds the key."""
OFFER = re.compile(r"\b(shall i|should i|would you like me to|do you want me to|may i|want me to)\b", re.IGNORECASE)
REQUEST = re.compile(r"\b(please|could you|tell me|need|provide|give me)\b", re.IGNORECASE)
MORE_HELP = re.compile(
    r"\b(any|some)thing else\b(?=\s*[?,]|\s+(?:i|we|you|that|today|for)\b)"
    r"|\bfurther (help|assist|question)|\belse (can|could|may) i\b",
    re.IGNORECASE,
)
"""An offer of more help: to leave after it is no rudeness."""
QUESTION = re.compile(r"[^.!?？؟\n]*[?？؟](?=[\s\"'”’)\]*]|$)")
SAME_WORDS = 0.5
"""Share of a fact's words that a user's turn holds when it tells the fact in words of its own."""


def open_questions(text: str) -> list[str]:
    """The questions in what an agent said, wherever they stand, without offers of more help."""
    asked = (match.group().strip() for match in QUESTION.finditer(text))
    return [question for question in asked if len(question) > 1 and not MORE_HELP.search(question)]


def asked_facts(facts: Iterable[str], text: str) -> list[str]:
    """The names of facts that the questions and requests in an agent's words are about."""
    requests = " ".join(
        part for part in re.split(r"(?<=[.!?])\s+", text) if "?" in part or REQUEST.search(part)
    ).casefold()
    if not requests or OFFER.search(requests):
        return []
    return [name for name in facts if any(sign in requests for sign in signs(name))]


def tells(value: str, text: str) -> bool:
    """Whether the text tells the fact: word for word where it is a number or an address, else in its words."""
    if is_identifier(value):
        return any(part in letters(text) for part in map(letters, identifiers(value)))
    wanted, said = words(value), words(text)
    return letters(value) in letters(text) or len(wanted & said) >= max(1, SAME_WORDS * len(wanted))


def told(facts: Mapping[str, str], name: str, texts: Iterable[str]) -> bool:
    return any(tells(facts[name], text) for text in texts)


def is_identifier(value: str) -> bool:
    """An order number, an e-mail address, an amount: nobody tells it in other words."""
    return bool(identifiers(value))


def identifiers(value: str) -> list[str]:
    return [word for word in value.split() if re.search(r"\d|@", word)]


def signs(name: str) -> tuple[str, ...]:
    """The words that ask for a fact of this name."""
    plain = name.casefold().replace("_", " ")
    more = [sign for key, extra in SYNONYMS.items() if key in plain for sign in extra]
    return (plain, plain.replace("-", ""), plain.replace("-", " "), *more)


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 2}


def letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
