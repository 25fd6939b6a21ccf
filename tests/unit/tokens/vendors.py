"""Access and ID tokens as five vendors write them: header, claims, and what is to be read out of them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from watchword.tokens.foreign import AUTH0, COGNITO, ENTRA, ENTRA_V1, KEYCLOAK, OKTA, STANDARD, ClaimProfile

NOW = 1_800_000_000
TIMES = {"iat": NOW - 60, "exp": NOW + 3540}
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
API = "https://api.example"


class Vendor(Struct, frozen=True, kw_only=True):
    profile: ClaimProfile
    audience: str
    access: dict[str, Any]
    """Claims of an access token."""
    id: dict[str, Any]
    """Claims of an ID token of the same user, with our audience: the worst case, an API that is its own client."""
    header: dict[str, Any]
    kid: str
    says: dict[str, Any]
    """Fields of the Principal."""

    @property
    def issuer(self) -> str:
        issuer: str = self.access["iss"]
        return issuer


VENDORS = {
    "rfc9068": Vendor(
        profile=STANDARD,
        audience=API,
        header={"typ": "at+jwt"},
        kid="rfc-1",
        access=TIMES
        | {
            "iss": "https://authorization-server.example/",
            "sub": "5ba552d67",
            "aud": API,
            "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
            "client_id": "s6BhdRkqt3",
            "scope": "openid profile reademail",
            "groups": ["employee"],
            "auth_time": NOW - 90,
        },
        id=TIMES
        | {
            "iss": "https://authorization-server.example/",
            "sub": "5ba552d67",
            "aud": API,
            "nonce": "n-0S6",
            "azp": API,
        },
        says={
            "subject": "5ba552d67",
            "token_id": "dbe39bf3a3ba4238a513f51d6e1691c4",
            "client_id": "s6BhdRkqt3",
            "scopes": {"openid", "profile", "reademail"},
            "roles": {"employee"},
            "auth_time": NOW - 90,
        },
    ),
    "auth0": Vendor(
        profile=AUTH0,
        audience=API,
        header={"typ": "JWT"},
        kid="NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg",
        access=TIMES
        | {
            "iss": "https://tenant.eu.auth0.example/",
            "sub": "auth0|6492a1c0f1a2b3c4d5e6f708",
            "aud": [API, "https://tenant.eu.auth0.example/userinfo"],
            "scope": "openid profile read:orders",
            "permissions": ["read:orders", "delete:orders"],
            "azp": "my_client_id",
        },
        id=TIMES
        | {
            "iss": "https://tenant.eu.auth0.example/",
            "sub": "auth0|6492a1c0f1a2b3c4d5e6f708",
            "aud": API,
            "nickname": "jo",
            "email": "jo@example.com",
            "sid": "pQ0",
        },
        says={
            "subject": "auth0|6492a1c0f1a2b3c4d5e6f708",
            "client_id": "my_client_id",
            "scopes": {"openid", "profile", "read:orders"},
            "roles": {"read:orders", "delete:orders"},
        },
    ),
    "okta": Vendor(
        profile=OKTA,
        audience="api://default",
        header={},
        kid="ZkvelLN_seik7w4pc_prCcfUf-h2hFfiwkDeCrs0iUc",
        access=TIMES
        | {
            "ver": 1,
            "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
            "iss": "https://dev-1.okta.example/oauth2/default",
            "aud": "api://default",
            "sub": "jo@example.com",
            "cid": "nmdP1fcyvdVO11AL7ECm",
            "uid": "00ujmkLgagxeRrAg20g3",
            "scp": ["openid", "orders:read"],
            "groups": ["Everyone", "Buyers"],
            "auth_time": NOW - 70,
        },
        id=TIMES
        | {
            "ver": 1,
            "jti": "ID.radCQMOQUmyvcTBmmIL0J6BaS60apUEiC7",
            "iss": "https://dev-1.okta.example/oauth2/default",
            "aud": "api://default",
            "sub": "00ujmkLgagxeRrAg20g3",
            "amr": ["pwd"],
            "idp": "00oi5cpnylv792qHM0h7",
            "preferred_username": "jo@example.com",
        },
        says={
            "subject": "jo@example.com",
            "token_id": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
            "client_id": "nmdP1fcyvdVO11AL7ECm",
            "scopes": {"openid", "orders:read"},
            "roles": {"Everyone", "Buyers"},
        },
    ),
    "keycloak": Vendor(
        profile=KEYCLOAK,
        audience="orders-api",
        header={"typ": "JWT"},
        kid="5Lq2-XXlDHyiHKLFnz3cBSlCqRIs8YtkIfX4OX-YTaM",
        access=TIMES
        | {
            "jti": "onrtac:4b1a0f0e-6f5c-4a3b-9a52-7f1f4d9d6a11",
            "iss": "https://id.example/realms/shop",
            "aud": ["orders-api", "account"],
            "sub": "f3b0c442-98fc-4c14-9afb-f4c8996fb924",
            "typ": "Bearer",
            "azp": "web-app",
            "sid": "a2c9f1e0-0b7f-4f5e-8f2c-3d0c6a1b2c3d",
            "acr": "1",
            "allowed-origins": ["https://app.example"],
            "realm_access": {"roles": ["offline_access", "buyer"]},
            "resource_access": {"orders-api": {"roles": ["reader"]}, "account": {"roles": ["manage-account"]}},
            "scope": "openid email profile",
            "email_verified": True,
            "preferred_username": "jo",
        },
        id=TIMES
        | {
            "jti": "6c1f",
            "iss": "https://id.example/realms/shop",
            "aud": "orders-api",
            "sub": "f3b0c442-98fc-4c14-9afb-f4c8996fb924",
            "typ": "ID",
            "azp": "orders-api",
            "sid": "a2c9f1e0",
        },
        says={
            "subject": "f3b0c442-98fc-4c14-9afb-f4c8996fb924",
            "client_id": "web-app",
            "session_id": "a2c9f1e0-0b7f-4f5e-8f2c-3d0c6a1b2c3d",
            "scopes": {"openid", "email", "profile"},
            "roles": {"offline_access", "buyer", "reader"},
        },
    ),
    "entra": Vendor(
        profile=ENTRA,
        audience="6e74172b-be56-4843-9ff4-e66a39bb12e3",
        header={"typ": "JWT"},
        kid="-KI3Q9nNR7bRofxmeZoXqbHZGew",
        access=TIMES
        | {
            "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
            "iss": f"https://login.microsoftonline.example/{TENANT}/v2.0",
            "nbf": NOW - 60,
            "aio": "AXQAi/8TAAAA",
            "azp": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
            "azpacr": "0",
            "name": "Jo",
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "preferred_username": "jo@example.com",
            "rh": "I",
            "roles": ["Orders.Admin"],
            "scp": "access_as_user orders.read",
            "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            "tid": TENANT,
            "uti": "fqiBqXLPj0eQa82S-IYFAA",
            "ver": "2.0",
        },
        id=TIMES
        | {
            "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
            "iss": f"https://login.microsoftonline.example/{TENANT}/v2.0",
            "name": "Jo",
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "roles": ["Orders.Admin"],
            "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            "tid": TENANT,
            "uti": "fqiBqXLPj0eQa82S-IYFAA",
            "ver": "2.0",
        },
        says={
            "subject": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            "token_id": "fqiBqXLPj0eQa82S-IYFAA",
            "client_id": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
            "scopes": {"access_as_user", "orders.read"},
            "roles": {"Orders.Admin"},
        },
    ),
    "entra-v1": Vendor(
        profile=ENTRA_V1,
        audience="api://orders",
        header={"typ": "JWT", "x5t": "i6lGk3FZzxRcUb2C3nEQ7syHJlY"},
        kid="i6lGk3FZzxRcUb2C3nEQ7syHJlY",
        access=TIMES
        | {
            "aud": "api://orders",
            "iss": f"https://sts.windows.example/{TENANT}/",
            "nbf": NOW - 60,
            "acr": "1",
            "amr": ["pwd", "mfa"],
            "appid": "75dbe77f-10a3-4e59-85fd-8c127544f17c",
            "appidacr": "0",
            "ipaddr": "203.0.113.9",
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "scp": "user_impersonation",
            "sub": "l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
            "tid": TENANT,
            "unique_name": "jo@example.com",
            "uti": "FVsGxYXI30-TuikuuUoFAA",
            "ver": "1.0",
        },
        id=TIMES
        | {
            "aud": "api://orders",
            "iss": f"https://sts.windows.example/{TENANT}/",
            "sub": "l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
            "tid": TENANT,
            "unique_name": "jo@example.com",
            "ver": "1.0",
        },
        says={
            "client_id": "75dbe77f-10a3-4e59-85fd-8c127544f17c",
            "token_id": "FVsGxYXI30-TuikuuUoFAA",
            "scopes": {"user_impersonation"},
            "roles": set(),
        },
    ),
    "cognito": Vendor(
        profile=COGNITO,
        audience="1example23456789",
        header={},
        kid="wV7Ykc8CcZxpMgkZyfRw7QvwQ9yGu+1kJw/wbEaZ3rY=",
        access=TIMES
        | {
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "cognito:groups": ["testgroup"],
            "iss": "https://cognito-idp.us-east-1.amazonaws.example/us-east-1_Example",
            "version": 2,
            "client_id": "1example23456789",
            "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-000000000000",
            "token_use": "access",
            "scope": "phone openid profile aws.cognito.signin.user.admin",
            "auth_time": NOW - 60,
            "jti": "aaaaaaaa-bbbb-cccc-dddd-111111111111",
            "username": "jo",
        },
        id=TIMES
        | {
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "iss": "https://cognito-idp.us-east-1.amazonaws.example/us-east-1_Example",
            "aud": "1example23456789",
            "client_id": "1example23456789",
            "token_use": "id",
            "jti": "aaaaaaaa-bbbb-cccc-dddd-222222222222",
            "cognito:username": "jo",
        },
        says={
            "subject": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "client_id": "1example23456789",
            "session_id": "aaaaaaaa-bbbb-cccc-dddd-000000000000",
            "roles": {"testgroup"},
        },
    ),
}
