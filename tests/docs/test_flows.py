"""The pictures of the flows and their page are what the steps say; the steps walk the corridor."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.docs.flows import FLOWS, FOLDER, PAGE, ROOT, Flow, page, path_of, pictures
from tests.docs.sequence import Part, Step
from watchword.errors import Stage

EACH = pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.file)
SVG = "{http://www.w3.org/2000/svg}"
MIDDLE = [Stage.PARSE, Stage.KEY, Stage.VERIFY, Stage.CLAIMS, Stage.REVOCATION]
"""What every kind of token does in this order, whoever routes to it."""


def steps(part: Part) -> list[Step]:
    return [step for step in part.steps if isinstance(step, Step)]


def test_the_pictures_and_the_page_are_those_of_the_steps() -> None:
    assert PAGE.read_text() == page(), "make flows writes it anew"
    for name, drawn in pictures().items():
        assert (FOLDER / name).read_text() == drawn, "make flows draws it anew"


@EACH
def test_each_step_is_numbered_in_the_picture_and_told_on_the_page(flow: Flow) -> None:
    told = [step for part in flow.parts for step in steps(part)]
    root = ET.fromstring(pictures()[flow.file])  # noqa: S314  # our own
    numbers = [node.text for node in root.iter(f"{SVG}text") if node.get("class") == "number"]
    assert numbers == [str(number + 1) for number in range(len(told))]
    section = PAGE.read_text().partition(f"## {flow.title}\n")[2].partition("\n## ")[0]
    assert f"]({flow.file})" in section
    for number, step in enumerate(told, 1):
        [line] = [line for line in section.splitlines() if line.startswith(f"{number}. ")]
        assert f"**{step.stage}**" in line
        assert f"](../../{path_of(step).relative_to(ROOT)})" in line
        assert ("It can be ended here" in line) is step.ends


@EACH
def test_each_step_names_a_file_that_is_there(flow: Flow) -> None:
    for part in flow.parts:
        assert {step.at for step in steps(part)} | {step.to for step in steps(part)} - {""} == set(part.who)
        for step in steps(part):
            assert path_of(step).is_file(), step.file


@EACH
def test_a_token_walks_the_corridor_and_can_be_ended_on_it(flow: Flow) -> None:
    for part in flow.parts:
        walked = [step for step in steps(part) if step.stage in list(Stage)]
        first = next(number for number, step in enumerate(walked) if step.stage == Stage.PARSE)
        middle = walked[first : first + len(MIDDLE)]
        assert [step.stage for step in middle] == MIDDLE
        assert len({step.at for step in middle}) == 1
        assert [step.ends for step in middle] == [False] * 4 + [True]
        assert walked[first - 1].stage in (Stage.EXTRACT, Stage.BINDING)


@EACH
def test_the_picture_is_for_light_and_dark_and_for_who_does_not_see_it(flow: Flow) -> None:
    drawn = pictures()[flow.file]
    root = ET.fromstring(drawn)  # noqa: S314  # our own
    for name in ("title", "desc"):
        [node] = root.iter(f"{SVG}{name}")
        assert node.text
    assert root.get("role") == "img"
    assert "prefers-color-scheme: dark" in drawn
    assert "<script" not in drawn
    assert "href" not in drawn
    assert drawn.count("✕ may end here") == sum(step.ends for part in flow.parts for step in steps(part))
