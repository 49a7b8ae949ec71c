"""Tells of one stored value what it is: a picture, the place of one, a template, a time, a hash, or none of these."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from detectors.column_facts import Value
from detectors.column_records import Record, unpacked, unwrap
from detectors.column_vectors import Vector, in_bytes, in_json, in_text
from detectors.signatures import Barred, Chest, Film, Kind, recognise


class Look(StrEnum):
    """What one value looks like."""

    IMAGE = "image"
    IMAGE_TEXT = "image in base64"
    IMAGE_PLACE = "path or address of an image"
    STORE_PLACE = "address in an object store"
    FILE_PLACE = "path or address of another file"
    VECTOR = "vector"
    FACE_RECORD = "face record"
    PIXELS = "pixels"
    OTHER_BIOMETRIC = "record of another biometric"
    LOCKED = "encrypted"
    FILE = "file of another kind"
    OPAQUE = "bytes of no known form"
    OPAQUE_TEXT = "long text without words"
    HASH = "hash"
    UUID = "uuid"
    TIME = "time"
    DAY = "day"
    FLAG = "yes or no"
    INTEGER = "whole number"
    NUMBER = "number"
    PERSON_NUMBER = "identity card number"
    NAME = "name of a person"
    WORD = "short text"
    TEXT = "text"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in one value.

    Attributes:
        look: the kind.
        detail: in words, for the reason; never the value.
        vector: the numbers, of a vector.
    """

    look: Look
    detail: str = ""
    vector: Vector | None = None


_EXTENSIONS = "jpe?g|jpe|jfif|png|gif|webp|bmp|dib|tiff?|hei[cf]|avif|jp2|j2k|jpx"
_IMAGE_PLACE = re.compile(rf"[^\n\r<>{{}}]{{0,1000}}\.(?:{_EXTENSIONS})(?:[!@~].{{0,80}})?", re.IGNORECASE)
_OTHER_PLACE = re.compile(r"(?:[a-z][a-z0-9+.-]{1,12}://|[/\\.~]|[A-Za-z]:[\\/])?[^\n\r<>{}|]{0,500}[/\\.][\w-]{1,60}")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,12}://\S+|//[\w.-]+/\S+", re.IGNORECASE)
# Object stores by their own addresses: S3, Google, Azure, Alibaba, Tencent, Huawei, Qiniu, MinIO, FastDFS, Ceph.
_STORE = re.compile(
    r"(?:s3a?|gs|gcs|oss|cos|obs|abfss?|wasbs?|minio|b2)://\S+|group\d{1,3}/M\d\d/[0-9A-F]{2}/[0-9A-F]{2}/\S+"
    r"|https?://\S*(?:s3[.-]|\.amazonaws\.com|storage\.googleapis\.com|\.blob\.core\.windows\.net|\.aliyuncs\.com"
    r"|\.myqcloud\.com|\.myhuaweicloud\.com|\.qiniucdn\.com|\.clouddn\.com|:9000/)\S*",
    re.IGNORECASE,
)
_DATA_URI = re.compile(r"data:([\w.+/-]*)(?:;[\w=.-]+)*;base64,", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(r"(?:0x|\\x|x')?((?:[0-9a-fA-F]{2}){16,})'?")
_UUID = re.compile(r"\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?")
_HASH_LENGTHS = frozenset({32, 40, 48, 56, 64, 96, 128})
_PASSWORD_HASH = re.compile(
    r"\$(?:2[abxy]|argon2\w*|[156y]|pbkdf2[\w-]*|scrypt)\$.*|(?:pbkdf2|bcrypt|argon2|scrypt)\w*[$:].*"
)
_DAY = re.compile(r"(?:1[89]|20|21)\d{2}(?:[-/.]\d{1,2}[-/.]\d{1,2}|\d{4}|年\d{1,2}月\d{1,2}日?)|infinity|0000-00-00")
_TIME = re.compile(
    r"(?:19|20|21)\d{2}[-/.]?\d{1,2}[-/.]?\d{1,2}[T ]?\d{1,2}:?\d{2}(?::?\d{2})?(?:\.\d+)?"
    r"\s*(?:Z|[+-]\d{2}:?\d{0,2}|UTC)?"
    r"|0000-00-00 00:00:00"
)
_CHINESE_ID = re.compile(r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]")
_INTEGER = re.compile(r"[-+]?\d{1,19}")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_FLAGS = frozenset(
    [
        "0",
        "1",
        "t",
        "f",
        "y",
        "n",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "是",
        "否",
        "同意",
        "不同意",
        "已授权",
        "未授权",
        "已同意",
    ]
)
_HANZI_NAME = re.compile(r"[\u4e00-\u9fff]{2,4}|[\u4e00-\u9fff]{1,6}·[\u4e00-\u9fff]{1,8}")
# A hundred of the commonest Chinese surnames.
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦"
    "贾夏付方邹熊白孟秦邱侯江尹薛阎段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常欧"
)
_LATIN_NAME = re.compile(r"[A-ZÀ-Þ][\w'’-]+,?(?: [A-ZÀ-Þ][\w.'’-]*){1,3}")
_SHORT = 64


def look_at(value: Value) -> Seen:
    """Tell what one value is."""
    if value.length == 0 or not value.head:
        return Seen(Look.EMPTY)
    return _look_at_bytes(value.head, value.length) if isinstance(value.head, bytes) else _look_at_text(value)


def _look_at_bytes(head: bytes, length: int) -> Seen:
    if _is_image(head, length):
        return Seen(Look.IMAGE, _image_name(head))
    if wrapped := unwrap(head, length):
        return _of_record(wrapped.record, wrapped.vector)
    if vector := in_bytes(head, length):
        return Seen(Look.VECTOR, vector.form, vector)
    if text := _as_text(head):
        return _look_at_text(Value(text, length))
    if (inner := unpacked(head)) is not None:
        within = _look_at_bytes(inner, len(inner))
        return replace(within, detail=f"packed: {within.detail}") if within.detail else Seen(Look.OPAQUE)
    kind = recognise(head)
    if isinstance(kind, Barred | Film | Chest):
        locked = isinstance(kind, Barred) and kind.reason == "encrypted"
        return Seen(Look.LOCKED if locked else Look.FILE, kind.name)
    if length in {16, 20, 28, 32, 48, 64}:
        return Seen(Look.HASH if length > 16 else Look.UUID, "as short as hashes and keys are")
    return Seen(Look.OPAQUE)


def _of_record(record: Record, vector: Vector | None) -> Seen:
    if record in {Record.FACE_19794, Record.FACE_39794, Record.ARCSOFT}:
        return Seen(Look.FACE_RECORD, str(record))
    if record is Record.PIXELS:
        return Seen(Look.PIXELS, str(record))
    if record is Record.OTHER_BIOMETRIC:
        return Seen(Look.OTHER_BIOMETRIC, str(record))
    return Seen(Look.VECTOR, vector.form, vector) if vector else Seen(Look.OPAQUE, str(record))


def _is_image(head: bytes, length: int) -> bool:
    kind = recognise(head)
    if not isinstance(kind, Kind) or kind in {Kind.PNM, Kind.PSD}:
        return False
    if kind is Kind.BMP:  # two letters are too little: the header must fit, too
        return len(head) >= 26 and _bitmap_fits(head, length)
    return length >= 20


def _bitmap_fits(head: bytes, length: int) -> bool:
    size, _, offset, header = struct.unpack_from("<IIII", head, 2)
    return (
        header in {12, 40, 52, 56, 64, 108, 124}
        and 26 <= offset <= max(length, 26)
        and (size == 0 or size <= length + 64)
    )


def _image_name(head: bytes) -> str:
    return str(recognise(head)).removeprefix("image/").upper()


def _as_text(head: bytes) -> str | None:
    """Read bytes that are printable text as text."""
    if b"\0" in head[:64]:
        return None
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character that the cut went through is no fault
            return None
        text = head[: error.start].decode("utf-8")
    return text if text[:200].replace("\n", "").replace("\r", "").replace("\t", "").isprintable() else None


def _look_at_text(value: Value) -> Seen:
    text = str(value.head).strip("\0 \r\n\t")
    if not text:
        return Seen(Look.EMPTY)
    if len(text) <= _SHORT and value.whole and (short := _short(text)):
        return short
    for reader in (_encoded_image, _place, _numbers, _encoded):
        if found := reader(text, value):
            return found
    return _plain(text, value)


def _short(text: str) -> Seen | None:
    if text.lower() in _FLAGS:
        return Seen(Look.FLAG)
    for pattern, look in (
        (_UUID, Look.UUID),
        (_CHINESE_ID, Look.PERSON_NUMBER),
        (_DAY, Look.DAY),
        (_TIME, Look.TIME),
        (_INTEGER, Look.INTEGER),
        (_NUMBER, Look.NUMBER),
    ):
        if pattern.fullmatch(text):
            return Seen(look)
    return None


def _encoded_image(text: str, value: Value) -> Seen | None:
    if found := _DATA_URI.match(text[:200]):
        inner = _decoded(text[found.end() :])
        if found.group(1).lower().startswith("image/") or (inner and _is_image(inner, len(inner))):
            return Seen(Look.IMAGE_TEXT, "data URIs")
        return Seen(Look.FILE, "data URIs of other media")
    inner = _decoded(text)
    if inner and _is_image(inner, max(value.length * 3 // 4, len(inner))):
        return Seen(Look.IMAGE_TEXT, _image_name(inner))
    return _json_images(text, value.length) if text[:1] in '[{"' else None


def _json_images(text: str, length: int) -> Seen | None:
    """Find pictures or their places among the strings of a JSON text."""
    words = [w for w in re.findall(r'"((?:[^"\\]|\\.){5,2000})"', text[:8192])][:40]
    places = [w for w in (word.replace("\\/", "/") for word in words) if _is_image_place(w)]
    if places:
        return Seen(Look.IMAGE_PLACE, "names of image files within JSON")
    for word in re.findall(r'"((?:data:image/[^"]{0,40},)?[A-Za-z0-9+/]{40})', text):
        body = word.rpartition(",")[2]
        inner = _decoded(body)
        if word.startswith("data:image/") or (inner and _is_image(inner, length)):
            return Seen(Look.IMAGE_TEXT, "within JSON")
    return None


def _decoded(text: str) -> bytes | None:
    """Read base64 (also the URL-safe kind, in lines, cut off) or hexadecimal digits; None when it is neither."""
    body = "".join(text.split())
    if (found := _HEX.match(body)) and len(found.group(0)) >= len(body) - 2:
        return bytes.fromhex(found.group(1))
    if not _BASE64.fullmatch(body):
        return None
    body = body.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body[: len(body) // 4 * 4] + _tail(body), validate=True)
    except (binascii.Error, ValueError):
        return None


def _tail(body: str) -> str:
    rest = body[len(body) // 4 * 4 :]
    return rest + "=" * (4 - len(rest)) if len(rest) >= 2 else ""


def _is_image_place(text: str) -> bool:
    if len(text) > 1024 or "\n" in text:
        return False
    if _SCHEME.match(text):
        parts = urlsplit(text)
        text = unquote(parts.path) if _IMAGE_PLACE.fullmatch(unquote(parts.path)) else unquote(parts.query)
        text = text.rpartition("=")[2] if "=" in text else text
    return _IMAGE_PLACE.fullmatch(text) is not None and text.count(" ") <= 8


def _place(text: str, value: Value) -> Seen | None:
    if not value.whole or len(text) > 4096:
        return None
    first = re.split(r"[,;|]", text)[0].strip() if text.count(".") > 1 else text
    try:
        if _is_image_place(text) or (_is_image_place(first) and not _SCHEME.match(text)):
            return Seen(Look.IMAGE_PLACE)
    except ValueError:  # an address that is none: `http://[`
        return None
    if _STORE.fullmatch(text):
        other = re.search(r"\.([A-Za-z0-9]{2,5})(?:\?|$)", text)
        return Seen(Look.FILE_PLACE if other else Look.STORE_PLACE)
    if _SCHEME.fullmatch(text) or (re.search(r"[/\\]", text) and _OTHER_PLACE.fullmatch(text) and " " not in text):
        return Seen(Look.FILE_PLACE)
    return None


def _numbers(text: str, value: Value) -> Seen | None:
    readers = (in_json, in_text) if value.whole else (in_text, in_json)
    vector = next((found for reader in readers if (found := reader(text, value.length))), None)
    if vector is None and text[:200].strip("01") == "" and 64 <= value.length <= 8192:
        vector = Vector(value.length, False, f"{value.length} bits", integers=True)
    return Seen(Look.VECTOR, vector.form, vector) if vector else None


def _encoded(text: str, value: Value) -> Seen | None:
    """Look into base64 or hexadecimal digits that hold no picture."""
    if _PASSWORD_HASH.fullmatch(text[:300]):
        return Seen(Look.HASH, "password hashes")
    digits = _HEX.fullmatch(text)
    if digits and value.whole and len(digits.group(1)) in _HASH_LENGTHS:
        return Seen(Look.HASH, "hexadecimal digits, as many as a hash has")
    if text.startswith("eyJ") and text.count(".") == 2:
        return Seen(Look.HASH, "signed tokens")
    inner = _decoded(text)
    if not inner or value.length < 64:
        return None
    cut = not value.whole
    share = 0.5 if digits or _HEX.match(text) else 0.75
    length = round(value.length * share) // 8 * 8 if cut else len(inner)
    within = _look_at_bytes(inner, length)
    if within.look in {Look.VECTOR, Look.FACE_RECORD, Look.PIXELS, Look.OTHER_BIOMETRIC, Look.IMAGE}:
        return replace(within, detail=f"{within.detail}, as text")
    if within.look in {Look.OPAQUE, Look.LOCKED, Look.FILE} or (not cut and " " not in text and len(inner) > 48):
        return Seen(Look.LOCKED if within.look is Look.LOCKED else Look.OPAQUE_TEXT, within.detail)
    return None


def _plain(text: str, value: Value) -> Seen:
    if value.length <= 40 and (_LATIN_NAME.fullmatch(text) or (_HANZI_NAME.fullmatch(text) and text[0] in _SURNAMES)):
        return Seen(Look.NAME)
    if text.startswith(("gAAAAA", "U2FsdGVkX1", "-----BEGIN PGP")):
        return Seen(Look.LOCKED, "ciphertext")
    return Seen(Look.WORD if value.length <= _SHORT and "\n" not in text else Look.TEXT)
