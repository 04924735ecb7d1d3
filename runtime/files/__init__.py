"""Reading text, TOML and JSON with clear complaints, and writing files whole or not at all."""
