"""What a study found, for people: tables, plots, and sentences that follow from the numbers."""
