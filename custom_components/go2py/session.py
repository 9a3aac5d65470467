"""HTTP sessions for the gateway: without cookies, as a remembered login would outvote a new password."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import DummyCookieJar
from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_create_clientsession

from .client import GatewayClient


def client_for(hass: HomeAssistant, data: Mapping[str, Any]) -> GatewayClient:
    """A client for a config entry that is being set up; its session ends with the entry."""
    session = async_create_clientsession(hass, data.get(CONF_VERIFY_SSL, True), cookie_jar=DummyCookieJar())
    return _client(session, data)


@contextmanager
def passing_client(hass: HomeAssistant, data: Mapping[str, Any]) -> Iterator[GatewayClient]:
    """A client for a moment."""
    session = async_create_clientsession(
        hass, data.get(CONF_VERIFY_SSL, True), auto_cleanup=False, cookie_jar=DummyCookieJar()
    )
    try:
        yield _client(session, data)
    finally:
        session.detach()


def _client(session: Any, data: Mapping[str, Any]) -> GatewayClient:
    return GatewayClient(session, data[CONF_URL], data.get(CONF_USERNAME, ""), data.get(CONF_PASSWORD, ""))
