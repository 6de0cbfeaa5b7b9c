# Databricks notebook source
# MAGIC %md
# MAGIC # A master notebook
# MAGIC Runs the others in a pool of processes.

# COMMAND ----------

timeout_seconds = 600
notebook_paths = ["./child1", "./child2", "./child3"]


def run_notebook(path):
    return dbutils.notebook.run(path, timeout_seconds, {"day": "2026-11-22"})

# COMMAND ----------

from multiprocessing import Pool

with Pool(processes=2) as pool:
    results = pool.map(run_notebook, notebook_paths)

# COMMAND ----------

import json

for path, result in zip(notebook_paths, results):
    print(path, "->", result)
dbutils.notebook.exit(json.dumps(dict(zip(notebook_paths, results))))
