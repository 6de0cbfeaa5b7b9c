"""
What a notebook finds when it is run: dbutils, display, displayHTML, getArgument. This file is run inside the
notebook's process, whose memory it shares with what the notebook does; everything that concerns more than one run is
asked of the workspace over HTTP.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request

EXIT = "application/vnd.stand-in.exit+json"
TABLE = "application/vnd.stand-in.table+json"
SANDBOX = "application/vnd.stand-in.html+json"


class NotebookExit(BaseException):
    """Ends the notebook, successfully. Not an Exception: `except Exception` is not to keep a notebook from ending."""


class Py4JJavaError(Exception):
    """What comes from beyond Python."""


class Workspace:
    """The way back to the workspace, and how to show something."""

    def __init__(self, url, secret, show):
        self.url = url
        self.secret = secret
        self.show = show

    def ask(self, what, **given):
        body = json.dumps({"secret": self.secret, **given}).encode()
        request = urllib.request.Request(f"{self.url}/_test/dbutils/{what}", body, {"Content-Type": "application/json"})
        # No proxy stands between a notebook and its workspace.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Py4JJavaError(json.load(error)["message"]) from None

    @staticmethod
    def shell(text):
        done = subprocess.run(["/bin/sh", "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        print(done.stdout, end="")
        if done.returncode != 0:
            raise RuntimeError(f"the shell ended with status {done.returncode}")

    @staticmethod
    def refuse(message):
        raise RuntimeError(message)


class Widgets:
    def __init__(self, given):
        self._given = dict(given)
        self._defaults = {}

    def _give(self, values):
        self._given.update(values)

    def text(self, name, defaultValue="", label=None):
        self._defaults.setdefault(name, str(defaultValue))

    def dropdown(self, name, defaultValue, choices, label=None):
        if defaultValue not in choices:
            raise ValueError("The default value must be one of the choices")
        self._defaults.setdefault(name, str(defaultValue))

    combobox = multiselect = lambda self, name, defaultValue, choices, label=None: self.text(name, defaultValue)

    def get(self, name):
        if name in self._given:
            return self._given[name]
        if name in self._defaults:
            return self._defaults[name]
        raise Py4JJavaError(
            "An error occurred while calling o412.getArgument.\n"
            f": com.databricks.dbutils_v1.InputWidgetNotDefined: No input widget named {name} is defined\n"
            "\tat com.databricks.backend.daemon.driver.InputWidgetManager.get(InputWidgetManager.scala:48)"
        )

    def getArgument(self, name, default=None):
        try:
            return self.get(name)
        except Py4JJavaError:
            if default is None:
                raise
            return default

    def getAll(self):
        return {**self._defaults, **self._given}

    def remove(self, name):
        self.get(name)
        self._defaults.pop(name, None)

    def removeAll(self):
        self._defaults.clear()


class NotebookUtils:
    def __init__(self, workspace):
        self._workspace = workspace

    def exit(self, value=""):
        self._workspace.show({EXIT: str(value)})
        raise NotebookExit(str(value)[:100])

    def run(self, path, timeout_seconds=0, arguments=None):
        for name, value in (arguments or {}).items():
            if not isinstance(name, str) or not isinstance(value, (str, int, float)):
                raise TypeError("arguments must be texts")
        return self._workspace.ask("run", path=path, timeout_seconds=timeout_seconds,
                                   arguments={name: str(value) for name, value in (arguments or {}).items()})["result"]


class TaskValues:
    def __init__(self, workspace):
        self._workspace = workspace

    def set(self, key, value):
        text = json.dumps(value)
        if len(text) > 48 * 1024:
            raise ValueError("the JSON of a task value must not be larger than 48 KiB")
        self._workspace.ask("set", key=key, value=value)

    def get(self, taskKey, key, default=None, debugValue=None):
        found = self._workspace.ask("get", task_key=taskKey, key=key)
        if "value" in found:
            return found["value"]
        if default is None:
            raise ValueError(f"Task key does not exist in run: {taskKey}" if not found["task"]
                             else f"Task value with key {key} does not exist for task {taskKey}")
        return default


class Jobs:
    def __init__(self, workspace):
        self.taskValues = TaskValues(workspace)


class Secrets:
    def __init__(self, workspace):
        self._workspace = workspace

    def get(self, scope, key):
        return self._workspace.ask("secret", scope=scope, key=key)["value"]

    def getBytes(self, scope, key):
        return self.get(scope, key).encode()


class DBUtils:
    def __init__(self, workspace, parameters):
        self.widgets = Widgets(parameters)
        self.notebook = NotebookUtils(workspace)
        self.jobs = Jobs(workspace)
        self.secrets = Secrets(workspace)


def table(value):
    """The rows of what display() shows as a table: of a pandas data frame, or a list of dicts; else None."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        value = value.to_dict("records")
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
        return None
    names = list(value[0])
    types = {bool: "boolean", int: "long", float: "double"}
    return {
        "schema": [{"name": str(name), "type": json.dumps(types.get(type(value[0][name]), "string")), "metadata": "{}"}
                   for name in names],
        "rows": [[cell if isinstance(cell, (bool, int, float, str, type(None))) else str(cell)
                  for cell in (row.get(name) for name in names)] for row in value],
    }


def provide(namespace, url, secret, parameters, show):
    """Puts everything into a notebook's namespace. show(data, obj=None) shows a dict of MIME types, or an object."""
    workspace = Workspace(url, secret, show)
    dbutils = DBUtils(workspace, parameters)

    def display(*values):
        for value in values:
            rows = table(value)
            if rows is not None:
                show({TABLE: rows, "text/plain": repr(value)})
            else:
                show(None, value)

    def displayHTML(html):
        show({SANDBOX: str(html), "text/html": str(html)})

    namespace.update(dbutils=dbutils, display=display, displayHTML=displayHTML,
                     getArgument=dbutils.widgets.getArgument, _workspace=workspace)


def provide_in_kernel(url, secret, parameters):
    """The same in an IPython kernel."""
    from IPython import get_ipython
    from IPython.display import display as show_in_kernel
    shell = get_ipython()

    def show(data, value=None):
        if data is None:
            show_in_kernel(value)
        else:
            show_in_kernel(data, raw=True)

    # The end of a notebook is no error that anybody wants to see.
    shell.set_custom_exc((NotebookExit,), lambda shell, kind, value, trace, tb_offset=None: [])
    provide(shell.user_ns, url, secret, parameters, show)
    sys.stdout.flush()
