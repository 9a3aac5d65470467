"""Finding cameras on the networks of this machine, and being found."""
