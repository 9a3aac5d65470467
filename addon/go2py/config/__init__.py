"""go2rtc's YAML, read, checked, reloaded and written."""
