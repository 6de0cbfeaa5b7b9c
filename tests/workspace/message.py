"""A request and an answer, as the parts of the workspace see them."""

import json
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qs, urlsplit

from errors import bad, malformed


class Answer:
    """What is sent back when it is not JSON with status 200."""

    def __init__(self, status, body, headers=None, content_type="application/octet-stream"):
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.content_type = content_type


class Request:
    def __init__(self, method, target, headers, content, origin, workspace_id, arrived):
        parts = urlsplit(target)
        self.method = method
        self.path = parts.path
        self.query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.headers = headers
        self.content = content
        self.origin = origin
        self.workspace_id = workspace_id
        self.arrived = arrived
        self.user = None
        # What the log is to say of it.
        self.run_id = None
        self.task_key = None
        self.idempotency_token = None

    @property
    def version(self):
        """The API's version, as (2, 2)."""
        major, minor = self.path.split("/")[2].split(".")
        return int(major), int(minor)

    def json(self):
        """The body, an object. Raises ApiError for anything else."""
        if not self.content:
            return {}
        try:
            value = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise malformed(f"Invalid JSON given in the body of the request - {error}") from error
        if not isinstance(value, dict):
            raise malformed("Invalid JSON given in the body of the request - expected a map")
        return value

    def form(self):
        """The fields of an urlencoded body."""
        text = self.content.decode("utf-8", "replace")
        return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}

    def is_multipart(self):
        return self.headers.get("Content-Type", "").lower().startswith("multipart/form-data")

    def multipart(self):
        """The fields of a multipart/form-data body, as bytes."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        fields = {}
        for part in BytesParser(policy=HTTP).parsebytes(head + self.content).iter_parts():
            name = part.get_param("name", header="content-disposition")
            if name is not None:
                fields[name] = part.get_payload(decode=True)
        return fields

    def integer(self, name, default=None):
        """A number of the query, or of the body. Raises ApiError when it is missing or none."""
        value = self.query.get(name) if self.method == "GET" else self.json().get(name)
        return integer(name, value, default)

    def flag(self, name):
        """A truth of the query: only the words true and false are known to the platform."""
        value = self.query.get(name, "false")
        if value not in ("true", "false"):
            raise bad(f"Invalid value '{value}' for parameter '{name}': expected true or false")
        return value == "true"


def integer(name, value, default=None):
    if value is None or value == "":
        if default is None:
            raise bad(f"Missing required field: {name}")
        return default
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise malformed(f"Could not parse request object: Expected 'int64' for field '{name}'")
    try:
        return int(value)
    except ValueError as error:
        raise malformed(f"Could not parse request object: Expected 'int64' for field '{name}': '{value}'") from error
