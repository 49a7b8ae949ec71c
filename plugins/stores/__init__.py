"""Where the data is: folders and buckets, database tables, consent registries."""
