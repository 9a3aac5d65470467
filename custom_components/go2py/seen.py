"""Cameras as a dashboard asks for them: by their entity, and only for who may see it."""

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.camera.const import DATA_COMPONENT
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import Unauthorized

from .camera import Go2pyCamera


@callback
def camera_for(hass: HomeAssistant, user: User, entity_id: str) -> Go2pyCamera | None:
    """The camera of an entity; None if it is none of ours. Raises `Unauthorized`."""
    if not user.permissions.check_entity(entity_id, POLICY_READ):
        raise Unauthorized(entity_id=entity_id, permission=POLICY_READ)
    entity = hass.data[DATA_COMPONENT].get_entity(entity_id)
    return entity if isinstance(entity, Go2pyCamera) else None
