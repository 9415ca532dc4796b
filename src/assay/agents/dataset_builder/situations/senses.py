"""Words that mean the same thing to a user, so that `returns` meets the tool `issue_refund`."""

from assay.evaluation.similarity import words

SENSES = tuple(
    frozenset(words(group))
    for group in (
        "refund return money back exchange",
        "cancel cancellation",
        "status track tracking find lookup parcel shipment shipping delivery arrive",
        "stock availability available inventory",
        "discount code voucher coupon promotion",
        "damaged damage faulty fault broken defective replacement replace warranty repair",
        "escalation escalate human person colleague ticket handover transfer supervisor",
        "privacy data personal details profile identity mail",
        "booking book reservation reserve appointment schedule",
        "payment pay billing bill invoice charge price",
        "password login sign access",
        "baggage luggage bag bags",
        "flight flights travel trip",
        "complaint complain unhappy feedback",
        "subscription plan renew upgrade downgrade",
    )
)


def in_common(topic: str, text: str) -> int:
    """How much they share: two for a word of the topic, one for a sense, each as often as the text holds it."""
    wanted = set(words(topic))
    senses = [sense for sense in SENSES if sense & wanted]
    return sum(2 if word in wanted else any(word in sense for sense in senses) for word in words(text))
