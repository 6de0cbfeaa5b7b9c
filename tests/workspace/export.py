"""
A run's notebook as a page of HTML, as runs/export gives it. What is in it is in __DATABRICKS_NOTEBOOK_MODEL: base64
of URL-encoded JSON, which is undocumented; the fields are those that public scripts read.
"""

import base64
import html
import json
import urllib.parse

import dbutils

PAGE = """<!DOCTYPE html>
<html>
<head>
<meta name="databricks-html-version" content="1">
<title>{title} - Databricks</title>
<meta charset="utf-8">
<meta name="robots" content="nofollow">
<script>window.settings = {{"isStaticNotebook": true}};</script>
<script>var __DATABRICKS_NOTEBOOK_MODEL = '{model}';</script>
</head>
<body>
<div id="root"></div>
</body>
</html>
"""


def page(task):
    """The page for the run of a task."""
    execution = task.execution
    name = execution.path.rsplit("/", 1)[-1]
    model = {
        "version": "NotebookV1",
        "origId": task.run_id,
        "name": name,
        "language": "python",
        "commands": [_command(task, command) for command in execution.commands],
        "dashboards": [],
        "guid": f"run-{task.run_id}",
        "globalVars": {},
        "iPythonMetadata": None,
        "inputWidgets": {
            key: {"nuid": f"widget-{key}", "currentValue": value, "widgetInfo": {"widgetType": "text", "name": key}}
            for key, value in task.parameters.items()
        },
        "notebookMetadata": {},
        "reposExportFormat": "SOURCE",
    }
    quoted = urllib.parse.quote(json.dumps(model), safe="()*'!~")
    return PAGE.format(title=html.escape(name), model=base64.b64encode(quoted.encode()).decode())


def _command(task, command):
    results = _results(command)
    name, message, trace = command.error or (None, None, None)
    summary = None
    if name is not None:
        summary = f"<span class='ansi-red-fg'>{html.escape(name)}</span>: {html.escape(message)}"
    return {
        "version": "CommandV1",
        "origId": task.run_id + command.position,
        "guid": f"{task.run_id}-{command.position}",
        "subtype": "command",
        "commandType": "auto",
        "position": float(command.position),
        "command": command.text,
        "commandVersion": 1,
        "state": {"waiting": "input", "skipped": "input"}.get(command.state, command.state),
        "results": results,
        "resultDbfsStatus": "INLINED_IN_TREE",
        "resultDbfsErrorMessage": None,
        "errorSummary": summary,
        "errorTraceType": "ansi" if name is not None else None,
        "error": trace,
        "workflows": [],
        "startTime": command.started,
        "submitTime": command.started,
        "finishTime": command.finished,
        "collapsed": False,
        "bindings": {},
        "inputWidgets": {},
        "displayType": "table",
        "width": "auto",
        "height": "auto",
        "xColumns": None,
        "yColumns": None,
        "pivotColumns": None,
        "pivotAggregation": None,
        "customPlotOptions": {},
        "commentThread": [],
        "commentsVisible": False,
        "parentHierarchy": [],
        "diffInserts": [],
        "diffDeletes": [],
        "globalVars": {},
        "latestUser": task.parent.user,
        "commandTitle": "",
        "showCommandTitle": False,
        "hideCommandCode": False,
        "hideCommandResult": False,
        "iPythonMetadata": None,
        "metadata": {},
        "streamStates": {},
        "nuid": f"{task.run_id:x}-{command.position}",
    }


def _results(command):
    data = [_result(output) for output in command.outputs]
    if not data:
        return None
    return _item("listResults", data)


def _item(kind, data, **more):
    return {"type": kind, "data": data, "arguments": {}, "addedWidgets": {}, "removedWidgets": [], "datasetInfos": [],
            "metadata": {}, **more}


def _result(output):
    if output["output_type"] == "stream":
        return _item("ansi", output["text"], name=output["name"])
    bundle = output["data"]
    if dbutils.TABLE in bundle:
        rows = bundle[dbutils.TABLE]
        return _item(
            "table",
            rows["rows"],
            schema=rows["schema"],
            overflow=False,
            aggData=[],
            aggSchema=[],
            aggOverflow=False,
            dbfsResultPath=None,
            isJsonSchema=True,
            plotOptions={},
            columnCustomDisplayInfos={},
            aggType="",
        )
    if dbutils.SANDBOX in bundle:
        return _item("htmlSandbox", bundle[dbutils.SANDBOX], textData=None)
    if set(bundle) == {"text/plain"}:
        return _item("ansi", bundle["text/plain"] + "\n", name=None)
    return _item("mimeBundle", bundle)
