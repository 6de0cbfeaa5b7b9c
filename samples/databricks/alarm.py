# Databricks notebook source
# MAGIC %md
# MAGIC # When a region could not be counted
# MAGIC Yours would tell somebody.

# COMMAND ----------

dbutils.widgets.text("day", "2026-11-24")
day = dbutils.widgets.get("day")
print(f"the sales of {day} are not complete")

# COMMAND ----------

dbutils.notebook.exit(f"somebody has been told about {day}")
