"""Cuts people out of real portraits that anybody may use.

The pictures: ``astronaut.png`` (NASA, Eileen Collins), ``obama.jpg``, ``obama3.jpg`` and ``biden.jpg`` (White House),
all in the public domain; the set-up fetches them, the project keeps none. An outline is a polygon in thousandths of the
picture's height, traced once with MediaPipe's selfie segmentation and OpenCV's GrabCut and checked by eye.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter


@dataclass(frozen=True, slots=True)
class Portrait:
    """One picture of one person.

    Attributes:
        file: file name in the pictures folder.
        person: who it is; two portraits may show the same person.
        size_wh_px: size of the picture the numbers below belong to.
        face_xywh_px: MediaPipe's full-range face box (a square from brows to chin) in the picture, measured 2026-11.
        enlarge: how far it may be blown up before it stops looking like a photograph.
        outline: polygon around head and body, ``x,y`` in thousandths of the picture's height.
    """

    file: str
    person: str
    size_wh_px: tuple[int, int]
    face_xywh_px: tuple[int, int, int, int]
    enlarge: float
    outline: str


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Cutout:
    """A person without a background.

    Attributes:
        person: who it is.
        sizes: the same RGBA picture in full, half, quarter and eighth size.
        face_xywh_px: the face's box in the full picture.
        enlarge: how far it may be blown up.
    """

    person: str
    sizes: tuple[Image.Image, ...]
    face_xywh_px: tuple[float, float, float, float]
    enlarge: float

    @property
    def size_wh_px(self) -> tuple[int, int]:
        """Width and height of the full picture."""
        return self.sizes[0].size

    def scaled(self, size_wh_px: tuple[int, int]) -> Image.Image:
        """Give the picture in another size."""
        nearest = next((p for p in reversed(self.sizes) if p.width >= size_wh_px[0]), self.sizes[0])
        return nearest.resize(size_wh_px, Image.Resampling.BICUBIC)


PORTRAITS = (
    Portrait(
        "astronaut.png",
        "collins",
        (512, 512),
        (173, 67, 103, 103),
        1.45,
        "396,44 383,53 369,69 318,101 307,112 301,130 301,181 304,196 311,209 327,224 340,250 355,261 356,287 "
        "351,291 300,295 271,311 245,344 246,381 243,398 236,404 218,402 179,440 151,458 119,492 87,548 77,581 "
        "76,596 51,670 51,713 37,765 35,823 46,900 89,999 961,999 961,983 956,967 958,892 953,851 963,842 964,830 "
        "951,786 931,749 920,735 883,702 852,686 820,675 771,672 751,675 742,688 717,686 704,668 704,644 698,627 "
        "698,605 689,563 678,547 676,535 666,515 651,497 592,453 586,432 563,395 553,387 544,387 536,382 526,369 "
        "525,359 499,336 502,316 516,292 521,270 539,261 567,228 578,211 585,189 587,161 584,139 574,104 561,81 "
        "536,59 487,36 469,31 446,31",
    ),
    Portrait(
        "biden.jpg",
        "biden",
        (970, 2204),
        (424, 228, 334, 334),
        1.2,
        "299,52 275,46 244,44 218,52 202,63 189,79 178,103 174,148 175,177 191,199 189,226 178,251 165,253 141,266 "
        "100,271 42,285 29,292 21,306 21,378 17,393 19,479 28,519 49,568 50,577 38,641 29,746 12,850 12,999 379,999 "
        "388,923 392,919 427,910 433,903 426,870 425,815 402,712 407,688 393,661 375,647 373,617 376,562 381,558 "
        "412,559 439,544 439,413 428,404 419,378 416,345 409,337 367,312 319,300 302,286 293,285 287,279 286,257 "
        "319,208 322,185 336,159 341,140 340,105 324,70",
    ),
    Portrait(
        "obama.jpg",
        "obama",
        (910, 1137),
        (354, 133, 287, 287),
        1.45,
        "417,21 393,28 382,38 367,45 346,64 325,97 327,122 321,133 321,146 328,157 327,172 321,177 302,175 297,180 "
        "297,201 312,252 317,257 330,257 337,263 359,346 354,360 353,380 348,384 336,385 281,415 234,430 182,457 "
        "169,460 160,466 151,481 139,515 138,534 126,554 122,578 115,593 113,625 96,645 94,673 83,706 69,732 47,823 "
        "45,852 54,879 61,927 79,960 122,960 170,971 175,977 174,999 664,999 664,930 685,896 711,828 721,793 "
        "723,766 732,738 731,638 736,627 735,562 732,549 738,538 741,515 738,472 727,452 689,423 668,413 636,408 "
        "569,379 554,376 527,352 515,351 508,345 502,334 519,304 530,263 535,257 547,253 563,208 562,180 557,176 "
        "545,176 537,164 537,155 546,144 541,100 530,79 491,40 454,29 442,22",
    ),
    Portrait(
        "obama3.jpg",
        "obama",
        (1434, 2333),
        (657, 332, 305, 305),
        1.2,
        "348,97 318,98 294,112 272,135 265,155 264,172 254,181 252,212 258,218 271,221 278,247 279,274 270,285 "
        "269,295 238,310 173,323 143,334 133,351 133,366 122,395 126,424 117,440 101,508 101,522 112,559 112,581 "
        "116,593 126,604 165,605 176,613 164,650 155,661 146,685 145,707 132,751 119,819 119,845 113,872 113,888 "
        "117,893 146,899 151,905 149,965 154,999 311,999 312,987 316,982 324,987 326,999 469,999 476,899 481,894 "
        "495,892 499,887 481,694 466,598 471,592 486,587 497,575 511,549 522,513 522,501 514,489 509,453 498,433 "
        "493,415 490,344 482,337 453,326 387,312 374,304 363,302 359,297 361,272 358,262 389,229 395,213 393,158 "
        "381,125 364,106",
    ),
)

PEOPLE = ("biden", "collins", "obama")
"""Everybody the cameras see, in the order of their rows in the access-control database."""

ENROLMENT_PICTURES = {"biden": "biden.jpg", "collins": "astronaut.png", "obama": "obama.jpg"}


class PictureMissing(Exception):
    """A portrait is not where the set-up puts it, or is another picture."""

    def __init__(self, file: str, folder: str, found: str) -> None:
        super().__init__(file, folder, found)
        self.file, self.folder, self.found = file, folder, found

    def __str__(self) -> str:
        return f"portrait {self.file} in {self.folder} {self.found}; run `facewarden models install --samples`"


@cache
def cutouts(pictures: Path) -> tuple[Cutout, ...]:
    """Cut out everybody, in the order of ``PORTRAITS``.

    Raises:
        PictureMissing: a portrait is absent or has another size than the one its outline was traced on.
    """
    return tuple(_cut_out(portrait, pictures) for portrait in PORTRAITS)


def enrolment_photo(person: str, pictures: Path) -> bytes:
    """Give head and shoulders of one person as a JPEG, as an enrolment desk would take it.

    Raises:
        PictureMissing: the portrait is absent or another picture.
    """
    portrait = next(p for p in PORTRAITS if p.file == ENROLMENT_PICTURES[person])
    picture = _open(portrait, pictures)
    x, y, w, h = portrait.face_xywh_px
    left, top = max(0, x - w * 6 // 10), max(0, y - h * 7 // 10)
    crop = picture.crop((left, top, min(picture.width, x + w * 16 // 10), min(picture.height, y + h * 18 // 10)))
    out = io.BytesIO()
    crop.save(out, "JPEG", quality=90)
    return out.getvalue()


def _open(portrait: Portrait, folder: Path) -> Image.Image:
    path = folder / portrait.file
    if not path.is_file():
        raise PictureMissing(portrait.file, str(folder), "is missing")
    with Image.open(path) as picture:
        if picture.size != portrait.size_wh_px:
            raise PictureMissing(
                portrait.file, str(folder), f"has {picture.width}x{picture.height} pixels, not those on record"
            )
        return picture.convert("RGB")


def _cut_out(portrait: Portrait, folder: Path) -> Cutout:
    picture = _open(portrait, folder)
    unit = picture.height / 1000
    points = [(int(x) * unit, int(y) * unit) for x, y in (pair.split(",") for pair in portrait.outline.split())]
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).polygon(points, fill=255)
    # A pixel in from the outline, then soft: no halo of the old background, no scissor edge on hair.
    soft = mask.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.GaussianBlur(0.0016 * picture.height))
    picture.putalpha(soft)
    left, top, right, bottom = mask.getbbox() or (0, 0, *picture.size)
    x, y, w, h = portrait.face_xywh_px
    full = picture.crop((left, top, right, bottom))
    sizes = (full, *(full.reduce(factor) for factor in (2, 4, 8)))
    return Cutout(portrait.person, sizes, (x - left, y - top, w, h), portrait.enlarge)
