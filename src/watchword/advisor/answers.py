"""Answers -> the chosen ids by question; an unknown name is an error that suggests the right one."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from ..errors import ConfigurationError
from .questions import QUESTIONS, Question

Answers = Mapping[str, frozenset[str]]
"""Question id -> what was answered, for every question; a question with one answer has a set of one."""


def answers_of(given: Mapping[str, object]) -> Answers:
    """All answers, from some: text or a list of texts for each question, the default where there is none.

    Raises: ConfigurationError for an unknown question or answer, or several answers where one is wanted.
    """
    for name in given:
        if name not in QUESTIONS:
            raise ConfigurationError(f"there is no question {name!r}{_instead(name, QUESTIONS)}")
    return MappingProxyType({name: _chosen(question, given.get(name)) for name, question in QUESTIONS.items()})


def plain(answers: Answers) -> dict[str, str | list[str]]:
    """The same as ``answers_of`` takes, and as TOML and JSON hold it: in the order of the questions and choices."""
    told: dict[str, str | list[str]] = {}
    for name, question in QUESTIONS.items():
        chosen = [choice for choice in question.choices if choice in answers[name]]
        told[name] = chosen if question.many else chosen[0]
    return told


def _chosen(question: Question, given: object) -> frozenset[str]:
    if given is None:
        return frozenset(question.default)
    values = [given] if isinstance(given, str) else given
    if not isinstance(values, (list, tuple)) or not all(isinstance(value, str) for value in values):
        raise ConfigurationError(f"{question.id} is answered with text or a list of texts")
    for value in values:
        if value not in question.choices:
            raise ConfigurationError(f"{value!r} is no answer to {question.id}{_instead(value, question.choices)}")
    if not question.many and len(set(values)) != 1:
        raise ConfigurationError(f"{question.id} has exactly one answer; there are: {', '.join(question.choices)}")
    if question.id == "client" and not values:
        raise ConfigurationError("client has at least one answer: without a client there is nothing to decide")
    return frozenset(values)


def _instead(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(known)}"
