"""Where is an endpoint, and which key may it get?"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from evalkit.errors import InputError, MissingPackage, advise_extra, spell_option
from evalkit.models.asking import Endpoint
from evalkit.models.secret import Secrets

NO_KEY = "none"
OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Place:
    """Where the endpoint is. `shown`: its address without what might be a secret."""

    url: str
    shown: str
    query: Mapping[str, str]
    key: str = field(repr=False)
    secrets: Secrets
    local: bool

    def endpoint(self, timeout: float) -> Endpoint:
        """A client for it. Raises MissingPackage."""
        try:
            import openai  # noqa: F401 - asking.py and Asker need both
            import tenacity  # noqa: F401
        except ImportError as error:
            raise MissingPackage(
                f"openai models need {error.name}, which is not installed: {advise_extra('openai')}"
            ) from None
        self.secrets.keep_out_of_logs()
        return Endpoint(self.url, self.query, self.key, timeout, proxied=not self.local)


def place_of(base_url: str | None, key_env: str) -> Place:
    """The address and the key.

    Raises InputError for an address that is no http, or that would send a key in the clear.
    """
    address = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI
    url = _split(address)
    bare = (
        url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment="")
        .geturl()
        .rstrip("/")
    )
    local, key = _is_local(url.hostname or ""), os.environ.get(key_env, "").strip()
    if not key and bare == OPENAI:
        raise InputError(
            f"openai: no key: set {key_env} in the environment, or name an endpoint that needs"
            f" none: {spell_option('base_url', 'URL', of='model')}"
        )
    if key and url.scheme == "http" and not local:
        raise InputError(
            f"openai: {bare} would get the key of {key_env} in the clear: https would do, or unset"
            f" {key_env}"
        )
    if not key.isascii() or not key.isprintable():
        raise InputError(f"openai: {key_env} holds a character that no key can hold")
    query = dict(parse_qsl(url.query))
    secrets = Secrets([key, url.password or "", unquote(url.password or ""), *query.values()])
    return Place(
        url._replace(query="", fragment="").geturl(), bare, query, key or NO_KEY, secrets, local
    )


def _split(address: str) -> SplitResult:
    try:
        url = urlsplit(address)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except (ValueError, AttributeError, TypeError):
        usable = False
    if not usable:
        raise InputError(
            "openai: base_url is no address: http:// or https:// and a host would do, as in"
            f" {spell_option('base_url', 'http://127.0.0.1:8000/v1', of='model')}"
        )
    return url


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
