"""A module per way in."""
