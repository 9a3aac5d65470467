"""What a user may choose for a camera besides its sources."""

from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol
from homeassistant.helpers.selector import BooleanSelector, SelectSelector, SelectSelectorConfig, SelectSelectorMode

from .const import CONF_KEEP, CONF_ROTATE
from .coordinator import Camera

_ROTATE: Final = SelectSelector(
    SelectSelectorConfig(
        options=["0", "90", "180", "270"], mode=SelectSelectorMode.DROPDOWN, translation_key=CONF_ROTATE
    )
)
OPTIONS: Final = {
    vol.Required(CONF_ROTATE, default="0"): _ROTATE,
    vol.Required(CONF_KEEP, default=False): BooleanSelector(),
}
"""Fields of the forms that change a camera."""


def options_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a subentry keeps of a form."""
    return {CONF_ROTATE: int(given[CONF_ROTATE]), CONF_KEEP: given[CONF_KEEP]}


def shown_options(camera: Camera) -> dict[str, Any]:
    """What a form begins with."""
    return {CONF_ROTATE: str(camera.rotate), CONF_KEEP: camera.keep}
