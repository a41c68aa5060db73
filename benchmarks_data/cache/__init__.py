"""The cache of tables on this machine: official files fetched, tables converted from them, whole or not at all."""
