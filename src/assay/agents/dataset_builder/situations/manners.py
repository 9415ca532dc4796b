"""How kinds of users write. `{said}` is what they have to say, in whole sentences."""

from dataclasses import dataclass

from assay.contracts.dataset import Persona


@dataclass(frozen=True, slots=True)
class Manner:
    persona: Persona
    openings: tuple[str, ...]


POLITE = Manner(
    Persona(name="polite-user", description="Friendly and patient; answers every question and says thank you."),
    (
        "Hello! {said} Thank you very much in advance.",
        "Good morning. {said} I would be glad of your help.",
        "Hi there, I hope that you are well. {said}",
        "Dear support, {said} Many thanks and kind regards.",
    ),
)
IMPATIENT = Manner(
    Persona(name="impatient-user", description="In a hurry and short; dislikes questions but answers them."),
    (
        "{said} Quick please.",
        "No long talk. {said}",
        "{said} I am on the train, so keep it short.",
        "Hey. {said} Now, if that is possible.",
    ),
)
CONFUSED = Manner(
    Persona(name="confused-user", description="Mixes things up and has to be asked for what matters."),
    (
        "Good day, I am not sure that I am right here. {said}",
        "Sorry, I am new to all of this. {said} Or was it something else?",
        "Is somebody there? My nephew set this up for me. {said}",
        "I pressed something and now there is a window to write in. {said}",
    ),
)
PRESSING = Manner(
    Persona(name="pressing-user", description="Does not take no for an answer: flatters, complains, insists."),
    (
        "Listen. {said} I will not be put off this time.",
        "{said} I know my rights, and I know how this works.",
        "I have been with you for years and I expect this much. {said}",
        "{said} I write reviews, and people read them.",
    ),
)
MANNERS = (POLITE, IMPATIENT, CONFUSED, PRESSING)
