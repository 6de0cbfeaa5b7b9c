"""
What a Databricks notebook finds in a Python kernel of this machine: dbutils, display, displayHTML, spark, sc, sqlContext,
sql, table, udf, getArgument, and what its %sql, %sh, %fs, %pip and %run cells are made into.

It is sent to the kernel before the first cell and made a module there, so that what it defines can be pickled. start() is
given how the notebook is run; what goes back to nbfork is shown under MIME types of its own, and notebook.run speaks to
nbfork over a socket, a connection for each call, so that threads and forked processes can do it too.

Names, values and errors are those of Databricks: a notebook that catches them there catches them here.
"""

import json
import os
import sys
from collections import namedtuple

EXIT = "application/vnd.nbfork.exit+json"
VALUES = "application/vnd.nbfork.values+json"
CELL_END = "application/vnd.nbfork.cell-end+json"

ROWS_SHOWN = 1000	# of a table, as in a notebook there
TABLE_CHARACTERS = 2 << 20	# likewise
LINES_SHOWN = 40	# of its text form
HEAD_BYTES = 65536
VALUE_BYTES = 48 * 1024
REST_BYTES = 1 << 20	# more than a pipe holds as a rule
WAREHOUSE = "/user/hive/warehouse"	# where the tables are, of dbfs:/
ENDINGS = (".ipynb", ".py", ".sql", ".scala", ".r", ".R")

FileInfo = namedtuple("FileInfo", "path name size modificationTime")
FileInfo.isDir = lambda self: self.name.endswith("/")
FileInfo.isFile = lambda self: not self.name.endswith("/")
MountInfo = namedtuple("MountInfo", "mountPoint source encryptionType")
SecretMetadata = namedtuple("SecretMetadata", "key")
SecretScope = namedtuple("SecretScope", "name")


class Here:
    """How this notebook is run."""

    settings = {}
    shell = None
    process = 0	# that of the kernel


def show(data):
    """Publishes a bundle of MIME types. A forked process has nobody to publish to."""
    if os.getpid() == Here.process:
        from IPython.display import publish_display_data
        publish_display_data(data)


# ---- What ends a cell ----

class CellEnd(BaseException):
    """Ends a cell as a success. `except Exception` is not to keep it from that."""

    def _render_traceback_(self):
        return []


class NotebookExit(CellEnd):
    """Ends the notebook as a success."""


# ---- Errors that come from Java there ----

class JavaClass:
    def __init__(self, name):
        self._name = name

    def getName(self):
        return self._name

    def getSimpleName(self):
        return self._name.rpartition(".")[2]

    def toString(self):
        return "class " + self._name


class JavaException:
    """What the attribute java_exception of an error is asked for."""

    def __init__(self, name, message, cause=None):
        self._name, self._message, self._cause = name, message, cause

    def getClass(self):
        return JavaClass(self._name)

    def getMessage(self):
        return self._message

    getLocalizedMessage = getMessage

    def getCause(self):
        return self._cause

    def getStackTrace(self):
        return []

    def printStackTrace(self):
        print(self.toString(), file=sys.stderr)

    def toString(self):
        return f"{self._name}: {self._message}"

    __str__ = toString


def error_classes():
    """Py4JJavaError as a notebook imports it, made for errors without a Java behind them; and what fs raises."""
    if "Py4JJavaError" not in globals():
        import py4j.protocol

        def __init__(self, text, java_exception=None):
            Exception.__init__(self, text, java_exception)
            self.errmsg, self.java_exception = text, java_exception

        members = {"__init__": __init__, "__str__": lambda self: self.errmsg, "__module__": __name__}
        error = type("Py4JJavaError", (py4j.protocol.Py4JJavaError,), members)
        globals().update(Py4JJavaError=error, ExecutionError=type("ExecutionError", (error,), {"__module__": __name__}))
    return Py4JJavaError, ExecutionError


def __getattr__(name):
    # Another process may be handed one of these before it has had one itself.
    if name in ("Py4JJavaError", "ExecutionError"):
        return error_classes()[name == "ExecutionError"]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def java_error(call, name, message, more="", cause=None, of_fs=False):
    text = f"An error occurred while calling {call}.\n: {name}: {message}{more}"
    if cause is not None:
        text += f"\nCaused by: {cause}"
    return error_classes()[of_fs](text, JavaException(name, message, cause))


def not_defined(call, name):
    return java_error(call, "com.databricks.dbutils_v1.InputWidgetNotDefined", f"No input widget named {name} is defined")


def illegal(call, message):
    return java_error(call, "java.lang.IllegalArgumentException", message)


def want_text(call, *values):
    """Java has no method for other types."""
    if all(isinstance(v, str) or v is None for v in values):
        return
    import py4j.protocol
    names = {str: "java.lang.String", bool: "java.lang.Boolean", int: "java.lang.Integer", float: "java.lang.Double",
             list: "java.util.ArrayList", tuple: "java.util.ArrayList", dict: "java.util.HashMap"}
    types = ", ".join("null" if v is None else "class " + names.get(type(v), type(v).__name__) for v in values)
    method = call.partition(".")[2]
    raise py4j.protocol.Py4JError(f"An error occurred while calling {call}. Trace:\n"
                                  f"py4j.Py4JException: Method {method}([{types}]) does not exist")


# ---- The parts of dbutils ----

def part(path):
    """dbutils, or a part of it by its names: what a pickled one becomes."""
    found = Here.dbutils
    for name in path:
        found = getattr(found, name)
    return found


class Part:
    """A part of dbutils. What its help says is its own text and those of its methods."""

    _path = ()

    def __reduce__(self):
        return part, (self._path,)

    def __repr__(self):
        return f"<{'.'.join(('dbutils', *self._path))}>"

    def help(self, method=None):
        """Says what there is, or what one of the functions does."""
        import inspect
        where = ".".join(("dbutils", *self._path))
        entries = {name: getattr(self, name) for name in dir(self) if not name.startswith("_") and name != "help"}
        if method:
            if method not in entries:
                raise ValueError(f"{where} has no {method}")
            entries = {method: entries[method]}
        else:
            print(inspect.getdoc(self), end="\n\n")
        for name, entry in entries.items():
            if isinstance(entry, Part):
                print(f"{name}: {inspect.getdoc(entry).splitlines()[0]}")
            elif callable(entry) and entry.__doc__:
                print(f"{where}.{name}{inspect.signature(entry)}: {inspect.getdoc(entry)}")


def also(**others):
    """Lets arguments go by other names too, under which Databricks has documented them."""
    import functools

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **named):
            return function(*args, **{others.get(name, name): value for name, value in named.items()})
        return call
    return decorate


class Widgets(Part):
    """Parameters of the notebook. A value that the notebook was given is a widget's value, whatever its default."""

    _path = ("widgets",)

    def __init__(self):
        self._given = {}
        self._defaults = {}

    def _declare(self, kind, name, default, choices, label):
        call = "o1." + kind
        if choices is not None:
            if isinstance(choices, str) or not hasattr(choices, "__iter__"):
                want_text(call, name, default, [], label)
                raise illegal(call, f"choices of widget {name} must be a list of strings")
            choices = list(choices)
            want_text(call, *choices)
        want_text(call, name, default, label)
        if kind in ("dropdown", "multiselect") and default not in choices:
            raise illegal(call, f"requirement failed: default value {default} of widget {name} is not one of its choices")
        self._defaults.setdefault(name, "" if default is None else default)

    def text(self, name, defaultValue, label=None):
        """Makes a widget for text, unless there is one of that name."""
        self._declare("text", name, defaultValue, None, label)

    def dropdown(self, name, defaultValue, choices, label=None):
        """Makes a widget that has one of the choices, unless there is one of that name."""
        self._declare("dropdown", name, defaultValue, choices, label)

    def combobox(self, name, defaultValue, choices, label=None):
        """Makes a widget that has one of the choices or another text, unless there is one of that name."""
        self._declare("combobox", name, defaultValue, choices, label)

    def multiselect(self, name, defaultValue, choices, label=None):
        """Makes a widget that has some of the choices, with commas between, unless there is one of that name."""
        self._declare("multiselect", name, defaultValue, choices, label)

    def _find(self, name, call):
        want_text(call, name)
        for values in (self._given, self._defaults):
            if name in values:
                return values[name]
        raise not_defined(call, name)

    def get(self, name):
        """The value of a widget."""
        return self._find(name, "o1.getArgument")

    def getAll(self):
        """The values of all widgets, by name."""
        return {**self._defaults, **self._given}

    def getArgument(self, name, defaultValue=None):
        """The value of a widget; the default where there is none of that name. Use get."""
        try:
            return self._find(name, "o1.getArgument")
        except error_classes()[0]:
            if defaultValue is None:
                raise
            return defaultValue

    def remove(self, name):
        """Removes a widget. A value that the notebook was given stays."""
        self._find(name, "o1.remove")
        self._defaults.pop(name, None)

    def removeAll(self):
        """Removes all widgets. Values that the notebook was given stay."""
        self._defaults.clear()


class Notebook(Part):
    """The control flow of notebooks."""

    _path = ("notebook",)

    def exit(self, value):
        """Ends the notebook as a success that hands back a text."""
        text = "" if value is None else str(value)
        show({EXIT: None if value is None else text, "text/plain": f"Notebook exited: {text}"})
        raise NotebookExit(text)

    def run(self, path, timeout_seconds=0, arguments=None):
        """Runs another notebook to its end, and returns what that hands back. A timeout of 0, or less, is none."""
        if not isinstance(path, str):
            raise TypeError(f"path must be a string, not {type(path).__name__}")
        if isinstance(timeout_seconds, bool) or not isinstance(timeout_seconds, (int, float)):
            raise TypeError(f"timeout_seconds must be a number, not {type(timeout_seconds).__name__}")
        given = {}
        for name, value in (arguments or {}).items():
            if not isinstance(name, str) or not isinstance(value, (str, int, float)):
                raise TypeError(f"arguments must be strings, and {name!r} is {type(value).__name__}")
            given[name] = str(value)
        answer = call_nbfork({"path": path, "timeout_seconds": max(timeout_seconds, 0), "arguments": given,
                              "caller": Here.settings.get("path")})
        if answer.get("status") == "succeeded":
            return answer.get("exit")
        raise run_error(answer, path)

    def getContext(self):
        """Where the notebook runs."""
        return Context()

    @property
    def entry_point(self):
        return EntryPoint()


def call_nbfork(request):
    """Sends a line of JSON to nbfork and returns the line that it answers. An interrupt closes the connection."""
    import socket
    address = Here.settings.get("call")
    if not address:
        return {"status": "refused", "message": "nothing runs other notebooks here"}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.connect(address)
            s.sendall(json.dumps(request).encode() + b"\n")
            with s.makefile("rb") as lines:
                line = lines.readline()
        return json.loads(line)
    except (OSError, ValueError) as e:
        return {"status": "refused", "message": f"nbfork does not answer: {e}"}


def run_error(answer, path):
    status, more = answer.get("status"), ""
    if status == "refused":
        message = f"FAILED: Unable to run notebook \"{path}\": {answer.get('message')}"
    elif status == "failed":
        message = "FAILED: Workload failed, see run output for details"
    else:
        message = {"timed_out": "TIMEDOUT", "cancelled": "CANCELED"}.get(status, str(status).upper())
    error = answer.get("error")
    if error:
        said = ": ".join(str(error[k]) for k in ("name", "message") if error.get(k))
        more += f"\n\tnotebook '{answer.get('name')}': {said}"
    if answer.get("output"):
        more += f"\n\trun output: {answer['output']}"
    name = "com.databricks.NotebookExecutionException"
    return java_error("o1._run", "com.databricks.WorkflowException", f"{name}: {message}", more,
                      JavaException(name, message))


class TaskValues(Part):
    """Values that a notebook of a workflow leaves for those that depend on it."""

    _path = ("jobs", "taskValues")

    def set(self, key, value):
        """Leaves a value, anything that JSON can say, under a name."""
        if not isinstance(key, str):
            raise TypeError(f"key must be a string, not {type(key).__name__}")
        if len(json.dumps(value).encode()) > VALUE_BYTES:
            raise ValueError(f"The size of the JSON representation of the value of {key} exceeds 48 KiB")
        if not Here.settings.get("job"):
            return
        if os.getpid() != Here.process:
            raise RuntimeError("task values can be set by the notebook's own process alone")
        show({VALUES: {key: value}})

    def get(self, taskKey, key, default=None, debugValue=None):
        """A value that another notebook has left; the default where there is none of that name."""
        if not Here.settings.get("job"):
            if debugValue is None:
                raise TypeError("Must pass debugValue when calling get outside of a job context. "
                                "debugValue cannot be None.")
            return debugValue
        values = Here.settings.get("values") or {}
        if taskKey not in values:
            raise ValueError(f"Task key does not exist in run: {taskKey}")
        if key in values[taskKey]:
            return json.loads(json.dumps(values[taskKey][key]))
        if default is None:
            raise ValueError(f"Task value with key {key} does not exist for task {taskKey}")
        return default


class Jobs(Part):
    """What concerns notebooks as tasks of a job."""

    _path = ("jobs",)
    taskValues = TaskValues()


class Secrets(Part):
    """Secrets. Where one is printed, [REDACTED] appears instead."""

    _path = ("secrets",)

    def _find(self, scope, key, call):
        want_text(call, scope, key)
        name = "".join(c if c.isascii() and c.isalnum() else "_" for c in f"{scope}_{key}").upper()
        value = (Here.settings.get("secrets") or {}).get(scope, {}).get(key)
        if value is None:
            value = os.environ.get("NBFORK_SECRET_" + name)
        if value is None:
            raise illegal(call, f"Secret does not exist with scope: {scope} and key: {key} (it is in neither the secrets of the "
                                f"target nor the variable NBFORK_SECRET_{name})")
        return value

    def get(self, scope, key):
        """A secret as text."""
        return self._find(scope, key, "o1.get")

    def getBytes(self, scope, key):
        """A secret as bytes."""
        return self._find(scope, key, "o1.getBytes").encode()

    def list(self, scope):
        """The names of the secrets of a scope."""
        scopes = Here.settings.get("secrets") or {}
        if scope not in scopes:
            raise java_error("o1.list", "com.databricks.common.client.DatabricksServiceHttpClientException",
                             f"RESOURCE_DOES_NOT_EXIST: Scope {scope} does not exist!")
        return [SecretMetadata(key) for key in scopes[scope]]

    def listScopes(self):
        """The scopes that there are."""
        return [SecretScope(name) for name in Here.settings.get("secrets") or {}]


class Place:
    """A path of a file system: what it is called, and where it is on this machine."""

    def __init__(self, path, call):
        if not isinstance(path, str):
            want_text(call, path)
        scheme, colon, rest = path.partition(":")
        if not colon or "/" in scheme:
            scheme, rest = "dbfs", path
        if scheme not in ("dbfs", "file"):
            raise java_error(call, "org.apache.hadoop.fs.UnsupportedFileSystemException",
                             f"No FileSystem for scheme \"{scheme}\"", of_fs=True)
        if not rest.startswith("/"):
            raise java_error(call, "java.lang.IllegalArgumentException", f"Path must be absolute: {path}", of_fs=True)
        if rest.startswith("//"):	# file:///x, dbfs://x
            rest = "/" + rest.lstrip("/")
        self.scheme, self.call = scheme, call
        self.inner = os.path.normpath(rest)
        if scheme == "dbfs" and (self.inner + "/").startswith(WAREHOUSE + "/"):
            self.local = Here.settings["tables"] + self.inner[len(WAREHOUSE):]
        else:
            root = Here.settings["dbfs"] if scheme == "dbfs" else ""
            self.local = root + self.inner if self.inner != "/" else root or "/"

    def __str__(self):
        return f"{self.scheme}:{self.inner}"

    def fail(self, name, message):
        return java_error(self.call, name, message, of_fs=True)

    def missing(self):
        return self.fail("java.io.FileNotFoundException", f"No such file or directory: {self}")

    def want(self):
        if not os.path.lexists(self.local) and not (self.scheme == "dbfs" and self.inner == "/"):
            raise self.missing()
        return self

    def child(self, name):
        return Place(f"{self.scheme}:{self.inner.rstrip('/')}/{name}", self.call)

    def info(self):
        try:
            stat = os.stat(self.local)
        except FileNotFoundError:
            stat = os.lstat(self.local)	# a link to nowhere
        folder, name = "/" * os.path.isdir(self.local), os.path.basename(self.inner)
        return FileInfo(f"{self}{folder}", name + folder, 0 if folder else stat.st_size, int(stat.st_mtime * 1000))


class Refusals:
    """What the system refuses is an error of the file system's."""

    def __init__(self, place):
        self.place = place

    def __enter__(self):
        return self.place

    def __exit__(self, kind, error, trace):
        if isinstance(error, FileNotFoundError):
            raise self.place.missing() from None
        if isinstance(error, OSError):
            raise self.place.fail("java.io.IOException", f"{error.strerror or error}: {self.place}") from None


class Fs(Part):
    """Files: dbfs:/ is a folder of this machine, and so is a path without a scheme; file:/ is the machine itself."""

    _path = ("fs",)

    @also(dir="path")
    def ls(self, path):
        """The files of a folder, by name."""
        with Refusals(Place(path, "o1.ls").want()) as place:
            if not os.path.isdir(place.local):
                return [place.info()] if os.path.lexists(place.local) else []
            return [place.child(name).info() for name in sorted(os.listdir(place.local))]

    @also(maxBytes="max_bytes")
    def head(self, file, max_bytes=HEAD_BYTES):
        """The beginning of a file as text."""
        with Refusals(Place(file, "o1.head").want()) as place, open(place.local, "rb") as f:
            data = f.read(max_bytes)
            if f.read(1):
                print(f"[Truncated to first {max_bytes} bytes]")
        return data.decode("utf-8", "replace")

    def put(self, file, contents, overwrite=False):
        """Writes a text to a file."""
        place = Place(file, "o1.put")
        want_text(place.call, contents)
        data = contents.encode()
        with Refusals(place):
            os.makedirs(os.path.dirname(place.local), exist_ok=True)
            try:
                with open(place.local, "wb" if overwrite else "xb") as f:
                    f.write(data)
            except FileExistsError:
                raise place.fail("org.apache.hadoop.fs.FileAlreadyExistsException",
                                 f"File already exists: {place}") from None
        print(f"Wrote {len(data)} bytes.")
        return True

    def mkdirs(self, dir):
        """Makes a folder, and those above it."""
        with Refusals(Place(dir, "o1.mkdirs")) as place:
            os.makedirs(place.local, exist_ok=True)
        return True

    def rm(self, dir, recurse=False):
        """Removes a file, or with recurse a folder. Returns whether there was something."""
        import shutil
        with Refusals(Place(dir, "o1.rm")) as place:
            if not os.path.lexists(place.local):
                return False
            if not os.path.isdir(place.local) or os.path.islink(place.local):
                os.remove(place.local)
            elif recurse:
                shutil.rmtree(place.local)
            elif os.listdir(place.local):
                raise place.fail("java.io.IOException", f"Cannot delete non-empty directory {place} without recurse=true")
            else:
                os.rmdir(place.local)
        return True

    def _copy(self, source, target, recurse):
        import shutil
        if not os.path.isdir(source.local):
            if os.path.isdir(target.local):
                target = target.child(os.path.basename(source.inner))
            os.makedirs(os.path.dirname(target.local), exist_ok=True)
            shutil.copyfile(source.local, target.local)
        elif not recurse:
            raise source.fail("java.io.IOException", f"Cannot copy directory {source} without recurse=true")
        elif (target.local + "/").startswith(source.local + "/"):
            raise source.fail("java.io.IOException", f"Cannot copy {source} to {target}, which is a part of it")
        else:
            shutil.copytree(source.local, target.local, dirs_exist_ok=True, copy_function=shutil.copyfile)

    def _transfer(self, source, target, recurse, call):
        source, target = Place(source, call).want(), Place(target, call)
        with Refusals(source):
            self._copy(source, target, recurse)
        return source

    @also(from_="source", to="dest")
    def cp(self, source, dest, recurse=False):
        """Copies a file, or with recurse a folder."""
        self._transfer(source, dest, recurse, "o1.cp")
        return True

    @also(from_="source", to="dest")
    def mv(self, source, dest, recurse=False):
        """Moves a file, or with recurse a folder."""
        import shutil
        place = self._transfer(source, dest, recurse, "o1.mv")
        with Refusals(place):
            (shutil.rmtree if os.path.isdir(place.local) else os.remove)(place.local)
        return True

    def mounts(self):
        """What is mounted: the root, and the folders in dbfs:/mnt."""
        found = [MountInfo("/", "DatabricksRoot", "")]
        folder = Place("/mnt", "o1.mounts").local
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            there = os.path.join(folder, name)
            if os.path.isdir(there):
                found.append(MountInfo("/mnt/" + name, "file:" + os.path.realpath(there), ""))
        return found

    def refreshMounts(self):
        """Does nothing: what is in dbfs:/mnt is mounted."""
        return True

    @also(mountPoint="mount_point", encryptionType="encryption_type", extraConfigs="extra_configs")
    def mount(self, source, mount_point, encryption_type="", owner=None, extra_configs=None):
        """Does nothing where there is a folder for it; there is nothing else here that could be mounted."""
        place = Place(mount_point, "o1.mount")
        if not os.path.isdir(place.local):
            raise place.fail("java.lang.UnsupportedOperationException",
                             f"{source} cannot be mounted here: make the folder {place.local}, or a link of that name to "
                             "one with the files, and that is what is mounted")
        return True

    updateMount = mount

    @also(mountPoint="mount_point")
    def unmount(self, mount_point):
        """Does nothing: the folder stays."""
        place = Place(mount_point, "o1.unmount")
        if not os.path.isdir(place.local):
            raise place.fail("java.rmi.RemoteException", "java.lang.IllegalArgumentException: requirement failed: "
                             f"Directory not mounted: {mount_point}")
        return True


class Library(Part):
    """The notebook's Python."""

    _path = ("library",)

    def restartPython(self):
        """Forgets all variables, and the modules that were installed anew. The cell ends here."""
        restart()
        show({CELL_END: True})
        raise CellEnd("Python was restarted")


class Data(Part):
    """Looking at data."""

    _path = ("data",)

    def summarize(self, df, precise=False):
        """Shows statistics of a data frame."""
        if hasattr(df, "toPandas"):
            display(df.summary())
        else:
            display(df.describe(include="all").reset_index())


class Credentials(Part):
    """Roles of the cloud that a cluster is in; there is none here."""

    _path = ("credentials",)

    def assumeRole(self, role):
        """Cannot be done here."""
        raise NotImplementedError("there are no roles of a cloud here; use the cloud's own tools to log in")

    def showCurrentRole(self):
        """The roles that are in use: none."""
        return []

    def getCurrentCredentials(self):
        """The credentials that are in use: none."""
        return {}

    def showRoles(self):
        """The roles that there are: none."""
        return []

    def getServiceCredentialsProvider(self, name):
        """Cannot be done here."""
        raise NotImplementedError("there are no service credentials here; use the cloud's own tools to log in")


class DBUtils(Part):
    """Utilities for notebooks, as on Databricks, here on this machine."""

    def __new__(cls, spark=None, *args):
        """There is one; a notebook may make it with the session."""
        if getattr(Here, "dbutils", None) is None:
            Here.dbutils = super().__new__(cls)
        return Here.dbutils

    credentials = Credentials()
    data = Data()
    fs = Fs()
    jobs = Jobs()
    library = Library()
    notebook = Notebook()
    secrets = Secrets()
    widgets = Widgets()

    @property
    def entry_point(self):
        return EntryPoint()

    def displayHTML(self, html):
        """Shows HTML."""
        displayHTML(html)


# ---- The way to the context, as it is taken through Java there ----

class Option:
    """A value that may not be there, and why it would not."""

    def __init__(self, value, why=None):
        self._value, self._why = value, why

    def get(self):
        if self._value is None:
            raise java_error("o1.get", "java.util.NoSuchElementException",
                             "None.get" + (f" ({self._why})" if self._why else ""))
        return self._value

    def getOrElse(self, other):
        return other if self._value is None else self._value

    def isDefined(self):
        return self._value is not None

    def isEmpty(self):
        return self._value is None

    def toString(self):
        return "None" if self._value is None else f"Some({self._value})"

    __str__ = toString


class Tags(dict):
    def get(self, key, *other):
        return dict.get(self, key, *other) if other else Option(dict.get(self, key))

    def apply(self, key):
        if key not in self:
            raise java_error("o1.apply", "java.util.NoSuchElementException", f"key not found: {key}")
        return self[key]

    getOrElse = dict.get


def notebook_path():
    """As a notebook is called there: without the ending of a file, and from the root of the workspace where it is in one."""
    path, workspace = Here.settings.get("path") or "", Here.settings["workspace"]
    if path.startswith(workspace + "/"):
        path = path[len(workspace):]
    root, ending = os.path.splitext(path)
    return root if ending in ENDINGS else path


def user_name():
    """As the variables LOGNAME and USER say, or else the system."""
    import getpass
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def workspace_host():
    """The name of the machine that the notebook's environment says the workspace is; None for nothing."""
    import urllib.parse
    host = os.environ.get("DATABRICKS_HOST") or ""
    return urllib.parse.urlsplit(host if "//" in host else "//" + host).netloc or None


def of_workspace(variable, value=None):
    return Option(value or os.environ.get(variable) or None, f"no workspace is known here: {variable} is not set")


class Context:
    def _tags(self):
        run, name = Here.settings.get("run"), Here.settings.get("name")
        tags = {"notebookPath": notebook_path(), "user": user_name(), "browserHostName": workspace_host()}
        if Here.settings.get("job"):
            tags.update(runId=run, jobId=run, jobRunId=run, taskKey=name)
        return Tags({k: v for k, v in tags.items() if v is not None})

    def tags(self):
        return self._tags()

    def extraContext(self):
        return Tags(notebook_path=notebook_path())

    def notebookPath(self):
        return Option(notebook_path())

    def currentRunId(self):
        return Option(Here.settings.get("run"))

    rootRunId = currentRunId

    def jobId(self):
        return self._tags().get("jobId")

    def jobGroup(self):
        return Option(Here.settings.get("name"))

    def userName(self):
        return Option(user_name())

    def apiUrl(self):
        host = workspace_host()
        return of_workspace("DATABRICKS_HOST", host and "https://" + host)

    def apiToken(self):
        return of_workspace("DATABRICKS_TOKEN")

    def browserHostName(self):
        return of_workspace("DATABRICKS_HOST", workspace_host())

    def clusterId(self):
        return Option(None, "notebooks run on no cluster here")

    notebookId = workspaceId = clusterId

    def toJson(self):
        run = Here.settings.get("run")
        return json.dumps({"rootRunId": run and {"id": run}, "currentRunId": run and {"id": run},
                           "jobGroup": Here.settings.get("name"), "tags": self._tags(),
                           "extraContext": self.extraContext()})

    safeToJson = toJson


class EntryPoint:
    def getDbutils(self):
        return self

    def notebook(self):
        return self

    def getContext(self):
        return Context()

    def getCurrentBindings(self):
        return Here.dbutils.widgets.getAll()


class ReplContext:
    """What dbruntime.databricks_repl_context gives; None for what there is not."""

    def __init__(self):
        tags = Context().tags()
        self.isInJob = bool(Here.settings.get("job"))
        self.notebookPath, self.user = notebook_path(), tags.apply("user") if "user" in tags else None
        self.jobId, self.currentRunId = (dict.get(tags, k) for k in ("jobId", "runId"))
        self.jobTaskType = "notebook" if self.isInJob else None
        self.apiUrl, self.apiToken = (os.environ.get(k) for k in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None


# ---- Spark ----

def spark_missing(error):
    return ModuleNotFoundError(f"spark needs PySpark, which {sys.executable} does not have: install it by "
                               f"'{sys.executable} -m pip install pyspark' (it needs Java too). {error}", name="pyspark")


def warehouse():
    """
    The folder for tables, which nbfork removes. The catalog is in memory, so they go with it: left over, they would be in
    the way.
    """
    folder = Here.settings["tables"]
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if os.lstat(folder).st_uid != os.getuid():
            raise
    return folder


def keep_no_checksums(session):
    """There are none there, as files beside those that notebooks look for; and dbutils.fs would not keep them right."""
    context = session.sparkContext
    files = context._jvm.org.apache.hadoop.fs.FileSystem.getLocal(context._jsc.hadoopConfiguration())
    files.setWriteChecksum(False)
    files.setVerifyChecksum(False)


def make_spark():
    try:
        from pyspark.sql import SparkSession
    except ImportError as e:
        raise spark_missing(e) from None
    if SparkSession.getActiveSession() is not None:
        return SparkSession.getActiveSession()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    dbfs = Here.settings["dbfs"]
    options = {
        "spark.master": f"local[{os.environ.get('OMP_NUM_THREADS') or '*'}]",
        "spark.app.name": Here.settings.get("name") or "notebook",
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.databricks.service.client.enabled": "false",	# by which modules tell how they get at dbutils
        "spark.sql.warehouse.dir": "dbfs:" + WAREHOUSE,
        # dbfs:/ is that folder for Spark too, and so is a path without a scheme.
        "spark.hadoop.fs.defaultFS": "dbfs:///",
        "spark.hadoop.fs.dbfs.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "spark.hadoop.fs.viewfs.overload.scheme.target.file.impl": "org.apache.hadoop.fs.LocalFileSystem",
        "spark.hadoop.fs.viewfs.enable.inner.cache": "false",
        "spark.hadoop.fs.viewfs.mounttable.default.linkFallback": "file://" + dbfs,
        "spark.hadoop.fs.viewfs.mounttable.default.link." + WAREHOUSE: "file://" + warehouse(),
    }
    if workspace_host():
        options["spark.databricks.workspaceUrl"] = workspace_host()
    os.makedirs(dbfs, exist_ok=True)
    builder = SparkSession.builder
    for name, value in options.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    keep_no_checksums(made)
    for name in ("spark", "sc", "sqlContext"):
        if isinstance(Here.shell.user_ns.get(name), Lazy):
            Here.shell.user_ns[name] = made if name == "spark" else getattr(Here, name)._get()
    return made


class Lazy:
    """Something of Spark's, made when it is first used."""

    def __init__(self, what, kind, make):
        vars(self).update(_what=what, _kind=kind, _make=make, _made=None)

    def _get(self):
        if self._made is None:
            vars(self)["_made"] = self._make()
        return self._made

    @property
    def __class__(self):
        # Where the module has not been imported, nobody compares with what is in it: any isinstance() asks for this.
        module, _, name = self._kind.rpartition(".")
        return getattr(sys.modules.get(module), name, Lazy)

    def __getattr__(self, name):
        if name.startswith(("_ipython_", "_repr_")) and self._made is None:
            raise AttributeError(name)
        return getattr(self._get(), name)

    def __setattr__(self, name, value):
        setattr(self._get(), name, value)

    def __dir__(self):
        return dir(self._get())

    def __repr__(self):
        try:
            return repr(self._get())
        except ModuleNotFoundError as e:
            return f"<{self._what}: {e}>"

    def __reduce__(self):
        raise TypeError(f"{self._what} cannot be pickled")


def make_sql_context():
    from pyspark.sql import SQLContext
    return SQLContext(Here.spark.sparkContext, Here.spark._get())


def sql(sqlQuery, args=None, **more):
    """The result of a query as a data frame."""
    return Here.spark.sql(sqlQuery, args=args, **more) if args else Here.spark.sql(sqlQuery, **more)


def table(tableName):
    """A table as a data frame."""
    return Here.spark.table(tableName)


def udf(*args, **more):
    """Makes a function that Spark can use, as pyspark.sql.functions.udf does."""
    try:
        from pyspark.sql.functions import udf as make
    except ImportError as e:
        raise spark_missing(e) from None
    return make(*args, **more)


# ---- Showing ----

def escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cell_text(value):
    return "null" if value is None else str(value)


def rows_of(value, most):
    """What is shown as a table, as the names of its columns and at most so many rows; None for anything else."""
    module = type(value).__module__.partition(".")[0]
    if module == "pyspark" and hasattr(value, "toPandas"):
        return list(value.columns), [tuple(row) for row in value.limit(most).collect()]
    if module == "pandas":
        if hasattr(value, "to_frame") and not hasattr(value, "columns"):
            value = value.to_frame()
        if hasattr(value, "itertuples"):
            return [str(c) for c in value.columns], list(value.head(most).itertuples(index=False, name=None))
    if not isinstance(value, (list, tuple)) or not value or hasattr(value, "_fields"):
        return None
    first, rows = value[0], value[:most]
    if isinstance(first, dict) and all(isinstance(row, dict) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return [str(n) for n in names], [tuple(row.get(n) for n in names) for row in rows]
    names = getattr(first, "_fields", None) or getattr(first, "__fields__", None)	# named tuples, rows of Spark
    if isinstance(first, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in rows):
        width = max(map(len, rows))
        names = list(names or (f"_{i + 1}" for i in range(width)))
        return names, [tuple(row) + (None,) * (width - len(row)) for row in rows]
    if all(isinstance(v, (str, int, float, bool, type(None))) for v in rows):
        return ["value"], [(v,) for v in rows]
    return None


def rows_that_fit(rows):
    """How many of them are shown, one at least."""
    size = 0
    for i, row in enumerate(rows):
        size += sum(len(cell_text(v)) for v in row)
        if size > TABLE_CHARACTERS:
            return max(i, 1)
    return len(rows)


def table_html(names, rows, cut):
    head = "".join(f"<th>{escape(n)}</th>" for n in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell_text(v))}</td>" for v in row) + "</tr>\n" for row in rows)
    note = f"<p>Truncated results, showing first {len(rows)} rows.</p>" if cut else ""
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>{note}"


def table_text(names, rows, cut):
    lines = [list(map(str, names))] + [[cell_text(v).replace("\n", " ") for v in row] for row in rows[:LINES_SHOWN]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    lines.insert(1, ["-" * w for w in widths])
    text = "\n".join(" | ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in lines)
    if cut or len(rows) > LINES_SHOWN:
        text += f"\n... {'more than ' if cut else ''}{len(rows)} rows"
    return text


def display(*values, **more):
    """Shows values: lists, pandas' and Spark's frames as tables, anything else as IPython does."""
    from IPython.display import display as show_object
    for value in values:
        found = None if more else rows_of(value, ROWS_SHOWN + 1)
        if found is None:
            show_object(value, **more)
        else:
            names, rows = found
            fitting = rows_that_fit(rows[:ROWS_SHOWN])
            cut, rows = fitting < len(rows), rows[:fitting]
            show({"text/html": table_html(names, rows, cut), "text/plain": table_text(names, rows, cut)})


def displayHTML(html):
    """Shows HTML."""
    show({"text/html": str(html), "text/plain": str(html)})


# ---- Cells of other kinds ----

def pass_on(process):
    """Writes what a process prints, as it comes, until it has ended. Returns its status."""
    import codecs
    import selectors
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    with process, selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        try:
            # What it leaves running may keep the pipe open, and write to it for ever: its own end is looked for too.
            rest = REST_BYTES
            while rest > 0:
                ended = process.poll() is not None
                if selector.select(0 if ended else 0.2):
                    data = os.read(process.stdout.fileno(), 65536)
                    if not data:
                        break
                    rest -= len(data) * ended
                    sys.stdout.write(decode(data))
                elif ended:
                    break
        except BaseException:
            process.kill()
            raise
        sys.stdout.write(decode(b"", True))
        return process.wait()


def start_process(command):
    import subprocess
    sys.stdout.flush()
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def split_sql(text):
    """The statements of a text."""
    import re
    pieces, start = [], 0
    for m in re.finditer(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|--[^\n]*|/\*.*?\*/|;""", text, re.DOTALL):
        if m[0] == ";":
            pieces.append(text[start:m.start()])
            start = m.end()
    pieces.append(text[start:])
    return [p.strip() for p in pieces if re.sub(r"--[^\n]*|/\*.*?\*/", "", p, flags=re.DOTALL).strip()]


def sql_text(value):
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def sql_widget(statement):
    """Does what CREATE WIDGET and REMOVE WIDGET say, which are no SQL of Spark's. Returns whether it is one of them."""
    import re
    statement = re.sub(r"\A(\s|--[^\n]*(\n|\Z)|/\*.*?\*/)*", "", statement, flags=re.DOTALL)
    if not re.match(r"(create|remove)\s+widget\b", statement, re.IGNORECASE):
        return False
    m = re.fullmatch(r"""(?:remove\s+widget|create\s+widget\s+(?P<kind>text|dropdown|combobox|multiselect))\s+
                         (?P<name>`[^`]+`|[\w.]+)
                         (?:\s+default\s+(?P<default>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+))?
                         (?:\s+choices\s+(?P<choices>.*))?\s*""", statement, re.IGNORECASE | re.DOTALL | re.VERBOSE)
    if m is None or (m["kind"] is None) != (m["default"] is None) or \
            ((m["kind"] or "text").lower() == "text") != (m["choices"] is None):
        raise ValueError("a widget is made by CREATE WIDGET TEXT NAME DEFAULT 'VALUE' or CREATE WIDGET DROPDOWN|COMBOBOX|"
                         f"MULTISELECT NAME DEFAULT 'VALUE' CHOICES QUERY, and removed by REMOVE WIDGET NAME: {statement}")
    name, widgets = m["name"].strip("`"), Here.dbutils.widgets
    if m["kind"] is None:
        widgets.remove(name)
        return True
    default = m["default"]
    if default[0] in "'\"":
        default = re.sub(r"\\(.)", r"\1", default[1:-1])
    choices = () if m["choices"] is None else ([str(row[0]) for row in sql(m["choices"]).collect()],)
    getattr(widgets, m["kind"].lower())(name, default, *choices)
    return True


class Cells:
    """What cells that are not Python are made into."""

    def sql(self, text):
        import re
        result = None
        for statement in split_sql(text):
            values = Here.dbutils.widgets.getAll()
            statement = re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda m: values.get(m[1] or m[2], m[0]), statement)
            statement = re.sub(r"(?i)\bgetArgument\(\s*(['\"])(.*?)\1\s*\)",
                               lambda m: sql_text(values[m[2]]) if m[2] in values else m[0], statement)
            if sql_widget(statement):
                continue
            named = {n: values[n] for n in re.findall(r"(?<![:\w]):([A-Za-z_]\w*)", statement) if n in values}
            result = sql(statement, named)
        if result is not None:
            Here.shell.user_ns["_sqldf"] = result
            if result.columns:
                display(result)

    def sh(self, text, options=""):
        import subprocess
        import tempfile
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".sh", prefix="nbfork-") as f:
            f.write(text)
            f.flush()
            status = pass_on(start_process(["/bin/bash", *options.split(), f.name]))
        if status != 0 and any("e" in o for o in options.split() if not o.startswith("--")):
            raise subprocess.CalledProcessError(status, "%sh")

    def fs(self, text):
        import shlex
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["%fs"]:
                del words[0]
            if words:
                self._fs(words[0], words[1:])

    def _fs(self, name, words):
        function = getattr(Here.dbutils.fs, name, None)
        if name.startswith("_") or function is None:
            raise ValueError(f"%fs has no command '{name}'; '%fs help' says what there is")
        options = {"-r": {"recurse": True}, "--recurse": {"recurse": True}, "-f": {"overwrite": True},
                   "--overwrite": {"overwrite": True}}
        given = {}
        for word in [w for w in words if w in options]:
            given.update(options[word])
        plain = [{"true": True, "false": False}.get(w, w) for w in words if w not in options]
        if name == "head" and len(plain) > 1:
            plain[1] = int(plain[1])
        result = function(*plain, **given)
        if isinstance(result, list):
            display(result or [()])
        elif isinstance(result, str):
            print(result)
        elif result is not None and name != "put":
            print(str(result).lower())

    def pip(self, text):
        import importlib
        import re
        import shlex
        import subprocess
        for line in re.sub(r"\\\n", " ", text).splitlines():
            words = shlex.split(re.sub(r"^\s*%?pip\s+", "", line), comments=True)
            if not words:
                continue
            if words[0] == "uninstall" and "-y" not in words:
                words.append("-y")	# nobody is there to be asked
            status = pass_on(start_process([sys.executable, "-m", "pip", *words]))
            importlib.invalidate_caches()
            if status != 0:
                raise subprocess.CalledProcessError(status, ["pip", *words])

    def run(self, path, cells, arguments):
        """Gives the notebook the values that a %run has for another one; its cells come as cells of this one."""
        Here.dbutils.widgets._given.update(arguments)


def register_magics():
    """Magics that may stand in the middle of a cell of Python. %pip is not IPython's: it fails when pip does."""
    for name, function in {
            "fs": Here.cells.fs, "sh": Here.cells.sh, "pip": lambda line: Here.cells.pip(f"%pip {line}"),
            "restart_python": lambda line: Here.dbutils.library.restartPython(),
            "set_cell_max_output_size_in_mb": lambda line: None}.items():
        Here.shell.register_magic_function(function, "line", name)


# ---- Modules that notebooks import there ----

class Modules:
    """Finds modules of Databricks' where nothing else has found them."""

    @staticmethod
    def members(name):
        if name == "pyspark.dbutils":
            return {"DBUtils": DBUtils}
        if name == "dbruntime":
            return {"UserNamespaceInitializer": UserNamespace}
        if name == "dbruntime.dbutils":
            return {"DBUtils": DBUtils, "FileInfo": FileInfo, "MountInfo": MountInfo, "SecretMetadata": SecretMetadata,
                    "SecretScope": SecretScope, "ExecutionError": error_classes()[1]}
        if name == "dbruntime.databricks_repl_context":
            return {"get_context": ReplContext}
        if name == "databricks.sdk.runtime":
            return names()
        if name == "py4j.protocol":
            base = type("Py4JError", (Exception,), {"__module__": name})
            return {"Py4JError": base, "Py4JJavaError": type("Py4JJavaError", (base,), {"__module__": name}),
                    "Py4JNetworkError": type("Py4JNetworkError", (base,), {"__module__": name})}
        return {}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        packages = ("dbruntime", "databricks", "databricks.sdk", "py4j")
        modules = ("pyspark.dbutils", "dbruntime.dbutils", "dbruntime.databricks_repl_context", "databricks.sdk.runtime",
                   "py4j.protocol")
        if name not in packages and name not in modules:
            return None
        from importlib.machinery import ModuleSpec
        return ModuleSpec(name, cls, is_package=name in packages)

    @staticmethod
    def create_module(spec):
        return None

    @classmethod
    def exec_module(cls, module):
        vars(module).update(cls.members(module.__name__))


class UserNamespace:
    @classmethod
    def getOrCreate(cls):
        return cls()

    def get_namespace_globals(self):
        return names()

    def get_spark_entry_point(self):
        return EntryPoint()


# ---- The start ----

def names():
    """What a notebook finds."""
    return {"dbutils": Here.dbutils, "display": display, "displayHTML": displayHTML, "spark": Here.spark, "sc": Here.sc,
            "sqlContext": Here.sqlContext, "sql": sql, "table": table, "udf": udf,
            "getArgument": Here.dbutils.widgets.getArgument}


def restart():
    """Makes the notebook's Python as it was at its start, as far as that can be done to a process."""
    import importlib
    since = Here.started
    anew = set()
    for name, module in list(sys.modules.items()):
        try:
            if os.stat(module.__file__).st_ctime > since:
                anew.add(name.partition(".")[0])
        except (AttributeError, OSError, TypeError, ValueError):
            pass
    for name in list(sys.modules):
        if name.partition(".")[0] in anew:
            del sys.modules[name]
    importlib.invalidate_caches()
    Here.shell.reset(new_session=False)
    fill()


def fill():
    found = names()
    if Here.settings.get("kind") == "uses":
        del found["display"]	# IPython's own, as such a notebook expects
        found = {k: v for k, v in found.items() if k not in Here.shell.user_ns}
    found["__nbfork_databricks__"] = Here.cells
    Here.shell.user_ns.update(found)
    Here.shell.user_ns_hidden.update(found)	# %who shows what the notebook has made


def start(settings, shell):
    import time
    Here.settings, Here.shell, Here.process, Here.started = settings, shell, os.getpid(), time.time()
    DBUtils()
    Here.dbutils.widgets._given.update(settings.get("parameters") or {})
    Here.spark = Lazy("spark", "pyspark.sql.SparkSession", make_spark)
    Here.sc = Lazy("sc", "pyspark.SparkContext", lambda: Here.spark.sparkContext)
    Here.sqlContext = Lazy("sqlContext", "pyspark.sql.SQLContext", make_sql_context)
    Here.cells = Cells()
    sys.meta_path.append(Modules)
    if settings.get("kind") != "uses":
        register_magics()
    fill()
