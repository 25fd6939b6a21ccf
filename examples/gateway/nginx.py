"""The configuration of nginx, written from the plan: every request to a service is asked about first."""

from __future__ import annotations

from pathlib import Path

from examples.gateway.plan import HEADERS, ORIGINAL, SERVICES, TAKEN_AWAY, TOKEN_HEADER, Ports, Service

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_ORIGINAL = dict(zip(ORIGINAL, ("$request_method", "$request_uri", "$scheme", "$remote_addr"), strict=True))


def configuration(ports: Ports, home: Path) -> str:
    """For ``nginx -p HOME -c FILE``, in the foreground, with everything it writes in ``home``."""
    temporary = [f"    {name}_temp_path {home}/{name};" for name in _TEMPORARY]
    return "\n".join(
        [
            "daemon off;",
            "worker_processes 1;",
            f"pid {home}/nginx.pid;",
            "error_log stderr warn;",
            "events { worker_connections 256; }",
            "http {",
            "    access_log off;",
            "    server_tokens off;",
            *temporary,
            "    server {",
            f"        listen 127.0.0.1:{ports.gateway};",
            *(line for service in SERVICES for line in _service(service, ports)),
            *_accounts(ports),
            "        location / { return 404; }",
            "    }",
            "}",
            "",
        ]
    )


def _service(service: Service, ports: Ports) -> list[str]:
    asking = [
        f"        location = /_auth/{service.name} {{",
        "            internal;  # no client comes here",
        f"            proxy_pass http://127.0.0.1:{ports.auth}/_auth/{service.name};",
        "            proxy_pass_request_body off;",
        '            proxy_set_header Content-Length "";',
        "            proxy_set_header Host $http_host;",
        '            proxy_set_header X-Forwarded-For "";  # the peer is this gateway, whoever says otherwise',
        *(f"            proxy_set_header {name} {value};" for name, value in _ORIGINAL.items()),
        "        }",
    ]
    names = [*HEADERS, TOKEN_HEADER]
    told = [(name, f"${service.name}_{number}") for number, name in enumerate(names)]
    passing = [
        f"        location {service.prefix} {{",
        f"            auth_request /_auth/{service.name};",
        *(f"            auth_request_set {to} $upstream_http_{name.lower().replace('-', '_')};" for name, to in told),
        *(f"            proxy_set_header {name} {to};  # and so nothing that the client sent" for name, to in told),
        *_emptied(TAKEN_AWAY + ORIGINAL),
        "            proxy_set_header Host $http_host;",
        f"            proxy_pass http://127.0.0.1:{ports.services[service.name]};",
        "        }",
    ]
    return asking + passing


def _accounts(ports: Ports) -> list[str]:
    """Signing in and out needs the cookie, and nobody to be asked."""
    return [
        "        location /account/ {",
        *_emptied((*HEADERS, TOKEN_HEADER, *ORIGINAL, "X-Forwarded-For")),
        "            proxy_set_header Host $http_host;",
        f"            proxy_pass http://127.0.0.1:{ports.auth};",
        "        }",
    ]


def _emptied(names: tuple[str, ...]) -> list[str]:
    """An empty header is not sent."""
    return [f'            proxy_set_header {name} "";' for name in names]
