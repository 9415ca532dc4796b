"""What a judge answers with: one opinion an expectation, read as generously as a clear ruling allows."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, create_model, model_validator

UNKNOWN_CONFIDENCE = 0.5
"""Where the judge gives none that can be read."""
RULINGS = {"met": "met", "not_met": "not_met", "unmet": "not_met", "abstained": "abstained", "abstain": "abstained"}


class Quote(BaseModel):
    turn: int = -1
    """-1: the judge did not say."""
    quote: str


def _read_ruling(value: Any) -> Any:
    """Case, blanks and punctuation around and inside the word do not matter."""
    if not isinstance(value, str):
        return value
    return RULINGS.get(re.sub(r"[^a-z]+", "_", value.casefold()).strip("_"), value)


def _read_confidence(value: Any) -> float:
    """A share; 90 is 0.9, and what is no number is UNKNOWN_CONFIDENCE."""
    if isinstance(value, str):
        value = value.strip().rstrip("%")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return UNKNOWN_CONFIDENCE
    if not math.isfinite(number) or not 0 <= number <= 100:
        return UNKNOWN_CONFIDENCE
    if number <= 1:
        return number
    return 1.0 if number < 1.01 else number / 100


def _read_evidence(value: Any) -> list[dict[str, Any]]:
    """The quotes among whatever was given; the rest is left out."""
    rows = value if isinstance(value, list) else [value]
    quotes = []
    for row in rows:
        if isinstance(row, str):
            row = {"quote": row}
        if isinstance(row, Mapping) and isinstance(row.get("quote"), str):
            digits = re.search(r"\d{1,6}", str(row.get("turn")))
            quotes.append({"turn": int(digits.group()) if digits else -1, "quote": row["quote"]})
    return quotes


def _read_rationale(value: Any) -> str:
    return value if isinstance(value, str) else ""


class Opinion(BaseModel):
    """The rationale comes before the ruling, so that the model reasons before it rules."""

    rationale: Annotated[str, BeforeValidator(_read_rationale)] = ""
    evidence: Annotated[list[Quote], BeforeValidator(_read_evidence)] = Field(default_factory=list)
    ruling: Annotated[Literal["met", "not_met", "abstained"], BeforeValidator(_read_ruling)]
    confidence: Annotated[float, Field(ge=0, le=1), BeforeValidator(_read_confidence)] = UNKNOWN_CONFIDENCE


class Opinions(BaseModel):
    """One key an expectation; `opinions_about` adds them. What cannot be read of one expectation is left out alone."""

    @model_validator(mode="before")
    @classmethod
    def _by_expectation(cls, answer: Any) -> Any:
        """Also reads a list of opinions that name their expectation, bare or under `opinions`.

        Two opinions on one expectation that differ are no opinion: the judge is asked again.
        """
        wanted = cls.expectation_ids()
        if isinstance(answer, Mapping) and "opinions" in answer and "opinions" not in wanted:
            answer = answer["opinions"]
        if isinstance(answer, Mapping) and "ruling" in answer and "ruling" not in wanted:
            answer = [answer]
        given: list[tuple[Any, Any]]
        if isinstance(answer, list):
            rows = [row for row in answer if isinstance(row, Mapping)]
            only = wanted[0] if len(wanted) == len(rows) == 1 else None
            given = [(row.get("expectation_id", only), row) for row in rows]
        elif isinstance(answer, Mapping):
            given = list(answer.items())
        else:
            return answer
        by_name = {_plain(name): name for name in wanted}
        read: dict[str, Opinion | None] = {}
        for name, row in given:
            if (known := by_name.get(_plain(str(name)))) is None:
                continue
            try:
                opinion = Opinion.model_validate(row)
            except ValidationError:
                continue
            before = read.get(known)
            read[known] = None if known in read and (before is None or before.ruling != opinion.ruling) else opinion
        found = {name: opinion for name, opinion in read.items() if opinion is not None}
        if wanted and not found:
            raise ValueError(f"it holds no ruling on any of: {', '.join(wanted)}")
        return found

    @classmethod
    def expectation_ids(cls) -> tuple[str, ...]:
        return tuple(cast(str, field.alias) for field in cls.model_fields.values())

    @property
    def by_id(self) -> dict[str, Opinion]:
        """Of the expectations that were ruled on."""
        values = ((field.alias, getattr(self, name)) for name, field in type(self).model_fields.items())
        return {cast(str, alias): value for alias, value in values if value is not None}


def opinions_about(expectation_ids: Sequence[str]) -> type[Opinions]:
    """The answer's schema: a key for each of these expectations and no other, so that no ruling can miss its id."""
    return _opinions_about(tuple(expectation_ids))


@lru_cache(maxsize=512)
def _opinions_about(expectation_ids: tuple[str, ...]) -> type[Opinions]:
    fields: dict[str, Any] = {
        # None only where the answer lacks it: the schema that is sent requires every key
        f"opinion_{place}": (Opinion, Field(default=None, alias=name))
        for place, name in enumerate(expectation_ids)
    }
    return create_model("Opinions", __base__=Opinions, **fields)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")
