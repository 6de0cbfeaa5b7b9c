# Databricks notebook source
# MAGIC %md
# MAGIC # The report of a day
# MAGIC Parameters are text: a list comes as JSON.

# COMMAND ----------

import json

dbutils.widgets.text("day", "2026-11-24")
dbutils.widgets.text("sales", "[]")

sales = json.loads(dbutils.widgets.get("sales"))

# COMMAND ----------

for region in sorted(sales, key=lambda region: -region["cents"]):
    print(f"{region['region']:8}{region['sales']:6}{region['cents'] / 100:12.2f}")

# COMMAND ----------

dbutils.notebook.exit(json.dumps({
    "day": dbutils.widgets.get("day"),
    "sales": sum(region["sales"] for region in sales),
    "cents": sum(region["cents"] for region in sales),
    "best": max(sales, key=lambda region: region["cents"])["region"],
}))
