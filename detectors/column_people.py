"""Finds the columns about people, consent, purposes and times that stand beside faces."""

from __future__ import annotations

from detectors.column_faces import Subject
from detectors.column_facts import ColumnClass, Storage, Verdict
from detectors.column_names import Named
from detectors.column_values import Look

_TIMES = {Storage.DATE, Storage.TIME, Storage.TEXT, Storage.INTEGER, Storage.NUMBER, Storage.ANY}
_IDS = {Storage.INTEGER, Storage.TEXT, Storage.UUID, Storage.NUMBER, Storage.BINARY, Storage.ANY}
_TEXTS = {Storage.TEXT, Storage.ANY}
_FLAGS = {Storage.BOOLEAN, Storage.INTEGER, Storage.TEXT, Storage.ANY, Storage.BITS, Storage.NUMBER}
_NUMERIC = {Storage.INTEGER, Storage.NUMBER, Storage.ANY}
_TIME_LOOKS = (Look.TIME, Look.DAY, Look.INTEGER, Look.NUMBER)
# What else has an end, and is no data about a person.
_OF_ACCOUNTS = frozenset({"password", "token", "session", "otp", "code", "certificate", "license", "cache"})
_SHORT_LOOKS = (Look.FLAG, Look.WORD, Look.INTEGER)


def people_verdict(subject: Subject) -> Verdict | None:
    """Say what a column is that holds no face; None when nothing speaks for any class."""
    if not subject.trusted:
        return _untrusted(subject)
    for find in (_consent, _time, _purpose, _person_id, _person_name):
        if found := find(subject):
            return found
    return _by_value(subject)


def _untrusted(subject: Subject) -> Verdict | None:
    """Believe initials of pinyin only when the values agree."""
    found = _time(subject) or _person_id(subject) or _person_name(subject)
    if found is None or not subject.content.total:
        return _by_value(subject)
    return Verdict(found.found, 0.55, f"{found.because}, read as initials of pinyin")


def _by_value(subject: Subject) -> Verdict | None:
    if subject.content.share(Look.PERSON_NUMBER) >= 0.8:
        return Verdict(ColumnClass.PERSON_ID, 0.9, "the values have the form of identity card numbers")
    return None


# -- times -------------------------------------------------------------------------------------------------------------


def _holds_times(subject: Subject) -> bool:
    column, content = subject.column, subject.content
    if column.storage not in _TIMES:
        return False
    if not content.total or column.storage in {Storage.DATE, Storage.TIME}:
        return (
            column.storage in {Storage.DATE, Storage.TIME} or subject.named.all & {"time", "birth", "lastseen"} != set()
        )
    if content.share(*_TIME_LOOKS) < 0.6:
        return False
    return content.share(Look.TIME, Look.DAY) >= 0.5 or _are_epochs(subject)


def _are_epochs(subject: Subject) -> bool:
    """Seconds or milliseconds since 1970, from 1980 on; days and counts are smaller."""
    texts = [value.head for value in subject.column.values[:30] if isinstance(value.head, str)]
    try:
        numbers = [abs(float(text)) for text in texts if text.strip()]
    except ValueError:
        return False
    return bool(numbers) and all(number > 3e8 for number in numbers if number)


def _time(subject: Subject) -> Verdict | None:
    named = subject.named
    if "birth" in named.all and not named.head & {"place", "thing"}:
        return _birth(subject)
    if not _holds_times(subject) or named.has("updated") or named.has("deleted"):
        return None
    for found, sure, reason in _time_readings(subject):
        return Verdict(found, sure if subject.content.total else sure - 0.05, reason)
    return None


def _birth(subject: Subject) -> Verdict | None:
    if subject.content.total and subject.content.share(*_TIME_LOOKS) < 0.5:
        return Verdict(ColumnClass.OTHER, 0.75, "the name says birth, but the values are no days")
    if subject.column.storage not in _TIMES:
        return None
    whole = subject.content.share(Look.DAY, Look.TIME) >= 0.5 or subject.column.storage in {Storage.DATE, Storage.TIME}
    return Verdict(ColumnClass.BIRTH_DATE, 0.95 if whole else 0.8, "the name says day of birth")


def _time_readings(subject: Subject) -> list[tuple[ColumnClass, float, str]]:
    """Give the classes of a time, the likeliest first."""
    return [reading for reading in (*_own_readings(subject.named), *_readings_in_context(subject)) if reading[1]]


def _own_readings(named: Named) -> list[tuple[ColumnClass, float, str]]:
    """Give the classes that a name speaks of by itself; 0 for those it does not."""
    last = "lastseen" in named.all or ("last" in named.all and bool(named.all & {"seen", "event", "captured"}))
    made = "created" in named.all and "actor" not in named.all
    return [
        (ColumnClass.LAST_SEEN_AT, 0.95 * last, "the name says when somebody was last seen"),
        (ColumnClass.EXPIRES_AT, _expiry(named), "the name says until when"),
        (ColumnClass.CAPTURED_AT, 0.93 * ("captured" in named.all), "the name says when a picture was taken"),
        (ColumnClass.CREATED_AT, 0.93 * made, "the name says when the row or the enrolment was made"),
    ]


def _expiry(named: Named) -> float:
    if "expires" not in named.all and not named.has("valid", "end"):
        return 0.0
    if "card" in named.all:
        return 0.7
    return 0.0 if named.all & {"login", "place"} or _OF_ACCOUNTS & set(named.words) else 0.92


def _readings_in_context(subject: Subject) -> list[tuple[ColumnClass, float, str]]:
    """Give the classes that a name speaks of only in a table about consents, pictures or faces."""
    named, context = subject.named, subject.context
    ends = context.about_consent and "end" in named.head and "time" in named.all
    shown = bool(context.pictures or context.face_reason)
    bare = shown and bool(named.all) and named.all <= {"time", "seen"}
    return [
        (ColumnClass.EXPIRES_AT, 0.75 * ends, "the name says until when, in a table of consents"),
        (ColumnClass.CAPTURED_AT, 0.75 * (shown and "event" in named.all), "the time of an event, beside pictures"),
        (ColumnClass.CAPTURED_AT, 0.55 * bare, "a time without more words, beside pictures"),
    ]


# -- consent and purpose -----------------------------------------------------------------------------------------------


def _consent(subject: Subject) -> Verdict | None:
    named, about = subject.named, subject.context.about_consent
    told = "consent" in named.all or (about and bool(named.all & {"granted", "withdrawn", "about", "expires"}))
    told = told or "withdrawn" in named.all or (named.has("granted") and "face" in named.all)
    if not told or named.has("actor") or named.has("updated"):
        return None
    if _holds_times(subject):
        return _consent_time(subject)
    return _consent_flag(subject)


def _consent_time(subject: Subject) -> Verdict | None:
    named, about = subject.named, subject.context.about_consent
    if "expires" in named.all:
        return Verdict(ColumnClass.EXPIRES_AT, 0.92, "the name says until when a consent holds")
    if "withdrawn" in named.all:
        sure = 0.95 if about or "consent" in subject.context.words else 0.6
        return Verdict(ColumnClass.WITHDRAWN_DATE, sure, "the name says when something was withdrawn or revoked")
    if (
        "firmconsent" in named.all
        or named.has("consent", "granted")
        or (about and named.all & {"granted", "consent"} and not named.has("end"))
    ):
        return Verdict(ColumnClass.CONSENT_DATE, 0.93, "the name says when consent was given")
    if "consent" in named.all and subject.context.people_reason:
        return Verdict(ColumnClass.CONSENT_DATE, 0.6, "the name says authorised, which may mean consent or access")
    return None


def _consent_flag(subject: Subject) -> Verdict | None:
    named, content, column = subject.named, subject.content, subject.column
    if column.storage not in _FLAGS or ("withdrawn" in named.all and "consent" not in named.all):
        return None
    flags = set(named.words) & {"flag", "status", "state", "valid", "active", "given", "状态", "标识", "zhuangtai"}
    if named.head & {"number", "place", "purpose", "time", "name", "blob"} or ("about" in named.head and not flags):
        return None
    if content.total and content.share(*_SHORT_LOOKS) < 0.8:
        return None
    plain = column.storage is Storage.BOOLEAN or content.share(Look.FLAG) >= 0.9
    if "firmconsent" in named.all:
        return Verdict(ColumnClass.CONSENT_FLAG, 0.95 if plain else 0.75, "the name says consent")
    if "consent" in named.all and (subject.context.about_consent or named.all & {"face", "picture", "biometric"}):
        return Verdict(
            ColumnClass.CONSENT_FLAG, 0.85 if plain else 0.7, "the name says authorised, near faces or consents"
        )
    if "consent" in named.all:
        return Verdict(ColumnClass.CONSENT_FLAG, 0.5, "the name says authorised, which may mean consent or access")
    if subject.context.about_consent and ((plain and "granted" in named.all) or flags):
        return Verdict(
            ColumnClass.CONSENT_FLAG, 0.85 if plain else 0.6, "the state of a consent, in a table of consents"
        )
    return None


def _purpose(subject: Subject) -> Verdict | None:
    named = subject.named
    if "purpose" not in named.all or subject.column.storage not in {*_TEXTS, Storage.INTEGER, Storage.JSON}:
        return None
    if named.head & {"number", "about"}:
        return Verdict(ColumnClass.PURPOSE, 0.6, "the name says a number or word for a purpose")
    sure = 0.6 if "usage" in named.words else 0.92
    return Verdict(ColumnClass.PURPOSE, sure, "the name says purpose")


# -- whom the row is about ---------------------------------------------------------------------------------------------


def _person_id(subject: Subject) -> Verdict | None:
    column, named, context = subject.column, subject.named, subject.context
    if column.storage not in _IDS or (column.storage is Storage.BINARY and not named.has("number")):
        return None
    if subject.content.share(Look.FLAG, Look.TIME, Look.DAY, Look.TEXT) >= 0.8 and not column.primary:
        unfit = subject.content.share(Look.TIME, Look.DAY, Look.TEXT) >= 0.8 or subject.content.total > 4
        if unfit and not _has_number_word(subject):
            return None
    if _names_person_number(subject):
        return Verdict(ColumnClass.PERSON_ID, 0.93, "the name says the number or key of a person")
    if column.name in context.people_targets and not named.has("actor"):
        return Verdict(ColumnClass.PERSON_ID, 0.9, "a foreign key leads to a table of people")
    if context.row_is_person and (column.primary or "number" in named.head) and _is_plain_key(subject):
        return Verdict(ColumnClass.PERSON_ID, 0.85, "the key of a table in which a row is a person")
    return None


def _has_number_word(subject: Subject) -> bool:
    return bool(subject.named.all & {"number", "staffno", "idcard"})


def _names_person_number(subject: Subject) -> bool:
    named = subject.named
    if (named.has("actor") and not named.has("staffno")) or named.head & {
        "place",
        "time",
        "picture",
        "template",
        "name",
    }:
        return False
    if set(named.words) & {
        "count",
        "type",
        "status",
        "device",
        "group",
        "dept",
        "department",
        "role",
        "数量",
        "类型",
        "状态",
    }:
        return False
    if named.all & {"staffno", "idcard"}:
        return not ("about" in named.head and "number" not in named.head) and not named.has("created")
    if named.has("card", "number"):
        return bool(subject.context.people_reason or subject.context.face_reason or subject.context.pictures)
    return named.has("person", "number") and bool(named.head & {"number", "person"})


def _is_plain_key(subject: Subject) -> bool:
    """A key called `id`, `code` or after the table itself, not one that leads elsewhere."""
    column, named = subject.column, subject.named
    if column.reference is not None and column.name not in subject.context.people_targets:
        return False
    return named.all <= {"number", "about", "person", "otherspace", "place"} or column.primary


def _person_name(subject: Subject) -> Verdict | None:
    column, named = subject.column, subject.named
    if column.storage not in {*_TEXTS, Storage.JSON} or named.has("actor"):
        return None
    if subject.content.total and subject.content.share(Look.WORD, Look.NAME, Look.TEXT) < 0.5:
        return None
    if "personname" in named.all and not named.head & {"about", "place", "number"}:
        return Verdict(ColumnClass.PERSON_NAME, 0.93, "the name says the name of a person")
    if "name" not in named.head or named.all & {"thing", "place", "picture", "model", "about"}:
        return None
    if named.all & {"person", "face"}:
        return Verdict(ColumnClass.PERSON_NAME, 0.88, "the name says the name of a person")
    if "login" in named.all:
        return Verdict(ColumnClass.PERSON_NAME, 0.5, "the name says the name of an account")
    return _bare_name(subject) if named.all <= {"name"} else None


def _bare_name(subject: Subject) -> Verdict | None:
    context = subject.context
    if context.row_is_person or context.face_reason.startswith("the table"):
        return Verdict(ColumnClass.PERSON_NAME, 0.85, "a name, in a table of people or faces")
    if context.people_reason and subject.content.share(Look.NAME) >= 0.6:
        return Verdict(ColumnClass.PERSON_NAME, 0.8, "values like names of people, in a table that names people")
    return None
