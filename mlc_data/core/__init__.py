"""Ground that knows no stage, recipe or language: files, tables, hashes, the manifest, progress, the console."""
