"""Reading TOML with clear complaints, and writing files whole or not at all."""
