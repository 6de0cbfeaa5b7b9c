# Databricks notebook source
# MAGIC %md
# MAGIC # The days of the month so far

# COMMAND ----------

dbutils.widgets.text("day", "2026-11-22")
day = dbutils.widgets.get("day")

# COMMAND ----------

from datetime import date

so_far = date.fromisoformat(day).day
print(f"{so_far} days until {day}")

# COMMAND ----------

dbutils.notebook.exit(str(so_far))
