"""Tells from the first bytes of a file what it is: a picture we read, one we do not, or something locked."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import StrEnum

from detectors.errors import Refusal

HEAD_BYTES = 4096
"""So many bytes tell what a file is, all but whether a PDF or an Office document is locked."""


class Kind(StrEnum):
    """The picture formats that are decoded; the value is the media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    GIF = "image/gif"
    WEBP = "image/webp"
    TIFF = "image/tiff"
    BMP = "image/bmp"
    PNM = "image/x-portable-anymap"
    HEIF = "image/heic"
    AVIF = "image/avif"
    JP2 = "image/jp2"
    PSD = "image/vnd.adobe.photoshop"
    RAW = "image/x-dcraw"


class Film(StrEnum):
    """The video formats that stills are taken from; the value is the media type."""

    MP4 = "video/mp4"
    MATROSKA = "video/x-matroska"
    AVI = "video/x-msvideo"
    FLASH = "video/x-flv"
    MPEG = "video/mpeg"
    TRANSPORT = "video/mp2t"
    WINDOWS = "video/x-ms-wmv"


class Chest(StrEnum):
    """The archives that pictures are taken out of; the value is the media type."""

    ZIP = "application/zip"
    TAR = "application/x-tar"


@dataclass(frozen=True, slots=True)
class Barred:
    """A file that is recognised but not looked into.

    Attributes:
        reason: UNSUPPORTED or ENCRYPTED.
        name: what it is, in a word or two, for the report.
    """

    reason: Refusal
    name: str


# Where a row came from: the format's own specification; numbers are offsets into the file.
_PICTURES: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"\xff\xd8\xff", Kind.JPEG),
    (0, b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (0, b"GIF87a", Kind.GIF),
    (0, b"GIF89a", Kind.GIF),
    (8, b"WEBP", Kind.WEBP),
    (0, b"II*\0", Kind.TIFF),
    (0, b"MM\0*", Kind.TIFF),
    (0, b"II+\0", Kind.TIFF),
    (0, b"MM\0+", Kind.TIFF),
    (0, b"BM", Kind.BMP),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", Kind.JP2),
    (0, b"\xff\x4f\xff\x51", Kind.JP2),
    (0, b"8BPS", Kind.PSD),
    (0, b"IIRO", Kind.RAW),
    (0, b"IIRS", Kind.RAW),
    (0, b"IIU\0", Kind.RAW),
    (0, b"FUJIFILMCCD-RAW", Kind.RAW),
    (0, b"FOVb", Kind.RAW),
    (0, b"\0MRM", Kind.RAW),
)
_FILMS: tuple[tuple[int, bytes, Film], ...] = (
    (0, b"\x1a\x45\xdf\xa3", Film.MATROSKA),
    (8, b"AVI ", Film.AVI),
    (0, b"FLV\x01", Film.FLASH),
    (0, b"\0\0\x01\xba", Film.MPEG),
    (0, b"\0\0\x01\xb3", Film.MPEG),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Film.WINDOWS),
    (4, b"moov", Film.MP4),
    (4, b"mdat", Film.MP4),
    (4, b"wide", Film.MP4),
    (4, b"free", Film.MP4),
    (4, b"skip", Film.MP4),
)
_LOCKED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"Salted__", "OpenSSL ciphertext"),
    (0, b"U2FsdGVkX1", "OpenSSL ciphertext"),
    (0, b"age-encryption.org/", "age ciphertext"),
    (0, b"-----BEGIN AGE ENCRYPTED FILE-----", "age ciphertext"),
    (0, b"-----BEGIN PGP MESSAGE-----", "OpenPGP message"),
    (0, b"-----BEGIN PKCS7-----", "CMS message"),
    (0, b"-----BEGIN CMS-----", "CMS message"),
    (0, b"gAAAAA", "Fernet token"),
    (0, b"$ANSIBLE_VAULT;", "Ansible vault"),
    (0, b"LUKS\xba\xbe", "LUKS volume"),
    (0, b"AES\x02", "AES Crypt file"),
)
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (8, b"WAVE", "WAVE audio"),
    (0, b"OggS", "Ogg media"),
    (0, b"ID3", "MP3 audio"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"\0\0\x01\0", "Windows icon"),
    (0, b"DDS ", "DirectDraw surface"),
    (0, b"qoif", "QOI"),
    (0, b"SIMPLE  =", "FITS"),
    (128, b"DICM", "DICOM"),
    (0, b"gimp xcf", "GIMP picture"),
    (0, b"\x1f\x8b", "gzip archive"),
    (0, b"BZh", "bzip2 archive"),
    (0, b"\xfd7zXZ\0", "xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "zstd archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (0, b"Rar!\x1a\x07", "RAR archive"),
    (0, b"SQLite format 3\0", "SQLite database"),
    (0, b"PAR1", "Parquet table"),
)
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
# First bytes of binary OpenPGP messages: a session key packet (RFC 9580, 5.1 and 5.3) and its version.
_OPENPGP = re.compile(rb"(\x84.|\x85..|\x8c.|\xc1.|\xc1[\xc0-\xdf].|\xc3.)[\x03-\x06]", re.DOTALL)
_SVG = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!(?:--.*?--|DOCTYPE[^>]*)>\s*)*<svg[\s>]", re.DOTALL)
_DNG_VERSION, _NEW_SUBFILE_TYPE, _SUB_IFDS, _REDUCED = 50706, 254, 330, 1
_PHOTOMETRIC, _OF_SENSORS = 262, (32803, 34892)


def recognise(data: bytes) -> Kind | Film | Chest | Barred | None:
    """Tell what ``data`` is by content, never by name.

    Returns:
        A format we decode (picture, video, archive), a file that stays closed with the reason, or None for bytes of no
        known kind.
    """
    return _chest(data) or _barred(data) or _film(data) or _picture(data)


def _chest(data: bytes) -> Chest | None:
    if data.startswith(b"PK\x03\x04"):
        # Bit 0 of the general purpose flag, APPNOTE.TXT 4.4.4: a locked first member speaks for all.
        return None if len(data) > 6 and data[6] & 1 else Chest.ZIP
    return Chest.TAR if data.startswith(b"ustar", 257) else None


def _film(data: bytes) -> Film | None:
    for offset, magic, film in _FILMS:
        if data.startswith(magic, offset) and (film is not Film.AVI or data[:4] == b"RIFF"):
            return film
    if data[:1] == b"\x47" and len(data) > 376 and data[188:189] == data[376:377] == b"\x47":
        return Film.TRANSPORT
    return None


def _picture(data: bytes) -> Kind | Film | None:
    if _is_camera_raw(data):
        return Kind.RAW
    for offset, magic, kind in _PICTURES:
        if data.startswith(magic, offset) and (kind is not Kind.WEBP or data[:4] == b"RIFF"):
            return kind
    if data[4:8] == b"ftyp":
        return _of_brand(data)
    if re.match(rb"P[1-6FfyY][\s#]", data[:3]):
        return Kind.PNM
    return None


def _of_brand(data: bytes) -> Kind | Film:
    """Sort ISO media files by their brands: pictures, camera raw, or video."""
    size = min(max(int.from_bytes(data[:4]), 16), 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, size, 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return Kind.AVIF
    if any(brand in _HEIF_BRANDS for brand in brands):
        return Kind.HEIF
    if brands[0] == b"crx ":
        return Kind.RAW
    return Film.MP4


def _barred(data: bytes) -> Barred | None:
    for offset, magic, name in _LOCKED:
        if data.startswith(magic, offset):
            return Barred(Refusal.ENCRYPTED, name)
    if (found := _container(data)) is not None:
        return found
    for offset, magic, name in _OTHERS:
        if data.startswith(magic, offset):
            return Barred(Refusal.UNSUPPORTED, name)
    if _SVG.match(data[:2048]):
        return Barred(Refusal.UNSUPPORTED, "SVG drawing")
    return _locked_by_shape(data)


def _container(data: bytes) -> Barred | None:
    """Recognise files that may or may not be locked inside."""
    if data.startswith(b"PK\x03\x04"):
        # Bit 0 of the general purpose flag, APPNOTE.TXT 4.4.4.
        return _lockable("ZIP archive", len(data) > 6 and bool(data[6] & 1))
    if data.startswith((b"PK\x05\x06", b"PK\x07\x08")):
        return _lockable("ZIP archive", False)
    if b"%PDF-" in data[:1024]:
        return _lockable("PDF", b"/Encrypt" in data)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _lockable("Office document", "EncryptedPackage".encode("utf-16-le") in data)
    # RAR 5 locks its file names with a header of type 4 straight after the signature.
    if data.startswith(b"Rar!\x1a\x07\x01\0"):
        return _lockable("RAR archive", data[13:14] == b"\x04")
    return None


def _lockable(name: str, locked: bool) -> Barred:
    return Barred(Refusal.ENCRYPTED if locked else Refusal.UNSUPPORTED, name)


def _locked_by_shape(data: bytes) -> Barred | None:
    if _OPENPGP.match(data[:5]):
        return Barred(Refusal.ENCRYPTED, "OpenPGP message")
    return None


def _is_camera_raw(data: bytes) -> bool:
    """Tell raw files that dress as TIFF: their first page is a preview, or the bare values of the sensor."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return False
    if data[8:10] == b"CR":
        return True
    tags = _first_directory(data)
    is_bare = tags.get(_PHOTOMETRIC) in _OF_SENSORS
    return _DNG_VERSION in tags or is_bare or (tags.get(_NEW_SUBFILE_TYPE) == _REDUCED and _SUB_IFDS in tags)


def _first_directory(data: bytes) -> dict[int, int]:
    """Read a TIFF's first directory: tag to value (or offset), as far as it is there."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        entries = [struct.unpack_from(order + "HHI4s", data, start + 2 + 12 * i) for i in range(min(count, 512))]
    except struct.error:
        return {}
    return {tag: struct.unpack_from(order + ("H" if kind == 3 else "I"), value)[0] for tag, kind, _, value in entries}
