"""The daemon: requests and cameras take turns on an engine, answers go out over HTTP."""
