"""The HTTP surface: requests to work, results to responses. docs/http-api.md is its manual."""
