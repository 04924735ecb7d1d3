"""Lottery tickets: rewinding, masks over rounds, and the controls a claim needs."""
