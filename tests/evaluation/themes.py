"""Complaints of planted themes: what users of a shop's assistant write, worded in many ways, with the theme known."""

import random
from itertools import product

from assay.contracts.feedback import Feedback

THEMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "refund": (
        ("my refund", "the money back", "the refund for my return", "a refund of 40 euros", "my refunded amount"),
        (
            "never arrived",
            "is still missing after two weeks",
            "was refused",
            "was promised and did not come",
            "takes ages",
        ),
    ),
    "delivery": (
        ("my parcel", "the delivery", "the package", "my shipment", "the courier with my parcel"),
        (
            "came a week late",
            "is late again",
            "was left at the wrong door",
            "never got delivered",
            "arrives later and later",
        ),
    ),
    "login": (
        (
            "I cannot log in",
            "my password",
            "the login page",
            "the reset link for my password",
            "signing in to my account",
        ),
        (
            "is rejected",
            "does not work",
            "sends me round in circles",
            "says my account does not exist",
            "fails each time",
        ),
    ),
    "voucher": (
        ("my voucher code", "the discount code", "the coupon", "the gift voucher", "a discount voucher"),
        (
            "is not accepted",
            "was invalid at the checkout",
            "could not be applied",
            "expired too early",
            "gave no discount",
        ),
    ),
    "damaged": (
        ("the tent", "the jacket", "the lamp", "one boot", "the mug"),
        ("came broken", "was damaged in the box", "has a crack", "arrived torn and damaged", "is broken on one side"),
    ),
    "rude": (
        ("the assistant", "the bot", "its tone", "the answer", "the chat"),
        (
            "was rude to me",
            "is unfriendly and rude",
            "was cold and impolite",
            "sounded impatient, almost rude",
            "was impolite",
        ),
    ),
    "invoice": (
        ("the invoice", "my bill", "the VAT invoice", "the invoice for my company", "an invoice copy"),
        (
            "has the wrong address",
            "is missing the tax number",
            "was never sent",
            "shows a wrong sum",
            "cannot be downloaded",
        ),
    ),
    "language": (
        ("I wrote in German", "I asked in French", "my question in Spanish", "German questions", "anything in French"),
        (
            "and got an English answer",
            "was answered in English only",
            "is not understood, only English is",
            "it speaks English",
        ),
    ),
}
BEFORE = ("", "Hello, ", "Honestly, ", "Third time now: ", "As I said, ", "Really annoying: ")
AFTER = ("", " Please do something.", " Not good.", " I am disappointed.", " Never again!", " What a waste of time.")


def planted(count: int, seed: int = 0) -> list[tuple[str, Feedback]]:
    """So many (theme, complaint), every theme about equally often."""
    rng = random.Random(seed)
    sentences = {theme: list(product(*parts)) for theme, parts in THEMES.items()}
    rows = []
    for number in range(count):
        theme = list(THEMES)[number % len(THEMES)]
        subject, problem = rng.choice(sentences[theme])
        text = f"{rng.choice(BEFORE)}{subject} {problem}.{rng.choice(AFTER)}"
        rows.append((theme, Feedback(feedback_id=f"f-{number:04}", thumbs="down", comment=text)))
    return rows
