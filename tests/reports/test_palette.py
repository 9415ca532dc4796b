"""Every ink can be read on every ground, and tones stay apart for people who do not see all colours."""

from itertools import combinations

import pytest

from assay.reports.charts.heatmap import STRONGEST
from assay.reports.palette import DARK, LIGHT, MARKS, on_paper

INKS = ("ink", "soft", "accent", "plain", "good", "bad", "unsure", "series-1", "series-2", "series-3", "series-4")

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SEEN = {
    "all colours": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def mixed(colour: str, ground: str, share: float) -> str:
    pairs = [(int(colour[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def lab(colour: str, sight: str) -> tuple[float, float, float]:
    rgb = linear(colour)
    red, green, blue = (min(1.0, max(0.0, sum(a * b for a, b in zip(row, rgb, strict=True)))) for row in SEEN[sight])
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    fx, fy, fz = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", INKS)
def test_every_ink_has_a_contrast_of_4_5_on_paper_and_card(palette, ink):
    assert contrast(palette[ink], palette["paper"]) >= 4.5
    assert contrast(palette[ink], palette["card"]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_words_can_be_read_on_the_verdict_and_on_the_strongest_cell(palette):
    for tone in MARKS:
        banner = mixed(palette[tone], palette["paper"], 0.09)
        assert contrast(palette["ink"], banner) >= 7
        assert contrast(palette[tone], banner) >= 4.5
    assert contrast(palette["ink"], mixed(palette["accent"], palette["paper"], STRONGEST)) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SEEN)
def test_tones_stay_apart_whatever_colours_a_reader_sees(palette, sight):
    for one, other in combinations(MARKS, 2):
        distance = sum((a - b) ** 2 for a, b in zip(lab(palette[one], sight), lab(palette[other], sight), strict=True))
        assert distance**0.5 > 15, (one, other)


def test_paper_knows_every_colour():
    assert LIGHT.keys() == DARK.keys()
    assert on_paper("a { fill: var(--good); stroke: var(--series-1) }") == "a { fill: #00735a; stroke: #1d5a9e }"
