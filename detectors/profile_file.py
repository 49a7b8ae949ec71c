"""What the JSON file of a calibration profile must hold, said as types, and the profile that it gives.

The limits are those of what a fit can give, with room; beyond them the head-count's arithmetic fails, or lies.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from detectors.profile import FORMAT, BadProfile, Floats, Mates, Population, Profile, Strangers, Usual

_AGAIN = "make one with `facewarden calibrate`"


def _should(kept: bool, rule: str) -> None:
    if not kept:
        raise PydanticCustomError("rule", "should {rule}", {"rule": rule})


def _rising(numbers: list[float]) -> list[float]:
    _should(all(one < other for one, other in pairwise(numbers)), "rise from each number to the next")
    return numbers


def _falling(numbers: list[float]) -> list[float]:
    _should(all(one > other for one, other in pairwise(numbers)), "fall from each number to the next")
    return numbers


def _never_rising(numbers: list[float]) -> list[float]:
    _should(all(one >= other for one, other in pairwise(numbers)), "never rise")
    return numbers


def _spreading(numbers: list[float]) -> list[float]:
    _should(all(one <= other for one, other in pairwise(numbers)), "never fall")
    _should(numbers[-1] - numbers[0] > 1e-3, "differ by more than 0.001 from the first to the last")
    return numbers


def _whole(shares: list[float]) -> list[float]:
    _should(abs(sum(shares) - 1) < 1e-4, "add up to 1")  # written with seven digits
    return shares


_Cosine = Annotated[float, Field(ge=-1, le=1)]
# Of mates the part that follows the level is taken off, which may lead a little beyond 1.
_FreedCosine = Annotated[float, Field(ge=-1.5, le=1.5)]
_Share = Annotated[float, Field(gt=0, le=1)]
_Strictness = Annotated[float, Field(ge=-50, le=50)]
_Deviation = Annotated[float, Field(ge=1e-5, le=1)]
# A fit gives sizes about 1, and shapes from 0.37 to 55.
_Factor = Annotated[float, Field(ge=1e-3, le=1e3)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class _Population(_Part):
    shares: Annotated[list[_Share], Field(min_length=1), AfterValidator(_whole)]
    centres: Annotated[list[Annotated[list[_Cosine], Field(min_length=2)]], Field(min_length=1)]
    factor: list[Annotated[float, Field(ge=-2, le=2)]]
    sizes: list[_Factor]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        dimension = len(self.centres[0])
        _should(
            len(self.shares) == len(self.centres) == len(self.sizes), "have as many `shares` as `centres` and `sizes`"
        )
        _should(all(len(centre) == dimension for centre in self.centres), "have `centres` of one length")
        entries = dimension * (dimension + 1) // 2
        _should(len(self.factor) == entries, f"have a `factor` of {entries:,} numbers for `centres` of {dimension}")
        # A fit adds 1e-6 to the variances.
        _should(bool(self.triangle().diagonal().min() >= 1e-4), "have a `factor` of at least 0.0001 on its diagonal")
        return self

    def triangle(self) -> Floats:
        """Give the factor as it is in ``Population``: (D, D), lower triangular."""
        dimension = len(self.centres[0])
        triangle = np.zeros((dimension, dimension))
        triangle[np.tril_indices(dimension)] = self.factor
        return triangle


class _Mates(_Part):
    cosines: Annotated[list[_FreedCosine], Field(min_length=2), AfterValidator(_spreading)]
    face_share: Annotated[float, Field(ge=0, lt=1)]
    follows: Annotated[float, Field(ge=-100, le=100)]


class _Strangers(_Part):
    # Beyond the last rate a line is drawn through the last half of them.
    rates: Annotated[list[_Share], Field(min_length=4), AfterValidator(_falling)]
    strictness: Annotated[list[_Strictness], AfterValidator(_rising)]
    at: Annotated[list[_Strictness], Field(min_length=1), AfterValidator(_rising)]
    evenness: Annotated[list[_Factor], AfterValidator(_never_rising)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _should(len(self.rates) == len(self.strictness), "have as many `rates` as `strictness`")
        _should(len(self.at) == len(self.evenness), "have as many `at` as `evenness`")
        return self


class _Usual(_Part):
    level: _Cosine
    level_spread: _Deviation
    deviation: _Deviation
    poor_below: Annotated[float, Field(ge=0, le=1)]
    sure_cosine: _Cosine
    same_picture_cosine: _Cosine

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _should(self.sure_cosine < self.same_picture_cosine, "have a `sure_cosine` below the `same_picture_cosine`")
        return self


class _File(_Part):
    format: Literal[1]
    encoder: Annotated[str, Field(pattern=r"^[\w.:-]{1,200}$")]
    origin: Annotated[str, Field(max_length=1000)]
    made_on: date
    people: Annotated[int, Field(ge=1)]
    faces: Annotated[int, Field(ge=1)]
    population: _Population
    mates: _Mates
    strangers: _Strangers
    usual: _Usual
    checked: dict[str, float]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _should(self.people <= self.faces, "have at least as many `faces` as `people`")
        return self


def parse_profile(name: str, content: bytes) -> Profile:
    """Turn the bytes of a profile's file into the profile.

    Args:
        name: of the file, for messages.
        content: JSON in UTF-8, as ``Profile.save`` writes it.

    Raises:
        BadProfile: it is none, or one of another format; the text is one line and says where.
    """
    try:
        file = _File.model_validate_json(content)
    except ValidationError as error:
        raise BadProfile(_said(name, error.errors(include_url=False), error.error_count())) from None
    population = file.population
    shares = np.array(population.shares)
    return Profile(
        encoder=file.encoder,
        origin=file.origin,
        made_on=file.made_on,
        people=file.people,
        faces=file.faces,
        population=Population(
            shares / shares.sum(), np.array(population.centres), population.triangle(), np.array(population.sizes)
        ),
        mates=Mates(**_arrays(file.mates)),
        strangers=Strangers(**_arrays(file.strangers)),
        usual=Usual(**_arrays(file.usual)),
        checked=file.checked,
    )


def _arrays(part: _Part) -> dict[str, Any]:
    return {name: np.array(value) if isinstance(value, list) else value for name, value in part}


def _said(name: str, problems: list[ErrorDetails], count: int) -> str:
    """Spell the first problem; of what came numbers are told, of all else only what it is."""
    first = problems[0]
    if first["loc"] == ("format",) and first["type"] == "literal_error":
        return f"{name} has format {_came(first['input'])}, {FORMAT} was expected; {_AGAIN}"
    more = f" (and {count - 1:,} more problems)" if count > 1 else ""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    where = f"`{place}` " if place.isascii() and place.isprintable() and place else ""
    return f"{name} is not a calibration profile, or damaged: {where}{_rule(first)}{more}; {_AGAIN}"


def _rule(problem: ErrorDetails) -> str:
    match problem["type"]:
        case "json_invalid":
            return "is no JSON"
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not known"
        case "rule":
            return problem["msg"]
    rule = (
        problem["msg"]
        .removeprefix("Input ")
        .removeprefix("String ")
        .removeprefix("List ")
        .replace(" after validation", "")
    )
    return f"is {_came(problem['input'])}, but {rule}"


def _came(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() if abs(value) > 1e9:
            return "a huge number"
        case int() | float():
            return f"{value:.7g}"
        case str():
            return "text"
        case list():
            return f"a list of {len(value):,}"
    return "an object"
