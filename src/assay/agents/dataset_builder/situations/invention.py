"""Values for what a user has to tell, made up from the name and the schema of a tool's argument."""

import random
import re

from assay.agents.dataset_builder.situations.reading import Needed

PEOPLE = ("Kim Larsen", "Asha Verma", "Tomas Novak", "Lucia Romano", "Emeka Obi", "Hanna Weiss", "Yuki Tanaka")
PLACES = ("Lisbon", "Oslo", "Nairobi", "Toronto", "Seoul", "Lima", "Vienna")
STREETS = ("12 Mill Lane, York", "4 Harbour Road, Bergen", "27 Station Street, Leeds", "9 Orchard Way, Cork")
THINGS = ("rain jacket", "desk lamp", "headphones", "coffee grinder", "garden chair", "travel mug")
REASONS = ("It is not what I expected.", "I ordered it by mistake.", "My plans have changed.", "I found another one.")

IDENTIFYING = re.compile(r"(?:^|_|\b)(id|number|no|code|reference|ref|key|sku|pnr|email|mail|username)$", re.IGNORECASE)


def verbatim(needed: Needed) -> bool:
    """The agent has to hand it on as the user says it, so a check can hold it against the call."""
    return not needed.schema.get("enum") and IDENTIFYING.search(needed.plain.replace(" ", "_")) is not None


def invent(needed: Needed, chance: random.Random) -> str:
    """What the user knows of it. The same for the same state of `chance`."""
    schema = needed.schema
    enum = schema.get("enum")
    if options := [option for option in enum if option is not None] if isinstance(enum, list) else []:
        return str(chance.choice(options)).replace("-", " ")
    for given in ("default", "const"):
        if isinstance(value := schema.get(given), str | int | float) and not isinstance(value, bool):
            return str(value)
    if isinstance(examples := schema.get("examples"), list) and examples:
        return str(chance.choice(examples))
    return _by_name(needed.plain, schema.get("type"), schema.get("format"), chance)


def _by_name(plain: str, kind: object, form: object, chance: random.Random) -> str:
    person = chance.choice(PEOPLE)
    last = plain.split()[-1]
    if "mail" in plain or form == "email":
        return f"{person.lower().replace(' ', '.')}@example.com"
    if "phone" in plain or "mobile" in plain:
        return f"+44 20 7946 0{chance.randrange(100, 1000)}"
    if "date" in plain or "day" in plain or form in ("date", "date-time"):
        return f"2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
    if last in ("user", "customer", "member", "account") or re.search(r"\b(user|customer|member) id$", plain):
        return f"{person.lower().replace(' ', '_')}_{chance.randrange(1000, 10000)}"
    if re.search(r"\b(id|number|no|reference|ref|key|sku|pnr)$", plain) and kind != "integer":
        return f"{plain[0].upper()}{chance.randrange(10000, 100000)}"
    if last == "code":
        return f"{chance.choice(('SAVE', 'HELLO', 'SPRING'))}{chance.randrange(5, 30)}"
    if kind in ("integer", "number"):
        return str(chance.randrange(2, 90))
    if "name" in last:
        return person
    if any(word in plain for word in ("address", "street")):
        return chance.choice(STREETS)
    if any(word in plain for word in ("city", "place", "origin", "destination", "location", "airport", "country")):
        return chance.choice(PLACES)
    if "reason" in plain:
        return chance.choice(REASONS)
    if any(word in plain for word in ("product", "item", "article", "thing", "goods")):
        return chance.choice(THINGS)
    return f"the {plain} that I mean is the first one"
