"""What the gateway refuses, in the words of Home Assistant."""

from homeassistant.exceptions import HomeAssistantError

from .client import GatewayClient
from .const import DOMAIN
from .errors import GatewayError, GatewayRefused, GatewayUnauthorized


def failure(client: GatewayClient, error: GatewayError) -> HomeAssistantError:
    """An error to raise from an action."""
    if isinstance(error, GatewayUnauthorized):
        return HomeAssistantError(translation_domain=DOMAIN, translation_key="invalid_auth")
    detail = str(error)
    if isinstance(error, GatewayRefused):
        return HomeAssistantError(
            translation_domain=DOMAIN, translation_key="gateway_refused", translation_placeholders={"detail": detail}
        )
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="gateway_unreachable",
        translation_placeholders={"host": str(client.url.host), "detail": detail},
    )
