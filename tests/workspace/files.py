"""The workspace's files: folders, notebooks and plain files, and the endpoints under /api/2.0/workspace."""

import base64
import binascii
import posixpath
import secrets
import threading

import notebooks
from errors import ApiError, bad, missing
from message import Answer

LARGEST = 10 * 1024 * 1024
FORMATS = ("SOURCE", "HTML", "JUPYTER", "DBC", "R_MARKDOWN", "AUTO", "RAW")


class Entry:
    """A folder (content None, notebook None), a notebook (both) or a file (content)."""

    def __init__(self, kind, content=None, notebook=None, form=None, time=0):
        self.kind = kind
        self.content = content
        self.notebook = notebook
        self.form = form
        self.id = secrets.randbits(61) | 1 << 60 | 1
        self.created = self.modified = time
        self.imports = 1


class Files:
    def __init__(self, clock, users):
        self.clock = clock
        self.lock = threading.RLock()
        self.entries = {}
        for path in ("/", "/Users", "/Shared", "/Repos", *(f"/Users/{user}" for user in users)):
            self.entries[path] = Entry("DIRECTORY", time=clock.milliseconds())

    def routes(self):
        base = "/api/2.0/workspace/"
        return {
            ("POST", base + "import"): self.take,
            ("GET", base + "export"): self.give,
            ("POST", base + "mkdirs"): self.make_folders,
            ("GET", base + "get-status"): self.status,
            ("GET", base + "list"): self.list,
            ("POST", base + "delete"): self.delete,
        }

    def find_notebook(self, path):
        """Returns the Notebook at path, or None."""
        with self.lock:
            entry = self.entries.get(normal(path))
            return entry.notebook if entry is not None else None

    def kind(self, path):
        with self.lock:
            entry = self.entries.get(normal(path))
            return entry.kind if entry is not None else None

    # -- endpoints

    def take(self, request):
        if request.is_multipart():
            fields = request.multipart()
            content = fields.get("content", b"")
            given = {name: value.decode() for name, value in fields.items() if name != "content"}
            overwrite = given.get("overwrite") == "true"
        else:
            given = request.json()
            overwrite = given.get("overwrite") is True or given.get("overwrite") == "true"
            try:
                content = base64.b64decode(given.get("content", ""), validate=True)
            except (binascii.Error, TypeError, ValueError) as error:
                raise bad("The content is not valid base64") from error
        path = absolute(given.get("path"))
        if len(content) > LARGEST:
            raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED",
                           f"File size imported is ({len(content)} bytes), exceeded max size ({LARGEST} bytes)")
        form = given.get("format", "SOURCE")
        if form not in FORMATS:
            raise bad(f"Unknown format '{form}'")
        path, entry = self._entry(path, content, form, given.get("language"))
        with self.lock:
            parent = posixpath.dirname(path)
            if parent not in self.entries:
                raise missing(f"The parent folder ({parent}) does not exist.")
            if self.entries[parent].kind != "DIRECTORY":
                raise bad(f"Path ({parent}) is not a folder.")
            old = self.entries.get(path)
            if old is not None:
                if old.kind == "DIRECTORY" or old.kind != entry.kind and overwrite:
                    raise bad(f"Cannot overwrite the asset at {path} due to type mismatch (asked: {entry.kind}, "
                              f"actual: {old.kind})")
                if not overwrite:
                    raise ApiError(400, "RESOURCE_ALREADY_EXISTS",
                                   f"Path ({path}) already exists.")
                entry.id, entry.created, entry.imports = old.id, old.created, old.imports + 1
            self.entries[path] = entry
        return {}

    def _entry(self, path, content, form, language):
        """Returns the path an import goes to, and what is there then."""
        now = self.clock.milliseconds()
        stem, extension = posixpath.splitext(path)
        if form == "AUTO":
            if extension == ".ipynb":
                form, path = "JUPYTER", stem
            elif extension.lower() in notebooks.EXTENSIONS \
                    and notebooks.has_header(content, notebooks.EXTENSIONS[extension.lower()]):
                form, path, language = "SOURCE", stem, notebooks.EXTENSIONS[extension.lower()]
            else:
                form = "RAW"
        if form == "RAW":
            return path, Entry("FILE", content, time=now)
        try:
            if form == "JUPYTER":
                notebook = notebooks.from_jupyter(content)
            elif form == "SOURCE":
                if language not in notebooks.HEADERS:
                    raise bad("A language is required to import a single file of format SOURCE")
                notebook = notebooks.from_source(content.decode("utf-8"), language)
            else:
                raise bad(f"Format {form} cannot be imported here")
        except (ValueError, AttributeError) as error:
            raise bad(f"The format {form} does not fit the content: {error}") from error
        return path, Entry("NOTEBOOK", content, notebook, form, now)

    def give(self, request):
        path = absolute(request.query.get("path"))
        form = request.query.get("format", "SOURCE")
        if form not in FORMATS:
            raise bad(f"Unknown format '{form}'")
        entry = self._there(path)
        if entry.kind == "DIRECTORY":
            raise bad("Folders can only be exported as DBC")
        content = self._exported(path, entry, form)
        if len(content) > LARGEST:
            raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "The exported content is larger than 10 MB")
        if request.flag("direct_download"):
            return Answer(200, content)
        answer = {"content": base64.b64encode(content).decode()}
        if entry.kind == "NOTEBOOK":
            kind = {"JUPYTER": "ipynb", "SOURCE": "py"}.get(form, "py")
            answer["file_type"] = kind
        return answer

    @staticmethod
    def _exported(path, entry, form):
        if entry.kind == "FILE" or form in ("RAW", entry.form):
            return entry.content
        if form in ("SOURCE", "AUTO"):
            return notebooks.to_source(entry.notebook).encode()
        if form == "JUPYTER":
            return notebooks.to_jupyter(entry.notebook, posixpath.basename(path))
        raise bad(f"Format {form} cannot be exported here")

    def make_folders(self, request):
        path = absolute(request.json().get("path"))
        with self.lock:
            missing_ones = []
            while path not in self.entries:
                missing_ones.append(path)
                path = posixpath.dirname(path)
            if self.entries[path].kind != "DIRECTORY":
                raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Path ({path}) already exists and is not a folder.")
            for folder in missing_ones:
                self.entries[folder] = Entry("DIRECTORY", time=self.clock.milliseconds())
        return {}

    def status(self, request):
        path = absolute(request.query.get("path"))
        return self._info(path, self._there(path))

    def list(self, request):
        path = absolute(request.query.get("path"))
        entry = self._there(path)
        if entry.kind != "DIRECTORY":
            return {"objects": [self._info(path, entry)]}
        with self.lock:
            inside = sorted(name for name in self.entries if name != "/" and posixpath.dirname(name) == path)
            objects = [self._info(name, self.entries[name]) for name in inside]
        return {"objects": objects} if objects else {}

    def delete(self, request):
        given = request.json()
        path = absolute(given.get("path"))
        self._there(path)
        with self.lock:
            inside = [name for name in self.entries if name != "/" and name.startswith(path.rstrip("/") + "/")]
            if inside and given.get("recursive") is not True:
                raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({path}) is not empty")
            if path == "/":
                raise ApiError(403, "DIRECTORY_PROTECTED", "Folder (/) is protected")
            for name in (*inside, path):
                del self.entries[name]
        return {}

    def _there(self, path):
        with self.lock:
            entry = self.entries.get(path)
        if entry is None:
            raise missing(f"Path ({path}) doesn't exist.")
        return entry

    @staticmethod
    def _info(path, entry):
        info = {"object_type": entry.kind, "path": path, "object_id": entry.id, "resource_id": str(entry.id)}
        if entry.kind != "DIRECTORY":
            info.update(created_at=entry.created, modified_at=entry.modified)
        if entry.kind == "NOTEBOOK":
            info["language"] = entry.notebook.language
        if entry.kind == "FILE":
            info["size"] = len(entry.content)
        return info

    def to_json(self):
        with self.lock:
            return {
                path: {"kind": entry.kind, "imports": entry.imports} for path, entry in sorted(self.entries.items())
            }


def normal(path):
    """/Workspace/Users/x is another name of /Users/x."""
    path = posixpath.normpath(path)
    if path == "/Workspace":
        return "/"
    return path.removeprefix("/Workspace") if path.startswith("/Workspace/") else path


def absolute(path):
    if not isinstance(path, str) or not path.startswith("/"):
        raise bad(f"Path ({path}) must be absolute, i.e. begin with '/'")
    return normal(path)
