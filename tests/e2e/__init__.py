"""Everything together, as a person has it: Home Assistant, a gateway, cameras on another machine, a browser."""
