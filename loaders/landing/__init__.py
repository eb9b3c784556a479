"""From records to raw tables and the ledger: each delivery once, whole or not at all."""
