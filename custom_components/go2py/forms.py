"""Fields shared by the forms."""

from typing import Final

from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType

TEXT: Final = TextSelector()
LINES: Final = TextSelector(TextSelectorConfig(multiline=True))
TEXTS: Final = TextSelector(TextSelectorConfig(multiple=True))
USER: Final = TextSelector(TextSelectorConfig(autocomplete="off"))
PASSWORD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password"))
