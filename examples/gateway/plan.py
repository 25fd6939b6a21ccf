"""The one source of this example: who issues, which services there are, and what a gateway has to know of each."""

from __future__ import annotations

from dataclasses import dataclass

ISSUER = "https://auth.example"
HEADERS = {"X-Auth-Subject": "subject", "X-Auth-Scopes": "scopes"}
"""What services are told of a caller, and so what no client may say itself."""
TOKEN_HEADER = "X-Auth-Token"  # the name of a header
TAKEN_AWAY = ("Cookie", "Authorization", "X-API-Key", "DPoP")
"""Credentials are for the gateway alone; a service that got them could use them elsewhere."""
ORIGINAL = ("X-Original-Method", "X-Original-URI", "X-Original-Scheme", "X-Original-IP")


@dataclass(frozen=True)
class Service:
    """Everything below ``/name/`` is its. ``scopes``: what each caller has to have. ``audience``: of its tokens."""

    name: str
    scopes: tuple[str, ...]
    audience: str

    @property
    def prefix(self) -> str:
        return f"/{self.name}/"


SERVICES = (
    Service("orders", ("orders:read",), "https://orders.internal"),
    Service("bills", ("bills:read",), "https://bills.internal"),
)


@dataclass(frozen=True)
class Ports:
    """Where each listens, on this machine. ``services``: by name."""

    gateway: int
    auth: int
    services: dict[str, int]
