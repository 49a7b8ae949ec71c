"""The page: it loads nothing, escapes everything, and draws its charts where the numbers lie."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from detectors.records import CurvePoint
from plugins.reports import charts, curve_charts, fill, screenshot
from plugins.reports.jsonfile import write_reports
from plugins.reports.model import Interval
from plugins.reports.page import to_html
from tests.report_sample import (
    AS_OF,
    CURVE,
    EVIL,
    Page,
    make_clock,
    make_people,
    make_report,
    read,
)


def test_the_page_asks_for_nothing_from_anywhere() -> None:
    html = to_html(make_report())
    page = Page(html)
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": policy}) in page.tags
    assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "object", "embed", "form", "base"}
    links = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("href", "src")]
    assert all(link and link.startswith(("#", "data:,")) for link in links)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "url(" not in html
    assert "@import" not in html
    assert "http://" not in html
    assert "https://" not in html


def test_what_needs_an_extra_is_said_with_the_command_that_installs_it() -> None:
    assert "facewarden[raw]" not in to_html(make_report(unsupported={"unsupported": 5}))
    words = read(make_report(unsupported={"unsupported": 5, "needs_raw": 3})).text
    assert "3 objects could be examined in the next run after `pip install 'facewarden[raw]'`." in words


def test_every_link_inside_the_page_has_its_place_and_every_id_is_used_once() -> None:
    page = read(make_report(filing=tuple(make_clock(title=f"{n}") for n in range(4))))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {value[1:] for _, a in page.tags if (value := a.get("href") or "").startswith("#")}
    wanted |= {a["aria-labelledby"] or "" for _, a in page.tags if "aria-labelledby" in a}
    assert wanted <= set(ids)


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [pytest.param(0, id="light"), pytest.param(1, id="dark")])
def test_every_text_colour_has_enough_contrast(theme: int) -> None:
    rules = re.findall(r":root \{(.*?)\}", to_html(make_report()), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", rules[theme]))
    for name in ("ink", "soft", "good", "watch", "alert"):
        light, dark = sorted((luminance(colours[name]), luminance(colours["paper"])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, name  # WCAG 2.2, level AA


def put_everywhere(value: Any, text: str) -> Any:
    """Replace every text of a record tree, so that no field can be forgotten."""
    kept = ("below", ">")
    if isinstance(value, str):
        return value if value in kept else text
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: put_everywhere(getattr(value, f.name), text) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    if isinstance(value, dict):
        return {f"{text}{n}": put_everywhere(item, text) for n, item in enumerate(value.values())}
    return tuple(put_everywhere(item, text) for item in value) if isinstance(value, tuple) else value


def test_no_text_of_the_report_can_become_markup() -> None:
    plain, evil = read(put_everywhere(make_report(), "x")), read(put_everywhere(make_report(), EVIL))
    assert [(tag, sorted(attributes)) for tag, attributes in evil.tags] == [
        (tag, sorted(attributes)) for tag, attributes in plain.tags
    ]
    assert "<script>alert('x')</script>" in evil.words


def test_names_that_are_no_text_do_not_stop_the_report(tmp_path: Path) -> None:
    odd = fill.quarantine_from([("station-cameras", "hall/\udce9t\u202egpj.exe", "truncated")])
    places = write_reports(make_report(quarantine=odd), str(tmp_path))
    assert "hall/" in Path(places["html"]).read_text("utf-8")
    assert json.loads(Path(places["json"]).read_text("utf-8"))["quarantine"]["total"] == 1


def places(svg: str, kind: str, name: str = "x") -> list[float]:
    found = re.findall(rf'<(?:rect|line)[^>]*class="{kind}"/>', svg)
    return [float(re.findall(rf' {name}="([-\d.]+)%"', mark)[0]) for mark in found]


@pytest.mark.parametrize(
    ("low", "best", "high"),
    [
        pytest.param(0, 0, 0, id="nobody"),
        pytest.param(7_610, 8_140, 8_905, id="below"),
        pytest.param(9_990, 10_000, 10_010, id="around"),
        pytest.param(2_900_000, 3_010_220, 3_140_000, id="three million"),
    ],
)
def test_the_interval_is_drawn_where_it_lies(low: int, best: int, high: int) -> None:
    svg = str(charts.interval_line(make_people(low, best, high)))
    (start,), (width,) = places(svg, "band"), places(svg, "band", "width")
    (limit,) = places(svg, "limit", "x1")
    assert 0 <= start <= start + width <= 100
    assert 0 < limit < 100
    assert start == pytest.approx(limit * low / 10_000, abs=0.02)
    assert width == pytest.approx(max(0.4, limit * (high - low) / 10_000), abs=0.02)


def heights(svg: str, kind: str) -> list[float]:
    """Give the places of a curve's points, in percent of the chart's height from its foot."""
    (points,) = re.findall(rf'<polyline points="([^"]*)" class="{kind}"/>', svg)
    return [100 - float(point.split(",")[1]) for point in points.split()]


def test_the_estimate_is_drawn_as_a_band_across_the_groups_by_threshold() -> None:
    unknown = Interval(4_080, 4_610, 5_375)
    svg = str(curve_charts.groups_by_threshold(CURVE, unknown))
    ((y, height),) = re.findall(r'y="([\d.]+)" [^>]*height="([\d.]+)" class="wash"', svg)
    upper, lower = 154 - float(y), 154 - float(y) - float(height)
    end = 3 * 5_375 * 1.08
    assert upper / 120 == pytest.approx(5_375 / end, abs=0.002)
    assert lower / 120 == pytest.approx(4_080 / end, abs=0.002)
    assert heights(svg, "plain-line") == pytest.approx([100 * p.groups / end for p in CURVE], abs=0.01)
    assert "plain clustering: 2,210 to 16,300" in svg


def test_a_band_is_seen_however_far_plain_clustering_goes() -> None:
    curve = [CurvePoint(5, 10, 0.5, 0.1), CurvePoint(6, 1_000_000, 0.0, 0.9)]
    svg = str(curve_charts.groups_by_threshold(curve, Interval(80, 90, 100)))
    (height,) = [float(h) for h in re.findall(r'height="([\d.]+)" class="wash"', svg)]
    assert height > 5
    assert max(heights(svg, "plain-line")) > 100, "the rest is cut off by the chart's edge"
    assert "10 to 1,000,000" in svg


def test_both_errors_are_drawn_and_the_dot_lies_where_they_balance() -> None:
    svg = str(curve_charts.errors_by_threshold(CURVE))
    end = 0.349 * 1.08
    assert heights(svg, "merge-line") == pytest.approx([100 * p.false_merge / end for p in CURVE], abs=0.01)
    assert heights(svg, "split-line") == pytest.approx([100 * p.false_split / end for p in CURVE], abs=0.01)
    ((across, down),) = re.findall(r'<circle cx="([\d.]+)%" cy="([\d.]+)"', svg)
    assert 0 < float(across) < 25, "between the first two of five thresholds"
    assert (154 - float(down)) / 120 == pytest.approx(0.0781 / end, abs=0.002)
    assert "joined, but two people: 12.2 % to 0 %" in svg


def test_a_stacked_bar_shows_every_part_and_fills_the_width() -> None:
    parts = [charts.Part("good", 1_000_000, "much"), charts.Part("rest", 0, "none"), charts.Part("alert", 1, "one")]
    svg = str(charts.stacked_bar(parts, "all"))
    widths = [float(width) for width in re.findall(r' width="([\d.]+)%" height', svg)][1:]
    assert len(widths) == 2
    assert sum(widths) == pytest.approx(100, abs=0.02)
    assert min(widths) > 0.3
    assert "all: much 1,000,000; one 1" in svg


def test_an_overdue_clock_is_drawn_past_its_due_day() -> None:
    clock = make_clock(due_on=date(2026, 11, 12), days_left=-11, working_days_left=-7)
    svg = str(charts.time_line(clock, AS_OF))
    (start,), (width,) = places(svg, "fill-alert"), places(svg, "fill-alert", "width")
    assert start == pytest.approx(3 + 94 * 10 / 21, abs=0.02)
    assert start + width == pytest.approx(97, abs=0.02)


def test_every_chart_carries_its_content_in_words() -> None:
    labels = read(make_report()).labels()
    assert len(labels) == 1 + 1 + 1 + 1 + 1 + 2 + 4 + 2
    for said in (
        "best estimate 8,140",
        "unknown; most likely 4,610 4,610",
        "2,210 at 5.7; 3,460 at 6.5",
        "estimate: 4,080–5,375 people",
        "at 8.7 0 % of the joined pairs are two people, 34.9 % of one person's pairs are apart",
        "crossed on 2026-11-02",
        "scanned",
        "no recorded ground 412",
        "limit is more",
    ):
        assert any(said in label.replace("examined in this run", "scanned") for label in labels), said


def test_the_trend_ends_with_this_night() -> None:
    assert any("to 8,140 on 2026-11-23" in label for label in read(make_report()).labels())


def test_without_a_browser_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(screenshot, "MAC_APPS", ())
    page = tmp_path / "report.html"
    page.write_text("<p>")
    with pytest.raises(screenshot.ScreenshotProblem, match=r"no browser found .*install Chromium or Chrome") as caught:
        screenshot.take_screenshot(page, tmp_path / "report.png")
    assert "\n" not in str(caught.value)


def test_a_browser_that_fails_leaves_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\nexit 3\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    page = tmp_path / "report.html"
    page.write_text("<p>")
    with pytest.raises(screenshot.ScreenshotProblem, match="chromium could not be run"):
        screenshot.take_screenshot(page, tmp_path / "report.png")
    assert not (tmp_path / "report.png").exists()


def test_a_missing_page_is_named(tmp_path: Path) -> None:
    with pytest.raises(screenshot.ScreenshotProblem, match="there is no page"):
        screenshot.take_screenshot(tmp_path / "none.html", tmp_path / "none.png")


@pytest.mark.skipif(screenshot.find_browser() is None, reason="no Chromium on this machine")
def test_a_browser_draws_the_page(tmp_path: Path) -> None:
    places = write_reports(make_report(), str(tmp_path))
    picture = screenshot.take_screenshot(Path(places["html"]), tmp_path / "report.png", width=1280, height=900)
    with Image.open(picture) as image:
        assert image.size == (1280, 900)
        # The big count is ink on paper: a blank page would have one colour.
        assert len(image.convert("RGB").getcolors(1 << 20) or []) > 50
