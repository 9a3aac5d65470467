"""A module per way out."""
