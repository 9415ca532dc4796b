"""What a customer's message says: what is wanted, and the order numbers, addresses and products in it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

WANTS: dict[str, str] = {
    "safety": r"\bburn(ed|t|s)?\b|injur|caught fire|on fire|\bsmoke|explod|\bhurt (me|my|him|her)|hospital",
    "legal": r"lawyer|legal action|\bsue\b|\bcourt\b|chargeback|consumer protection",
    "fraud": r"(didn't|did not|never|haven't) (order|place|buy|make)|hacked|without my knowledge|someone (else )?used",
    "human": r"\b(human|real person|actual person|supervisor|manager|representative|someone else)\b"
    r"|(speak|talk) (to|with) (a|an|some) ?(person|one|colleague)",
    "cancel": r"\bcancel|call off|stop (the|my) order|don't (want|need) (it|the order) any ?more",
    "address": r"(?<!mail )address|\bmov(ed|ing)\b|wrong street|send it somewhere else|(different|new) place|reroute",
    "damaged": r"broken?|damag|crack|\btorn\b|ripped|leak|faulty|defect|(doesn't|does not|won't|not) work|stopped work"
    r"|wrong (item|size|colou?r|product|thing)|instead of|hole in",
    "discount": r"discount|\bcode\b|coupon|voucher|cheaper|price match|% off|percent off|goodwill|make up for",
    "refund": r"refund|money back|\breturn(s|ing)?\b|send (it|them|this) back|give (it|them) back|reimburse",
    "status": r"where('s| is| are) (my|our|the|it)|\btrack|\bstatus\b|arriv|hasn't come|not come|still waiting|be sent"
    r"|when (will|do|does|is) (my|our|the) (order|parcel|package)|how long until|never (came|got)|not received"
    r"|didn't receive",
    "stock": r"in stock|available|availab|do you (have|sell|carry|still)|sold out|back in|how many .* left|any .* left",
    "policy": r"policy|how long do i have|how many days|\brules?\b|conditions|opening hours",
}
"""In order of weight: what is wanted, and the words that tell."""

URGENT = ("safety", "legal", "fraud", "human")
COVERED = {
    "cancel": {"refund", "status"},
    "damaged": {"refund", "status"},
    "address": {"status"},
    "refund": {"policy", "stock"},
}
"""Words of the second are often said along with the first, and are then no wish of their own."""

ORDER_NUMBER = re.compile(r"\bJ?[ -]?([4-7]\d{3})\b", re.IGNORECASE)
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
ADDRESS = re.compile(
    r"(?:[A-ZÄÖÜ][\w.'-]+ ){1,3}\d+[a-z]?,\s*\d{4,5} [A-ZÄÖÜ][\w-]+(?: [A-ZÄÖÜ][\w-]+)*",
)
CARD_NUMBER = re.compile(r"\b(?:\d[ -]?){13,16}\b")
CODE = re.compile(r"\b[A-Z]{4,}\d{2}\b")
NOT_KNOWN = re.compile(
    r"don't (have|know|remember)|do not (have|know|remember)|no idea|can't find|not sure|lost (it|the)"
)
GERMAN = re.compile(r"\b(ich|bestellung|bitte|guten tag|nicht|meine?|wurde|danke)\b", re.IGNORECASE)
PRESSING = re.compile(
    r"\bbut\b|please|come on|exception|unfair|ridiculous|insist|just this once|i want|demand|unacceptable|seriously"
    r"|always|loyal|other shops|review|good enough|must be something|can't you|don't accept|won't accept",
    re.IGNORECASE,
)
YES = re.compile(r"^\W*(yes|yeah|yep|sure|ok(ay)?|please do|go ahead|that works|fine|exactly|correct)\b", re.IGNORECASE)
CLOSING = re.compile(r"\b(thanks?|thank you|bye|goodbye|that's all|that is all|great|perfect)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Read:
    wants: list[str]
    order_number: str | None
    email: str | None
    address: str | None
    code: str | None
    products: list[str]
    has_card_number: bool
    does_not_know: bool
    german: bool
    pressing: bool
    says_yes: bool
    closing: bool


def read(text: str, products: Iterable[str]) -> Read:
    """`products` are the names to look for; a product's noun or its brand word is enough."""
    plain = text.replace("’", "'")
    bare = CARD_NUMBER.sub(" ", EMAIL.sub(" ", ADDRESS.sub(" ", plain)))
    low = bare.lower()
    number, email, address = ORDER_NUMBER.search(bare), EMAIL.search(plain), ADDRESS.search(plain)
    codes = CODE.findall(bare)
    return Read(
        wants=_wants(low),
        order_number=f"J{number[1]}" if number else None,
        email=email[0].rstrip(".").lower() if email else None,
        address=address[0] if address else None,
        code=codes[-1] if codes else None,
        products=_products(low, products),
        has_card_number=CARD_NUMBER.search(EMAIL.sub(" ", plain)) is not None,
        does_not_know=NOT_KNOWN.search(low) is not None,
        german=len(GERMAN.findall(plain)) >= 2,
        pressing=PRESSING.search(plain) is not None,
        says_yes=YES.search(plain) is not None,
        closing=CLOSING.search(plain) is not None,
    )


def _wants(low: str) -> list[str]:
    found = [want for want, words in WANTS.items() if re.search(words, low)]
    covered = set().union(*(COVERED.get(want, set()) for want in found))
    return [want for want in found if want not in covered]


def _products(low: str, products: Iterable[str]) -> list[str]:
    """The products spoken of. `tent` alone means every tent; `Ridge tent 4` means that one."""
    names = list(products)
    exact = [name for name in names if name.lower() in low]
    if exact:
        return exact
    return [name for name in names if any(re.search(rf"\b{word}s?\b", low) for word in _nouns(name))]


def _nouns(name: str) -> list[str]:
    words = [word for word in name.lower().split() if not word.isdigit()]
    return [words[-1].rstrip("s"), words[0]]
