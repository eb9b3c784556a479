"""From the landing to what readers see: dbt, its tests, versions, exports."""
