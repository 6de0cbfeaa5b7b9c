# Databricks notebook source
# MAGIC %md
# MAGIC # Which week it is

# COMMAND ----------

dbutils.widgets.text("day", "2026-11-22")
day = dbutils.widgets.get("day")

# COMMAND ----------

from datetime import date

week = date.fromisoformat(day).isocalendar()[1]
print(f"{day} is in week {week}")

# COMMAND ----------

dbutils.notebook.exit(str(week))
