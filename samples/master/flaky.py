# Databricks notebook source
# MAGIC %md
# MAGIC # Loads from a service that does not answer the first time

# COMMAND ----------

dbutils.widgets.text("load_id", "")
load_id = dbutils.widgets.get("load_id")

# COMMAND ----------

import tempfile
from pathlib import Path

asked = Path(tempfile.gettempdir(), f"asked-{load_id}")
if not asked.exists():
    asked.touch()
    raise ConnectionError("the service does not answer")
asked.unlink()

# COMMAND ----------

dbutils.notebook.exit("loaded")
