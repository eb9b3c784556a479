# /// script
# dependencies = ["pyspark==4.1.4"]
# ///
"""PySpark local to Parquet.

Reads all as text and overwrites what is there, keys or not.

Usage: pyspark_parquet.py FILE FOLDER [KEY ...]
"""

import sys

from pyspark.sql import SparkSession

file, folder = sys.argv[1:3]
spark = (
    SparkSession.builder.master("local[*]")
    .config("spark.driver.memory", "2g")
    .config("spark.driver.host", "localhost")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.log.level", "ERROR")
    .getOrCreate()
)
spark.read.csv(file, header=True, escape='"').write.mode("overwrite").parquet(folder)
spark.stop()
