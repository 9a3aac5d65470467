"""A house to look at: the gateway, two demo cameras and a dashboard, put in the way a user would."""

from typing import Final

from .api import Api

DASHBOARD: Final = "go2py-cameras"
CAMERAS: Final = {"Haustür Süd": "demo:", "Garten": "demo:?size=640x360&fps=15"}
"""Names and sources; the first has a letter and a blank that addresses and entity ids have to cope with."""
SMALL: Final = {"Haustür Süd": {"sub_source": "demo:?size=640x360"}}
"""What else is entered: a small picture."""


async def furnish(api: Api) -> None:
    """Add what the house has. Once it is complete it stays as its user wants it. Raises `Refused`."""
    if any(one["url_path"] == DASHBOARD for one in await api.command("lovelace/dashboards/list")):
        return
    entry = await gateway(api)
    have = {one["title"] for one in await api.command("config_entries/subentries/list", entry_id=entry)}
    for name, source in CAMERAS.items():
        if name not in have:
            await add_camera(api, entry, name, source, **SMALL.get(name, {}))
    await make_dashboard(api, DASHBOARD, "Cameras", [name for _, name in await cameras(api)], talk=True)


async def gateway(api: Api) -> str:
    """The entry of the gateway; a new one is run by Home Assistant itself."""
    for entry in await api.command("config_entries/get", domain="go2py"):
        return str(entry["entry_id"])
    made = await api.add_integration("go2py", {"next_step_id": "managed"})
    return str(made["result"]["entry_id"])


async def add_camera(api: Api, entry: str, name: str, source: str, **more: str) -> None:
    """By its address or link, as somebody would type it; `more` are the form's other fields."""
    await api.add_subentry(entry, "camera", {"next_step_id": "address"}, {"source": source, **more}, {"name": name})


async def cameras(api: Api) -> list[tuple[str, str]]:
    """Unique and entity ids of our cameras that are switched on."""
    entities = await api.command("config/entity_registry/list")
    return [
        (one["unique_id"], one["entity_id"])
        for one in entities
        if one["platform"] == "go2py" and one["entity_id"].startswith("camera.") and not one["disabled_by"]
    ]


async def make_dashboard(
    api: Api, path: str, title: str, shown: list[str], *, listed: bool = True, talk: bool = False
) -> None:
    """A dashboard with each camera live, and all of them small; `listed` in the sidebar. With `talk` its first view has
    our card for each, to see, hear and speak."""
    settings = {"icon": "mdi:cctv", "mode": "storage", "require_admin": False, "show_in_sidebar": listed}
    await api.command("lovelace/dashboards/create", url_path=path, title=title, **settings)
    live = [{"type": "picture-entity", "entity": one, "camera_view": "live"} for one in shown]
    small = {"type": "picture-glance", "title": title, "camera_image": shown[0], "entities": shown}
    views = [{"title": title, "path": "cameras", "type": "masonry", "cards": [*live, small]}]
    if talk:
        ours = [{"type": "custom:go2py-camera", "entities": [one]} for one in shown]
        views.insert(0, {"title": "See and talk", "path": "talk", "type": "masonry", "cards": ours})
    await api.command("lovelace/config/save", url_path=path, config={"views": views})
