"""Stands in for a package without wheels for Python 3.14; voice assistants, which need it, are not used here."""


class AudioProcessor:
    """Imported by assist_pipeline, without which the frontend does not load."""
