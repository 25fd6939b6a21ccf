"""Secrets of others that say whose they are by how they begin, so that a leak can be told to the right one."""

from __future__ import annotations

from ...errors import MalformedTokenError
from ..walk import Trust, Walk
from .base import Look

STARTS = {
    "github_pat_": "GitHub: a fine-grained personal access token",
    "ghp_": "GitHub: a personal access token",
    "gho_": "GitHub: an OAuth access token",
    "ghu_": "GitHub: a user-to-server token",
    "ghs_": "GitHub: a server-to-server token",
    "ghr_": "GitHub: a refresh token",
    "glpat-": "GitLab: a personal access token",
    "xoxb-": "Slack: a bot token",
    "xoxp-": "Slack: a user token",
    "xapp-": "Slack: an app-level token",
    "AKIA": "AWS: the id of an access key",
    "ASIA": "AWS: the id of a temporary access key",
    "AIza": "Google: an API key",
    "ya29.": "Google: an OAuth access token",
    "npm_": "npm: an access token",
    "pypi-": "PyPI: an API token",
    "rk_live_": "Stripe: a restricted key",
    "whsec_": "Stripe or Svix: the secret of a webhook",
    "SG.": "SendGrid: an API key",
    "hvs.": "HashiCorp Vault: a service token",
    "dop_v1_": "DigitalOcean: a personal access token",
}


def fits(text: str) -> bool:
    return text.startswith(tuple(STARTS)) and " " not in text


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    whose = next(words for start, words in STARTS.items() if text.startswith(start))
    walk.stop(MalformedTokenError("no kind of token here begins like this one"))
    return Look(form="foreign", what=f"by its beginning a secret of {whose}", flags=frozenset({"foreign-secret"}))
