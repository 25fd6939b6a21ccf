"""What the rows of each kind hold, for ``stores.whole``. A newer release may write more."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ..stores.whole import Shape

Words = list[str]


class _Session(Struct):
    session_id: str
    created_at: int
    last_seen: int
    idle: int
    absolute_at: int
    auth_time: int
    rev: str | None
    roles: Words
    scopes: Words
    device: str | None
    ip: str | None
    data: dict[str, Any]
    state: str
    fpt: str | None = None


class _EndedSession(Struct):
    state: str
    session_id: str
    created_at: int
    last_seen: int
    idle: int
    absolute_at: int


class _Family(Struct):
    state: str
    generation: int
    current: str
    previous: str | None
    created_at: int
    rotated_at: int
    ends_at: int
    client_id: str
    session_id: str | None
    device: str | None
    ip: str | None
    scopes: Words
    roles: Words
    auth_time: int
    rev: str | None
    jkt: str | None = None
    fpt: str | None = None


class _Successor(Struct):
    sealed: str


class _EndedOpaque(Struct):
    state: str
    token_id: str
    client_id: str
    issued_at: int
    expires_at: int


class _Opaque(_EndedOpaque):
    audience: Words
    session_id: str | None
    family_id: str | None
    scopes: Words
    roles: Words
    claims: dict[str, Any]
    auth_time: int | None
    rev: str | None
    jkt: str | None = None
    fpt: str | None = None


class _ApiKey(Struct):
    state: str
    key_id: str
    environment: str
    label: str | None
    scopes: Words
    roles: Words
    created_at: int
    life: int | None
    ends_at: int
    last_used_at: int | None
    rotated_to: str | None
    rev: str | None


class _Slot(Struct):
    state: str
    key: str
    token_id: str
    purpose: str
    issued_at: int
    ends_at: int
    data: dict[str, Any]
    version: str | None
    rev: str | None


class _Pointer(Struct):
    slot: str


class _Used(Struct):
    at: int


class _Sealed(Struct):
    state: str
    again: str | None


class _Roles(Struct):
    roles: Words | None


SESSION = Shape(_Session, _EndedSession)
FAMILY = Shape(_Family, _Family)
SUCCESSOR = Shape(_Successor, _Successor, owned=False)
OPAQUE = Shape(_Opaque, _EndedOpaque)
API_KEY = Shape(_ApiKey, _ApiKey)
SLOT = Shape(_Slot, _Slot)
POINTER = Shape(_Pointer, _Pointer, owned=False)
USED = Shape(_Used, _Used, owned=False)
SEALED = Shape(_Sealed, _Sealed, owned=False)
ROLES = Shape(_Roles, _Roles, owned=False)
