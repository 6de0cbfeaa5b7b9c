# Databricks notebook source
# MAGIC %md
# MAGIC # Whether anybody works on that day

# COMMAND ----------

dbutils.widgets.text("day", "2026-11-22")
day = dbutils.widgets.get("day")

# COMMAND ----------

from datetime import date

weekend = date.fromisoformat(day).weekday() >= 5
print(f"{day} is {'at a weekend' if weekend else 'a working day'}")

# COMMAND ----------

dbutils.notebook.exit("weekend" if weekend else "working day")
