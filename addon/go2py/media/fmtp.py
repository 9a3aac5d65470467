"""The `key=value;…` parameters of a codec in SDP (`a=fmtp`)."""

MAX_PARAMETERS = 64


def parameters(fmtp: str) -> dict[str, str]:
    """By lower-case name; blanks around names and values are dropped, a name without `=` has an empty value."""
    found: dict[str, str] = {}
    for part in fmtp.split(";", MAX_PARAMETERS)[:MAX_PARAMETERS]:
        name, _, value = part.partition("=")
        if name := name.strip().lower():
            found[name] = value.strip()
    return found


def number(values: dict[str, str], name: str, default: int, limit: int) -> int:
    """A decimal parameter from 0 to `limit`; anything else gives the default."""
    text = values.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= limit else default
