# Databricks notebook source
# MAGIC %md
# MAGIC # The sales of one region
# MAGIC Made up from the day and the region, so that this runs anywhere; yours would come from a table.

# COMMAND ----------

import datetime
import json
import random

dbutils.widgets.text("day", "2026-11-24")
dbutils.widgets.text("region", "north")
dbutils.widgets.text("least", "0")

day = datetime.date.fromisoformat(dbutils.widgets.get("day"))
region = dbutils.widgets.get("region")
least = int(dbutils.widgets.get("least"))

# COMMAND ----------

chance = random.Random(f"{day} {region}")
prices = [chance.randrange(100, 10000) for _ in range(chance.randrange(150, 400))]
print(f"{region}: {len(prices)} sales on {day}")

# COMMAND ----------

if len(prices) < least:
    raise ValueError(f"{len(prices)} sales in {region} on {day}, and at least {least} were expected")

# COMMAND ----------

dbutils.notebook.exit(json.dumps({"region": region, "sales": len(prices), "cents": sum(prices)}))
