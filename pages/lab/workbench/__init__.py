"""One's own data and model: look through them, tune with any method and setting, take the result home."""
