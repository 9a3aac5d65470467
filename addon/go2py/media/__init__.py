"""Values and pure media code: codecs, access units and what is inside them."""
