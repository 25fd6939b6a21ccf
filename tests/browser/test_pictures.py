"""The drawn pictures of the explanations in Chromium: on a telephone, in light and in dark."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ViewportSize

PICTURES = sorted((Path(__file__).parents[2] / "docs/explanation").glob("*.svg"))
TELEPHONE: ViewportSize = {"width": 390, "height": 844}
FIT = """() => {
    const {style, viewBox: {baseVal: box}} = document.documentElement
    Object.assign(style, {width: `${innerWidth}px`, height: `${innerWidth * box.height / box.width}px`})
}"""
LOOK = """() => {
    const channel = part => (part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    const light = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number).map(channel)
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0)
    const contrast = (one, other) => {
        const [less, more] = [light(one), light(other)].sort((a, b) => a - b)
        return (more + 0.05) / (less + 0.05)
    }
    const fill = node => getComputedStyle(node).fill
    const grounds = [...document.querySelectorAll('rect, circle')]
    const wrong = []
    for (const text of document.querySelectorAll('text')) {
        const at = text.getBoundingClientRect()
        if (!at.width) continue
        if (at.left < 0 || at.right > innerWidth) wrong.push(['outside', text.textContent])
        if (parseFloat(getComputedStyle(text).fontSize) * innerWidth / 500 < 8) wrong.push(['small', text.textContent])
        let ground = null
        for (const node of grounds) {
            const box = node.getBoundingClientRect()
            const [x, y] = [(at.left + at.right) / 2, (at.top + at.bottom) / 2]
            if (x < box.left || x > box.right || y < box.top || y > box.bottom) continue
            ground = node
            if (node.tagName === 'rect' && (at.left < box.left || at.right > box.right))
                wrong.push(['over the edge', text.textContent])
        }
        for (const part of [text, ...text.children])
            if (contrast(fill(part), fill(ground)) < 4.5) wrong.push(['faint', text.textContent])
    }
    return [wrong, fill(grounds[0])]
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_it_can_be_read_on_a_telephone(chromium: Browser, picture: Path, scheme: Literal["light", "dark"]) -> None:
    said: list[str] = []
    with chromium.new_context(viewport=TELEPHONE, color_scheme=scheme) as context:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(picture.as_uri())
        page.evaluate(FIT)
        wrong, paper = page.evaluate(LOOK)
    assert (wrong, said) == ([], [])
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}[scheme]
