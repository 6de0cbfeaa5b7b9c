# Databricks notebook source
# MAGIC %md
# MAGIC # A master notebook
# MAGIC Tries again what fails.

# COMMAND ----------

import uuid

timeout_seconds = 600
max_retries = 3
load_id = str(uuid.uuid4())

# COMMAND ----------

def run_with_retry(path, arguments):
    tries = 0
    while True:
        try:
            return dbutils.notebook.run(path, timeout_seconds, arguments)
        except Exception as e:
            tries += 1
            if tries > max_retries:
                raise
            print(f"try {tries} of {path} failed: {e}")

# COMMAND ----------

dbutils.notebook.exit(run_with_retry("./flaky", {"load_id": load_id}))
