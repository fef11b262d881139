"""Whether an endpoint answers at all: by name, connection and certificate, and without a word of HTTP."""

import socket
import ssl
from contextlib import closing
from urllib.parse import urlsplit

from runner import checkup
from runner.checkup import Finding

PATIENCE_S = 5.0
PORTS = {"http": 80, "https": 443}


def reached(name: str, url: str) -> Finding:
    """Connect to where an endpoint's URL points, shake hands where it is secure, and hang up."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    where = f"{name}: {host}:{port}"
    try:
        found = greeted(host, port, secure=parts.scheme == "https")
    except (OSError, UnicodeError) as error:
        words, advice = explained(error)
        return checkup.ill("endpoint", f"{where}: {words}", advice)
    return checkup.well("endpoint", f"{where} {found}")


def greeted(host: str, port: int, *, secure: bool) -> str:
    """Raises `OSError` where it does not come to that."""
    with closing(socket.create_connection((host, port), timeout=PATIENCE_S)) as connection:
        if not secure:
            return "is there"
        with ssl.create_default_context().wrap_socket(connection, server_hostname=host) as shaken:
            return f"is there, {shaken.version()}"


def explained(error: Exception) -> tuple[str, str]:
    """What is wrong, and what can be done."""
    match error:
        case ssl.SSLCertVerificationError():
            return (
                f"certificate refused: {error.verify_message}",
                "see that URL, clock and the system's certificates are right; SSL_CERT_FILE names others",
            )
        case ssl.SSLError():
            return f"no secure connection: {error.reason or error}", "see that the port speaks TLS"
        case socket.gaierror() | UnicodeError():
            return "its name is not found", "see that the URL is right, and that the network is up"
        case TimeoutError():
            return f"no connection in {PATIENCE_S:.0f} s", "see that the network is up and lets it through"
        case ConnectionRefusedError():
            return "refused", "see that the URL is right, and that the server runs"
        case _:
            return str(getattr(error, "strerror", None) or error), "see that the network is up"
