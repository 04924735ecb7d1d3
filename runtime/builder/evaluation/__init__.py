"""How well a network or an engine agrees with the truth: measures, reports and their plots."""
