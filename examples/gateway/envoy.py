"""The configuration of an Envoy with jwt_authn, written from the same plan: it verifies access tokens by itself.

python -m examples.gateway.envoy > envoy.json
"""

from __future__ import annotations

import json
from typing import Any

from examples.gateway.plan import HEADERS, ISSUER, ORIGINAL, SERVICES, TOKEN_HEADER, Service

_TYPES = "type.googleapis.com/envoy.extensions"
_JWKS = "auth"
_LEEWAY, _LONGEST, _KEPT = 10, "3600s", "300s"
_CLAIMS = {"subject": "sub", "scopes": "scope"}


def configuration(jwks_uri: str = f"{ISSUER}/.well-known/jwks.json", *, port: int = 8443) -> dict[str, Any]:
    """As Envoy's bootstrap (v3), in JSON. ``jwks_uri``: the issuer's published keys."""
    host, _, _ = jwks_uri.partition("://")[2].partition("/")
    return {
        "static_resources": {
            "listeners": [_listener(jwks_uri, port)],
            "clusters": [_cluster(_JWKS, host), *(_cluster(one.name, f"{one.name}.internal:443") for one in SERVICES)],
        }
    }


def _listener(jwks_uri: str, port: int) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        # What Envoy and a service could read apart is refused, or brought to one spelling, before a rule looks at it.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "http_filters": [
            {"name": "envoy.filters.http.jwt_authn", "typed_config": _authentication(jwks_uri)},
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"}},
        ],
        "route_config": {"name": "services", "virtual_hosts": [_routes()]},
    }
    return {
        "name": "gateway",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},  # noqa: S104  # a gateway is for all
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _authentication(jwks_uri: str) -> dict[str, Any]:
    rules = [{"match": {"prefix": one.prefix}, "requires": {"provider_name": one.name}} for one in SERVICES]
    return {
        "@type": f"{_TYPES}.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {one.name: _provider(one, jwks_uri) for one in SERVICES},
        "rules": rules,
    }


def _provider(service: Service, jwks_uri: str) -> dict[str, Any]:
    """One for each audience. ``claim_to_headers`` overwrites what a client sent under these names."""
    return {
        "issuer": ISSUER,
        "audiences": [service.audience],
        "remote_jwks": {
            "http_uri": {"uri": jwks_uri, "cluster": _JWKS, "timeout": "2s"},
            "cache_duration": _KEPT,
            "async_fetch": {"fast_listener": False},
        },
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "require_expiration": True,
        "max_lifetime": _LONGEST,
        "clock_skew_seconds": _LEEWAY,
        "forward": True,
        "claim_to_headers": [
            {"header_name": header.lower(), "claim_name": _CLAIMS[field]} for header, field in HEADERS.items()
        ],
    }


def _routes() -> dict[str, Any]:
    """Only what a rule is for is routed; all else is 404."""
    return {
        "name": "services",
        "domains": ["*"],
        "request_headers_to_remove": [name.lower() for name in ("Cookie", "X-API-Key", TOKEN_HEADER, *ORIGINAL)],
        "routes": [{"match": {"prefix": one.prefix}, "route": {"cluster": one.name}} for one in SERVICES],
    }


def _cluster(name: str, address: str) -> dict[str, Any]:
    host, _, port = address.partition(":")
    tls = {
        "@type": f"{_TYPES}.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": host,
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": {"filename": "/etc/ssl/certs/ca-certificates.crt"},
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}],
            }
        },
    }
    endpoint = {"address": {"socket_address": {"address": host, "port_value": int(port or 443)}}}
    return {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
    }


if __name__ == "__main__":
    print(json.dumps(configuration(), indent=2))
