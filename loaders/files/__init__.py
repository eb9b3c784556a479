"""From delivered bytes to records: archives, encodings, CSV and GeoJSON, kept bytes."""
