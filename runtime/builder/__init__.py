"""The offline builder: checkpoint to engine folder. Nothing that serves imports it."""
