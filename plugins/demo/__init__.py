"""A small town to try the scanner on: camera pictures, an access-control database, a consent registry, the truth."""
