"""Known cameras on the network: learning what they are called for good, and going after those that changed address."""

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address

from homeassistant.helpers import device_registry as dr

from .const import CONF_ADDRESS, CONF_DEVICE, CONF_SOURCES, CONF_SUB_SOURCES, DOMAIN, LOGGER
from .coordinator import Camera, Go2pyCoordinator
from .entity import connections_of
from .found import Device
from .probe import Look, ProbeError
from .sources import hosts_of, with_host


async def learn(coordinator: Go2pyCoordinator, devices: Sequence[Device]) -> None:
    """Note the lasting identity of cameras that have none yet, where only one device is at their address."""
    lasting = [device for device in devices if device.lasting]
    if not lasting:
        return
    for camera in tuple(coordinator.cameras.values()):
        if camera.device or not camera.sources:
            continue
        hosts = hosts_of(camera.sources[:1])
        addresses = hosts | await _resolved(hosts)
        there = [device for device in lasting if device.address.lower() in addresses]
        if len(there) == 1:
            # a name is followed by whoever resolves it; only a written address would have to be changed
            address = there[0].address if there[0].address.lower() in hosts else ""
            _update(coordinator, camera, {CONF_DEVICE: there[0].id, CONF_ADDRESS: address})
            _tell_registry(coordinator, replace(camera, device=there[0].id))


async def follow(coordinator: Go2pyCoordinator, seen: Iterable[Device]) -> None:
    """Point cameras that are at another address now to it, if a picture comes from there and none where they were."""
    devices = {device.id: device for device in seen if device.lasting}
    taken = {device.address.lower() for device in devices.values()}
    for camera in tuple(coordinator.cameras.values()):
        device = devices.get(camera.device)
        if device is None or not camera.address or device.address == camera.address:
            continue
        if camera.address.lower() not in hosts_of(camera.sources):
            continue  # somebody wrote another address
        stream = coordinator.stream(camera.stream)
        if stream is None or stream.paused or stream.live:
            continue
        gone = camera.address.lower() in taken or not await _plays(coordinator, camera.sources[0])
        sources = [with_host(source, camera.address, device.address) for source in camera.sources]
        if gone and await _plays(coordinator, sources[0]):
            subs = [with_host(source, camera.address, device.address) for source in camera.sub_sources]
            LOGGER.info("%s moved from %s to %s", camera.title, camera.address, device.address)
            data = {CONF_SOURCES: sources, CONF_SUB_SOURCES: subs, CONF_ADDRESS: device.address}
            _update(coordinator, camera, data)


async def _plays(coordinator: Go2pyCoordinator, source: str) -> bool:
    look = Look(coordinator.client)
    try:
        await look.check(source)
    except ProbeError as error:
        LOGGER.debug("No picture to follow: %s", error.placeholders["detail"] or error.key)
        return False
    finally:
        await look.end()
    return True


def _update(coordinator: Go2pyCoordinator, camera: Camera, data: Mapping[str, object]) -> None:
    entry = coordinator.config_entry
    if (subentry := entry.subentries.get(camera.id)) is not None:
        coordinator.hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, **data})


def _tell_registry(coordinator: Go2pyCoordinator, camera: Camera) -> None:
    if connections := connections_of(camera):
        dr.async_get(coordinator.hass).async_get_or_create(
            config_entry_id=coordinator.config_entry.entry_id,
            config_subentry_id=camera.id,
            identifiers={(DOMAIN, camera.id)},
            connections=connections,
        )


async def _resolved(hosts: Iterable[str]) -> frozenset[str]:
    """Addresses of names; those that nobody knows are passed over."""
    found: set[str] = set()
    for host in hosts:
        try:
            ip_address(host)
        except ValueError:
            try:
                told = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
            except OSError, UnicodeError:
                continue
            found |= {str(entry[4][0]).lower() for entry in told}
    return frozenset(found)
