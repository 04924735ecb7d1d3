"""GET /docs: the API's manual, made from its OpenAPI document alone.

The usual viewers are megabytes of script from another host; a device without a network needs a page
that is whole.
"""

from __future__ import annotations

from html import escape
from typing import Any, Dict, Iterator, List, Mapping

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}: HTTP API</title>
  <link rel="icon" href="/web/favicon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/web/style.css">
</head>
<body>
  <header>
    <h1><img src="/web/favicon.svg" alt="" width="28" height="28">{title}: HTTP API</h1>
    <p class="muted">version {version}</p>
    <nav><a href="/">Live page</a><a href="/openapi.json">openapi.json</a></nav>
  </header>
  <main class="manual">
{operations}
  </main>
</body>
</html>
"""


def manual_page(document: Mapping[str, Any]) -> str:
    """An HTML page that lists every operation of an OpenAPI document."""
    operations = [
        _operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return PAGE.format(
        title=escape(document["info"]["title"]),
        version=escape(document["info"]["version"]),
        operations="\n".join(operations),
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    lines = [
        '<section class="card">',
        f"<h2>{escape(operation.get('summary', ''))}</h2>",
        f"<p><code><b>{escape(method.upper())}</b> {escape(path)}</code></p>",
    ]
    if "description" in operation:
        lines.append(f"<p>{escape(operation['description'])}</p>")
    lines += _table(["parameter", "default", "meaning"], list(_parameters(operation)))
    if "requestBody" in operation:
        kinds = ", ".join(operation["requestBody"]["content"])
        lines.append(f"<p>Body: {escape(kinds)}</p>")
    lines += _table(["answer", "content", "meaning"], list(_answers(operation)))
    return "\n".join([*lines, "</section>"])


def _parameters(operation: Mapping[str, Any]) -> Iterator[List[str]]:
    for parameter in operation.get("parameters", ()):
        schema: Dict[str, Any] = parameter.get("schema", {})
        default = "" if schema.get("default") is None else str(schema["default"])
        choices = ", ".join(map(str, schema.get("enum", ())))
        meaning = parameter.get("description") or schema.get("description", "")
        yield [parameter["name"], default, f"{meaning} ({choices})" if choices else meaning]


def _answers(operation: Mapping[str, Any]) -> Iterator[List[str]]:
    for status, answer in operation["responses"].items():
        yield [str(status), ", ".join(answer.get("content", ())), answer.get("description", "")]


def _table(head: List[str], rows: List[List[str]]) -> List[str]:
    if not rows:
        return []
    lines = ["<table><thead>", _row("th", head), "</thead><tbody>"]
    return [*lines, *(_row("td", row) for row in rows), "</tbody></table>"]


def _row(cell: str, values: List[str]) -> str:
    return "<tr>" + "".join(f"<{cell}>{escape(value)}</{cell}>" for value in values) + "</tr>"
