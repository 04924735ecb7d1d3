"""What is asked of many networks at once: studies, their reports, and profiles."""
